"""The demo, from `terraform apply` to `terraform destroy`."""

from dataclasses import dataclass, field
from pathlib import Path

from dev.demo.application import WORKERS, Application, Report, application
from dev.demo.display import STEPS, Display, Scene, masked
from dev.demo.subject import Subject
from testing.harness.account import (
    Aws,
    Secret,
    empty_bucket,
    eventually,
    inventory,
    reader,
    step_records,
)
from testing.harness.terraform import NotEmptyError, Terraform


@dataclass(slots=True)
class Result:
    """The result of the demo."""

    rotations: int
    subject: Subject
    report: Report = field(default_factory=Report)
    broken: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken and self.report.failed == 0

    def __str__(self) -> str:
        counts = [f"{self.rotations} rotations", f"{self.report.requests} {self.subject.request}"]
        if self.subject.logs_in:
            counts.append(f"{self.report.log_ins} log-ins")
        return ", ".join([*counts, f"{self.report.failed} failed"])


def run(aws: Aws, checkout: Path, rotations: int, display: Display, subject: Subject) -> Result:
    """Run the whole demo in an account."""
    result = Result(rotations, subject)
    before = inventory(aws)
    shortened = ", ".join(f"{name} = {value}" for name, value in subject.shortened.items())
    display.say(f"Shortened for the demo, so that rotations take seconds: {shortened}")
    terraform = Terraform(checkout, subject.root, aws.environment, subject.shortened)
    display.say("terraform init")
    terraform.init()
    display.say("terraform apply")
    display.say(terraform.apply())
    outputs = terraform.outputs()

    display.say(f"Waiting for the first rotation, which creates the first {subject.credential}")
    secret = Secret(aws, outputs["secret_arn"])
    secret.wait_for_a_value()
    values = [secret.value()]

    with reader(aws, outputs["reader_policy_json"]) as environment:
        display.say(f"Starting the application with {WORKERS} workers, which {subject.work}")
        command = [str(checkout / subject.program), *subject.arguments, secret.secret_id]
        with application(command, {**environment, **subject.environment}) as running:
            running.wait_for_requests()
            watch = _Watch(
                aws=aws,
                log_group_name=outputs["log_group_name"],
                secret=secret,
                running=running,
                display=display,
                rotations=rotations,
                subject=subject,
            )
            for number in range(1, rotations + 1):
                watch.rotate(number)
                values.append(secret.value())
            result.report = running.stop()
    if result.report.last_failure:
        display.say(f"The last failed request: {result.report.last_failure}")

    def check(promise: str, kept: bool) -> None:  # noqa: FBT001 -- reads as a sentence
        display.say(f"{'Checked' if kept else 'BROKEN'}: {promise}")
        if not kept:
            result.broken.append(promise)

    retired, valid = values[:-2], values[-2:]
    names = ", ".join(masked(value[subject.identity]) for value in retired)
    check(
        f"the retired {subject.credentials} are rejected: {names}",
        not any(subject.is_accepted(value) for value in retired),
    )
    check(
        f"the current and the previous {subject.credential} are accepted",
        all(subject.is_accepted(value) for value in valid),
    )
    check("the second plan is empty", _plan_is_empty(terraform, display))
    if "bucket" in outputs:
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
    subject: Subject

    def rotate(self, number: int) -> None:
        """Rotate once and wait until every worker uses the new credential.

        The wait replaces the hour of overlap, after which no worker uses an older one.
        """
        rotation = self.secret.rotate()

        def look() -> tuple[bool, Scene]:
            self.running.require_running()
            # Read before the scene: one from before the promotion has the old credential.
            has_ended = self.secret.has_rotated(rotation)
            scene = self._scene(number, rotation.token)
            self.display.show(scene)
            return has_ended, scene

        def has_moved(seen: tuple[bool, Scene]) -> bool:
            has_ended, scene = seen
            return has_ended and scene.in_use == (scene.current,)

        eventually("The switch of the application to the new credential", look, has_moved)

    def _scene(self, number: int, token: str) -> Scene:
        done = {
            record["step"]
            for record in step_records(self.aws, self.log_group_name)
            if record["version_id"] == token and record["outcome"] != "failed"
        }
        report, identity = self.running.report, self.subject.identity
        return Scene(
            credential=self.subject.credential,
            request=self.subject.request,
            rotation=number,
            rotations=self.rotations,
            steps_done=tuple(step for step in STEPS if step in done),
            current=self.secret.value().get(identity),
            previous=self.secret.value("AWSPREVIOUS").get(identity),
            in_use=tuple(report.in_use),
            requests=report.requests,
            failed=report.failed,
        )
