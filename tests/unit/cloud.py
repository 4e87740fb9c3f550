"""A small AWS at the level of boto3's clients: versions, labels, tags and keys on a virtual clock.

It has exactly the methods that a rotation calls and keeps AWS's rules for them, each of which
`test_cloud_contract.py` also asks of other clouds. Every call goes through the `Fuse`, which is
where a test lets trouble in.
"""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias, TypeVar, Unpack

from botocore.exceptions import ClientError, ReadTimeoutError

from rotation.engine import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_iam.type_defs import (
        CreateAccessKeyRequestTypeDef,
        CreateServiceSpecificCredentialRequestTypeDef,
        DeleteAccessKeyRequestTypeDef,
        DeleteServiceSpecificCredentialRequestTypeDef,
        ListAccessKeysRequestTypeDef,
        ListServiceSpecificCredentialsRequestTypeDef,
    )
    from mypy_boto3_secretsmanager.type_defs import (
        DescribeSecretRequestTypeDef,
        GetSecretValueRequestTypeDef,
        ListSecretVersionIdsRequestTypeDef,
        PutSecretValueRequestTypeDef,
        TagResourceRequestTypeDef,
        UpdateSecretVersionStageRequestTypeDef,
    )

T = TypeVar("T")
Answer: TypeAlias = dict[str, Any]

ACCOUNT = "123456789012"
CALL_SECONDS = 0.05
KEYS_PER_USER = 2
LONGEST_VALUE = 65536


class Side(StrEnum):
    BEFORE = "before"
    AFTER = "after"


class Killed(BaseException):
    """The process is gone. Not an Exception: no handler of ours may survive it."""


class RepeatedError(Exception):
    """The answer was lost, and the SDK sends the request once more."""


class Trouble(Protocol):
    """Looks on before and after each call, numbered from 1, and may raise."""

    def __call__(self, number: int, name: str, side: Side, /) -> None: ...


class Fuse:
    """Every call goes through it; a dead process makes no further one, not even in finally."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.troubles: list[Trouble] = []
        self._dead = False

    def arm(self, *troubles: Trouble) -> None:
        """Count from 1 again, with other troubles."""
        self.calls = []
        self.troubles = list(troubles)

    def revive(self) -> None:
        """Start the next process."""
        self._dead = False

    def call(self, name: str, effect: Callable[[], T]) -> T:
        if self._dead:
            raise Killed
        self.calls.append(name)
        number = len(self.calls)
        try:
            self._look(number, name, Side.BEFORE)
            try:
                result = effect()
            finally:  # A refusal is an answer too.
                self._look(number, name, Side.AFTER)
        except RepeatedError:
            result = effect()
        except Killed:
            self._dead = True
            raise
        return result

    def _look(self, number: int, name: str, side: Side) -> None:
        for trouble in self.troubles:
            trouble(number, name, side)


def kill(at: int | str, when: Side) -> Trouble:
    """End the process at one call, told by its number or its name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is when:
            raise Killed

    return trouble


def lose_answer(at: int | str) -> Trouble:
    """Let a call take effect and its answer get lost: one call, or each of that name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.AFTER:
            raise ReadTimeoutError(endpoint_url="https://aws.example")

    return trouble


def break_answer(at: int | str) -> Trouble:
    """Let a call take effect and its answer be an error of the service."""

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
    """Answer with an error and do nothing: one call, or each of that name."""

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.BEFORE:
            raise client_error(name, code, status=status)

    return trouble


def interpose(at: int | str, action: Callable[[], object]) -> Trouble:
    """Let something else happen once, right before a call, told by its number or its name."""
    waiting = [action]

    def trouble(number: int, name: str, side: Side) -> None:
        if at in {number, name} and side is Side.BEFORE and waiting:
            waiting.pop()()

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
    """Passes only when somebody sleeps or calls."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, 0, 0, 700_000, tzinfo=UTC)

    def invoked(self, timeout: float) -> Clock:
        """Start an invocation that Lambda ends after the time-out."""
        deadline = self.now + timedelta(seconds=timeout)

        def left() -> float:
            return (deadline - self.now).total_seconds()

        return Clock(now=lambda: self.now, sleep=self.advance, left=left)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Maker(StrEnum):
    FUNCTION = "function"
    OPERATOR = "operator"
    ADOPTED = "adopted"


