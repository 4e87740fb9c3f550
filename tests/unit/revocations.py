"""How the unit tests ask for a revocation, and what must hold when it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rotation.event import REVOCATION_TOKEN
from rotation.response import TIME_FORMAT
from rotation.secret import REVOCATION_TAG
from rotation_conformance.rotator import assert_converged
from tests.unit.subjects import prepared

if TYPE_CHECKING:
    from rotation_conformance.rotator import Rotation as AnyRotation
    from tests.unit.rotator import Rotation

REQUESTED: Final = "leaked"


def revocable(subject: str, state: str) -> Rotation:
    """Prepare a secret whose overlap is not over."""
    rotation = replace(prepared(subject, state), revocable=True)
    rotation.secret.last_rotated = rotation.cloud.time.now
    return rotation


def report(rotation: AnyRotation, label: str = "AWSCURRENT") -> None:
    """Write the request, as a responder does."""
    time = rotation.cloud.time.now.strftime(TIME_FORMAT)
    rotation.secret.tags[REVOCATION_TAG] = f"{REQUESTED} {rotation.secret.labels[label]} {time}"


def start(rotation: AnyRotation) -> str:
    """Start the rotation, as a responder does: its token says that there is a request."""
    drawn = rotation.stage()
    if drawn.startswith(REVOCATION_TOKEN):
        return drawn
    token = REVOCATION_TOKEN + drawn[len(REVOCATION_TOKEN) :]
    rotation.secret.versions[token] = rotation.secret.versions.pop(drawn)
    rotation.secret.labels["AWSPENDING"] = token
    return token


def assert_revoked(rotation: AnyRotation, token: str, leaked: str) -> None:
    """Check that the service accepts only the successor, and that the tag says so."""
    assert_converged(rotation)
    secret, service = rotation.secret, rotation.service
    assert secret.labels["AWSCURRENT"] == token
    assert secret.tags[REVOCATION_TAG].startswith(f"done {leaked} ")
    current = secret.value()
    assert service.ours() <= {service.identity(current)}
    others = [value for value in secret.values() if value != current]
    assert not any(service.works(value) for value in others if _has_form(rotation, value))


def _has_form(rotation: AnyRotation, value: object) -> bool:
    strategy = rotation.strategy(rotation.cloud.clients())
    return strategy.parse(value) is not None  # type: ignore[arg-type]
