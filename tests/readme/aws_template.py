"""The rotations of AWS's templates for databases, and the example that takes their secret over."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rotation_conformance.account import StoredVersion
from rotation_conformance.rotator import assert_converged
from tests.readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rotation_conformance.rotator import Rotation

USER = "app"
CLONE = f"{USER}_clone"

each_way_to_give_up = pytest.mark.parametrize(
    "gives_up", [True, pytest.param(False, marks=pytest.mark.slow)]
)
each_single_user = pytest.mark.parametrize(
    ("mode", "administered"),
    [
        ("single_user", False),
        pytest.param("single_user", True, marks=pytest.mark.slow),
        pytest.param("alternating_users", True, marks=pytest.mark.slow),
    ],
)


def replace_rotation(example: Path, engine: str = "mysql") -> None:
    """Let a copy of the example have the other rotation on its page.

    https://developer.hashicorp.com/terraform/language/files/override
    """
    rotation = block("plan", "from-aws-template").replace('"mysql"', f'"{engine}"')
    text = f'module "rotating_secret" {{\n{rotation}}}\n'
    (example / "rotation_override.tf").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Template(ABC):
    """Does to the secret and to the server the same as a template."""

    rotation: Rotation
    alternates: bool

    def rotate(self) -> None:
        """Rotate once."""
        self.rotation.secret.attach("AWSCURRENT", self.begin("set"))

    def begin(self, reached: str) -> str:
        """Rotate up to a point, and return the pending version.

        Args:
            reached: "staged", without a value; "stored", with one; or how far the server has it.
        """
        token, secret = self.rotation.stage(), self.rotation.secret
        if reached == "staged":
            return token
        current = secret.value("AWSCURRENT")
        clone = USER if current["username"] == CLONE else CLONE
        user = clone if self.alternates else USER
        pending = {**current, "username": user, "password": f"of-the-template-{token}"}
        secret.versions[token] = StoredVersion(
            created=self.rotation.cloud.time.now, text=json.dumps(pending)
        )
        if reached != "stored":
            self.set(pending, current, reached)
        return token

    def move(self, unfinished: str, *, gives_up: bool) -> None:
        """Rotate once, leave the next rotation unfinished, and take the secret over."""
        self.rotate()
        if unfinished:
            self.begin(unfinished)
        if gives_up:
            self.rotation.give_up()
        for _ in range(2):
            self.rotation.rotate()
            assert_converged(self.rotation)

    @abstractmethod
    def set(self, pending: Mapping[str, str], current: Mapping[str, str], reached: str) -> None:
        """Do what the step setSecret does on the server, up to a point."""
