"""The password of a MySQL or MariaDB user, alternating between two users or changed in place.

Secret: AWS's JSON for databases, `{"engine": "mysql", "host": …, "port": …, "dbname": …,
"username": …, "password": …, "masterarn": …}`. All but engine and password are from the options.
Any further field survives.
Idempotency: each statement sets a state, and adds nothing when it is repeated.
Privileges: secretsmanager:GetSecretValue on the administrator's secret. On the server, the
administrator needs CREATE USER, SELECT on mysql.*, and WITH GRANT OPTION what it copies. A user
of MySQL needs APPLICATION_PASSWORD_ADMIN to change its own password.
MariaDB receives a hash, because it logs the text of statements. MySQL leaves passwords out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    ServiceUnavailable,
)
from rotation.services.database import ALTERNATING, Options, ca_certificates
from rotation.services.mysql import accounts, changes, grants, session
from rotation.services.mysql.accounts import Definition
from rotation.services.mysql.errors import FAILURES, log_in_error, statement_error
from rotation.services.mysql.grants import Grants
from rotation.services.mysql.packets import NoMysqlError, ServerError
from rotation.services.mysql.quoting import Account
from rotation.services.mysql.session import Place, Session
from rotation.users import (
    AlternatingUsers,
    SingleUser,
    end_sessions,
    field,
    make_credential,
    no_known_password,
    parse_credential,
)

if TYPE_CHECKING:
    from rotation.aws import Clients
    from rotation.services.database import Administrator, Database
    from rotation.services.mysql.session import Version
    from rotation.settings import OptionReader
    from rotation.strategy import Credential, Value

T = TypeVar("T")
LogIn: TypeAlias = Callable[[Place, str, str], Session]

_MYSQL: Final = "mysql"
_MARIADB: Final = "mariadb"
# The title, and what `engine` may be in a value.
_ENGINES: Final = {
    _MYSQL: ("MySQL", (_MYSQL, "aurora-mysql")),
    _MARIADB: ("MariaDB", (_MARIADB,)),
}
_LONGEST_USER: Final = 32
_HOST_OF_ACCOUNT: Final = r"[^\s'`\\\0@]{1,255}"
# https://dev.mysql.com/doc/refman/8.0/en/password-management.html#dual-passwords
_DUAL: Final = (8, 0, 14)
# A delivery that Lambda has frozen must lose the lock before another one gives up waiting for it.
# And a session has ten seconds in all. A log-in may come between two statements of another session.
_WAIT_SECONDS: Final = 6
_IDLE_SECONDS: Final = 4
# The second time, a server shows what it still has of ALL PRIVILEGES.
_MOST_COPIES: Final = 5
_UNKNOWN_VARIABLE: Final = 1193
_ENDED_MEANWHILE: Final = 1094


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Server:
    """The server, as the function and an application reach it."""

    place: Place
    names: Database
    engine: str
    # The host of the user's account; None: it has only one account.
    user_host: str | None
    # Whether MariaDB receives hashes. It may have a policy that requires the password itself.
    hashed: bool
    log_in: LogIn

    @property
    def is_mariadb(self) -> bool:
        return self.engine == _MARIADB

    def verify(self, credential: Credential) -> None:
        """Log in."""
        user, word = field(credential, "username"), field(credential, "password")
        self._use(user, word, "SELECT", lambda _: None)

    def accepts(self, credential: Credential) -> bool:
        with suppress(CredentialRejected):
            self.verify(credential)
            return True
        return False

    def check(self, user: str, word: str, pending: Credential) -> None:
        """Look at the account. MariaDB cannot take a change back."""
        del pending

        def look(opened: Session) -> None:
            account, _ = self._begin(opened, user)
            self._definition(opened, account)

        self._use(user, word, "SET PASSWORD", look)

    def change(self, user: str, word: str, pending: Credential) -> None:
        """Set the password of an account of MariaDB, and keep its plugin."""

        def change(opened: Session) -> None:
            account, _ = self._begin(opened, user)
            plugin = self._definition(opened, account).plugin
            text = field(pending, "password")
            opened.query(changes.set_password(account, text, plugin=plugin, hashed=self.hashed))

        self._use(user, word, "SET PASSWORD", change)

    def retain(self, user: str, word: str, pending: Credential, current: Credential | None) -> None:
        """Let an account of MySQL have two passwords."""

        def retain(opened: Session) -> None:
            account, version = self._begin(opened, user)
            if version.number < _DUAL:
                raise _too_old(self.place)
            self._lock(opened, account)
            if self.accepts(pending):
                return
            first = field(current, "password") if current else None
            _change(
                opened,
                changes.retain(account, current=first, pending=field(pending, "password")),
            )

        self._use(user, word, "ALTER USER", retain)

    def discard(self, user: str, word: str, current: Credential) -> None:
        """Let an account of MySQL have one password."""

        def discard(opened: Session) -> None:
            account, _ = self._begin(opened, user)
            self._lock(opened, account)
            _change(opened, changes.only(account, field(current, "password")))

        self._use(user, word, "ALTER USER", discard)

    def end_sessions(self, credential: Credential) -> None:
        """End all sessions of a user. In a session of its own, that needs no privilege."""
        user = field(credential, "username")

        def end(opened: Session) -> None:
            own = _value(opened, "SELECT CONNECTION_ID()")
            for number, name, *_ in opened.query("SHOW PROCESSLIST"):
                if name == user and number != own:
                    _query(opened, f"KILL {number}", ignored=_ENDED_MEANWHILE)

        self._use(user, field(credential, "password"), "KILL", end)

    def alternate(self, user: str, word: str, pending: Credential) -> None:
        """Set the password of the pending user, and make the second user like the first."""
        self._set(user, word, pending, copies=True)

    def disable(self, user: str, word: str, unknown: Credential) -> bool:
        """Set the password of one of the two users, and nothing else."""
        return self._set(user, word, unknown, copies=False)

    def _set(self, user: str, word: str, pending: Credential, *, copies: bool) -> bool:
        """Say whether the user exists, or has been created."""

        def set_password(opened: Session) -> bool:
            original, version = self._begin(opened, user)
            self._lock(opened, original)
            if not self.is_mariadb:
                _query(opened, accounts.HEXADECIMAL, ignored=_UNKNOWN_VARIABLE)
            source = self._definition(opened, original)
            account = Account(user=field(pending, "username"), host=original.host)
            before: Definition | None = source
            if account != original:
                exists = account.host in _hosts(opened, account.user)
                before = self._definition(opened, account) if exists else None
            if not copies:
                if before is None:
                    return False
                source = before
            opened.query(
                source.statement(
                    account, field(pending, "password"), before=before, hashed=self.hashed
                )
            )
            if not self.is_mariadb and version.number >= _DUAL:
                # It has a second one if its secret had another mode before.
                opened.query(changes.discard(account))
            if copies and account != original:
                self._copy(opened, original, account)
            return True

        return self._use(user, word, "ALTER USER", set_password)

    def _copy(self, opened: Session, original: Account, clone: Account) -> None:
        for _ in range(_MOST_COPIES):
            statements = self._grants(opened, original).statements(
                clone, self._grants(opened, clone), mariadb=self.is_mariadb
            )
            if not statements:
                return
            for sql in statements:
                opened.query(sql)
        raise _not_copied(original, clone)

    def _grants(self, opened: Session, account: Account) -> Grants:
        lines = [line or "" for (line,) in opened.query(grants.show(account))]
        found = Grants.parse(lines, account)
        if self.is_mariadb:
            return found
        return found.with_default_roles(self._definition(opened, account).default_roles)

    def _definition(self, opened: Session, account: Account) -> Definition:
        return Definition.parse(_value(opened, accounts.show(account)))

    def _begin(self, opened: Session, user: str) -> tuple[Account, Version]:
        """Find the account of the original user, and check that the server accepts changes."""
        version = opened.version()
        if version.mariadb != self.is_mariadb:
            raise _other_engine(self.place, self.engine)
        if _value(opened, "SELECT @@global.read_only") not in {"0", "OFF"}:
            raise _read_only(self.place)
        account = self._account(opened, user)
        limits, _ = _lock_statements(account)
        opened.query(limits)
        return account, version

    def _lock(self, opened: Session, account: Account) -> None:
        """Wait for other deliveries."""
        _, lock = _lock_statements(account)
        if _value(opened, lock) != "1":
            raise ServiceUnavailable(
                action="GET_LOCK",
                resource=_server(self.place),
                answer_lost=False,
                reason="waited too long for a lock. The retry of the rotation may succeed.",
            )

    def _account(self, opened: Session, user: str) -> Account:
        name = self.names.user
        if self.user_host is not None:
            return Account(user=name, host=self.user_host)
        if user == name:
            _, _, host = _value(opened, "SELECT CURRENT_USER()").rpartition("@")
            return Account(user=name, host=host)
        hosts = _hosts(opened, name)
        if len(hosts) != 1:
            raise _not_one_account(self.place, name, len(hosts))
        return Account(user=name, host=hosts[0])

    def _use(self, user: str, word: str, action: str, effect: Callable[[Session], T]) -> T:
        """Log in, do something in the session, and translate the errors."""
        server, failure = _server(self.place), None
        try:
            opened = self.log_in(self.place, user, word)
        except FAILURES as error:
            failure = log_in_error(error, user=user, server=server)
        if failure is not None:
            raise failure
        try:
            with opened:
                return effect(opened)
        except FAILURES as error:
            refused = statement_error(
                error,
                action=action,
                user=user,
                server=server,
                privilege=self._privilege(user),
            )
        raise refused

    def _privilege(self, user: str) -> str:
        if user == self.names.user:
            return "APPLICATION_PASSWORD_ADMIN ON *.*"
        return (
            "CREATE USER ON *.*, SELECT ON mysql.*, and WITH GRANT OPTION all that "
            f"{self.names.user} has,"
        )


class DualPasswords:
    """Sets a second password of one user, which MySQL accepts beside the current one."""

    ends_previous = True

    def __init__(self, server: _Server, administrator: Administrator | None) -> None:
        """Take the server; no call is made.

        Args:
            server: the server.
            administrator: changes the password; None: the user does it.
        """
        self._server = server
        self._administrator = administrator
        self.needs_known = administrator is None
        self.owner = server.names.owner
        self.shape = server.names.shape
        self.own_fields = server.names.own_fields

    def parse(self, value: Value) -> Credential | None:
        """Recognise the value of any user."""
        return parse_credential(self._server.names, value)

    def generate(self, current: Credential | None) -> Credential:
        """Make a password for the user."""
        names = self._server.names
        return make_credential(names, names.user, current)

    def apply(self, pending: Credential, current: Credential | None) -> None:
        """Set the pending password, and keep the current one."""
        self._server.retain(*self._login(pending, current), pending, current)

    def verify(self, credential: Credential) -> None:
        """Log in."""
        self._server.verify(credential)

    def end_others(self, current: Credential) -> None:
        """Discard the other password, and end the sessions."""
        self._server.discard(*self._login(current, current), current)
        end_sessions(self._server, current)

    def _login(self, pending: Credential, current: Credential | None) -> tuple[str, str]:
        if self._administrator is not None:
            return self._administrator.read()
        if current is None:
            raise no_known_password(pending)
        return field(current, "username"), field(current, "password")


def _query(opened: Session, sql: str, *, ignored: int) -> None:
    """Send a statement, and ignore one error."""
    try:
        opened.query(sql)
    except ServerError as error:
        if error.errno != ignored:
            raise


def _change(opened: Session, statements: tuple[str, ...]) -> None:
    """Send statements. A history may forbid all passwords but the last one."""
    *before, last = statements
    for sql in before:
        _query(opened, sql, ignored=changes.IN_HISTORY)
    opened.query(last)


def _lock_statements(account: Account) -> tuple[str, str]:
    return changes.lock(account, wait_seconds=_WAIT_SECONDS, idle_seconds=_IDLE_SECONDS)


def _value(opened: Session, sql: str) -> str:
    """Return the only value of the only row."""
    match opened.query(sql):
        case [(str(value),)]:
            return value
    raise NoMysqlError


def _hosts(opened: Session, user: str) -> list[str]:
    """List the hosts of a user's accounts. A role of MariaDB has an empty one."""
    return [host for (host,) in opened.query(accounts.hosts(user)) if host]


