"""The statements that change a password."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from rotation.services.mysql.passwords import expression
from rotation.services.mysql.quoting import literal

if TYPE_CHECKING:
    from rotation.services.mysql.quoting import Account

# The first of the two statements may be refused with it, because the history forbids its password,
# which is the account's own. The second one must be sent all the same.
IN_HISTORY: Final = 3638


def lock(account: Account, *, wait_seconds: int, idle_seconds: int) -> tuple[str, str]:
    """Return the statements before a change. The second one returns 1: it has the lock.

    The lock ends with the session. Lambda may freeze a function, and its session then stays open,
    until it has been idle for so long: https://dev.mysql.com/doc/refman/8.0/en/locking-functions.html

    Args:
        account: whose password changes.
        wait_seconds: how long to wait for the lock, and each statement for those of others. By
            default, a statement of a function that has ended could take effect a year later.
        idle_seconds: after how long without a statement the server ends the session.
    """
    # At most 64 characters, which the server compares without case.
    name = "rotation-" + sha256(str(account).encode()).hexdigest()[:32]
    return (
        f"SET SESSION wait_timeout = {idle_seconds}, lock_wait_timeout = {max(wait_seconds, 1)}",
        f"SELECT GET_LOCK({literal(name)}, {wait_seconds})",
    )


def retain(account: Account, *, current: str | None, pending: str) -> tuple[str, ...]:
    """Return the statements after which MySQL from 8.0.14 on accepts both passwords.

    They are for a server that does not accept the pending one yet, and only under the lock: each
    statement forgets the older of the two passwords that the server had. Whichever these were, the
    current one is among them before, between and after the two statements. With the second one
    alone, a repetition would forget it. If the current one is not known, the second one alone keeps
    the password that the server has.

    https://dev.mysql.com/doc/refman/8.0/en/password-management.html#dual-passwords
    """
    known = [pending] if current is None else [current, pending]
    return tuple(
        f"ALTER USER {account} IDENTIFIED BY {literal(one)} RETAIN CURRENT PASSWORD"
        for one in known
    )


def discard(account: Account) -> str:
    """Return the statement after which MySQL from 8.0.14 on accepts only the newer password."""
    return f"ALTER USER {account} DISCARD OLD PASSWORD"


def only(account: Account, current: str) -> tuple[str, str]:
    """Return the statements after which MySQL from 8.0.14 on accepts only the current password.

    Whichever two passwords it had, the current one is the newer of them after the first statement.
    """
    return f"ALTER USER {account} IDENTIFIED BY {literal(current)}", discard(account)


def set_password(account: Account, password: str, *, plugin: str, hashed: bool = True) -> str:
    """Return the statement that gives an account of MariaDB a password, and keeps its plugin.

    ALTER USER would change the plugin, and write the password into the logs of the server.

    Args:
        account: whose password changes.
        password: its new password.
        plugin: one of passwords.STORED, as in the account's Definition.
        hashed: whether the statement has a hash in place of the password.
    """
    return f"SET PASSWORD FOR {account} = {expression(password, plugin, hashed=hashed)}"
