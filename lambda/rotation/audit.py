"""The audit of a secret: it compares the secret with its service, and changes nothing.

Between two rotations nothing looks at a credential: it may be deleted at the service, another one
may be made there, and a replica may never get the value. The audit reads the labelled versions,
uses the credentials that must work, and compares the service's list with the versions.

A read may be stale, and a rotation may run at the same time. So a finding counts only if a second
look finds it, too, and nothing is compared with the service's list while a rotation is unfinished.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from rotation.attempt import digest
from rotation.aws import ask, call
from rotation.engine import Outcome
from rotation.errors import ConfigurationError, CredentialRejected, RotationError
from rotation.log import Key
from rotation.ownership import parse_ours, require_ours
from rotation.proof import LAG
from rotation.response import parse_time
from rotation.secret import Secret, Stage
from rotation.strategy import Issuer, Replacer, Setter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rotation.aws import Clients
    from rotation.log import LogRecord
    from rotation.proof import Clock
    from rotation.response import Response
    from rotation.secret import Description, Version
    from rotation.settings import OptionReader, Settings
    from rotation.strategy import Credential, Generator, Issued

# AWS copies a value within seconds, and promises no figure.
_COPYING: Final = timedelta(hours=1)
# A subject has at most 100 characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_NAME: Final = 70


_ARN: Final = (
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:"
    r"[0-9A-Za-z/_+=.@-]{1,512}-[0-9A-Za-z]{6}"
)
_TOPIC_ARN: Final = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[0-9A-Za-z_-]{1,256}"


class Kind(StrEnum):
    """The kinds of findings, by which a query or an alarm may filter the log."""

    CONFIGURATION = "configuration"
    CURRENT_REJECTED = "current_rejected"
    NO_VALUE = "no_value"
    NOT_CHECKED = "not_checked"
    NOT_ROTATED = "not_rotated"
    OTHER_VALUE = "other_value"
    PREVIOUS_REJECTED = "previous_rejected"
    REPLICA = "replica"
    UNKNOWN_CREDENTIAL = "unknown_credential"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The settings of a function that audits one secret and does not rotate it."""

    secret_arn: str
    # The topic that receives the findings; None: no topic.
    topic_arn: str | None
    # Whether the audit may start a rotation if the service rejects the current credential.
    rotates: bool

    @classmethod
    def parse(cls, fields: OptionReader) -> Self:
        """Read the fields.

        Raises:
            ConfigurationError: A field is missing, wrong or unknown.
        """
        settings = cls(
            secret_arn=fields.text("secret_arn", pattern=_ARN, allowed="the ARN of a secret"),
            topic_arn=fields.optional_text(
                "topic_arn", pattern=_TOPIC_ARN, allowed="the ARN of a topic, or null"
            ),
            rotates=fields.flag("rotates"),
        )
        fields.end()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, and what to do about it."""

    kind: Kind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Audit:
    """The audit of one secret."""

    clients: Clients
    clock: Clock
    secret: Secret
    settings: AuditSettings
    strategy: Generator | Issuer
    # Whether the function retires the previous credential once it is unused.
    retires_previous: bool = False

    def run(self) -> Sequence[Finding]:
        """Look, rotate if an option allows it, and notify the topic of findings.

        Raises:
            RotationError: The labels could not be read, or the topic could not be notified. All
                else is a finding.
        """
        findings = self._look()
        if findings:
            self.clock.sleep(LAG.total_seconds())
            again = self._look()
            findings = [one for one in again if one in findings]
        if self.settings.rotates and Kind.CURRENT_REJECTED in {one.kind for one in findings}:
            findings = [*findings, *self._rotate()]
        if findings and self.settings.topic_arn is not None:
            self._notify(self.settings.topic_arn, findings)
        return findings

    def _look(self) -> Sequence[Finding]:
        description = self.secret.describe()
        current = self.secret.read_label(Stage.CURRENT)
        return [
            *self._of_current(current),
            *self._of_previous(description, current),
            *self._of_inventory(description),
            *self._of_replicas(current),
        ]

    def _of_current(self, version: Version | None) -> Iterator[Finding]:
        if version is None:
            yield Finding(
                kind=Kind.NO_VALUE,
                message="AWSCURRENT has no value, so readers get an error. Read the log of the "
                "rotation function, then rotate the secret.",
            )
            return
        try:
            credential = require_ours(self.strategy, version, secret=self.secret.arn)
        except RotationError as error:
            yield Finding(kind=Kind.OTHER_VALUE, message=str(error))
            return
        yield from self._of_use(
            version,
            credential,
            Stage.CURRENT,
            Kind.CURRENT_REJECTED,
            "Find out who deleted or changed it at the service, then rotate the secret.",
        )

    def _of_previous(self, description: Description, current: Version | None) -> Iterator[Finding]:
        """Check the previous credential, if the service must still accept it."""
        strategy = self.strategy
        keeps = isinstance(strategy, Setter) or (
            isinstance(strategy, Issuer) and not strategy.retires_demoted
        )
        # To use the credential here would count as a use.
        if (
            self.retires_previous
            or not keeps
            or isinstance(strategy, Replacer)
            or description.is_unfinished()
        ):
            return
        if current is not None and _was_revoked(description, current):
            return
        version = self.secret.read_label(Stage.PREVIOUS)
        credential = parse_ours(strategy, version) if version else None
        if version is None or credential is None:
            return
        if credential.expires is not None and credential.expires <= self.clock.now():
            return
        yield from self._of_use(
            version,
            credential,
            Stage.PREVIOUS,
            Kind.PREVIOUS_REJECTED,
            "Readers that still use it fail, and must read the secret again. If you ended it, "
            "there is nothing to do.",
        )

    def _of_use(
        self, version: Version, credential: Credential, stage: Stage, kind: Kind, cure: str
    ) -> Iterator[Finding]:
        """Use a credential that the service must accept."""
        strategy = self.strategy
        if not isinstance(strategy, Setter | Replacer | Issuer):
            return
        try:
            strategy.verify(credential)
        except CredentialRejected:
            yield Finding(
                kind=kind,
                message=f"The service rejects {credential.identity} of {credential.owner}, which "
                f"is {stage} in version {version.version_id}. {cure}",
            )
        except RotationError as error:
            yield _check_failure(f"whether the service accepts the credential of {stage}", error)

    def _of_inventory(self, description: Description) -> Iterator[Finding]:
        """Look for credentials at the service that no labelled version has."""
        issuer = self.strategy
        if not isinstance(issuer, Issuer) or description.is_unfinished():
            return
        try:
            held = issuer.inventory()
        except RotationError as error:
            yield _check_failure(f"which credentials {issuer.owner} has", error)
            return
        named = {issuer.adopted, *self._identities_in_versions(issuer, description)}
        for one in held:
            if one.identity in named or not self._concerns(one):
                continue
            yield Finding(
                kind=Kind.UNKNOWN_CREDENTIAL,
                message=f"No labelled version of the secret has {one.identity} of {one.owner}, "
                f"created at {one.created:%Y-%m-%d %H:%M} UTC. If a rotation of this secret "
                "created it, the next one ends it. Otherwise find out who created it, and delete "
                "it.",
            )

    def _identities_in_versions(self, issuer: Issuer, description: Description) -> Iterator[str]:
        for version_id in description.stages:
            version = self.secret.read(version_id)
            credential = parse_ours(issuer, version) if version else None
            if credential is not None:
                yield credential.identity

    def _concerns(self, issued: Issued) -> bool:
        """Say whether a credential is of this secret, or takes a slot that this secret needs."""
        issuer = self.strategy
        is_limited = isinstance(issuer, Issuer) and issuer.slots is not None
        return is_limited or str(issued.mark).startswith(f"{digest(self.secret.arn)}-")

    def _of_replicas(self, current: Version | None) -> Iterator[Finding]:
        """Look for replicas that Secrets Manager could not write.

        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicationStatusType.html
        """
        for replica in self._replicas():
            region, status = replica.text("Region"), replica.text("Status")
            is_copying = current is None or self.clock.now() - current.created < _COPYING
            if status == "InSync" or (status == "InProgress" and is_copying):
                continue
            reason = replica.optional_text("StatusMessage") or "not given"
            yield Finding(
                kind=Kind.REPLICA,
                message=f"The replica in {region} is {status}, so its readers may get an earlier "
                f"value. Reason: {reason}. Remove the cause, then replicate again.",
            )

    def _replicas(self) -> Sequence[Response]:
        client = self.clients("secretsmanager")
        arn = self.secret.arn
        response = ask(
            "secretsmanager:DescribeSecret", arn, lambda: client.describe_secret(SecretId=arn)
        )
        return response.optional_parts("ReplicationStatus")

    def _notify(self, topic_arn: str, findings: Sequence[Finding]) -> None:
        client = self.clients("sns")
        # Without the hyphen and six characters that Secrets Manager adds.
        name = self.secret.arn.rpartition(":")[2][:-7]
        call(
            "sns:Publish",
            topic_arn,
            lambda: client.publish(
                TopicArn=topic_arn,
                Subject=f"{name[:_LONGEST_NAME]}: an audit has findings",
                Message="\n".join(
                    [
                        f"Secret: {self.secret.arn}",
                        "An audit has findings:",
                        *(f"- {one.message}" for one in findings),
                    ]
                ),
                # The watcher's messages have it, too.
                MessageAttributes={"cause": {"DataType": "String", "StringValue": "audit"}},
            ),
        )

    def _rotate(self) -> Iterator[Finding]:
        """Start a rotation, which may be refused, e.g. because another one has not ended."""
        client = self.clients("secretsmanager")
        arn = self.secret.arn
        try:
            call("secretsmanager:RotateSecret", arn, lambda: client.rotate_secret(SecretId=arn))
        except RotationError as error:
            message = f"The audit could not start a rotation. {error}"
            yield Finding(kind=Kind.NOT_ROTATED, message=message)


def audit(  # noqa: PLR0913, PLR0917 -- the parts of the handler
    settings: Settings,
    options: OptionReader,
    build: Callable[[str, OptionReader, Clients], Generator | Issuer],
    clients: Clients,
    clock: Clock,
    record: LogRecord,
) -> Outcome:
    """Audit the secret that the options name, and write the findings into the record.

    Raises:
        RotationError: An option is wrong, or see Audit.run.
    """
    own = AuditSettings.parse(options)
    record[Key.EVENT] = "audit"
    record[Key.SECRET_ARN] = own.secret_arn
    findings = Audit(
        clients=clients,
        clock=clock,
        secret=Secret(clients, own.secret_arn, constants=settings.constants),
        settings=own,
        strategy=build(settings.strategy, settings.options, clients),
        retires_previous=settings.previous is not None,
    ).run()
    if not findings:
        return Outcome.CLEAN
    record[Key.LEVEL] = "WARN"
    record[Key.FINDINGS] = ",".join(sorted({one.kind for one in findings}))
    record[Key.MESSAGE] = "\n".join(one.message for one in findings)
    return Outcome.FINDINGS


def _was_revoked(description: Description, current: Version) -> bool:
    """Say whether a report of a leak has ended all credentials that are older than the current."""
    found = re.fullmatch(r"done \S+ (\S+)", description.revocation or "")
    time = parse_time(found[1]) if found else None
    return time is not None and time >= current.created


def _check_failure(what: str, error: RotationError) -> Finding:
    # The user is gone or renamed, or something else no longer matches the configuration.
    is_changed = isinstance(error, ConfigurationError)
    kind = Kind.CONFIGURATION if is_changed else Kind.NOT_CHECKED
    return Finding(kind=kind, message=f"The audit could not find out {what}. {error}")
