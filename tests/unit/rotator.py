"""A rotation on the fake cloud, with the members of the service that its tests need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation_conformance.rotator import Rotation as AnyRotation

if TYPE_CHECKING:
    from tests.unit.cloud import Cloud
    from tests.unit.services import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(AnyRotation):
    """The rotation of one secret, in an account with users."""

    cloud: Cloud
    service: Service
