"""Rotations on a real database server in trouble, for each mode."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    RotationError,
    ServiceUnavailable,
)
from rotation.event import Step
from rotation_conformance.account import each_stale
from rotation_conformance.rotator import assert_converged, assert_invariants, works
from testing.databases import Login
from tests.services.users import S, watched

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


def rotate_as(
    kind: type[Users[S]], server: S, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotate as a user, in the modes that write its name and its password into statements."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
    for mode, administered in (("alternating_users", True), ("single_user", False)):
        users = kind(server, mode, administered=administered, first=login)
        rotation = rotated(users)
        rotation.rotate()
        assert_converged(rotation)
        users.remove()


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

    def test_reads_of_the_secret_may_be_stale(self, users: Users[Any], *, runs_slow: bool) -> None:
        """Each shows what was true up to ten seconds earlier, and each step is delivered twice."""
        rotation = rotated(users)
        for seed in range(20 if runs_slow else 1):
            drawn = random.Random(seed)  # noqa: S311 -- no secret is made
            lags = iter(partial(drawn.uniform, 0, 10), None)
            for _ in range(2):  # Both users have their turn.
                rotation.wait_out_the_overlap()
                token = rotation.stage()
                rotation.cloud.fuse.arm(each_stale(rotation.cloud, lags))
                rotation.steps(token)
                for step in Step:
                    with suppress(RotationError):
                        rotation.step(step, token)
                rotation.cloud.fuse.arm()
                assert rotation.secret.labels["AWSCURRENT"] == token
                assert_converged(rotation)

    @pytest.mark.slow
    def test_a_delivery_goes_on_wherever_lambda_froze_another_one(self, users: Users[Any]) -> None:
        statements = number = frozen = went_on = 0

        def reach(_sql: str) -> None:
            nonlocal statements, frozen, went_on
            statements += 1
            if statements == number:
                frozen += 1
                rotation.steps(token)
                went_on += 1

        rotation = rotated(users, log_in=watched(self.log_in, reach))
        while frozen or not number:
            number += 1
            frozen = went_on = 0
            for _ in range(2):  # Both users have their turn.
                statements = 0
                rotation.wait_out_the_overlap()
                token = rotation.stage()
                # The first delivery may fail, because the second one has ended the rotation.
                with suppress(RotationError):
                    rotation.steps(token)
                assert_converged(rotation)
            assert went_on == frozen, f"statement {number}"
        assert number > 1

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
        self._fails(rotation, ServiceUnavailable, None)
        assert restarted
        self._recovers(rotation)

    def test_a_full_server_is_not_a_rejection(self, users: Users[Any]) -> None:
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

    def _fails(self, rotation: Rotation, error: type[Exception], says: str | None) -> None:
        rotation.wait_out_the_overlap()
        current = rotation.secret.current_text()
        with pytest.raises(error, match=says):
            rotation.steps(rotation.stage())
        assert rotation.secret.current_text() == current

    def _recovers(self, rotation: Rotation) -> None:
        assert_invariants(rotation)
        rotation.rotate()
        assert_converged(rotation)
