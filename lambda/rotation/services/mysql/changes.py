"""The statements that change a password."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from rotation.services.mysql.passwords import STORED
from rotation.services.mysql.quoting import literal

if TYPE_CHECKING:
    from rotation.services.mysql.quoting import Account

# The first of the two statements may be refused with it, because the history forbids its password,
# which is the account's own. The second one must be sent all the same.
IN_HISTORY: Final = 3638


def locked(account: Account, *, wait_seconds: int, idle_seconds: int) -> tuple[str, str]:
    """Return the statements before those of `retained`. The second one returns 1: it has the lock.

    The lock ends with the session. Lambda may freeze a function, and its session then stays open,
    until it has been idle for so long: https://dev.mysql.com/doc/refman/8.0/en/locking-functions.html

    Args:
        account: whose password changes.
        wait_seconds: how long to wait for the lock.
        idle_seconds: after how long without a statement the server ends the session.
    """
    # At most 64 characters, which the server compares without case.
    name = "rotation-" + sha256(str(account).encode()).hexdigest()[:32]
    return (
        f"SET SESSION wait_timeout = {idle_seconds}",
        f"SELECT GET_LOCK({literal(name)}, {wait_seconds})",
    )


def retained(account: Account, *, current: str, pending: str) -> tuple[str, str]:
    """Return the two statements after which MySQL from 8.0.14 on accepts both passwords.

    They are for a server that does not accept the pending one yet, and only under the lock: each
    statement forgets the older of the two passwords that the server had. Whichever these were, the
    current one is among them before, between and after the two statements. With the second one
    alone, a repetition would forget it.

    https://dev.mysql.com/doc/refman/8.0/en/password-management.html#dual-passwords
    """
    return _retaining(account, current), _retaining(account, pending)


def set_stored(account: Account, password: str, *, plugin: str) -> str:
    """Return the statement that gives an account of MariaDB a password, and keeps its plugin.

    ALTER USER would change the plugin, and write the password into the logs of the server.

    Args:
        account: whose password changes.
        password: its new password, which is not in the statement.
        plugin: one of passwords.STORED, as in the account's Definition.
    """
    return f"SET PASSWORD FOR {account} = {literal(STORED[plugin](password))}"


def _retaining(account: Account, password: str) -> str:
    return f"ALTER USER {account} IDENTIFIED BY {literal(password)} RETAIN CURRENT PASSWORD"
