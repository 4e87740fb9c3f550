"""The secret: its versions, labels and tag. The only caller of Secrets Manager."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from rotation.attempt import NO_ATTEMPT, TAG, Attempt
from rotation.aws import ask, call
from rotation.errors import AlreadyStored, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.strategy import Value

# Some ten thousand versions: AWS keeps about a hundred, and those of the last day.
_MOST_PAGES = 100


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
        answer = ask(
            "secretsmanager:DescribeSecret",
            self.arn,
            lambda: self._client.describe_secret(SecretId=self.arn),
        )
        self._of_this_secret(answer)
        tags = {
            tag.text("Key"): tag.optional_text("Value") for tag in answer.optional_parts("Tags")
        }
        stages = answer.optional_map_of_sets("VersionIdsToStages")
        labels = [label for held in stages.values() for label in held]
        if len(set(labels)) < len(labels):
            raise answer.refusal(
                name="VersionIdsToStages", given=stages, allowed="each label on one version"
            )
        return Description(
            stages=stages,
            last_rotated=answer.optional_time("LastRotatedDate"),
            attempt=Attempt.parse(tags.get(TAG) or NO_ATTEMPT),
        )

    def read(self, version_id: str) -> Version | None:
        """Read a version; None where RotateSecret has staged it, but nothing was put yet."""
        try:
            answer = ask(
                "secretsmanager:GetSecretValue",
                self.arn,
                lambda: self._client.get_secret_value(SecretId=self.arn, VersionId=version_id),
                known={"ResourceNotFoundException": _NoValueError()},
            )
        except _NoValueError:
            return None
        self._of_this_secret(answer)
        _of_version(answer, version_id)
        return Version(
            version_id=version_id,
            created=answer.time("CreatedDate"),
            value=_decoded(answer.optional_text("SecretString")),
        )

    def version_ids(self) -> Sequence[str]:
        """List all versions that still exist, the youngest first, unlabelled ones included."""
        action = "secretsmanager:ListSecretVersionIds"
        list_page = partial(
            self._client.list_secret_version_ids, SecretId=self.arn, IncludeDeprecated=True
        )
        versions: list[tuple[datetime, str]] = []
        for _ in range(_MOST_PAGES):
            answer = ask(action, self.arn, list_page)
            versions += [
                (version.time("CreatedDate"), version.text("VersionId"))
                for version in answer.parts("Versions")
            ]
            following = answer.optional_text("NextToken")
            if not following:
                versions.sort(key=itemgetter(0), reverse=True)
                return [version_id for _, version_id in versions]
            list_page = partial(list_page, NextToken=following)
        raise ProtocolError.endless(action=action, resource=self.arn, pages=_MOST_PAGES)

    def put(self, token: str, value: Value, *, rotation_token: str | None) -> None:
        """Store a value as AWSPENDING; the first value of a secret becomes AWSCURRENT by itself.

        Raises:
            AlreadyStored: The version holds another value.
        """
        text = value if isinstance(value, str) else json.dumps({**self._constants, **value})
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
        handed_on = {"RotationToken": rotation_token} if rotation_token else {}
        answer = ask(
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
        _of_version(answer, token)

    def promote(self, version_id: str, *, demoted: str | None) -> None:
        """Move AWSCURRENT, which leaves AWSPREVIOUS on the version that held it."""
        removed = {"RemoveFromVersionId": demoted} if demoted else {}
        answer = ask(
            "secretsmanager:UpdateSecretVersionStage",
            self.arn,
            lambda: self._client.update_secret_version_stage(
                SecretId=self.arn,
                VersionStage=Stage.CURRENT,
                MoveToVersionId=version_id,
                **removed,
            ),
        )
        self._of_this_secret(answer)

    def withdraw(self, version_id: str) -> None:
        """Remove AWSPENDING, so that the next rotation starts anew."""
        answer = ask(
            "secretsmanager:UpdateSecretVersionStage",
            self.arn,
            lambda: self._client.update_secret_version_stage(
                SecretId=self.arn, VersionStage=Stage.PENDING, RemoveFromVersionId=version_id
            ),
        )
        self._of_this_secret(answer)

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

    def _of_this_secret(self, answer: Response) -> None:
        answer.text("ARN", pattern=re.escape(self.arn), allowed="the ARN of this secret")


class _NoValueError(Exception):
    pass


def _of_version(answer: Response, version_id: str) -> None:
    answer.text("VersionId", pattern=re.escape(version_id), allowed="the id of this version")


def _decoded(text: str | None) -> Value | None:
    """Tell an object from a text; a binary value is neither.

    An object is what every reader takes for the same one: JSON proper, and no name twice.
    """
    if text is None:
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_refused)
    except (ValueError, RecursionError):  # RecursionError: 64 KiB of brackets
        return text
    return value if isinstance(value, Mapping) else text


def _unambiguous(pairs: Sequence[tuple[str, object]]) -> Mapping[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError
    return fields


def _refused(_constant: str) -> NoReturn:
    """Python alone reads NaN and Infinity."""
    raise ValueError
