"""What Secrets Manager does with a rotation function, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeAlias

from rotation.aws import Clients
from rotation.engine import Engine, Outcome
from rotation.errors import ProtocolError, RotationError
from rotation.event import Event, Step
from rotation.secret import Secret
from rotation.strategies import Generator, Issuer
from tests.unit.cloud import Cloud, FakeClients, Killed, Maker, StoredSecret, StoredVersion

MakeStrategy: TypeAlias = Callable[[Clients], Generator | Issuer]

TRIES = 5
RETRY_SECONDS = 60


class OvertakenError(Exception):
    """The rotation was ended, because a person has put or promoted another value since."""


class NeverConvergedError(AssertionError):
    def __init__(self, last: BaseException | None) -> None:
        super().__init__(f"{TRIES} tries with one token did not complete; the last: {last!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One secret under rotation. Each step has a process of its own, as after a cold start."""

    cloud: Cloud
    secret: StoredSecret
    strategy: MakeStrategy
    works: Callable[[Any], bool]
    constants: Mapping[str, str] = field(default_factory=dict)
    minimum_overlap: timedelta = timedelta(hours=1)
    timeout: float = 120

    def stage(self) -> str:
        """Begin as RotateSecret does: a version without a value, labelled AWSPENDING.

        "A previous rotation isn't complete. That rotation will be reattempted."
        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
        """
        labels = self.secret.labels
        pending = labels.get("AWSPENDING")
        if pending is not None and pending != labels.get("AWSCURRENT"):
            return pending
        token = self.cloud.new_token()
        self.secret.versions[token] = StoredVersion(created=self.cloud.time.now)
        self.secret.attach("AWSPENDING", token)
        return token

    def give_up(self) -> None:
        """Remove AWSPENDING, as CancelRotateSecret's documentation tells operators to."""
        self.secret.labels.pop("AWSPENDING", None)

    def step(
        self,
        step: Step,
        token: str,
        *,
        clients: FakeClients | None = None,
        rotation_token: str | None = None,
    ) -> Outcome:
        self.cloud.fuse.revive()
        clients = clients or FakeClients(self.cloud)
        engine = Engine(
            Secret(clients, self.secret.arn, constants=self.constants),
            self.strategy(clients),
            clock=self.cloud.time.invoked(self.timeout),
            minimum_overlap=self.minimum_overlap,
        )
        return engine.run(
            Event(step=step, secret_arn=self.secret.arn, token=token, rotation_token=rotation_token)
        )

    def steps(self, token: str) -> list[Outcome]:
        """Try once: all four steps, up to the first that fails."""
        outcomes = [self.step(step, token) for step in Step]
        self.secret.last_rotated = self.cloud.time.now
        return outcomes

    def retry(self, token: str) -> None:
        """Repeat the whole rotation with the same token until it succeeds."""
        last: BaseException | None = None
        for _ in range(TRIES):
            try:
                self.steps(token)
            except (Killed, RotationError) as error:
                if isinstance(error, ProtocolError) and "AWSPENDING" not in self.secret.labels:
                    raise OvertakenError from None
                last = error
                self.cloud.time.advance(RETRY_SECONDS)
            else:
                return
        raise NeverConvergedError(last)

    def rotate(self) -> str:
        """Rotate once, without trouble, after every overlap is over.

        Where a person has overtaken the rotation that RotateSecret takes up again, the owner
        starts a new one, as the error says.
        """
        self.wait_out_the_overlap()
        token = self.stage()
        try:
            self.retry(token)
        except OvertakenError:
            token = self.stage()
            self.retry(token)
        return token

    def put_by_hand(self, text: str) -> None:
        """Put a value as a person does: it becomes AWSCURRENT, and AWSPENDING stays put."""
        token = self.cloud.new_token()
        self.secret.versions[token] = StoredVersion(created=self.cloud.time.now, text=text)
        self.secret.attach("AWSCURRENT", token)

    def wait_out_the_overlap(self) -> None:
        self.cloud.time.advance(self.minimum_overlap.total_seconds() + 1)

    def changed(self, strategy: MakeStrategy) -> Rotation:
        """Give the same secret another strategy, or another owner."""
        return replace(self, strategy=strategy)


def assert_converged(rotation: Rotation) -> None:
    """One current that works, at most one previous, no orphan, no foreign key touched."""
    secret, cloud = rotation.secret, rotation.cloud
    assert set(secret.labels) <= {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}
    current = secret.labels["AWSCURRENT"]
    assert secret.labels.get("AWSPENDING", current) == current
    assert secret.labels.get("AWSPREVIOUS") != current
    assert_current_works(rotation)
    named = {
        value["AccessKeyId"]
        for label in ("AWSCURRENT", "AWSPREVIOUS")
        if label in secret.labels and isinstance(value := secret.value(label), dict)
        if "AccessKeyId" in value
    }
    ours = {
        key.key_id for keys in cloud.users.values() for key in keys if key.maker is Maker.FUNCTION
    }
    assert ours <= named, "an orphan was left"
    assert_foreign_untouched(rotation)


def assert_current_works(rotation: Rotation) -> None:
    text = rotation.secret.current_text()
    if text is not None:
        value = rotation.secret.value()
        assert rotation.works(value), "AWSCURRENT holds what no service accepts"


def assert_foreign_untouched(rotation: Rotation) -> None:
    touched = [key for key in rotation.cloud.destroyed if key.maker is Maker.OPERATOR]
    assert touched == []
