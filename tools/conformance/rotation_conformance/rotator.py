"""Runs a rotation as Secrets Manager does, and checks what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from rotation.api import Clients, Generator, Issuer, Replacer, RotationError, Setter
from rotation.engine import Engine, Outcome
from rotation.errors import TooSoon
from rotation.event import Event, Step, WatcherRequest
from rotation.secret import Secret
from rotation_conformance.account import Account, Killed, Side, StoredSecret, StoredVersion, Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MakeStrategy: TypeAlias = Callable[[Clients], Generator | Issuer]
Content: TypeAlias = Any  # The JSON of a secret.

TRIES = 5
RETRY_SECONDS = 60


class OvertakenError(Exception):
    """The function has cancelled the rotation. The next one begins with a new version."""


class NeverConvergedError(AssertionError):
    def __init__(self, last: BaseException | None) -> None:
        super().__init__(f"{TRIES} tries with one token did not finish; the last: {last!r}")
        self.last = last


class Service(Protocol):
    """The service that accepts the credentials, as an application and an operator see it."""

    @property
    def slots(self) -> int | None:
        """How many credentials it has room for; None: any number."""
        return None

    def works(self, value: Content) -> bool:
        """Say whether the service accepts this value of the secret now."""

    def identity(self, value: Content) -> str:
        """Return the identity of the credential in a value, as `ours` does."""

    def ours(self) -> set[str]:
        """Return the identities of the credentials that the function made and can find."""
        return set()

    def foreign_lost(self) -> Collection[str]:
        """Return the identities of the operator's credentials that the function retired."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The rotation of one secret. Each step has a process of its own, as after a cold start."""

    cloud: Account
    secret: StoredSecret
    strategy: MakeStrategy
    service: Service
    constants: Mapping[str, str] = field(default_factory=dict)
    minimum_overlap: timedelta = timedelta(hours=1)
    timeout: float = 120
    revocable: bool = False
    give_up_after: timedelta | None = None
    # The versions whose value a setSecret step has set on the service.
    set_versions: set[str] = field(default_factory=set)

    def stage(self) -> str:
        """Start as RotateSecret does: a version without a value, with the label AWSPENDING.

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
        """Remove AWSPENDING, as the documentation of CancelRotateSecret advises."""
        self.secret.labels.pop("AWSPENDING", None)

    def step(
        self,
        step: Step | WatcherRequest,
        token: str,
        *,
        clients: Clients | None = None,
        rotation_token: str | None = None,
    ) -> Outcome:
        self.cloud.fuse.revive()
        clients = clients or self.cloud.clients()
        event = Event(
            step=step, secret_arn=self.secret.arn, token=token, rotation_token=rotation_token
        )
        with self.cloud.time.invocation(self.timeout) as clock:
            engine = Engine(
                Secret(clients, self.secret.arn, constants=self.constants),
                self.strategy(clients),
                clock=clock,
                minimum_overlap=self.minimum_overlap,
                revocable=self.revocable,
                give_up_after=self.give_up_after,
            )
            outcome = engine.run(event)
        if step is Step.SET:
            self.set_versions.add(token)
        return outcome

    def steps(self, token: str) -> list[Outcome]:
        """Try once: all four steps, up to the first one that fails."""
        outcomes = [self.step(step, token) for step in Step]
        self.secret.last_rotated = self.cloud.time.now
        return outcomes

    def retry(self, token: str) -> None:
        """Retry the whole rotation with the same token until it succeeds."""
        last: BaseException | None = None
        for _ in range(TRIES):
            try:
                self.steps(token)
            except (Killed, RotationError) as error:
                if isinstance(error, RotationError) and "AWSPENDING" not in self.secret.labels:
                    raise OvertakenError from None
                last = error
                self.cloud.time.advance(RETRY_SECONDS)
            else:
                return
        raise NeverConvergedError(last)

    def rotate(self) -> str:
        """Rotate once, without trouble, after every overlap is over.

        If the function cancels the rotation that RotateSecret retries, start a new one, as the
        error says. After a rollback by hand, the overlap counts from the first try that sees it.
        """
        self.wait_out_the_overlap()
        token = self.stage()
        for _ in range(2):
            try:
                self.retry(token)
            except OvertakenError:
                self.wait_out_the_overlap()
                token = self.stage()
            except NeverConvergedError as error:
                if not isinstance(error.last, TooSoon):
                    raise
                self.wait_out_the_overlap()
            else:
                return token
        self.retry(token)
        return token

    def test_only(self) -> None:
        """Turn rotation on without rotating: only testSecret, on a version that is then removed.

        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
        """
        token = self.cloud.new_token()
        self.secret.versions[token] = StoredVersion(
            created=self.cloud.time.now, text=self.secret.current_text()
        )
        self.secret.attach("AWSPENDING", token)
        try:
            self.step(Step.TEST, token)
        finally:
            self.give_up()

    def put_by_hand(self, text: str) -> None:
        """Put a value as an operator does: it becomes AWSCURRENT, and AWSPENDING stays."""
        self.cloud.time.advance(1)
        token = self.cloud.new_token()
        self.secret.versions[token] = StoredVersion(created=self.cloud.time.now, text=text)
        self.secret.attach("AWSCURRENT", token)

    def wait_out_the_overlap(self) -> None:
        self.cloud.time.advance(self.minimum_overlap.total_seconds() + 1)

    def changed(self, strategy: MakeStrategy) -> Self:
        """Return the rotation of the same secret by another strategy, or for another owner."""
        return replace(self, strategy=strategy)


def works(rotation: Rotation, label: str) -> bool:
    """Say whether the service accepts the version with a label."""
    value = _written(rotation, label)
    return value is not None and rotation.service.works(value)


def _written(rotation: Rotation, label: str) -> Content | None:
    """Read a value that the function may have written; None: it has another form."""
    value = rotation.secret.value(label)
    if isinstance(value, dict):
        return value if value.items() >= rotation.constants.items() else None
    return None if rotation.constants else value


def watched(rotation: Rotation) -> Trouble:
    """Check the invariants after every single call."""

    def watch(_number: int, _name: str, side: Side) -> None:
        if side is Side.AFTER:
            assert_invariants(rotation)

    return watch


def assert_invariants(rotation: Rotation) -> None:
    """Check what must hold at any time, also in the middle of a rotation."""
    assert_current_works(rotation)
    assert_foreign_untouched(rotation)
    labels, service = rotation.secret.labels, rotation.service
    assert set(labels) <= {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}, f"labels are {set(labels)}"
    assert set(labels.values()) <= rotation.secret.versions.keys(), "a label is on no version"
    assert "AWSPREVIOUS" not in labels or labels["AWSPREVIOUS"] != labels["AWSCURRENT"], (
        "AWSPREVIOUS and AWSCURRENT are on one version"
    )
    assert service.slots is None or len(service.ours()) <= service.slots, (
        f"the service has {len(service.ours())} credentials, and room for {service.slots}"
    )


def assert_converged(rotation: Rotation) -> None:
    """Check what must hold after a rotation: nothing is pending, and no orphan is left."""
    assert_invariants(rotation)
    assert works(rotation, "AWSCURRENT"), "the service does not accept the value of AWSCURRENT"
    secret = rotation.secret
    current = secret.labels["AWSCURRENT"]
    assert secret.labels.get("AWSPENDING", current) == current, "another version is AWSPENDING"
    values = [_written(rotation, label) for label in secret.labels]
    named = {rotation.service.identity(value) for value in values if value is not None}
    orphans = rotation.service.ours() - named
    assert not orphans, (
        "an orphan was left: the service has a credential that no labelled version has"
    )


def assert_current_works(rotation: Rotation) -> None:
    if rotation.secret.current_text() is None or _public_too_early(rotation):
        return
    assert works(rotation, "AWSCURRENT") or _replaced(rotation), (
        "the service does not accept the value of AWSCURRENT"
    )


def _replaced(rotation: Rotation) -> bool:
    """Say whether the service accepts one value at a time, and has that of another version.

    It gets the next value right before the promotion. If someone then cancels the rotation, that
    version has no label any more.
    """
    strategy = rotation.strategy(rotation.cloud.clients())
    if not isinstance(strategy, Replacer):
        return False
    values = [value for value in rotation.secret.values() if strategy.parse(value)]
    return any(rotation.service.works(value) for value in values)


def _public_too_early(rotation: Rotation) -> bool:
    """Say whether AWSCURRENT is a first value that setSecret has yet to set on the service.

    Secrets Manager makes it AWSCURRENT when it is stored, and setSecret comes after that.
    """
    labels = rotation.secret.labels
    return (
        "AWSPREVIOUS" not in labels
        and labels["AWSCURRENT"] not in rotation.set_versions
        and isinstance(rotation.strategy(rotation.cloud.clients()), Setter | Replacer)
    )


def assert_foreign_untouched(rotation: Rotation) -> None:
    assert not rotation.service.foreign_lost(), "a credential of an operator was retired"
