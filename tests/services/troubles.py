"""Rotations on a real database server in trouble, for each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import ConfigurationError, CredentialRejected, ServiceUnavailable
from rotation.event import Step
from rotation_conformance.rotator import assert_converged, assert_invariants, works
from testing.databases import Login
from tests.services.users import watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation_conformance.rotator import Rotation
    from tests.services.users import Users

# The mode, and whether the function has an administrator.
MODES: Final = (
    pytest.param(("single_user", False), id="single_user-itself"),
    pytest.param(("single_user", True), id="single_user", marks=pytest.mark.slow),
    pytest.param(("alternating_users", True), id="alternating_users", marks=pytest.mark.slow),
)


def rotated(users: Users[Any], **arguments: object) -> Rotation:
    """Rotate a secret that had the first value, so that AWSCURRENT and AWSPREVIOUS have one."""
    rotation = users.rotation(**arguments)
    rotation.put_by_hand(users.first_value())
    rotation.rotate()
    return rotation


class Troubles:
    """An error has its class, AWSCURRENT stays, and the retry succeeds."""

    log_in: Callable[..., Any]
    # The beginnings of the statements that change a password.
    changes: tuple[str, ...]

    def test_a_connection_may_be_dropped_before_any_statement(
        self, users: Users[Any], *, runs_slow: bool
    ) -> None:
        statements = 0
        drop = frozenset[int]()

        def reach(_sql: str) -> None:
            nonlocal statements
            statements += 1
            if statements in drop:
                users.server.end_sessions()

        rotation = rotated(users, log_in=watched(self.log_in, reach))

        def rotate_twice() -> int:
            """Let both users have their turn, and return how many tries failed."""
            nonlocal statements
            statements = failed = 0
            for _ in range(2):
                rotation.wait_out_the_overlap()
                token = rotation.stage()
                try:
                    rotation.steps(token)
                except ServiceUnavailable:
                    failed += 1
                    assert_invariants(rotation)
                    rotation.retry(token)
                assert_converged(rotation)
            return failed

        assert rotate_twice() == 0
        numbers = range(1, statements + 1)
        for number in numbers if runs_slow else numbers[:: len(numbers) // 2]:
            drop = frozenset({number})
            assert rotate_twice() == 1, f"statement {number} of {len(numbers)}"

    @pytest.mark.slow
    def test_the_server_may_restart_before_a_change(self, users: Users[Any]) -> None:
        restarted: list[str] = []

        def reach(sql: str) -> None:
            if armed and not restarted and sql.startswith(self.changes):
                restarted.append(sql)
                with users.server.outage():
                    pass

        armed = False
        rotation = rotated(users, log_in=watched(self.log_in, reach))
        armed = True
        self._fails(rotation, ServiceUnavailable, "")
        assert restarted
        self._recovers(rotation)

    def test_a_full_server_is_no_rejection(self, users: Users[Any]) -> None:
        rotation = rotated(users)
        with users.server.full():
            self._fails(rotation, ServiceUnavailable, "raise max_connections")
        self._recovers(rotation)

    def test_a_read_only_server_is_named(self, users: Users[Any]) -> None:
        rotation = rotated(users)
        with users.server.read_only():
            self._fails(rotation, ConfigurationError, "read-only, like a replica")
            assert works(rotation, "AWSCURRENT")
        self._recovers(rotation)

    @pytest.mark.parametrize(
        "known",
        [
            "given-up",
            pytest.param("previous", marks=pytest.mark.slow),
            pytest.param("by-hand", marks=pytest.mark.slow),
        ],
    )
    def test_the_server_may_have_another_password_than_the_current_one(
        self, known: str, users: Users[Any]
    ) -> None:
        """A rotation was cancelled, a snapshot was restored, or an operator set a password."""
        rotation = rotated(users)
        token = rotation.stage()
        rotation.wait_out_the_overlap()
        rotation.step(Step.CREATE, token)
        given_up = rotation.secret.value("AWSPENDING")["password"]
        rotation.give_up()
        passwords = {
            "given-up": given_up,
            "previous": rotation.secret.value("AWSPREVIOUS")["password"],
            "by-hand": "set by hand",
        }
        users.set_password(Login(rotation.secret.value()["username"], passwords[known]))
        assert not works(rotation, "AWSCURRENT")
        if known == "by-hand" and not users.administered:
            self._fails(rotation, CredentialRejected, "accepts none of the passwords")
            return
        rotation.rotate()
        assert_converged(rotation)

    def _fails(self, rotation: Rotation, error: type[Exception], says: str) -> None:
        rotation.wait_out_the_overlap()
        current = rotation.secret.current_text()
        with pytest.raises(error, match=says):
            rotation.steps(rotation.stage())
        assert rotation.secret.current_text() == current

    def _recovers(self, rotation: Rotation) -> None:
        assert_invariants(rotation)
        rotation.rotate()
        assert_converged(rotation)
