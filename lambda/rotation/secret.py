"""The secret that rotates: its versions, staging labels and tags, in Secrets Manager."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

from rotation.attempt import NO_RECORD, TAG, Record, parse
from rotation.aws import ask, call
from rotation.errors import AlreadyStored, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.strategy import Value

# About ten thousand versions. AWS keeps about a hundred, and those of the last day.
_MOST_PAGES = 100
# A request to end leaked credentials, see rotation.revocation.
REVOCATION_TAG: Final = "rotation-revocation"
# The note about the previous credential, see rotation.previous.
PREVIOUS_TAG: Final = "rotation-previous"
_READ: Final = "secretsmanager:GetSecretValue"


class Stage(StrEnum):
    """The staging labels of a rotation.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_version
    """

    CURRENT = "AWSCURRENT"
    PENDING = "AWSPENDING"
    PREVIOUS = "AWSPREVIOUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The result of DescribeSecret: which version has which label, and our tags."""

    stages: Mapping[str, frozenset[str]]
    last_rotated: datetime | None
    record: Record | None
    revocation: str | None
    previous: str | None

    def holder(self, stage: Stage) -> str | None:
        """Return the id of the version with the label."""
        return next((version for version, stages in self.stages.items() if stage in stages), None)

    def is_unfinished(self) -> bool:
        """Say whether a rotation is running, or was not completed."""
        pending = self.holder(Stage.PENDING)
        return pending is not None and pending != self.holder(Stage.CURRENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version with its value; None: the value is binary."""

    version_id: str
    created: datetime
    value: Value | None = field(repr=False)
    stages: frozenset[str] = frozenset()


class Secret:
    """One secret, with the calls that the function's role may make."""

    def __init__(self, clients: Clients, arn: str, *, constants: Mapping[str, str]) -> None:
        """Take the secret; no client is made yet.

        Args:
            clients: makes the client.
            arn: the ARN of the secret.
            constants: the fields to add to each JSON value.
        """
        self._clients = clients
        self._constants = constants
        self.arn = arn

    @property
    def _client(self) -> SecretsManagerClient:
        client: SecretsManagerClient = self._clients("secretsmanager")
        return client

    def describe(self) -> Description:
        """Read labels and tags."""
        response = ask(
            "secretsmanager:DescribeSecret",
            self.arn,
            lambda: self._client.describe_secret(SecretId=self.arn),
        )
        self._require_this_secret(response)
        tags = {
            tag.text("Key"): tag.optional_text("Value") for tag in response.optional_parts("Tags")
        }
        stages = response.optional_map_of_sets("VersionIdsToStages")
        labels = [label for of_version in stages.values() for label in of_version]
        if len(set(labels)) < len(labels):
            raise response.refusal(
                name="VersionIdsToStages", given=stages, allowed="each label on one version"
            )
        return Description(
            stages=stages,
            last_rotated=response.optional_time("LastRotatedDate"),
            record=parse(tags.get(TAG) or NO_RECORD),
            revocation=tags.get(REVOCATION_TAG),
            previous=tags.get(PREVIOUS_TAG),
        )

    def read(self, version_id: str) -> Version | None:
        """Read a version; None: RotateSecret has staged it, but it has no value yet."""
        return self._read(re.escape(version_id), VersionId=version_id)

    def read_label(self, stage: Stage) -> Version | None:
        """Read the version with a label; None: no version with a value has it."""
        return self._read("[!-~]+", VersionStage=stage)

    def _read(self, version_id: str, **which: str) -> Version | None:
        try:
            response = ask(
                _READ,
                self.arn,
                partial(self._client.get_secret_value, SecretId=self.arn, **which),
                known={"ResourceNotFoundException": _NoValueError()},
            )
        except _NoValueError:
            return None
        self._require_this_secret(response)
        return Version(
            version_id=response.text(
                "VersionId", pattern=version_id, allowed="the id of the requested version"
            ),
            created=response.time("CreatedDate"),
            value=_parse(response.optional_text("SecretString")),
            stages=response.optional_set("VersionStages"),
        )

    def versions(self) -> Mapping[str, datetime]:
        """List all versions that still exist, also those without a label: id and creation."""
        action = "secretsmanager:ListSecretVersionIds"
        list_page = partial(
            self._client.list_secret_version_ids, SecretId=self.arn, IncludeDeprecated=True
        )
        versions: dict[str, datetime] = {}
        for _ in range(_MOST_PAGES):
            response = ask(action, self.arn, list_page)
            versions |= {
                version.text("VersionId"): version.time("CreatedDate")
                for version in response.parts("Versions")
            }
            next_token = response.optional_text("NextToken")
            if not next_token:
                return versions
            list_page = partial(list_page, NextToken=next_token)
        raise ProtocolError.endless(action=action, resource=self.arn, pages=_MOST_PAGES)

    def put(
        self,
        token: str,
        value: Value,
        *,
        kept: Mapping[str, object],
        rotation_token: str | None,
    ) -> None:
        """Store a value as AWSPENDING. AWS also makes the first value of a secret AWSCURRENT.

        Args:
            token: the version.
            value: the credential's own fields, or a plain text.
            kept: fields of the current value, which constants and the credential replace.
            rotation_token: the token of the event that PutSecretValue requires, if there is one.

        Raises:
            AlreadyStored: The version has another value.
        """
        text = value
        if not isinstance(text, str):
            text = json.dumps({**kept, **self._constants, **text})
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
        token_of_event = {"RotationToken": rotation_token} if rotation_token else {}
        response = ask(
            "secretsmanager:PutSecretValue",
            self.arn,
            lambda: self._client.put_secret_value(
                SecretId=self.arn,
                ClientRequestToken=token,
                SecretString=text,
                VersionStages=[Stage.PENDING],
                **token_of_event,
            ),
            known={"ResourceExistsException": AlreadyStored(secret=self.arn, version_id=token)},
        )
        _require_version(response, token)

    def promote(self, version_id: str, *, demoted: str | None) -> None:
        """Move AWSCURRENT to a version. AWS moves AWSPREVIOUS to the demoted one."""
        source = {"RemoveFromVersionId": demoted} if demoted else {}
        self._move(Stage.CURRENT, MoveToVersionId=version_id, **source)

    def cancel(self, version_id: str) -> None:
        """Remove AWSPENDING, so that the next rotation gets a new version."""
        self._move(Stage.PENDING, RemoveFromVersionId=version_id)

    def resume(self, version_id: str) -> None:
        """Attach AWSPENDING again, so that the rotation goes on."""
        self._move(Stage.PENDING, MoveToVersionId=version_id)

    def _move(self, stage: Stage, **versions: str) -> None:
        response = ask(
            "secretsmanager:UpdateSecretVersionStage",
            self.arn,
            lambda: self._client.update_secret_version_stage(
                SecretId=self.arn, VersionStage=stage, **versions
            ),
        )
        self._require_this_secret(response)

    def record(self, record: Record | None) -> None:
        """Record an attempt or a rollback; None: no attempt can have made a credential."""
        self.tag(TAG, record.text() if record else NO_RECORD)

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        call(
            "secretsmanager:TagResource",
            self.arn,
            lambda: self._client.tag_resource(
                SecretId=self.arn,
                Tags=[{"Key": key, "Value": value}],
            ),
        )

    def _require_this_secret(self, response: Response) -> None:
        response.text("ARN", pattern=re.escape(self.arn), allowed="the ARN of this secret")


class _NoValueError(Exception):
    pass


def _require_version(response: Response, version_id: str) -> None:
    response.text("VersionId", pattern=re.escape(version_id), allowed="the id of this version")


def _parse(text: str | None) -> Value | None:
    """Return a JSON object, or plain text; None: the value is binary.

    A JSON object must be the same for every parser: valid JSON, and no name twice.
    """
    if text is None:
        return None
    try:
        value = json.loads(
            text, object_pairs_hook=_unambiguous, parse_constant=_reject, parse_float=_finite
        )
    except (ValueError, RecursionError):  # RecursionError: 64 KiB of brackets
        return text
    return value if isinstance(value, Mapping) else text


def _unambiguous(pairs: Sequence[tuple[str, object]]) -> Mapping[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError
    return fields


def _finite(text: str) -> float:
    """Reject a number that is infinite for most parsers, and could not be stored again.

    https://www.rfc-editor.org/rfc/rfc8259#section-6
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _reject(_constant: str) -> NoReturn:
    """Reject NaN and Infinity, which are not JSON."""
    raise ValueError
