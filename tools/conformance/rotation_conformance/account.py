"""A small fake of Secrets Manager's boto3 client, on a virtual clock.

It has the methods that a rotation calls, and follows AWS's rules for them. Every call goes through
the `Fuse`, where a test can make trouble.
"""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, TypeVar, Unpack

from botocore.exceptions import ClientError, ReadTimeoutError

from rotation.proof import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_secretsmanager.type_defs import (
        DescribeSecretRequestTypeDef,
        GetSecretValueRequestTypeDef,
        ListSecretVersionIdsRequestTypeDef,
        PutSecretValueRequestTypeDef,
        TagResourceRequestTypeDef,
        UpdateSecretVersionStageRequestTypeDef,
    )

    from rotation.api import Clients

T = TypeVar("T")
Answer: TypeAlias = dict[str, Any]

ACCOUNT_ID = "123456789012"
CALL_SECONDS = 0.05
LONGEST_VALUE = 65536
# How long the states of secrets are kept for reads that show an earlier one.
_KEPT_SECONDS = 60


class Side(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class Killed(BaseException):
    """The process is gone. It isn't an Exception, so that no handler of ours catches it."""


class RepeatedError(Exception):
    """The response was lost, and the SDK sends the request again."""


class Trouble(Protocol):
    """Is called before and after each call, which has a number from 1; it may raise."""

    def __call__(self, number: int, name: str, side: Side, /) -> None: ...


class Fuse:
    """All calls go through it. A stopped process makes no further call, not even in finally.

    Each thread is a process.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.troubles: list[Trouble] = []
        self._dead: set[int] = set()

    def arm(self, *troubles: Trouble) -> None:
        """Count from 1 again, with other troubles."""
        self.calls = []
        self.troubles = list(troubles)

    def revive(self) -> None:
        """Start the next process in this thread."""
        self._dead.discard(threading.get_ident())

    def call(self, name: str, effect: Callable[[], T]) -> T:
        if threading.get_ident() in self._dead:
            raise Killed
        self.calls.append(name)
        number = len(self.calls)
        try:
            self._look(number, name, Side.BEFORE)
            try:
                result = effect()
            finally:  # An error is a response too.
                self._look(number, name, Side.AFTER)
        except RepeatedError:
            result = effect()
        except Killed:
            self._dead.add(threading.get_ident())
            raise
        return result

    def _look(self, number: int, name: str, side: Side) -> None:
        for trouble in self.troubles:
            trouble(number, name, side)


def kill(at: int | str, when: Side) -> Trouble:
    """Stop the process at one call, given by its number or its name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is when:
            raise Killed

    return trouble


def lose_answer(at: int | str) -> Trouble:
    """Let a call take effect but lose its response: one call, or each of that name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.AFTER:
            raise ReadTimeoutError(endpoint_url="https://aws.example")

    return trouble


def break_answer(at: int | str) -> Trouble:
    """Let a call take effect but return a server error."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.AFTER:
            raise client_error(name, "InternalServiceError", status=503)

    return trouble


def repeat(at: int | str) -> Trouble:
    """Let a call take effect twice, as when the SDK repeats it."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.AFTER:
            raise RepeatedError

    return trouble


def refuse(at: int | str, code: str, *, status: int = 400) -> Trouble:
    """Return an error and do nothing: one call, or each of that name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.BEFORE:
            raise client_error(name, code, status=status)

    return trouble


def interpose(at: int | str, action: Callable[[], object]) -> Trouble:
    """Run an action once, right before a call that is given by its number or its name."""
    waiting = [action]

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.BEFORE and waiting:
            waiting.pop()()

    return trouble


def stale(account: Account, at: int, seconds: float) -> Trouble:
    """Let one read show what was true some seconds earlier."""

    def trouble(number: int, _name: str, side: Side) -> None:
        if number == at:
            account.read_lag = seconds if side is Side.BEFORE else 0

    return trouble


def each_stale(account: Account, lags: Iterator[float]) -> Trouble:
    """Let each read show what was true some seconds earlier."""

    def trouble(_number: int, _name: str, side: Side) -> None:
        account.read_lag = next(lags) if side is Side.BEFORE else 0

    return trouble


def client_error(operation: str, code: str, *, text: str = "no", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": text},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "r",
                "HostId": "h",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        operation,
    )


class VirtualTime:
    """Time that passes only during a sleep or a call."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, 0, 0, 700_000, tzinfo=UTC)
        # Is called before time passes.
        self.passing: Callable[[], None] = nothing
        # Is called when a process falls asleep. Time may pass in others until it wakes up.
        self.asleep: Callable[[], None] = nothing
        # When Lambda stops the invocation of a thread.
        self._deadlines: dict[int, datetime] = {}

    @contextmanager
    def invocation(self, timeout: float) -> Iterator[Clock]:
        """Run an invocation that Lambda stops after the timeout, also one that was suspended."""
        thread = threading.get_ident()
        outer = self._deadlines.get(thread)
        deadline = self._deadlines[thread] = self.now + timedelta(seconds=timeout)

        def left() -> float:
            return (deadline - self.now).total_seconds()

        try:
            yield Clock(now=lambda: self.now, sleep=self._sleep, left=left)
        finally:
            del self._deadlines[thread]
            if outer:
                self._deadlines[thread] = outer

    def advance(self, seconds: float) -> None:
        self.passing()
        self.now += timedelta(seconds=seconds)

    def require_life(self) -> None:
        """Stop an invocation of this thread that is over.

        Raises:
            Killed: It is over.
        """
        deadline = self._deadlines.get(threading.get_ident())
        if deadline is not None and self.now >= deadline:
            raise Killed

    def _sleep(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=seconds)
        self.asleep()
        self.passing()
        self.now = max(self.now, end)
        self.require_life()


def nothing() -> None:
    pass


@dataclass(slots=True, kw_only=True)
class StoredVersion:
    created: datetime
    text: str | None = field(repr=False, default=None)


@dataclass(slots=True, kw_only=True)
class StoredSecret:
    arn: str
    versions: dict[str, StoredVersion] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    last_rotated: datetime | None = None
    deleted: bool = False

    def copy(self) -> StoredSecret:
        return replace(
            self, versions=dict(self.versions), labels=dict(self.labels), tags=dict(self.tags)
        )

    def attach(self, label: str, version_id: str) -> None:
        """Move a label. If it is AWSCURRENT, move AWSPREVIOUS to its former version.

        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
        """
        holder = self.labels.get(label)
        self.labels[label] = version_id
        if label == "AWSCURRENT" and holder not in {None, version_id}:
            self.labels["AWSPREVIOUS"] = str(holder)

    def labels_of(self, version_id: str) -> list[str]:
        return [label for label, holder in self.labels.items() if holder == version_id]

    def value(self, label: str = "AWSCURRENT") -> Any:  # noqa: ANN401 -- any JSON
        """Read the version with a label as an application does: a JSON object, or a text."""
        return _value(self.versions[self.labels[label]].text)

    def values(self) -> list[Any]:
        """Read all versions that have a value."""
        texts = [version.text for version in self.versions.values()]
        return [_value(text) for text in texts if text is not None]

    def current_text(self) -> str | None:
        holder = self.labels.get("AWSCURRENT")
        return None if holder is None else self.versions[holder].text


def _value(text: str | None) -> Any:  # noqa: ANN401 -- any JSON
    with suppress(ValueError):
        value = None if text is None else json.loads(text)
        return value if isinstance(value, dict | None) else text
    return text


class Account:
    """An AWS account with secrets."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.time = VirtualTime()
        self.secrets: dict[str, StoredSecret] = {}
        # Clients of other services, which a test adds for its strategy.
        self.further: dict[str, Any] = {}
        self.rotation_tokens: list[str] = []
        self.first_value_becomes_current = True
        self.page = 100
        # How old the state is that a read shows, in seconds.
        self.read_lag = 0.0
        self._states: list[tuple[datetime, dict[str, StoredSecret]]] = []
        self.time.passing = self._keep
        # The message of each error that a service returns. No text of ours may repeat it.
        self.error_message = "no"
        self._number = 0

    def _next(self) -> int:
        self._number += 1
        return self._number

    def clients(self) -> Clients:
        """Make the clients of one process."""
        return FakeClients(self)

    def new_token(self) -> str:
        return str(uuid.UUID(int=self._next()))

    def add_secret(self, name: str, text: str | None = None) -> StoredSecret:
        """Create a secret, with or without a value."""
        secret = StoredSecret(
            arn=f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT_ID}:secret:{name}-Ab12Cd"
        )
        self.secrets[secret.arn] = secret
        if text is not None:
            token = self.new_token()
            secret.versions[token] = StoredVersion(created=self.time.now, text=text)
            secret.attach("AWSCURRENT", token)
        return secret

    def refuse(self, operation: str, code: str, *, status: int = 400) -> NoReturn:
        raise client_error(operation, code, text=self.error_message, status=status)

    def request(self, name: str, effect: Callable[[], T]) -> T:
        """Carry out one call, which takes some time."""

        def timed() -> T:
            self.time.advance(CALL_SECONDS)
            self.time.require_life()
            return effect()

        return self.fuse.call(name, timed)

    def seen(self, arn: str) -> StoredSecret | None:
        """Return the secret as a read shows it."""
        if not self.read_lag:
            return self.secrets.get(arn)
        then = self.time.now - timedelta(seconds=self.read_lag)
        known = [state for since, state in self._states if since <= then]
        return (known[-1] if known else self._states[0][1]).get(arn)

    def _keep(self) -> None:
        """Keep the state of now for later reads."""
        then = self.time.now - timedelta(seconds=_KEPT_SECONDS)
        while len(self._states) > 1 and self._states[1][0] <= then:
            del self._states[0]
        self._states.append((self.time.now, {arn: one.copy() for arn, one in self.secrets.items()}))


