"""Starts a rotation, waits for its end, and gives up one that cannot end."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NoReturn

from rotating_secret.errors import AwsRefusedError, Exit, StoppedError
from rotating_secret.secret import CURRENT, PENDING
from rotating_secret.survey import describe, read_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from rotating_secret.aws import Region

_PAUSE_SECONDS: Final = 2
# DescribeSecret may return an older state, so one response without the label proves nothing.
MISSED: Final = 3


class NotRotatedError(StoppedError):
    """The rotation ended without success."""

    exit_code = Exit.UNHEALTHY


class OutOfTimeError(StoppedError):
    """The rotation has not ended in time."""

    exit_code = Exit.TIMEOUT


def rotate(region: Region, name: str, token: str | None = None) -> tuple[str, bool]:
    """Start a rotation; return its version, and whether an unfinished one runs again instead."""
    token = token or str(uuid.uuid4())
    try:
        with region.asking("secretsmanager:RotateSecret", name):
            region.secrets.rotate_secret(SecretId=name, ClientRequestToken=token)
    except AwsRefusedError as error:
        # Secrets Manager repeats an unfinished rotation, and reports it as an error.
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html
        described = describe(region, name)
        pending = unfinished(described)
        if error.code != "InvalidRequestException" or not pending or "DeletedDate" in described:
            raise
        return pending, True
    return token, False


def give_up(region: Region, name: str) -> str | None:
    """Remove AWSPENDING from the version of an unfinished rotation, and return the version.

    The next rotation starts with a new version, and cleans up what this one left.
    """
    pending = unfinished(describe(region, name))
    if pending is not None:
        with region.asking("secretsmanager:UpdateSecretVersionStage", name):
            region.secrets.update_secret_version_stage(
                SecretId=name, VersionStage=PENDING, RemoveFromVersionId=pending
            )
    return pending


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Waits for the end of a rotation, and passes on each error that the function logs."""

    region: Region
    name: str
    seconds: float
    report: Callable[[str], None]
    # An error that was logged before is reported, but does not end the rotation.
    started: datetime
    # The version of the rotation; None: that of the rotation that runs, if one does.
    token: str | None
    _missed: int = 0
    _seen: set[str] = field(default_factory=set)
    _log_group: str | None = None

    def wait(self) -> str:
        """Return the version that is current after the rotation.

        Raises:
            NotRotatedError: The rotation failed, and no retry helps.
            OutOfTimeError: It has not ended.
        """
        end = time.monotonic() + self.seconds
        while True:
            described = describe(self.region, self.name)
            self.token = self.token or unfinished(described)
            if current := self._ended(described):
                return current
            self._read_log(described)
            if time.monotonic() >= end:
                message = (
                    f"The rotation of {self.name} has not ended in {self.seconds:g} seconds. Fix "
                    f"the last error{self._again()}"
                )
                raise OutOfTimeError(message)
            time.sleep(_PAUSE_SECONDS)

    def _ended(self, described: DescribeSecretResponseTypeDef) -> str | None:
        """Return the current version if the rotation succeeded, None if it runs."""
        stages = described.get("VersionIdsToStages", {})
        current = next((one for one, labels in stages.items() if CURRENT in labels), None)
        if current is not None and self.token in {None, current}:
            return current
        if "DeletedDate" in described:
            self._fail("The secret is scheduled for deletion.")
        if not described.get("RotationEnabled"):
            self._fail("Rotation is turned off.")
        self._missed = 0 if self.token in {None, unfinished(described)} else self._missed + 1
        if self._missed >= MISSED:
            self._fail("It was given up, or another value was stored since.")
        return None

    def _read_log(self, described: DescribeSecretResponseTypeDef) -> None:
        """Report each failed step once; an error since the start that no retry cures is the end."""
        arn = described.get("RotationLambdaARN")
        if self.token is None or arn is None:
            return
        if self._log_group is None:
            function = read_function(self.region, arn, account=described["ARN"].split(":")[4])
            self._log_group = function.log_group or ""
        for message in self._messages(self._log_group, self.token):
            record = _record(message)
            if record.get("outcome") == "failed":
                error = f"{record.get('step')}: {record.get('error')}: {record.get('message')}"
                self.report(error)
                now = datetime.fromisoformat(str(record["timestamp"])) >= self.started
                if now and record.get("level") == "ERROR":
                    self._fail(self._cure())

    def _messages(self, group: str, token: str) -> list[str]:
        """Return what the function logged about the version and was not returned before."""
        if not group:
            return []
        try:
            with self.region.asking("logs:FilterLogEvents", group):
                pages = self.region.logs.get_paginator("filter_log_events").paginate(
                    logGroupName=group,
                    filterPattern=f'"{token}"',
                    startTime=int(self.started.timestamp() - 86_400) * 1000,
                )
                found = [one["message"] for page in pages for one in page["events"]]
        except AwsRefusedError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return []  # The function has logged nothing yet.
        # Each has the ID of its invocation, so no two are the same.
        new = [one for one in found if one not in self._seen]
        self._seen.update(new)
        return new

    def _again(self) -> str:
        return f", then run: rotating-secret rotate {self.name} --wait"

    def _cure(self) -> str:
        return "The current credential stays valid. Fix this, then rotate again."

    def _fail(self, reason: str) -> NoReturn:
        message = f"The rotation of {self.name} failed. {reason}"
        raise NotRotatedError(message)


def unfinished(described: DescribeSecretResponseTypeDef) -> str | None:
    """Return the version that has AWSPENDING and isn't current."""
    stages = described.get("VersionIdsToStages", {})
    return next(
        (one for one, labels in stages.items() if PENDING in labels and CURRENT not in labels),
        None,
    )


def _record(message: str) -> dict[str, object]:
    """Parse a line of the log; a line of AWS's own has no field."""
    try:
        found = json.loads(message)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
