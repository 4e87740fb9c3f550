"""The statements about the two roles of an application.

The second role, the clone, is a member of the original and acts as it from log-in on. So whatever
it makes belongs to the original, and row security, default privileges and grants hold for both.
https://www.postgresql.org/docs/current/sql-set-role.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.services.postgresql import MalformedReplyError
from rotation.services.postgresql.passwords import ITERATIONS, hash_password
from rotation.services.postgresql.quoting import quote_identifier, quote_literal

if TYPE_CHECKING:
    from rotation.services.postgresql.session import Session

# Nothing of a dead process may hold up the next one: Lambda freezes it with its session. If the
# process goes on, its statements must not end a password that was set later. PostgreSQL 13 does not
# know idle_session_timeout.
_LIMITS: Final = (
    "SET lock_timeout = '5s'; SET statement_timeout = '8s'; "
    "SET idle_in_transaction_session_timeout = '10s'; SET search_path = pg_catalog; "
    "SELECT set_config(name, '10s', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
# Parameters whose values are lists of quoted names.
# https://github.com/postgres/postgres/blob/master/src/include/utils/guc.h (GUC_LIST_QUOTE)
_LISTS: Final = frozenset(
    {
        *("local_preload_libraries", "search_path", "session_preload_libraries"),
        *("shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"),
    }
)
# Each ends with the name of a role.
_ROLE: Final = (
    "SELECT rolsuper, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity') FROM pg_roles "
    "WHERE rolname = "
)
# Each entry of setconfig is a name and a value with "=" between them.
_SETTINGS: Final = (
    "SELECT d.datname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) "
    "FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole "
    "LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c WHERE rolname = "
)
_OWNED: Final = (
    "SELECT count(*) FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid "
    "WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname = "
)

# A clone acts as the original, whose sessions are others.
_END_SESSIONS: Final = (
    "SET ROLE NONE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE usename = session_user AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The attributes of a role on the server."""

    is_superuser: bool
    connection_limit: int
    valid_until: str
    # The database, or None for all, the name, and the value.
    settings: tuple[tuple[str | None, str, str], ...]


def limit(session: Session) -> None:
    """Limit how long the statements of a session may wait, and what their names mean."""
    session.query(_LIMITS, columns=1)


def end_sessions(session: Session) -> None:
    """End all other sessions of the user of this one."""
    limit(session)
    session.query(_END_SESSIONS, columns=1)


def find(session: Session, name: str) -> Role | None:
    """Read a role; None: there is none with this name."""
    rows = session.query(_ROLE + quote_literal(name), columns=3)
    if not rows:
        return None
    settings = session.query(_SETTINGS + quote_literal(name), columns=3)
    is_superuser, connection_limit, valid_until = rows[0]
    return Role(
        is_superuser=is_superuser == "t",
        connection_limit=_number(connection_limit),
        valid_until=valid_until or "infinity",
        settings=tuple((database, str(key), str(value)) for database, key, value in settings),
    )


def owns_objects(session: Session, name: str) -> bool:
    """Say whether a role owns anything, in any database of the server."""
    return session.value(_OWNED + quote_literal(name)) != "0"


def copy(session: Session, original: str, role: Role, *, clone: str, existing: Role | None) -> None:
    """Make the clone act as the original, with its limits and settings, in one transaction."""
    first, second = quote_identifier(original), quote_identifier(clone)
    databases = {database for database, _, _ in existing.settings} if existing else set()
    limits = f"CONNECTION LIMIT {role.connection_limit} "
    limits += f"VALID UNTIL {quote_literal(role.valid_until)}"
    statements = [
        *([] if existing else [f"CREATE ROLE {second} LOGIN"]),
        f"GRANT {first} TO {second}",
        f"ALTER ROLE {second} LOGIN {limits}",
        *(f"ALTER ROLE {second}{_where(one)} RESET ALL" for one in sorted(databases, key=str)),
        f"ALTER ROLE {second} SET role TO {quote_literal(original)}",
    ]
    for database, name, value in role.settings:
        change = f"ALTER ROLE {second}{_where(database)} SET {_parameter(name)}"
        if name in _LISTS:
            # Quoted as one text, it would be a list of one. So the server copies it.
            statements += [
                f"SELECT set_config({quote_literal(name)}, {quote_literal(value)}, true)",
                f"{change} FROM CURRENT",
            ]
        else:
            statements.append(f"{change} TO {quote_literal(value)}")
    session.query("; ".join(statements), columns=1)


def _where(database: str | None) -> str:
    return "" if database is None else f" IN DATABASE {quote_identifier(database)}"


def _parameter(name: str) -> str:
    """Write the name of a parameter, which may have a prefix."""
    return ".".join(map(quote_identifier, name.split(".")))


def password_statement(session: Session, name: str, password: str, *, hashed: bool) -> str:
    """Return the statement that sets a password, in the form that the server stores."""
    if hashed:
        encryption = session.value("SHOW password_encryption")
        rows = session.query(
            "SELECT setting FROM pg_settings WHERE name = 'scram_iterations'", columns=1
        )
        iterations = _number(rows[0][0]) if rows else ITERATIONS
        password = hash_password(password, name, encryption, iterations)
    return f"ALTER ROLE {quote_identifier(name)} PASSWORD {quote_literal(password)}"


def _number(text: str | None) -> int:
    if text is None or not re.fullmatch("-?[0-9]{1,10}", text):
        raise MalformedReplyError
    return int(text)
