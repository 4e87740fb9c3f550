"""Accounts as SHOW CREATE USER writes them, and the statement that makes another one the same.

https://dev.mysql.com/doc/refman/8.0/en/create-user.html
https://mariadb.com/kb/en/create-user/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from rotation.services.mysql import passwords
from rotation.services.mysql.packets import NoMysqlError
from rotation.services.mysql.plugins import CACHING_SHA2, NATIVE, SHA256, PluginError
from rotation.services.mysql.quoting import literal
from rotation.services.mysql.tokens import find, join, split, tokens, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotation.services.mysql.quoting import Account

_MYSQL_PLUGINS: Final = {CACHING_SHA2, NATIVE, SHA256}
# The first words of the clauses after the password, in the order in which a statement has them,
# each with the default, which a server does not always write. An attribute has none: a statement
# can only add to it.
_CLAUSES: Final = {
    ("REQUIRE",): "REQUIRE NONE",
    ("WITH",): "",
    ("PASSWORD", "EXPIRE"): "PASSWORD EXPIRE DEFAULT",
    ("ACCOUNT",): "ACCOUNT UNLOCK",
    ("PASSWORD", "HISTORY"): "PASSWORD HISTORY DEFAULT",
    ("PASSWORD", "REUSE"): "PASSWORD REUSE INTERVAL DEFAULT",
    ("PASSWORD", "REQUIRE"): "PASSWORD REQUIRE CURRENT DEFAULT",
    ("FAILED_LOGIN_ATTEMPTS",): "FAILED_LOGIN_ATTEMPTS 0",
    ("PASSWORD_LOCK_TIME",): "PASSWORD_LOCK_TIME 0",
    ("ATTRIBUTE",): "",
}
_EXPIRED: Final = "PASSWORD EXPIRE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """How an account logs in, and the rules for it. Its password is not kept."""

    mariadb: bool
    plugin: str
    default_roles: frozenset[str]
    clauses: Mapping[tuple[str, ...], str]
    limits: Mapping[str, str]

    @classmethod
    def parse(cls, sql: str) -> Self:
        """Read the reply to `show`.

        Raises:
            NoMysqlError: It is not as documented.
            PluginError: The account does not log in with one password that can be set here.
        """
        parts = tokens(sql)
        start = find(parts, "IDENTIFIED")
        if parts[:2] != ["CREATE", "USER"]:
            raise NoMysqlError
        if start < 0:
            raise PluginError
        mariadb, plugin, start = _plugin(parts, start + 1)
        default_roles: frozenset[str] = frozenset()
        if parts[start : start + 2] == ["DEFAULT", "ROLE"]:
            end = start + 2
            while end < len(parts) and _clause(parts, end) is None:
                end += 1
            default_roles = frozenset(join(role) for role in split(parts[start + 2 : end]))
            start = end
        clauses = _clauses(parts, start)
        limits = tokens(clauses.pop(("WITH",), "WITH"))[1:]
        if len(limits) % 2:
            raise NoMysqlError
        # An expired password is not a rule: the new password has not expired.
        if clauses.get(("PASSWORD", "EXPIRE")) == _EXPIRED:
            del clauses["PASSWORD", "EXPIRE"]
        return cls(
            mariadb=mariadb,
            plugin=plugin,
            default_roles=default_roles,
            clauses=clauses,
            limits=dict(zip(limits[::2], limits[1::2], strict=True)),
        )

    def statement(
        self, account: Account, password: str, *, before: Definition | None, hashed: bool = True
    ) -> str:
        """Return the statement that makes an account the same, but with this password.

        Args:
            account: the account to create or to change.
            password: its password from now on.
            before: its definition; None: it does not exist.
            hashed: whether MariaDB receives a hash. MySQL always receives the password.
        """
        old = before or self
        clauses = {name: text for name, text in _CLAUSES.items() if name in old.clauses}
        clauses = {name: text for name, text in clauses.items() if text} | dict(self.clauses)
        limits = dict.fromkeys(old.limits, "0") | dict(self.limits)
        clauses["WITH",] = " ".join(["WITH", *(f"{key} {limits[key]}" for key in limits)])
        if not limits:
            del clauses["WITH",]
        verb = "ALTER" if before else "CREATE"
        head = f"{verb} USER {account} IDENTIFIED {self._authentication(password, hashed=hashed)}"
        return " ".join([head, *(clauses[name] for name in _CLAUSES if name in clauses)])

    def _authentication(self, password: str, *, hashed: bool) -> str:
        if self.mariadb:
            stored = passwords.expression(password, self.plugin, hashed=hashed)
            return f"VIA {self.plugin} USING {stored}"
        return f"WITH {self.plugin} BY {literal(password)}"


def hosts(user: str) -> str:
    """Return the statement that lists the hosts of a user's accounts. A role has an empty one."""
    return f"SELECT Host FROM mysql.user WHERE User = {literal(user)}"  # noqa: S608 -- it is quoted


def show(account: Account) -> str:
    """Return the statement that shows an account.

    MySQL must show a stored password as a hexadecimal number, because it may have any bytes. So
    HEXADECIMAL must come first. MySQL before 8.0.17 and MariaDB reject it with errno 1193.
    """
    return f"SHOW CREATE USER {account}"


HEXADECIMAL: Final = "SET SESSION print_identified_with_as_hex = ON"


def _plugin(parts: Sequence[str], at: int) -> tuple[bool, str, int]:
    """Return whether it is MariaDB's form, the plugin, and where the next clause begins."""
    words = [*parts[at : at + 5], *[""] * 5]
    mariadb, plugin = words[0] != "WITH", unquote(words[1])
    if words[:2] == ["BY", "PASSWORD"]:
        plugin, at = "mysql_native_password", at + 3
    elif words[0] in {"WITH", "VIA"}:
        at += 4 if words[2] in {"AS", "USING"} else 2
    else:
        raise NoMysqlError
    known = passwords.STORED if mariadb else _MYSQL_PLUGINS
    if plugin not in known or parts[at : at + 1] in (["AND"], ["OR"]):
        raise PluginError(plugin)
    return mariadb, plugin, at


def _clauses(parts: Sequence[str], at: int) -> dict[tuple[str, ...], str]:
    clauses: dict[tuple[str, ...], list[str]] = {}
    name: tuple[str, ...] | None = None
    while at < len(parts):
        found = _clause(parts, at)
        name = found or name
        if name is None:
            raise NoMysqlError
        end = at + len(found or ("",))
        clauses.setdefault(name, []).extend(parts[at:end])
        at = end
    return {name: join(words) for name, words in clauses.items()}


def _clause(parts: Sequence[str], at: int) -> tuple[str, ...] | None:
    for name in _CLAUSES:
        if tuple(parts[at : at + len(name)]) == name:
            return name
    return None