def _server(place: Place) -> str:
    return f"{place.host}:{place.port}"


def _other_engine(place: Place, engine: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_server(place)} must be {_ENGINES[engine][0]}, as engine in the variable rotation says, "
        f"and it is {_ENGINES[_MARIADB if engine == _MYSQL else _MYSQL][0]}. Nothing was changed. "
        "Correct engine, host or endpoint, then rotate again."
    )


def _too_old(place: Place) -> ConfigurationError:
    return ConfigurationError(
        f"{_server(place)} must be MySQL 8.0.14 or newer, because an older one knows one password "
        f'of each user. Nothing was changed. Set mode = "{ALTERNATING}" in the variable rotation, '
        "or upgrade the server."
    )


def _read_only(place: Place) -> ConfigurationError:
    return ConfigurationError(
        f"{_server(place)} must accept changes, and it is read-only, like a replica. Nothing was "
        "changed. Set endpoint in the variable rotation to the writer. If a failover is going on, "
        "only rotate again."
    )


def _not_one_account(place: Place, name: str, count: int) -> ConfigurationError:
    return ConfigurationError(
        f"{_server(place)} must have one account of {name}, or user_host in the variable rotation "
        f"must say which one rotates. Found: {count} accounts. Nothing was changed. Create the "
        "user, or set user_host to the host of the account that applications use."
    )