class UnknownServiceError(AssertionError):
    """The strategy requested a client that the account does not have."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The strategy requests a client of {service}, which the account of this test does not "
            f"have. Add one: account.further[{service!r}] = …"
        )


class FakeClients:
    """The clients of one process."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401, ARG002 -- the Protocol's
        if service == "secretsmanager":
            return FakeSecretsManager(self._account)
        if service not in self._account.further:
            raise UnknownServiceError(service)
        return self._account.further[service]

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401, ARG002 -- the Protocol's
        return self(service)


class FakeSecretsManager:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def describe_secret(self, **request: Unpack[DescribeSecretRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._seen("DescribeSecret", request["SecretId"])
            # Versions without a label are omitted.
            labelled = {version: secret.labels_of(version) for version in secret.labels.values()}
            rotated = {"LastRotatedDate": secret.last_rotated} if secret.last_rotated else {}
            return {
                "ARN": secret.arn,
                "VersionIdsToStages": labelled,
                "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
                **rotated,
            }

        return self._account.request("describe_secret", effect)

    def get_secret_value(self, **request: Unpack[GetSecretValueRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._seen("GetSecretValue", request["SecretId"])
            label = request.get("VersionStage", "AWSCURRENT")
            version_id = request.get("VersionId") or secret.labels.get(label, "")
            version = secret.versions.get(version_id)
            # A version that RotateSecret has only staged has no value to find.
            if version is None or version.text is None:
                self._account.refuse("GetSecretValue", "ResourceNotFoundException")
            return {
                "ARN": secret.arn,
                "VersionId": version_id,
                "VersionStages": secret.labels_of(version_id),
                "SecretString": version.text,
                "CreatedDate": version.created,
            }

        return self._account.request("get_secret_value", effect)

    def put_secret_value(self, **request: Unpack[PutSecretValueRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("PutSecretValue", request["SecretId"])
            version_id = request["ClientRequestToken"]
            text = request["SecretString"]
            if len(text.encode()) > LONGEST_VALUE:
                self._account.refuse("PutSecretValue", "InvalidParameterException")
            self._account.rotation_tokens += filter(None, [request.get("RotationToken")])
            version = secret.versions.get(version_id)
            if version is not None and version.text not in {None, text}:
                self._account.refuse("PutSecretValue", "ResourceExistsException")
            if version is None or version.text is None:
                first = not any(held.text is not None for held in secret.versions.values())
                stored = StoredVersion(created=self._account.time.now, text=text)
                secret.versions[version_id] = stored
                for label in request.get("VersionStages", ["AWSCURRENT"]):
                    secret.attach(label, version_id)
                if first and self._account.first_value_becomes_current:
                    secret.attach("AWSCURRENT", version_id)
            return {"VersionId": version_id, "VersionStages": secret.labels_of(version_id)}

        return self._account.request("put_secret_value", effect)

    def update_secret_version_stage(
        self, **request: Unpack[UpdateSecretVersionStageRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            operation = "UpdateSecretVersionStage"
            secret = self._found(operation, request["SecretId"])
            label = request["VersionStage"]
            target, source = request.get("MoveToVersionId"), request.get("RemoveFromVersionId")
            holder = secret.labels.get(label)
            if target is not None and target not in secret.versions:
                self._account.refuse(operation, "ResourceNotFoundException")
            if holder not in {None, source, target} or (label == "AWSCURRENT" and not target):
                self._account.refuse(operation, "InvalidParameterException")
            if source is not None and holder != source:
                self._account.refuse(operation, "InvalidParameterException")
            if target is None:
                del secret.labels[label]
            else:
                secret.attach(label, target)
            return {"ARN": secret.arn}

        return self._account.request("update_secret_version_stage", effect)

    def list_secret_version_ids(
        self, **request: Unpack[ListSecretVersionIdsRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            secret = self._seen("ListSecretVersionIds", request["SecretId"])
            listed = [
                {
                    "VersionId": version_id,
                    "VersionStages": secret.labels_of(version_id),
                    "CreatedDate": version.created,
                }
                for version_id, version in secret.versions.items()
                if request.get("IncludeDeprecated") or secret.labels_of(version_id)
            ]
            start = int(request.get("NextToken", "0"))
            end = start + self._account.page
            more = {"NextToken": str(end)} if end < len(listed) else {}
            return {"ARN": secret.arn, "Versions": listed[start:end], **more}

        return self._account.request("list_secret_version_ids", effect)

    def tag_resource(self, **request: Unpack[TagResourceRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("TagResource", request["SecretId"])
            tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html
            if any(len(value) > 256 for value in tags.values()):
                self._account.refuse("TagResource", "InvalidParameterException")
            secret.tags.update(tags)
            return {}

        return self._account.request("tag_resource", effect)

    def _seen(self, operation: str, arn: str) -> StoredSecret:
        return self._require(operation, self._account.seen(arn))

    def _found(self, operation: str, arn: str) -> StoredSecret:
        return self._require(operation, self._account.secrets.get(arn))

    def _require(self, operation: str, secret: StoredSecret | None) -> StoredSecret:
        if secret is None:
            self._account.refuse(operation, "ResourceNotFoundException")
        # Until it is restored. The documentation of these two operations has no such error.
        if secret.deleted and operation not in {"DescribeSecret", "ListSecretVersionIds"}:
            self._account.refuse(operation, "InvalidRequestException")
        return secret
