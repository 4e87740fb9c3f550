"""The walk that each example takes through an account: apply, rotate, fail, recover, destroy."""

import contextlib
import json
from collections.abc import Iterator
from typing import ClassVar, Final

from testing.databases.servers import Servers
from testing.harness.account import Aws, Secret, eventually, messages
from testing.harness.terraform import Terraform
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.roles import denied_at_once


def denied(action: str, **more: object) -> str:
    """Return a policy that denies an action on everything."""
    statement = {"Effect": "Deny", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_BROKEN: Final = denied("secretsmanager:PutSecretValue")


class Walk:
    """The walk of an example whose secret a function rotates.

    A strategy overrides what differs.
    """

    local_only: ClassVar[str | None] = None
    """Why it cannot go through a real account."""
    guarded_by: ClassVar[str | None] = None
    """What shows the same in `make test`. Then only `make test-slow` takes this walk."""

    def __init__(
        self,
        github: LocalGitHub,
        logins: LocalLogins | None,
        redis: LocalRedis,
        databases: Servers,
    ) -> None:
        self.github = github
        self.databases = databases
        self.logins = logins
        self.redis = redis
        self.variables: dict[str, object] = {
            "minimum_overlap_minutes": 0,
            "recovery_window_in_days": 0,
            "settling_seconds": 0,
        }
        self.values: list[str] = []
        """Every value that the secret has had, the oldest first."""

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        """Make what the example needs in the account."""
        del aws
        yield

    def before_apply(self, aws: Aws, terraform: Terraform) -> None:
        """Do what the page of the example says to do before the apply."""

    def wait_for_the_first(self, secret: Secret) -> None:
        secret.wait_for_a_value()
        self._note(secret)

    def change(self, secret: Secret) -> None:
        """Replace the value."""
        secret.rotate_and_wait()
        self._note(secret)

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        """Deny a call: the value stays the same. Allow it again: the value is replaced."""
        outputs = terraform.outputs()
        iam, role = aws.client("iam"), outputs["function_role_name"]

        def failures() -> int:
            logged = messages(aws, outputs["log_group_name"])
            return sum('"failed"' in one or "AccessDenied" in one for one in logged)

        before = failures()
        iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=_BROKEN)
        with denied_at_once(aws):
            rotation = secret.rotate()
            eventually("The failure", failures, lambda now: now > before)
        assert secret.text() == self.values[-1]
        iam.delete_role_policy(RoleName=role, PolicyName="broken")
        secret.retry_and_wait(rotation)
        self._note(secret)

    def conclude(self, terraform: Terraform, secret: Secret) -> None:
        """Do what the page of the example says to do last."""

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        """Check what the strategy promises of older values."""
        assert secret.text("AWSPREVIOUS") == self.values[-2]
        del aws

    def left_behind(self) -> set[str]:
        """Return what `terraform destroy` leaves, as the page of the example says."""
        return set()

    def _note(self, secret: Secret) -> None:
        text = secret.text()
        assert text is not None
        assert text not in self.values
        self.values.append(text)
