"""The suite for custom rotators on the users of a real database server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from rotation_conformance import Conformance, ServiceUnderTest

if TYPE_CHECKING:
    from rotation_conformance import Begin
    from rotation_conformance.rotator import Rotation


class Users(ServiceUnderTest, Protocol):
    """One application's users."""

    def first_value(self) -> str:
        """Return the value that an operator puts before the first rotation."""


class DatabaseSuite(Conformance):
    """The suite for one mode."""

    public = frozenset({"dbname", "username"})
    mode: str
    administered = True

    @pytest.fixture
    def begin(self, service: Users) -> Begin:
        begin = self._beginning(service)
        if self.administered:
            return begin

        # The user changes its own password, so the secret must have it.
        def begin_with_a_value() -> Rotation:
            rotation = begin()
            rotation.put_by_hand(service.first_value())
            return rotation

        return begin_with_a_value