@dataclass(slots=True, kw_only=True)
class Key:
    key_id: str
    secret: str = field(repr=False)
    user: str
    created: datetime
    maker: Maker
    active: bool = True
    # When it came and went, which the list tells late.
    born: datetime
    gone: datetime | None = None
    # When it ends by itself.
    expires: datetime | None = None


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

    def attach(self, label: str, version_id: str) -> None:
        """Move a label, and AWSPREVIOUS after AWSCURRENT.

        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
        """
        holder = self.labels.get(label)
        self.labels[label] = version_id
        if label == "AWSCURRENT" and holder not in {None, version_id}:
            self.labels["AWSPREVIOUS"] = str(holder)

    def labels_of(self, version_id: str) -> list[str]:
        return [label for label, holder in self.labels.items() if holder == version_id]

    def value(self, label: str = "AWSCURRENT") -> Any:  # noqa: ANN401 -- whatever JSON it holds
        """Read the JSON under a label, as the application does."""
        text = self.versions[self.labels[label]].text
        return None if text is None else json.loads(text)

    def current_text(self) -> str | None:
        holder = self.labels.get("AWSCURRENT")
        return None if holder is None else self.versions[holder].text


class Cloud:
    """One account."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.time = VirtualTime()
        self.secrets: dict[str, StoredSecret] = {}
        self.users: dict[str, list[Key]] = {}
        self.removed: list[Key] = []
        self.destroyed: list[Key] = []
        self.rotation_tokens: list[str] = []
        self.first_value_becomes_current = True
        self.page = 100
        # What the services say in an error, which no text of ours may repeat.
        self.gossip = "no"
        # A new key is refused while this says so of its age in seconds.
        self.not_accepted_yet: Callable[[float], bool] = _never
        # In seconds: how old the list of keys is, how long a deleted key still counts for the
        # quota, and how far IAM's clock is ahead.
        self.list_lag = 0.0
        self.quota_lag = 0.0
        self.iam_ahead = 0.0
        self._number = 0

    def _next(self) -> int:
        self._number += 1
        return self._number

    def new_token(self) -> str:
        return str(uuid.UUID(int=self._next()))

    def add_secret(self, name: str) -> StoredSecret:
        secret = StoredSecret(
            arn=f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}-Ab12Cd"
        )
        self.secrets[secret.arn] = secret
        return secret

    def add_user(self, name: str) -> None:
        self.users[name] = []

    def add_key(self, user: str, maker: Maker = Maker.OPERATOR, *, prefix: str = "AKIA") -> Key:
        number = self._next()
        key = Key(
            key_id=f"{prefix}{number:016}",
            secret=f"secret-of-key-{number}",
            user=user,
            # IAM tells whole seconds.
            created=(self.time.now + timedelta(seconds=self.iam_ahead)).replace(microsecond=0),
            maker=maker,
            born=self.time.now,
        )
        self.users[user].append(key)
        return key

    def remove_key(self, key: Key) -> None:
        self.users[key.user].remove(key)
        key.gone = self.time.now
        self.removed.append(key)

    def keys_seen(self, user: str) -> list[Key]:
        """Tell the user's keys as a list does that lags."""
        then = self.time.now - timedelta(seconds=self.list_lag)
        all_keys = [*self.users[user], *(key for key in self.removed if key.user == user)]
        seen = [key for key in all_keys if key.born <= then and (not key.gone or key.gone > then)]
        return sorted(seen, key=lambda key: key.key_id)

    def slots_taken(self, user: str) -> int:
        then = self.time.now - timedelta(seconds=self.quota_lag)
        late = [key for key in self.removed if key.user == user and key.gone and key.gone > then]
        return len(self.users[user]) + len(late)

    def key(self, key_id: str) -> Key | None:
        keys = (key for keys in self.users.values() for key in keys)
        return next((key for key in keys if key.key_id == key_id), None)

    def accepts(self, key_id: str, secret: str) -> bool:
        """Say whether a request that is signed with this key is served now."""
        key = self.key(key_id)
        if key is None or key.secret != secret or not key.active:
            return False
        if key.expires is not None and key.expires <= self.time.now:
            return False
        age = (self.time.now - key.created).total_seconds()
        return not self.not_accepted_yet(age)

    def refuse(self, operation: str, code: str, *, status: int = 400) -> NoReturn:
        raise client_error(operation, code, text=self.gossip, status=status)

    def request(self, name: str, effect: Callable[[], T]) -> T:
        """Carry out one call, which takes a moment."""

        def timed() -> T:
            self.time.advance(CALL_SECONDS)
            return effect()

        return self.fuse.call(name, timed)

    def snapshot(self) -> object:
        """Copy all that a refusal must leave as it is."""
        return copy.deepcopy((self.secrets, self.users))


