"""A PostgreSQL server in the cloud: its roles, and the statements that the strategy sends.

`tests/services` runs the same strategy on real servers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError
from botocore.exceptions import ConnectionError as NotConnectedError

from rotation.services.postgresql import SqlError, Stage
from rotation.services.postgresql.passwords import md5_hash
from rotation.services.tls import NoReplyError
from rotation.settings import OptionReader
from rotation.strategies.postgres import build
from tests.unit.databases import (
    ADMIN_PASSWORD,
    FIRST_PASSWORD,
    HOST,
    PRINTABLE,
    bad_input,
    first_value,
)
from tests.unit.rotator import Rotation
from tests.unit.services import Remote
from tests.unit.subject import CONSTANTS, Kind, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rotation.aws import Clients
    from rotation.services.postgresql import Place
    from rotation.users import AlternatingUsers, SingleUser
    from rotation_conformance.rotator import Content
    from tests.unit.cloud import Cloud

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_DUPLICATE: Final = "42710"
_WRONG_PASSWORD: Final = "28P01"  # noqa: S105 -- a code


@dataclass
class _Role:
    password: str | None = None
    # As which role it acts from log-in on, if it is a member.
    acts_as: str | None = None
    is_member: bool = False


class PostgresqlServer(Remote):
    """A server with an application's user and an administrator. It stores md5 hashes."""

    slots = None
    issues = None

    def __init__(self, cloud: Cloud, user: str) -> None:
        super().__init__(cloud)
        self.user = user
        self.roles = {user: _Role(), "admin": _Role(password=md5_hash(ADMIN_PASSWORD, "admin"))}
        # That of the last log-in.
        self.database = ""
        # The users of the sessions that others have opened.
        self.sessions: list[str] = []

    def works(self, value: Content) -> bool:
        return (
            self._accepts(value["username"], value["password"])
            and self._acts_as(value["username"]) == self.user
        )

    def identity(self, value: Content) -> str:
        return f"{value['username']} {value['password']}"

    def ours(self) -> set[str]:
        return set()

    def log_in(self, place: Place, user: str, password: str) -> _Session:
        assert (place.host, place.port) == (HOST, 5432)
        self.database = place.database

        def effect() -> _Session:
            if not self._accepts(user, password):
                raise SqlError(_WRONG_PASSWORD, Stage.LOGIN)
            return _Session(self, user)

        session: _Session = self.request("connect", user, effect)
        return session

    def request(self, name: str, owner: str, effect: Callable[[], Any]) -> Any:  # noqa: ANN401, ARG002 -- of any type
        """Send something through the fuse, whose errors are those of AWS."""
        try:
            return self.cloud.request(name, effect)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            failure: Exception = SqlError("42501" if "Denied" in code else "57P03", Stage.STATEMENT)
        except BotoCoreError as error:
            lost = name != "connect" and not isinstance(error, NotConnectedError)
            failure = NoReplyError(lost=lost)
        raise failure

    def run(self, user: str, sql: str) -> list[tuple[str | None, ...]]:
        """Run statements; those between BEGIN and ROLLBACK have no effect."""
        rows: list[tuple[str | None, ...]] = []
        statements = [text for text in sql.split("; ") if text]
        if statements[-1] == "ROLLBACK":
            return rows
        for text in statements:
            form, effect = next(
                (found, effect)
                for form, effect in _STATEMENTS
                if (found := re.fullmatch(form, text))
            )
            rows += effect(self, user, *form.groups())
        return rows

    def _accepts(self, user: str, password: str) -> bool:
        role = self.roles.get(user)
        return role is not None and role.password == md5_hash(password, user)

    def _acts_as(self, user: str) -> str:
        role = self.roles[user]
        return role.acts_as if role.acts_as and role.is_member else user

    def nothing(self, *_: str) -> list[tuple[str | None, ...]]:
        return []

    def current_user(self, user: str) -> list[tuple[str | None, ...]]:
        return [(self._acts_as(user),)]

    def role(self, _user: str, name: str) -> list[tuple[str | None, ...]]:
        return [("f", "-1", "infinity")] if name in self.roles else []

    def create(self, _user: str, name: str) -> list[tuple[str | None, ...]]:
        if name in self.roles:
            raise SqlError(_DUPLICATE, Stage.STATEMENT)
        self.roles[name] = _Role()
        return []

    def grant(self, _user: str, group: str, name: str) -> list[tuple[str | None, ...]]:
        assert group == self.user
        self.roles[name].is_member = True
        return []

    def act_as(self, _user: str, name: str, other: str) -> list[tuple[str | None, ...]]:
        self.roles[name].acts_as = other
        return []

    def set_password(self, user: str, name: str, word: str) -> list[tuple[str | None, ...]]:
        assert name in {self._acts_as(user), *([] if user != "admin" else self.roles)}
        self.roles[name].password = word
        return []

    def end_sessions(self, user: str) -> list[tuple[str | None, ...]]:
        ended = self.sessions.count(user)
        self.sessions = [one for one in self.sessions if one != user]
        return [("t",)] * ended


