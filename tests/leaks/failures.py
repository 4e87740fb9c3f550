"""Ways in which the rotation of a deployed secret fails, before it succeeds."""

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from testing.harness.account import Rotation, Secret, eventually, step_records
from testing.local_aws import LocalAws
from testing.local_github import LocalGitHub


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One secret, after its first rotation."""

    aws: LocalAws
    outputs: Mapping[str, Any]
    secret: Secret
    marks: set[str] = field(repr=False)
    """Texts that an operator wrote into secrets."""

    def failure(self, rotation: Rotation) -> str:
        """Wait until a step fails, and return its error."""

        def failed() -> list[str]:
            records = step_records(self.aws, self.outputs["log_group_name"])
            return [
                record["error"]
                for record in records
                if record["version_id"] == rotation.token and record["outcome"] == "failed"
            ]

        return eventually("The failure", failed)[-1]

    def mark(self) -> str:
        """Return a text that nothing else writes."""
        mark = uuid.uuid4().hex
        self.marks.add(mark)
        return mark


Failure: TypeAlias = Callable[[Deployed], None]
"""Makes a rotation fail, and then succeed."""


def denied(action: str) -> Failure:
    """Deny the function's role one action during a rotation."""

    def fail(deployed: Deployed) -> None:
        iam = deployed.aws.client("iam")
        inline = {"RoleName": deployed.outputs["function_role_name"], "PolicyName": "denied"}
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(**inline, PolicyDocument=json.dumps(document))
        # Without the pauses after which the function repeats a denied call.
        with deployed.aws.switched(functions_longest_sleep=0):
            rotation = deployed.secret.rotate()
            assert deployed.failure(rotation) == "PermissionDenied"
        iam.delete_role_policy(**inline)
        complete(deployed, rotation)

    return fail


def killed(deployed: Deployed) -> None:
    """Kill the process during an invocation, while it is stopped."""
    (pid,) = pids(deployed)
    os.kill(pid, signal.SIGSTOP)
    rotation = deployed.secret.rotate()
    os.kill(pid, signal.SIGKILL)
    complete(deployed, rotation)


def pids(deployed: Deployed) -> frozenset[int]:
    return deployed.aws.workers(deployed.outputs["function_name"])


def complete(deployed: Deployed, rotation: Rotation) -> None:
    """Start the rotation again until it completes: nothing starts while the failed attempt runs."""
    client = deployed.aws.client("secretsmanager")

    def done() -> bool:
        if deployed.secret.has_rotated(rotation):
            return True
        with contextlib.suppress(client.exceptions.InvalidRequestException):
            client.rotate_secret(
                SecretId=deployed.secret.secret_id, ClientRequestToken=rotation.token
            )
        return False

    eventually("The rotation", done)


def wrong_content(make: Callable[[str], str]) -> Failure:
    """Write a value that the strategy does not accept, and then the right one again."""

    def fail(deployed: Deployed) -> None:
        right = deployed.secret.text()
        assert right is not None
        _put(deployed, make(deployed.mark()))
        rotation = deployed.secret.rotate()
        assert deployed.failure(rotation) == "ConfigurationError"
        _put(deployed, right)
        deployed.secret.rotate_and_wait()

    return fail


def _put(deployed: Deployed, text: str) -> None:
    """Write a value, and give up a rotation that is not complete, which would continue."""
    pending = deployed.secret.holder("AWSPENDING")
    if pending is not None:
        deployed.secret.give_up(Rotation(pending, None))
    deployed.secret.put(text)


COMMON: Final[Mapping[str, Failure]] = {
    "promotion-denied": denied("secretsmanager:UpdateSecretVersionStage"),
    "killed": killed,
}
SLOW: Final[Mapping[str, Failure]] = {
    **COMMON,
    "describe-denied": denied("secretsmanager:DescribeSecret"),
    "get-denied": denied("secretsmanager:GetSecretValue"),
    "put-denied": denied("secretsmanager:PutSecretValue"),
}


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """How a strategy is deployed for the search, and how it fails."""

    rotation: Mapping[str, object]
    """Its options, in Terraform's JSON."""
    failures: Mapping[str, Failure]
    slow_failures: Mapping[str, Failure] = field(default_factory=dict)
    """More of them, for `make test-slow`."""
    issued: Callable[[LocalAws, LocalGitHub], AbstractSet[str]] = lambda *_: frozenset()
    """Returns everything that the service has issued, stored or not."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """Other variables of the module call."""
