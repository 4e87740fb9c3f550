"""A MySQL or MariaDB server in the cloud: its accounts, and the statements of the strategy.

`tests/services` runs the same strategy on real servers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError
from botocore.exceptions import ConnectionError as NotConnectedError

from rotation.services.mysql.packets import ServerError
from rotation.services.mysql.passwords import native_hash
from rotation.services.mysql.session import Version
from rotation.services.tls import NoReplyError
from rotation.settings import OptionReader
from rotation.strategies.mysql import build
from tests.unit.bad_input import ABSENT
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
    from rotation.services.mysql.session import Place, Row
    from rotation.strategies.mysql import DualPasswords
    from rotation.users import AlternatingUsers, SingleUser
    from rotation_conformance.rotator import Content
    from tests.unit.cloud import Cloud

# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
ACCESS_DENIED: Final = 1045
_NOT_GRANTED: Final = 1227
_SHUTDOWN: Final = 1053
_EXISTS: Final = 1396
_UNKNOWN_VARIABLE: Final = 1193
_IN_HISTORY: Final = 3638
_NO_SUCH_SESSION: Final = 1094
_GRANTED: Final = ("GRANT SELECT ON `shop`.* TO {}", "GRANT INSERT ON `shop`.`orders` TO {}")


@dataclass
class _Account:
    # Hashes, the newest first.
    passwords: list[str] = field(default_factory=list)
    # Statements with {} in place of the account.
    granted: set[str] = field(default_factory=set)


class MysqlServer(Remote):
    """A server with an application's user and an administrator. It stores native hashes."""

    slots = None
    # The client sends each statement once. A repetition would forget the current password.
    issues = "alter_user"

    def __init__(self, cloud: Cloud, user: str, engine: str) -> None:
        super().__init__(cloud)
        self.user = user
        self.is_mariadb = engine == "mariadb"
        self.version = Version(mariadb=self.is_mariadb, number=(8, 0, 31))
        self.read_only = "0"
        # Which session has the lock.
        self.locked: object = None
        self.may_retain = True
        self.history: set[str] = set()
        # The users of the sessions that others have opened, by their numbers.
        self.sessions: dict[str, str] = {}
        self.accounts = {
            user: _Account(granted={*_GRANTED}),
            "admin": _Account(passwords=[native_hash(ADMIN_PASSWORD)]),
        }

    def works(self, value: Content) -> bool:
        return (
            self.accepts(value["username"], value["password"])
            and self.accounts[value["username"]].granted == self.accounts[self.user].granted
        )

    def identity(self, value: Content) -> str:
        return f"{value['username']} {value['password']}"

    def ours(self) -> set[str]:
        return set()

    def log_in(self, place: Place, user: str, password: str) -> _Session:
        assert (place.host, place.port) == (HOST, 3306)

        def effect() -> _Session:
            if not self.accepts(user, password):
                raise ServerError(ACCESS_DENIED, "28000", accepted=False)
            return _Session(self, user)

        session: _Session = self.request("connect", user, effect)
        return session

    def request(self, name: str, owner: str, effect: Callable[[], Any]) -> Any:  # noqa: ANN401, ARG002 -- of any type
        """Send something through the fuse, whose errors are those of AWS."""
        try:
            return self.cloud.request(name, effect)
        except ClientError as error:
            denied = "Denied" in error.response["Error"]["Code"]
            number = _NOT_GRANTED if denied else _SHUTDOWN
            failure: Exception = ServerError(number, accepted=name != "connect")
        except BotoCoreError as error:
            lost = name != "connect" and not isinstance(error, NotConnectedError)
            failure = NoReplyError(lost=lost)
        raise failure

    def run(self, user: str, sql: str) -> list[Row]:
        """Run a statement."""
        form, effect = next(
            (found, effect) for form, effect in _STATEMENTS if (found := re.fullmatch(form, sql))
        )
        return effect(self, user, *form.groups())

    def accepts(self, user: str, password: str) -> bool:
        account = self.accounts.get(user)
        return account is not None and native_hash(password) in account.passwords

    def nothing(self, *_: str) -> list[Row]:
        return []

    def hosts(self, _user: str, name: str) -> list[Row]:
        return [("%",)] if name in self.accounts else []

    def hexadecimal(self, _user: str) -> list[Row]:
        if self.version.number < (8, 0, 17):
            raise ServerError(_UNKNOWN_VARIABLE, accepted=True)
        return []

    def definition(self, _user: str, name: str) -> list[Row]:
        head = f"CREATE USER `{name}`@`%` IDENTIFIED "
        if self.is_mariadb:
            return [(head + "VIA mysql_native_password USING '*24'",)]
        return [(head + "WITH 'caching_sha2_password' AS 0x24 REQUIRE NONE",)]

    def grants(self, _user: str, name: str) -> list[Row]:
        written = f"`{name}`@`%`"
        granted = sorted(self.accounts[name].granted)
        return [
            (f"GRANT USAGE ON *.* TO {written}",),
            *((line.format(written),) for line in granted),
        ]

    def grant(self, _user: str, text: str, name: str) -> list[Row]:
        self.accounts[name].granted.add(f"GRANT {text} TO {{}}")
        return []

    def revoke(self, _user: str, text: str, name: str) -> list[Row]:
        self.accounts[name].granted.remove(f"GRANT {text} TO {{}}")
        return []

    def create(self, _user: str, name: str, word: str) -> list[Row]:
        if name in self.accounts:
            raise ServerError(_EXISTS, accepted=True)
        self.accounts[name] = _Account(passwords=[self._stored(word)])
        return []

    def alter(self, user: str, name: str, word: str) -> list[Row]:
        """Change the newest password; the older one stays."""
        self._require_allowed(user, name)
        self.accounts[name].passwords[:1] = [self._stored(word)]
        return []

    def retain(self, user: str, name: str, word: str) -> list[Row]:
        self._require_allowed(user, name)
        assert not self.is_mariadb
        if not self.may_retain:
            raise ServerError(_NOT_GRANTED, accepted=True)
        if word in self.history:
            raise ServerError(_IN_HISTORY, accepted=True)
        passwords = self.accounts[name].passwords
        passwords[:] = [native_hash(word), *passwords[:1]]
        return []

    def discard(self, _user: str, name: str) -> list[Row]:
        del self.accounts[name].passwords[1:]
        return []

    def renew(self, user: str, name: str, word: str) -> list[Row]:
        assert not self.is_mariadb
        if word in self.history:
            raise ServerError(_IN_HISTORY, accepted=True)
        return self.alter(user, name, word)

    def processes(self, user: str) -> list[Row]:
        """List all, as for a user with the privilege PROCESS."""
        return [("1", user, "shop"), *((one, name, None) for one, name in self.sessions.items())]

    def kill(self, user: str, number: str) -> list[Row]:
        if self.sessions.pop(number, None) != user:
            raise ServerError(_NO_SUCH_SESSION, accepted=True)
        return []

    def _require_allowed(self, user: str, name: str) -> None:
        assert user in {name, "admin"}

    def _stored(self, word: str) -> str:
        return word if re.fullmatch(r"\*[0-9A-F]{40}", word) else native_hash(word)


