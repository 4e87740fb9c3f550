"""Reports a leaked credential, and waits until a rotation has ended it and all older ones.

The report is a tag, and the rotation has a token of its own form, as docs/revocation.md says.
"""

from __future__ import annotations

import argparse
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rotating_secret.errors import AwsRefusedError, Exit, StoppedError, UsageError
from rotating_secret.rotation import MISSED, Waiting, rotate, unfinished
from rotating_secret.secret import CURRENT, EXISTING, PREVIOUS
from rotating_secret.survey import describe, read_function

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from rotating_secret.aws import Region

_TAG: Final = "rotation-revocation"
_TOKEN: Final = "1ea4ed00-"  # noqa: S105 -- the beginning of version IDs
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_LABELS: Final = {"current": CURRENT, "previous": PREVIOUS}
_VERSION: Final = r"[A-Za-z0-9-]{32,64}"
# The function ignores a report that is older.
_VALID: Final = timedelta(days=1)


class NotRevocableError(UsageError):
    """The function of the secret ends no credential."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(
            f"{name} must have the module's option revocation, so that its function ends leaked "
            f"credentials. Found: {found}. Disable the credential at its service, then run: "
            f"rotating-secret rotate {name} --wait"
        )


class NotAResponderError(StoppedError):
    """The caller may not write the report."""

    def __init__(self, name: str, code: str, caller: str) -> None:
        super().__init__(
            f"AWS refused secretsmanager:TagResource on {name}. Found: {code} for {caller}. Only "
            "revocation.responders may report a leak, with the policy of the module's output "
            "responder_policy_json. Assume such a role, or add yours and run terraform apply. "
            "Nothing was changed."
        )


class AnotherReportError(StoppedError):
    """A report of another version has to be carried out first."""

    exit_code = Exit.UNHEALTHY

    def __init__(self, name: str, version: str, time: str) -> None:
        super().__init__(
            f"{name} must have no unfinished report of another version. Found: {version}, reported "
            f"at {time}. Its rotation ends older versions, too. First run: "
            f"rotating-secret revoke {name} --leaked {version}"
        )


class UnfinishedError(StoppedError):
    """The report is written, and its rotation has not succeeded."""

    def __init__(self, revocation: Revocation, cause: str, exit_code: Exit) -> None:
        self.exit_code = exit_code
        super().__init__(f"{cause} {revocation.how_to_go_on()}")


def leaked(text: str) -> str:
    """Check the argument --leaked.

    Raises:
        ArgumentTypeError: It is neither a label nor a version.
    """
    if text not in _LABELS and not re.fullmatch(_VERSION, text):
        message = f"must be current, previous or the ID of a version; found: {text}"
        raise argparse.ArgumentTypeError(message)
    return text


@dataclass(slots=True, kw_only=True)
class Revocation(Waiting):
    """One report, and the rotation that carries it out."""

    # The reported version.
    version: str = ""
    _last_rotation: datetime | None = None

    def request(self, leaked: str) -> str | None:
        """Write the report, unless it is there; return the current version if it was carried out.

        Raises:
            StoppedError: The report is not possible. Nothing was changed.
        """
        described = describe(self.region, self.name)
        _require_revocation(self.region, self.name, described)
        current = _holder(described, CURRENT)
        self.version = _version(self.name, described, leaked)
        word, version, time = _report(described)
        if word == "done" and version == self.version:
            return current
        if word == "leaked" and _is_valid(time):
            if version == self.version:
                return None
            # If the rotation for that report has made the current version, this is a repetition.
            is_successor = self.version == current and current.startswith(_TOKEN)
            if is_successor and version == _holder(described, PREVIOUS):
                self.version = version
                return None
            if version in described.get("VersionIdsToStages", {}):
                raise AnotherReportError(self.name, version, time)
        self._write()
        return None

    def _write(self) -> None:
        value = f"leaked {self.version} {datetime.now(UTC).strftime(_TIME)}"
        try:
            with self.region.asking("secretsmanager:TagResource", self.name):
                self.region.secrets.tag_resource(
                    SecretId=self.name, Tags=[{"Key": _TAG, "Value": value}]
                )
        except AwsRefusedError as error:
            if not error.code.startswith("AccessDenied"):
                raise
            raise NotAResponderError(self.name, error.code, self.region.caller()) from None

    def run(self) -> str:
        """Rotate until the report is carried out; return the current version.

        Raises:
            UnfinishedError: That failed, or took too long.
        """
        drawn = str(uuid.uuid4())
        try:
            self._last_rotation = describe(self.region, self.name).get("LastRotatedDate")
            self.token, _ = rotate(self.region, self.name, _TOKEN + drawn[len(_TOKEN) :])
            return self.wait()
        except StoppedError as error:
            raise UnfinishedError(self, str(error), error.exit_code) from None

    def how_to_go_on(self) -> str:
        """Say what a report that was not carried out means."""
        return (
            f"The report of version {self.version} stays for a day, and each rotation carries it "
            f"out. To go on, run: rotating-secret revoke {self.name} --leaked {self.version}"
        )

    def _ended(self, described: DescribeSecretResponseTypeDef) -> str | None:
        word, version, _ = _report(described)
        current = _holder(described, CURRENT)
        if (word, version) == ("done", self.version):
            return current
        if "DeletedDate" in described:
            self._fail("The secret is scheduled for deletion.")
        is_over = described.get("LastRotatedDate") != self._last_rotation
        runs = self.token in {current, unfinished(described)} and not is_over
        self._missed = 0 if runs else self._missed + 1
        if self._missed >= MISSED:
            self._fail("It was cancelled, or ended without this report. The function logs why.")
        return None

    def _again(self) -> str:
        return "."

    def _cure(self) -> str:
        return "The leaked credential may still be valid."


def advice(described: DescribeSecretResponseTypeDef) -> str:
    """Say what readers of the secret must do now."""
    replicas = sorted(one["Region"] for one in described.get("ReplicationStatus", []))
    later = (
        f" In {', '.join(replicas)}, wait until the replica has that version." if replicas else ""
    )
    return (
        "Applications that read the secret again when their credential is rejected go on. Restart "
        f"those that read it only at their start, and those that verify its values.{later} Then "
        "look for what the leaked credential was used for, and end the sessions that it started."
    )


def _require_revocation(
    region: Region, name: str, described: DescribeSecretResponseTypeDef
) -> None:
    if "OwningService" in described:
        raise NotRevocableError(name, f"a secret of {described['OwningService']}")
    arn = described.get("RotationLambdaARN")
    if arn is None:
        raise NotRevocableError(name, "a secret that does not rotate")
    function = read_function(region, arn, account=described["ARN"].split(":")[4])
    settings: dict[str, Any] = dict(function.settings or {})
    # If a customer key hides the settings from the caller, the function says it.
    if not settings.get("revocable") and not function.encrypted:
        strategy = settings.get("strategy", EXISTING)
        raise NotRevocableError(name, f"the strategy {strategy} without revocation")


def _version(name: str, described: DescribeSecretResponseTypeDef, leaked: str) -> str:
    label = _LABELS.get(leaked)
    version = _holder(described, label) if label else leaked
    if not version:
        message = f"--leaked must name a version of {name}. Found: {leaked}, but none has {label}."
        raise UsageError(message)
    return version


def _holder(described: DescribeSecretResponseTypeDef, label: str) -> str:
    stages = described.get("VersionIdsToStages", {})
    return next((one for one, labels in stages.items() if label in labels), "")


def _report(described: DescribeSecretResponseTypeDef) -> tuple[str, str, str]:
    """Return the word, the version and the time of the tag; each is empty if it has no report."""
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    found = re.fullmatch(rf"(leaked|done) ({_VERSION}) (\S+)", tags.get(_TAG, ""))
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _is_valid(time: str) -> bool:
    try:
        reported = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return datetime.now(UTC) - reported < _VALID
