"""The demo, from `terraform apply` to `terraform destroy`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dev.demo.application import WORKERS, Application, Report, application
from dev.demo.display import STEPS, Display, Scene, masked
from testing.harness.account import (
    Aws,
    Secret,
    empty_bucket,
    eventually,
    inventory,
    is_accepted,
    reader,
    step_records,
)
from testing.harness.terraform import NotEmptyError, Terraform

EXAMPLE: Final = "examples/iam-access-key"
# Far below useful values, so that a rotation takes seconds.
SHORTENED: Final = {
    "minimum_overlap_minutes": 0,
    "recovery_window_in_days": 0,
    "settling_seconds": 2,
}


@dataclass(slots=True)
class Result:
    """The result of the demo."""

    rotations: int
    report: Report = field(default_factory=Report)
    broken: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken and self.report.failed == 0

    def __str__(self) -> str:
        return (
            f"{self.rotations} rotations, {self.report.requests} requests, "
            f"{self.report.failed} failed"
        )


def run(aws: Aws, checkout: Path, rotations: int, display: Display) -> Result:
    """Run the whole demo in an account."""
    result = Result(rotations)
    before = inventory(aws)
    terraform = Terraform(checkout, EXAMPLE, aws.environment, SHORTENED)
    display.say("terraform init")
    terraform.init()
    display.say("terraform apply")
    display.say(terraform.apply())
    outputs = terraform.outputs()

    display.say("Waiting for the first rotation, which creates the first key")
    secret = Secret(aws, outputs["secret_arn"])
    secret.wait_for_a_value()
    keys = [secret.value()]

    with reader(aws, outputs["reader_policy_json"]) as environment:
        display.say(f"Starting the application with {WORKERS} workers, which write and read in S3")
        with application(terraform.folder, secret.secret_id, environment) as running:
            running.wait_for_requests()
            watch = _Watch(
                aws=aws,
                log_group_name=outputs["log_group_name"],
                secret=secret,
                running=running,
                display=display,
                rotations=rotations,
            )
            for number in range(1, rotations + 1):
                watch.rotate(number)
                keys.append(secret.value())
            result.report = running.stop()
    if result.report.last_failure:
        display.say(f"The last failed request: {result.report.last_failure}")

    def check(promise: str, kept: bool) -> None:  # noqa: FBT001 -- reads as a sentence
        display.say(f"{'Checked' if kept else 'BROKEN'}: {promise}")
        if not kept:
            result.broken.append(promise)

    retired, valid = keys[:-2], keys[-2:]
    names = ", ".join(masked(key["AccessKeyId"]) for key in retired)
    check(
        f"the retired keys are rejected: {names}",
        not any(is_accepted(aws, key) for key in retired),
    )
    check(
        "the current and the previous key are accepted",
        all(is_accepted(aws, key) for key in valid),
    )
    check("the second plan is empty", _plan_is_empty(terraform, display))
    empty_bucket(aws, outputs["bucket"])
    display.say("terraform destroy")
    display.say(terraform.destroy())
    left = inventory(aws) - before
    check(f"destroy leaves nothing{''.join(f', but {one}' for one in sorted(left))}", not left)
    return result


def _plan_is_empty(terraform: Terraform, display: Display) -> bool:
    try:
        terraform.require_empty_plan()
    except NotEmptyError as error:
        display.say(str(error))
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """Rotates the secret and shows the progress."""

    aws: Aws
    log_group_name: str
    secret: Secret
    running: Application
    display: Display
    rotations: int

    def rotate(self, number: int) -> None:
        """Rotate once and wait until every worker uses the new key.

        The wait replaces the hour of overlap, after which no worker uses an older key.
        """
        rotation = self.secret.rotate()

        def look() -> tuple[bool, Scene]:
            self.running.require_running()
            # Read before the scene: a scene from before the promotion has the old key as current.
            has_ended = self.secret.has_rotated(rotation)
            scene = self._scene(number, rotation.token)
            self.display.show(scene)
            return has_ended, scene

        def has_moved(seen: tuple[bool, Scene]) -> bool:
            has_ended, scene = seen
            return has_ended and scene.in_use == (scene.current,)

        eventually("The switch of the application to the new key", look, has_moved)

    def _scene(self, number: int, token: str) -> Scene:
        done = {
            record["step"]
            for record in step_records(self.aws, self.log_group_name)
            if record["version_id"] == token and record["outcome"] != "failed"
        }
        report = self.running.report
        return Scene(
            rotation=number,
            rotations=self.rotations,
            steps_done=tuple(step for step in STEPS if step in done),
            current=self.secret.value().get("AccessKeyId"),
            previous=self.secret.value("AWSPREVIOUS").get("AccessKeyId"),
            in_use=tuple(report.access_key_ids),
            requests=report.requests,
            failed=report.failed,
        )