def _not_copied(original: Account, clone: Account) -> ConfigurationError:
    return ConfigurationError(
        f"{clone} must have the privileges of {original}, and still has others after "
        f"{_MOST_COPIES} attempts. Compare SHOW GRANTS of both, and revoke what only one of them "
        "can have. Then rotate again."
    )


def build(
    options: OptionReader, clients: Clients, log_in: LogIn = session.log_in
) -> AlternatingUsers | DualPasswords | SingleUser:
    """Read the options.

    Args:
        options: the strategy's settings.
        clients: makes the client that reads the administrator's secret.
        log_in: opens a session.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    engine = options.text("engine", pattern="|".join(_ENGINES), allowed=" or ".join(_ENGINES))
    title, engines = _ENGINES[engine]
    read = Options.read(
        options,
        clients,
        title=title,
        engines=engines,
        dbname=options.optional_text("dbname"),
        longest_user=_LONGEST_USER,
    )
    server = _Server(
        place=Place(host=read.endpoint, port=read.database.port, ca_certificates=ca_certificates()),
        names=read.database,
        engine=engine,
        user_host=options.optional_text(
            "user_host", pattern=_HOST_OF_ACCOUNT, allowed="the host of an account, or null"
        ),
        hashed=options.flag("hash_password"),
        log_in=log_in,
    )
    if read.mode == ALTERNATING and read.administrator:
        return AlternatingUsers(server, read.administrator)
    if engine == _MYSQL:
        return DualPasswords(server, read.administrator)
    return SingleUser(server, read.administrator)
