"""Privileges as SHOW GRANTS writes them, and the statements that give another account the same.

https://dev.mysql.com/doc/refman/8.0/en/show-grants.html
https://mariadb.com/kb/en/show-grants/

The lines of two accounts cannot be compared: SELECT and INSERT on one place are one line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from rotation.services.mysql.packets import NoMysqlError
from rotation.services.mysql.tokens import find, join, split, tokens, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rotation.services.mysql.quoting import Account

_ALL: Final = "ALL PRIVILEGES"
_OPTION: Final = "GRANT OPTION"
_NONE: Final = "USAGE"
# ALL PRIVILEGES means these. A server that has more of them shows afterwards which are left.
_OF_TABLE: Final = frozenset(
    {
        *("ALTER", "CREATE", "CREATE VIEW", "DELETE", "DROP", "INDEX", "INSERT", "REFERENCES"),
        *("SELECT", "SHOW VIEW", "TRIGGER", "UPDATE"),
    }
)
_OF_DATABASE: Final = _OF_TABLE | {
    *("ALTER ROUTINE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "EVENT", "EXECUTE"),
    "LOCK TABLES",
}
_OF_SERVER: Final = _OF_DATABASE | {
    *("CREATE TABLESPACE", "CREATE USER", "FILE", "PROCESS", "RELOAD", "REPLICATION CLIENT"),
    *("REPLICATION SLAVE", "SHOW DATABASES", "SHUTDOWN", "SUPER"),
}


class PartialRevokeError(Exception):
    """The account has partial revokes of MySQL, which are not copied."""


class Place(NamedTuple):
    """Where a privilege holds. A dynamic privilege of MySQL has a GRANT OPTION of its own."""

    on: str
    dynamic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """All that an account may do.

    Columns are privileges of their own, such as "SELECT (`a`)", and so is GRANT OPTION.
    """

    privileges: Mapping[Place, frozenset[str]]
    # Whether the account may give a role to others.
    roles: Mapping[str, bool]
    default_roles: frozenset[str]

    @classmethod
    def parse(cls, lines: Iterable[str], account: Account) -> Self:
        """Read the reply to `show`. Lines about others, such as PUBLIC, are left out.

        MySQL writes default roles elsewhere: see Definition.

        Raises:
            NoMysqlError: A line is not as documented.
            PartialRevokeError: The account has partial revokes.
        """
        privileges: dict[Place, frozenset[str]] = {}
        roles: dict[str, bool] = {}
        default_roles: set[str] = set()
        for line in lines:
            parts = tokens(line)
            if parts[:1] == ["REVOKE"]:
                raise PartialRevokeError
            default = parts[:3] == ["SET", "DEFAULT", "ROLE"]
            to = find(parts, "FOR" if default else "TO")
            if to < 0 or parts[0] != ("SET" if default else "GRANT"):
                raise NoMysqlError
            if not _is(parts[to + 1 : to + 4], account):
                continue
            on = find(parts[:to], "ON")
            option = parts[to + 4 :]
            if default:
                default_roles.add(join(parts[3:to]))
            elif on < 0:
                admin = find(option, "ADMIN", "OPTION") >= 0
                roles |= {join(role): admin for role in split(parts[1:to])}
            else:
                given = {_OPTION} if find(option, "GRANT", "OPTION") >= 0 else set()
                for privilege in _privileges(parts[1:on]):
                    place = Place(join(parts[on + 1 : to]), _dynamic(privilege))
                    had = privileges.get(place, frozenset())
                    privileges[place] = had | given | {privilege} - {_NONE}
        return cls(privileges=privileges, roles=roles, default_roles=frozenset(default_roles))

    def with_default_roles(self, roles: frozenset[str]) -> Grants:
        """Return the same with the default roles of a Definition."""
        return replace(self, default_roles=roles)

    def statements(self, account: Account, has: Grants, *, mariadb: bool) -> list[str]:
        """Return the statements that give an account the same as this one.

        Missing privileges come first, so that no session of the account is refused anything that
        both may do. The server may be unable to show everything at once: read the account again
        afterwards, until there are no statements.
        """
        first, last = [], []
        for role in sorted({*self.roles, *has.roles}):
            more, less = _role(role, self.roles, has.roles, account)
            first += more
            last += less
        for place in sorted({*self.privileges, *has.privileges}):
            empty: frozenset[str] = frozenset()
            wanted = self.privileges.get(place, empty)
            more, less = _difference(place, wanted, has.privileges.get(place, empty), account)
            first += more
            last += less
        if self.default_roles != has.default_roles:
            roles = ", ".join(sorted(self.default_roles)) or "NONE"
            first.append(f"SET DEFAULT ROLE {roles} {'FOR' if mariadb else 'TO'} {account}")
        return first + last


def show(account: Account) -> str:
    """Return the statement that shows the privileges of an account."""
    return f"SHOW GRANTS FOR {account}"


def _is(parts: list[str], account: Account) -> bool:
    return [unquote(part) for part in parts] == [account.user, "@", account.host]


def _privileges(parts: Iterable[str]) -> Iterable[str]:
    """Yield each privilege, and each column of one."""
    for words in split(parts):
        at = words.index("(") if "(" in words else len(words)
        name = " ".join(words[:at])
        if at == len(words):
            yield name
        for column in split(words[at + 1 : -1]) if at < len(words) else ():
            quoted = "".join(unquote(part) for part in column).replace("`", "``")
            yield f"{name} (`{quoted}`)"


def _dynamic(privilege: str) -> str:
    """Return the name of a dynamic privilege of MySQL, in which only underscores part the words.

    https://dev.mysql.com/doc/refman/8.0/en/privileges-provided.html
    """
    return privilege if "_" in privilege and " " not in privilege else ""


def _difference(
    place: Place, wanted: frozenset[str], has: frozenset[str], account: Account
) -> tuple[list[str], list[str]]:
    if place.dynamic and has - wanted == {_OPTION}:
        # Only with the privilege itself can its GRANT OPTION be taken.
        return [], [
            f"REVOKE {place.dynamic} ON {place.on} FROM {account}",
            f"GRANT {place.dynamic} ON {place.on} TO {account}",
        ]
    if _ALL in has and _ALL not in wanted:
        has = has - {_ALL} | _all_on(place.on)
    missing, extra = wanted - has, has - wanted
    if _ALL in wanted:
        extra &= {_OPTION}
    first, last = [], []
    if missing:
        names = ", ".join(sorted(missing - {_OPTION})) or place.dynamic or _NONE
        option = f" WITH {_OPTION}" if _OPTION in missing else ""
        first.append(f"GRANT {names} ON {place.on} TO {account}{option}")
    if extra:
        names = place.dynamic or ", ".join(sorted(extra))
        last.append(f"REVOKE {names} ON {place.on} FROM {account}")
    return first, last


def _role(
    role: str, wanted: Mapping[str, bool], has: Mapping[str, bool], account: Account
) -> tuple[list[str], list[str]]:
    grant = f"GRANT {role} TO {account}{' WITH ADMIN OPTION' if wanted.get(role) else ''}"
    revoke = f"REVOKE {role} FROM {account}"
    if wanted.get(role) == has.get(role):
        return [], []
    if role not in wanted:
        return [], [revoke]
    # MySQL cannot take the ADMIN OPTION alone.
    return ([], [revoke, grant]) if has.get(role) else ([grant], [])


def _all_on(on: str) -> frozenset[str]:
    if on == "*.*":
        return _OF_SERVER
    return _OF_DATABASE if on.endswith(".*") else _OF_TABLE