# https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_wait_timeout
_IDLE: Final = timedelta(seconds=4)
_LOCK: Final = r"SELECT GET_LOCK\('rotation-[0-9a-f]{32}', 6\)"
_NAME: Final = "'(.*)'@'%'"
# The effect of each statement. Its arguments are the server, the user, and the pattern's groups.
_STATEMENTS: Final[Sequence[tuple[str, Callable[..., list[Row]]]]] = (
    ("SET SESSION wait_timeout = 4, lock_wait_timeout = 6", MysqlServer.nothing),
    ("SELECT @@global.read_only", lambda server, _: [(server.read_only,)]),
    (r"SELECT CURRENT_USER\(\)", lambda _, user: [(f"{user}@%",)]),
    ("SELECT Host FROM mysql.user WHERE User = '(.*)'", MysqlServer.hosts),
    ("SET SESSION print_identified_with_as_hex = ON", MysqlServer.hexadecimal),
    (f"SHOW CREATE USER {_NAME}", MysqlServer.definition),
    (f"SHOW GRANTS FOR {_NAME}", MysqlServer.grants),
    (f"GRANT (.*) TO {_NAME}", MysqlServer.grant),
    (f"REVOKE (.*) FROM {_NAME}", MysqlServer.revoke),
    (f"CREATE USER {_NAME} IDENTIFIED WITH \\w+ BY '(.*)' REQUIRE NONE", MysqlServer.create),
    (f"CREATE USER {_NAME} IDENTIFIED VIA \\w+ USING '(.*)'", MysqlServer.create),
    (f"ALTER USER {_NAME} IDENTIFIED WITH \\w+ BY '(.*)' REQUIRE NONE", MysqlServer.alter),
    (f"ALTER USER {_NAME} IDENTIFIED VIA \\w+ USING '(.*)'", MysqlServer.alter),
    (f"ALTER USER {_NAME} IDENTIFIED BY '(.*)' RETAIN CURRENT PASSWORD", MysqlServer.retain),
    (f"ALTER USER {_NAME} IDENTIFIED BY '([^']*)'", MysqlServer.renew),
    (r"SELECT CONNECTION_ID\(\)", lambda *_: [("1",)]),
    ("SHOW PROCESSLIST", MysqlServer.processes),
    (r"KILL (\d+)", MysqlServer.kill),
    (f"ALTER USER {_NAME} DISCARD OLD PASSWORD", MysqlServer.discard),
    (f"SET PASSWORD FOR {_NAME} = '(.*)'", MysqlServer.alter),
    (rf"SET PASSWORD FOR {_NAME} = PASSWORD\('(.*)'\)", MysqlServer.alter),
)