# The effect of each statement. Its arguments are the server, the user, and the pattern's groups.
_STATEMENTS: Final[Sequence[tuple[str, Callable[..., list[tuple[str | None, ...]]]]]] = (
    ("SET (?:lock_timeout|statement_timeout|idle_in.*|search_path) = .*", PostgresqlServer.nothing),
    ("SELECT set_config.* WHERE name = 'idle_session_timeout'", PostgresqlServer.nothing),
    ("SELECT current_user", PostgresqlServer.current_user),
    ("SET ROLE NONE", PostgresqlServer.nothing),
    ("SELECT pg_terminate_backend.* usename = session_user .*", PostgresqlServer.end_sessions),
    ("SHOW transaction_read_only", lambda *_: [("off",)]),
    ("SHOW password_encryption", lambda *_: [("md5",)]),
    ("SELECT setting FROM pg_settings .*", PostgresqlServer.nothing),
    ("SELECT rolsuper, .* rolname = '(.*)'", PostgresqlServer.role),
    ("SELECT d.datname, .*", PostgresqlServer.nothing),
    (r"SELECT count\(\*\) FROM pg_shdepend .*", lambda *_: [("0",)]),
    ('CREATE ROLE "(.*)" LOGIN', PostgresqlServer.create),
    ('GRANT "(.*)" TO "(.*)"', PostgresqlServer.grant),
    ('ALTER ROLE ".*" LOGIN CONNECTION LIMIT -1 VALID UNTIL .*', PostgresqlServer.nothing),
    ("ALTER ROLE \"(.*)\" SET role TO '(.*)'", PostgresqlServer.act_as),
    ("ALTER ROLE \"(.*)\" PASSWORD '(md5[0-9a-f]{32})'", PostgresqlServer.set_password),
)


class _Session:
    """One session of a user."""

    def __init__(self, server: PostgresqlServer, user: str) -> None:
        self._server = server
        self._user = user

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def query(self, sql: str, *, columns: int = 0) -> list[tuple[str | None, ...]]:
        run = partial(self._server.run, self._user, sql)
        rows: list[tuple[str | None, ...]] = self._server.request("alter_user", "", run)
        assert all(len(row) == columns for row in rows)
        return rows

    def value(self, sql: str) -> str:
        ((value,),) = self.query(sql, columns=1)
        return str(value)


def strategy(
    _name: str, options: Mapping[str, object], server: PostgresqlServer, clients: Clients
) -> AlternatingUsers | SingleUser:
    """Build the strategy with the client of this server."""
    fields = OptionReader(options, path="options")
    log_in: Any = server.log_in
    built = build(fields, clients, log_in)
    fields.end()
    return built


def users(cloud: Cloud, mode: str = "alternating_users", *, administered: bool = True) -> Rotation:
    """Put the secret of an application's user on a cloud."""
    server = PostgresqlServer(cloud, "app")
    admin = {"username": "admin", "password": ADMIN_PASSWORD}
    administrator = cloud.add_secret("database/administrator", json.dumps(admin))
    options = {
        "mode": mode,
        "host": HOST,
        "port": 5432,
        "dbname": "shop",
        "username": server.user,
        "admin_secret_arn": administrator.arn if administered else None,
        "password_length": 32,
        "exclude_characters": ":/@\"'\\ ",
        "hash_password": True,
    }
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/database"),
        strategy=partial(strategy, "postgres", options, server),
        service=server,
        constants=CONSTANTS,
    )


def by_itself(cloud: Cloud) -> Rotation:
    """Let the user change its own password, which the secret has."""
    rotation = users(cloud, mode="single_user", administered=False)
    server = rotation.service
    assert isinstance(server, PostgresqlServer)
    server.roles[server.user].password = md5_hash(FIRST_PASSWORD, server.user)
    rotation.put_by_hand(first_value("postgres", server.user))
    return rotation


UNIT: Final = Unit(
    bad_input=bad_input(
        engine="postgres",
        other="mysql",
        longest_user=63,
        options=[("dbname", "empty", "", "the name of a database, or null")],
    ),
    make=users,
    kind=Kind.SETTER,
    held=lambda _: (),
    printable=PRINTABLE,
    variants={
        "postgres_single_user": partial(users, mode="single_user"),
        "postgres_single_user_itself": by_itself,
    },
    slow_variants={"postgres_single_user_itself"},
)
