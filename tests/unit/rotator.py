"""A rotation on the fake cloud, with the members of the service that its tests need."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation.attempt import TAG, Attempt, parse
from rotation.errors import ForeignCredential
from rotation.event import Step
from rotation.strategy import Issued
from rotation_conformance.account import Side
from rotation_conformance.rotator import (
    NeverConvergedError,
    OvertakenError,
    assert_converged,
    assert_invariants,
    watched,
)
from rotation_conformance.rotator import Rotation as AnyRotation
from tests.unit.cloud import Maker
from tests.unit.services import IamUser

if TYPE_CHECKING:
    from tests.unit.cloud import Cloud
    from tests.unit.services import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(AnyRotation):
    """The rotation of one secret, in an account with users."""

    cloud: Cloud
    service: Service


@dataclass
class Try:
    """One try of Secrets Manager: all steps, and which one is running."""

    rotation: Rotation
    token: str
    step: Step = Step.CREATE

    def run(self) -> None:
        for step in Step:
            self.step = step
            self.rotation.step(step, self.token)
        self.rotation.secret.last_rotated = self.rotation.cloud.time.now

    def repeat_step(self) -> None:
        """Deliver the step that is running once more."""
        self.rotation.step(self.step, self.token)


class Replaced:
    """Notes each record of an attempt that another delivery replaces without having seen it.

    That is the known limit in docs/design.md: "Two tries between one read and the record, and
    a death". A tag has no conditional write.
    """

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation
        self._seen: dict[int, str | None] = {}
        self._records: list[Attempt] = []

    def __call__(self, _number: int, name: str, side: Side) -> None:
        """Look at each read and each write of the record."""
        secret, thread = self._rotation.secret, threading.get_ident()
        if side is not Side.BEFORE:
            return
        if name == "describe_secret":
            shown = self._rotation.cloud.seen(secret.arn)
            self._seen[thread] = shown.tags.get(TAG) if shown else None
        elif name == "tag_resource" and secret.tags.get(TAG) != self._seen.get(thread):
            record = parse(secret.tags.get(TAG, ""))
            self._records += [record] if isinstance(record, Attempt) else []

    def delete_orphan(self) -> bool:
        """Delete a key that only such a record explains, as an operator does. False: none."""
        service = self._rotation.service
        if not isinstance(service, IamUser):
            return False
        texts = [version.text or "" for version in self._rotation.secret.versions.values()]
        for key in service.keys:
            issued = Issued(identity=key.key_id, owner="", created=key.created)
            named = any(key.key_id in text for text in texts)
            ours = key.maker is Maker.FUNCTION and not named
            if ours and any(record.may_have_made(issued) for record in self._records):
                service.remove_foreign(key.key_id)
                return True
        return False


def complete(
    rotation: Rotation, token: str, replaced: Replaced, *, succeeded: bool = False
) -> bool:
    """Complete a rotation, and return False for the known limit of the design."""
    try:
        converge(rotation, token, succeeded=succeeded)
    except NeverConvergedError as error:
        if not isinstance(error.last, ForeignCredential) or not replaced.delete_orphan():
            raise
    else:
        return True
    converge(rotation, token)
    return False


def converge(rotation: Rotation, token: str, *, succeeded: bool = False) -> None:
    """Retry a rotation that failed as Secrets Manager does, and check that all converges.

    An orphan, or a credential of ours that counts as foreign, would stop the next two rotations.
    """
    rotation.cloud.fuse.arm(watched(rotation))
    if succeeded:
        assert rotation.secret.labels["AWSCURRENT"] == token, "another version is current"
    else:
        # If the function has cancelled it, a rotation with a new version follows.
        with suppress(OvertakenError):
            rotation.retry(token)
        assert_invariants(rotation)
    for _ in range(2):
        rotation.rotate()
        assert_converged(rotation)
