"""The users of a real database server, and the suite for custom rotators on them."""

from __future__ import annotations

import json
from abc import abstractmethod
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import psycopg
import pymysql
import pytest

from rotation.engine import Outcome
from rotation.settings import OptionReader
from rotation_conformance import Account, Conformance, ServiceUnderTest
from rotation_conformance.rotator import Rotation
from testing.databases import Login, MySQLServer, PostgreSQL
from tests.unit.revocations import assert_revoked, report, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType

    from rotation_conformance import Begin

FIRST: Final = Login("app", "the first password")
S = TypeVar("S", bound=PostgreSQL | MySQLServer)


class Users(ServiceUnderTest, Generic[S]):
    """One application's users."""

    strategy: ModuleType

    def __init__(
        self,
        server: S,
        mode: str,
        *,
        administered: bool,
        first: Login = FIRST,
        options: Mapping[str, object] | None = None,
        remembers: bool = False,
    ) -> None:
        """Take the server; nothing is made.

        Args:
            server: the server.
            mode: the option.
            administered: whether the function has an administrator.
            first: the first user, with its password before the first rotation.
            options: more options of the strategy.
            remembers: whether to log in only once while the accounts stay the same. The suite looks
                before each line of the strategy.
        """
        self.server = server
        self.mode = mode
        self.administered = administered
        self.first = first
        self.clone = f"{first.username}_clone"
        self.options = dict(options or {})
        self._remembers = remembers
        self._results: dict[tuple[str, str], bool] = {}
        self._superuser: Any = None

    @abstractmethod
    def log_in(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        """Say whether a log-in with this value succeeds, and may do what the application does."""

    @abstractmethod
    def create(self) -> None:
        """Create the first user as an operator does."""

    @abstractmethod
    def set_password(self, login: Login) -> None:
        """Set the only password of one of the users, as an operator does."""

    @abstractmethod
    def remove(self) -> None:
        """Drop what is left of a test."""

    @property
    @abstractmethod
    def accounts_query(self) -> str:
        """A query of all that decides a log-in, besides the password."""

    @property
    @abstractmethod
    def engine(self) -> str:
        """The name of the engine in a value."""

    def reset(self, account: Account) -> Mapping[str, object]:
        self.remove()
        self.create()
        administrator = self.server.administrator
        value = {"username": administrator.username, "password": administrator.password}
        admin = account.add_secret("database/administrator", json.dumps(value))
        options: dict[str, object] = {"admin_secret_arn": admin.arn} if self.administered else {}
        return options | {
            "mode": self.mode,
            "host": self.server.host,
            "port": self.server.port,
            "dbname": "postgres",
            "username": self.first.username,
            "password_length": 32,
            "exclude_characters": None,
            "hash_password": True,
            **self.options,
        }

    def rotation(self, **arguments: object) -> Rotation:
        """Return the rotation of a secret without a value, after a reset.

        Args:
            arguments: more arguments of the strategy's build.
        """
        account = Account()
        options = dict(self.reset(account))
        return Rotation(
            cloud=account,
            secret=account.add_secret("app/database"),
            strategy=lambda clients: self.strategy.build(
                OptionReader(options, path="options"), clients, **arguments
            ),
            service=self,
        )

    def first_value(self) -> str:
        """Return the value that an operator puts before the first rotation."""
        fields = {
            "engine": self.engine,
            "host": self.server.host,
            "port": str(self.server.port),
            "username": self.first.username,
            "password": self.first.password,
        }
        return json.dumps(fields)

    def works(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        accounts = self._accounts() if self._remembers else None
        if accounts is None:
            return self.log_in(value)
        key = (json.dumps(value), accounts)
        if key not in self._results:
            self._results[key] = self.log_in(value)
        return self._results[key]

    def _accounts(self) -> str | None:
        """Return the state of all accounts; None: the session is lost, or there is no server."""
        try:
            self._superuser = self._superuser or self.server.connect_superuser()
            cursor = self._superuser.cursor()
            cursor.execute(self.accounts_query)
            return repr(cursor.fetchall())
        except (psycopg.Error, pymysql.Error):
            self.close()
            return None

    def close(self) -> None:
        """Close the session that sees the accounts."""
        if self._superuser is not None:
            with suppress(pymysql.Error):
                self._superuser.close()
            self._superuser = None

    def identity(self, value: Any) -> str:  # noqa: ANN401 -- the JSON of a secret
        return f"{value['username']} {value['password']}"

    def ours(self) -> set[str]:
        return set()

    def outage(self) -> AbstractContextManager[None]:
        return self.server.outage()


def require_forgetting(users: Users[Any]) -> None:
    """Require that users, who remember, see each change that an operator or an outage makes."""
    users.rotation()
    first = {"username": users.first.username, "password": users.first.password}
    assert [users.works(first) for _ in range(2)] == [True, True]
    users.set_password(replace(users.first, password="another password"))  # noqa: S106 -- a test's
    assert not users.works(first)
    users.set_password(users.first)
    assert users.works(first)
    with users.outage():
        assert not users.works(first)
    assert [users.works(first) for _ in range(2)] == [True, True]
    users.remove()
    assert not users.works(first)
    users.close()


def revoke(users: Users[Any]) -> None:
    """Report the value of each user, and the previous one, with a session of each that works."""
    rotation = replace(users.rotation(), revocable=True)
    if not users.administered:
        rotation.put_by_hand(users.first_value())
    rotation.rotate()
    for label in ("AWSCURRENT", "AWSCURRENT", "AWSPREVIOUS"):
        if label == "AWSPREVIOUS":
            rotation.rotate()
        labels = rotation.secret.labels
        leaked = labels[label]
        values = [rotation.secret.value(one) for one in labels.keys() - {"AWSPENDING"}]
        logins = [Login(one["username"], one["password"]) for one in values if users.works(one)]
        with ExitStack() as later:
            sessions = [
                later.enter_context(closing(users.server.connect(login)))
                for login in (*logins, users.server.administrator)
            ]
            report(rotation, label)
            token = start(rotation)
            assert rotation.steps(token)[-1] == Outcome.REVOKED
            assert [_is_open(one) for one in sessions] == [False] * len(logins) + [True]
        assert_revoked(rotation, token, leaked)
    rotation.rotate()
    assert users.works(rotation.secret.value())
    users.remove()


def _is_open(session: Any) -> bool:  # noqa: ANN401 -- of any client
    try:
        session.cursor().execute("SELECT 1")
    except (psycopg.OperationalError, pymysql.OperationalError):
        return False
    return True


def watched(log_in: Callable[..., Any], reach: Callable[[str], None]) -> Callable[..., Any]:
    """Return a log-in of the payload whose sessions call a function before each statement."""

    def watched_log_in(*login: object) -> Any:  # noqa: ANN401 -- a session of any engine
        session = log_in(*login)
        query = session.query

        def watched_query(sql: str, **options: object) -> Any:  # noqa: ANN401 -- of any engine
            reach(sql)
            return query(sql, **options)

        session.query = watched_query
        return session

    return watched_log_in


class DatabaseSuite(Conformance):
    """The suite for one mode."""

    public = frozenset({"dbname", "username"})
    mode: str
    administered = True

    @pytest.fixture
    def begin(self, service: Users[Any]) -> Begin:
        begin = self._beginning(service)
        if self.administered:
            return begin

        # The user changes its own password, so the secret must have it.
        def begin_with_a_value() -> Rotation:
            rotation = begin()
            rotation.put_by_hand(service.first_value())
            return rotation

        return begin_with_a_value