def _never(_age: float) -> bool:
    return False


# Who logs in with a service-specific credential, and with what.
CREDENTIAL_FIELDS: Final = {
    "bedrock.amazonaws.com": ("ServiceCredentialAlias", "ServiceCredentialSecret"),
    "cassandra.amazonaws.com": ("ServiceUserName", "ServicePassword"),
    "codecommit.amazonaws.com": ("ServiceUserName", "ServicePassword"),
}


def credentials_of(user: str, service: str) -> str:
    """Name what holds a user's credentials for one service, which has slots of its own."""
    return f"{user} for {service}"


def _described(key: Key, user: str, service: str) -> Answer:
    name, _ = CREDENTIAL_FIELDS[service]
    end = {"ExpirationDate": key.expires} if key.expires else {}
    return {
        "UserName": user,
        "ServiceName": service,
        "ServiceSpecificCredentialId": key.key_id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
        name: f"{user}-at-{ACCOUNT}",
        **end,
    }


class FakeClients:
    """The clients of one process; it notes which were made."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.made: list[str] = []

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        self.made.append(service)
        if service == "secretsmanager":
            return FakeSecretsManager(self._cloud)
        assert service == "iam"
        return FakeIam(self._cloud, attempts=attempts)

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the Protocol's
        self.made.append(service)
        assert service == "sts"
        return FakeSts(self._cloud, key_id=key_id, secret=secret)


class FakeSecretsManager:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def describe_secret(self, **request: Unpack[DescribeSecretRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("DescribeSecret", request["SecretId"])
            # Versions without a label are omitted.
            labelled = {version: secret.labels_of(version) for version in secret.labels.values()}
            rotated = {"LastRotatedDate": secret.last_rotated} if secret.last_rotated else {}
            return {
                "ARN": secret.arn,
                "VersionIdsToStages": labelled,
                "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
                **rotated,
            }

        return self._cloud.request("describe_secret", effect)

    def get_secret_value(self, **request: Unpack[GetSecretValueRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("GetSecretValue", request["SecretId"])
            label = request.get("VersionStage", "AWSCURRENT")
            version_id = request.get("VersionId") or secret.labels.get(label, "")
            version = secret.versions.get(version_id)
            # A version that RotateSecret has only staged has no value to find.
            if version is None or version.text is None:
                self._cloud.refuse("GetSecretValue", "ResourceNotFoundException")
            return {
                "ARN": secret.arn,
                "VersionId": version_id,
                "VersionStages": secret.labels_of(version_id),
                "SecretString": version.text,
                "CreatedDate": version.created,
            }

        return self._cloud.request("get_secret_value", effect)

    def put_secret_value(self, **request: Unpack[PutSecretValueRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("PutSecretValue", request["SecretId"])
            version_id = request["ClientRequestToken"]
            text = request["SecretString"]
            if len(text.encode()) > LONGEST_VALUE:
                self._cloud.refuse("PutSecretValue", "InvalidParameterException")
            self._cloud.rotation_tokens += filter(None, [request.get("RotationToken")])
            version = secret.versions.get(version_id)
            if version is not None and version.text not in {None, text}:
                self._cloud.refuse("PutSecretValue", "ResourceExistsException")
            if version is None or version.text is None:
                first = not any(held.text is not None for held in secret.versions.values())
                stored = StoredVersion(created=self._cloud.time.now, text=text)
                secret.versions[version_id] = stored
                for label in request.get("VersionStages", ["AWSCURRENT"]):
                    secret.attach(label, version_id)
                if first and self._cloud.first_value_becomes_current:
                    secret.attach("AWSCURRENT", version_id)
            return {"VersionId": version_id, "VersionStages": secret.labels_of(version_id)}

        return self._cloud.request("put_secret_value", effect)

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
                self._cloud.refuse(operation, "ResourceNotFoundException")
            if holder not in {None, source, target} or (label == "AWSCURRENT" and not target):
                self._cloud.refuse(operation, "InvalidParameterException")
            if source is not None and holder != source:
                self._cloud.refuse(operation, "InvalidParameterException")
            if target is None:
                del secret.labels[label]
            else:
                secret.attach(label, target)
            return {"ARN": secret.arn}

        return self._cloud.request("update_secret_version_stage", effect)

    def list_secret_version_ids(
        self, **request: Unpack[ListSecretVersionIdsRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            secret = self._found("ListSecretVersionIds", request["SecretId"])
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
            end = start + self._cloud.page
            more = {"NextToken": str(end)} if end < len(listed) else {}
            return {"ARN": secret.arn, "Versions": listed[start:end], **more}

        return self._cloud.request("list_secret_version_ids", effect)

    def tag_resource(self, **request: Unpack[TagResourceRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            secret = self._found("TagResource", request["SecretId"])
            tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html
            if any(len(value) > 256 for value in tags.values()):
                self._cloud.refuse("TagResource", "InvalidParameterException")
            secret.tags.update(tags)
            return {}

        return self._cloud.request("tag_resource", effect)

    def _found(self, operation: str, arn: str) -> StoredSecret:
        if arn not in self._cloud.secrets:
            self._cloud.refuse(operation, "ResourceNotFoundException")
        secret = self._cloud.secrets[arn]
        # Until it is restored; these two documents name no such error.
        if secret.deleted and operation not in {"DescribeSecret", "ListSecretVersionIds"}:
            self._cloud.refuse(operation, "InvalidRequestException")
        return secret


class FakeIam:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html."""

    def __init__(self, cloud: Cloud, *, attempts: int = 1) -> None:
        self._cloud = cloud
        self._attempts = attempts

    def list_access_keys(self, **request: Unpack[ListAccessKeysRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            self._keys("ListAccessKeys", request["UserName"])
            return {
                "AccessKeyMetadata": [
                    {
                        "UserName": key.user,
                        "AccessKeyId": key.key_id,
                        "Status": "Active" if key.active else "Inactive",
                        "CreateDate": key.created,
                    }
                    for key in self._cloud.keys_seen(request["UserName"])
                ]
            }

        return self._cloud.request("list_access_keys", effect)

    def create_access_key(self, **request: Unpack[CreateAccessKeyRequestTypeDef]) -> Answer:
        assert self._attempts == 1, "the SDK would make a second key where an answer is lost"

        def effect() -> Answer:
            user = request["UserName"]
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
            self._keys("CreateAccessKey", user)
            if self._cloud.slots_taken(user) >= KEYS_PER_USER:
                self._cloud.refuse("CreateAccessKey", "LimitExceeded", status=409)
            key = self._cloud.add_key(user, Maker.FUNCTION)
            return {
                "AccessKey": {
                    "UserName": user,
                    "AccessKeyId": key.key_id,
                    "SecretAccessKey": key.secret,
                    "Status": "Active",
                    "CreateDate": key.created,
                }
            }

        return self._cloud.request("create_access_key", effect)

    def delete_access_key(self, **request: Unpack[DeleteAccessKeyRequestTypeDef]) -> Answer:
        def effect() -> Answer:
            keys = self._keys("DeleteAccessKey", request["UserName"])
            found = [key for key in keys if key.key_id == request["AccessKeyId"]]
            if not found:
                self._cloud.refuse("DeleteAccessKey", "NoSuchEntity", status=404)
            self._cloud.remove_key(found[0])
            self._cloud.destroyed.append(found[0])
            return {}

        return self._cloud.request("delete_access_key", effect)

    def list_service_specific_credentials(
        self, **request: Unpack[ListServiceSpecificCredentialsRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            user, service = request["UserName"], request["ServiceName"]
            self._keys("ListServiceSpecificCredentials", user)
            listed = self._cloud.keys_seen(credentials_of(user, service))
            return {
                "ServiceSpecificCredentials": [_described(key, user, service) for key in listed]
            }

        return self._cloud.request("list_service_specific_credentials", effect)

    def create_service_specific_credential(
        self, **request: Unpack[CreateServiceSpecificCredentialRequestTypeDef]
    ) -> Answer:
        assert self._attempts == 1, "the SDK would make a second one where an answer is lost"

        def effect() -> Answer:
            user, service = request["UserName"], request["ServiceName"]
            # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
            operation, holder = "CreateServiceSpecificCredential", credentials_of(user, service)
            self._keys(operation, user)
            if self._cloud.slots_taken(holder) >= KEYS_PER_USER:
                self._cloud.refuse(operation, "LimitExceeded", status=409)
            key = self._cloud.add_key(holder, Maker.FUNCTION, prefix="ACCA")
            days = request.get("CredentialAgeDays")
            if days is not None:
                key.expires = key.created + timedelta(days=int(days))
            _, secret = CREDENTIAL_FIELDS[service]
            return {
                "ServiceSpecificCredential": {**_described(key, user, service), secret: key.secret}
            }

        return self._cloud.request("create_service_specific_credential", effect)

    def delete_service_specific_credential(
        self, **request: Unpack[DeleteServiceSpecificCredentialRequestTypeDef]
    ) -> Answer:
        def effect() -> Answer:
            operation, user = "DeleteServiceSpecificCredential", request["UserName"]
            self._keys(operation, user)
            found = self._cloud.key(request["ServiceSpecificCredentialId"])
            if found is None or found.user.partition(" ")[0] != user:
                self._cloud.refuse(operation, "NoSuchEntity", status=404)
            self._cloud.remove_key(found)
            self._cloud.destroyed.append(found)
            return {}

        return self._cloud.request("delete_service_specific_credential", effect)

    def _keys(self, operation: str, user: str) -> list[Key]:
        if user not in self._cloud.users:
            self._cloud.refuse(operation, "NoSuchEntity", status=404)
        return self._cloud.users[user]


class FakeSts:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""

    def __init__(self, cloud: Cloud, *, key_id: str, secret: str) -> None:
        self._cloud = cloud
        self._key_id = key_id
        self._secret = secret

    def get_caller_identity(self) -> Answer:
        def effect() -> Answer:
            key = self._cloud.key(self._key_id)
            if key is None or not self._cloud.accepts(self._key_id, key.secret):
                self._cloud.refuse("GetCallerIdentity", "InvalidClientTokenId", status=403)
            if key.secret != self._secret:
                self._cloud.refuse("GetCallerIdentity", "SignatureDoesNotMatch", status=403)
            return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/apps/{key.user}"}

        return self._cloud.request("get_caller_identity", effect)