class _Session:
    """One session of a user. The server ends it if it has the lock and is idle for too long."""

    def __init__(self, server: MysqlServer, user: str) -> None:
        self._server = server
        self._user = user
        self.used = server.cloud.time.now
        self.is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server.locked is self:
            self._server.locked = None

    def query(self, sql: str) -> list[Row]:
        rows: list[Row] = self._server.request("alter_user", "", partial(self._run, sql))
        return rows

    def version(self) -> Version:
        return self._server.version

    def _run(self, sql: str) -> list[Row]:
        if self.is_over:
            raise NoReplyError(lost=True)
        self.used = self._server.cloud.time.now
        if re.fullmatch(_LOCK, sql):
            return [("1" if self._lock() else "0",)]
        return self._server.run(self._user, sql)

    def _lock(self) -> bool:
        holder = self._server.locked
        if isinstance(holder, _Session) and self.used - holder.used > _IDLE:
            holder.is_over, holder = True, None
        if holder is None:
            self._server.locked = self
        return self._server.locked is self


def strategy(
    _name: str, options: Mapping[str, object], server: MysqlServer, clients: Clients
) -> AlternatingUsers | DualPasswords | SingleUser:
    """Build the strategy with the client of this server."""
    fields = OptionReader(options, path="options")
    log_in: Any = server.log_in
    built = build(fields, clients, log_in)
    fields.end()
    return built


def users(
    cloud: Cloud,
    mode: str = "alternating_users",
    engine: str = "mysql",
    *,
    administered: bool = True,
) -> Rotation:
    """Put the secret of an application's user on a cloud."""
    server = MysqlServer(cloud, "app", engine)
    admin = {"username": "admin", "password": ADMIN_PASSWORD}
    administrator = cloud.add_secret("database/administrator", json.dumps(admin))
    options = {
        "engine": engine,
        "mode": mode,
        "host": HOST,
        "port": 3306,
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
        strategy=partial(strategy, "mysql", options, server),
        service=server,
        constants=CONSTANTS,
    )


def by_itself(cloud: Cloud, engine: str = "mysql") -> Rotation:
    """Let the user change its own password, which the secret has."""
    rotation = users(cloud, mode="single_user", engine=engine, administered=False)
    server = rotation.service
    assert isinstance(server, MysqlServer)
    server.accounts[server.user].passwords = [native_hash(FIRST_PASSWORD)]
    rotation.put_by_hand(first_value(engine, server.user))
    return rotation


UNIT: Final = Unit(
    bad_input=bad_input(
        engine="mysql",
        other="mariadb",
        longest_user=32,
        options=[
            ("engine", "absent", ABSENT, "mysql or mariadb"),
            ("engine", "other", "aurora-mysql", "mysql or mariadb"),
            ("dbname", "empty", "", "a non-empty string or null"),
            ("user_host", "account", "app@%", "the host of an account, or null"),
        ],
    ),
    make=users,
    kind=Kind.SETTER,
    held=lambda _: (),
    printable=PRINTABLE,
    variants={
        "mariadb_single_user": partial(users, mode="single_user", engine="mariadb"),
        "mysql_single_user": partial(users, mode="single_user"),
        "mysql_single_user_itself": by_itself,
    },
    slow_variants={"mariadb_single_user", "mysql_single_user_itself"},
)
