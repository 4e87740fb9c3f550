"""The secret: its versions, labels and tag. The only caller of Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from rotation.attempt import NO_ATTEMPT, TAG, Attempt
from rotation.aws import call
from rotation.errors import AlreadyStored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import SecretVersionsListEntryTypeDef

    from rotation.aws import Clients
    from rotation.strategies import Value


class Stage(StrEnum):
    """The staging labels of a rotation.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_version
    """

    CURRENT = "AWSCURRENT"
    PENDING = "AWSPENDING"
    PREVIOUS = "AWSPREVIOUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What DescribeSecret says: which version holds which label, and when it was last rotated."""

    stages: Mapping[str, frozenset[str]]
    last_rotated: datetime | None
    attempt: Attempt | None

    def holder(self, stage: Stage) -> str | None:
        """Return the id of the version that holds the label."""
        return next((version for version, stages in self.stages.items() if stage in stages), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version that has a value."""

    version_id: str
    created: datetime
    value: Value | None = field(repr=False)


class Secret:
    """One secret, as the function's role may use it."""

    def __init__(self, clients: Clients, arn: str, *, constants: Mapping[str, str]) -> None:
        """Take the secret; no client is made yet.

        Args:
            clients: where the client comes from.
            arn: of the secret.
            constants: what stands beside the credential in each JSON value.
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
        answer = call(
            "secretsmanager:DescribeSecret",
            self.arn,
            lambda: self._client.describe_secret(SecretId=self.arn),
        )
        tags = {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}
        return Description(
            stages={
                version: frozenset(stages)
                for version, stages in answer.get("VersionIdsToStages", {}).items()
            },
            last_rotated=answer.get("LastRotatedDate"),
            attempt=Attempt.parse(tags.get(TAG, NO_ATTEMPT)),
        )

    def read(self, version_id: str) -> Version | None:
        """Read a version; None where RotateSecret has staged it, but nothing was put yet."""
        try:
            answer = call(
                "secretsmanager:GetSecretValue",
                self.arn,
                lambda: self._client.get_secret_value(SecretId=self.arn, VersionId=version_id),
                known={"ResourceNotFoundException": _NoValueError()},
            )
        except _NoValueError:
            return None
        return Version(
            version_id=version_id,
            created=answer["CreatedDate"],
            value=_decoded(answer.get("SecretString")),
        )

    def version_ids(self) -> Sequence[str]:
        """List all versions that still exist, the youngest first, unlabelled ones included."""
        list_page = partial(
            self._client.list_secret_version_ids, SecretId=self.arn, IncludeDeprecated=True
        )
        versions: list[SecretVersionsListEntryTypeDef] = []
        while True:
            answer = call("secretsmanager:ListSecretVersionIds", self.arn, list_page)
            versions += answer["Versions"]
            following = answer.get("NextToken")
            if not following:
                break
            list_page = partial(list_page, NextToken=following)
        versions.sort(key=itemgetter("CreatedDate"), reverse=True)
        return [version["VersionId"] for version in versions]

    def put(self, token: str, value: Value, *, rotation_token: str | None) -> None:
        """Store a value as AWSPENDING; the first value of a secret becomes AWSCURRENT by itself.

        Raises:
            AlreadyStored: The version holds another value.
        """
        text = value if isinstance(value, str) else json.dumps({**self._constants, **value})
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
        handed_on = {"RotationToken": rotation_token} if rotation_token else {}
        call(
            "secretsmanager:PutSecretValue",
            self.arn,
            lambda: self._client.put_secret_value(
                SecretId=self.arn,
                ClientRequestToken=token,
                SecretString=text,
                VersionStages=[Stage.PENDING],
                **handed_on,
            ),
            known={"ResourceExistsException": AlreadyStored(secret=self.arn, version_id=token)},
        )

    def promote(self, version_id: str, *, demoted: str | None) -> None:
        """Move AWSCURRENT, which leaves AWSPREVIOUS on the version that held it."""
        removed = {"RemoveFromVersionId": demoted} if demoted else {}
        call(
            "secretsmanager:UpdateSecretVersionStage",
            self.arn,
            lambda: self._client.update_secret_version_stage(
                SecretId=self.arn,
                VersionStage=Stage.CURRENT,
                MoveToVersionId=version_id,
                **removed,
            ),
        )

    def withdraw(self, version_id: str) -> None:
        """Remove AWSPENDING, so that the next rotation starts anew."""
        call(
            "secretsmanager:UpdateSecretVersionStage",
            self.arn,
            lambda: self._client.update_secret_version_stage(
                SecretId=self.arn, VersionStage=Stage.PENDING, RemoveFromVersionId=version_id
            ),
        )

    def record(self, attempt: Attempt | None) -> None:
        """Note that a credential is about to be issued; None: that it certainly was not."""
        call(
            "secretsmanager:TagResource",
            self.arn,
            lambda: self._client.tag_resource(
                SecretId=self.arn,
                Tags=[{"Key": TAG, "Value": attempt.text() if attempt else NO_ATTEMPT}],
            ),
        )


class _NoValueError(Exception):
    pass


def _decoded(text: str | None) -> Value | None:
    """Tell an object from a text; a binary value is neither."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: 64 KiB of brackets
        return text
    return value if isinstance(value, Mapping) else text
