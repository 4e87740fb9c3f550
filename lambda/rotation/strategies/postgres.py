"""The password of a PostgreSQL user, alternating between two users or changed in place.

Secret: AWS's JSON for databases, `{"engine": "postgres", "host": …, "port": …, "dbname": …,
"username": …, "password": …, "masterarn": …}`. Any further field survives.
Idempotency: each statement sets a state, and adds nothing when it is repeated.
Privileges: secretsmanager:GetSecretValue on the administrator's secret. On the server, the
administrator needs CREATEROLE, and from PostgreSQL 16 on ADMIN OPTION on the user.
The server receives a hash, never the password: PostgreSQL logs the text of statements.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

from rotation.errors import ConfigurationError, CredentialRejected
from rotation.services import database
from rotation.services.database import OWN_FIELDS, Administrator, Database, Passwords
from rotation.services.postgresql import Place, roles, session
from rotation.services.postgresql.errors import call
from rotation.services.postgresql.session import Session
from rotation.strategy import Credential

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rotation.aws import Clients
    from rotation.settings import OptionReader
    from rotation.strategy import Value

T = TypeVar("T")
LogIn: TypeAlias = Callable[[Place, str, str], Session]

_ENGINES: Final = ("postgres", "aurora-postgresql")
_NAME: Final = "(?s:.{1,63})"
_ALTERNATING: Final = "alternating_users"
_SINGLE: Final = "single_user"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """The server, as the function and an application reach it."""

    place: Place
    database: Database
    # Whether the server receives hashes. It may have a policy that requires the password itself.
    hashed: bool
    log_in: LogIn

    def use(self, user: str, word: str, action: str, effect: Callable[[Session], T]) -> T:
        """Log in, and do something in the session."""

        def work() -> T:
            with self.log_in(self.place, user, word) as opened:
                return effect(opened)

        return call(action, self.place, user, work, changed=self.database.user)

    def verify(self, credential: Credential) -> None:
        """Log in, and check that a clone acts as the original.

        A clone that is no longer a member can log in, and silently acts as itself.
        """
        user, original = _field(credential, "username"), self.database.user
        name = self.use(
            user,
            _field(credential, "password"),
            "the log-in",
            lambda opened: opened.value("SELECT current_user"),
        )
        if user == self.database.clone and name == user:
            raise CredentialRejected(
                owner=self.database.owner,
                identity=credential.identity,
                cure=f"It can log in, but it is not a member of {original} and acts as itself. "
                f"Rotate again: that makes it a member. Or run GRANT {original} TO {user}.",
            )

    def begin_change(self, opened: Session) -> None:
        """Limit what follows, and check that the server accepts changes."""
        roles.limit(opened)
        if opened.value("SHOW transaction_read_only") == "on":
            raise _read_only(self.place)

    def require_role(self, opened: Session, name: str) -> roles.Role:
        found = roles.find(opened, name)
        if found is None:
            raise _absent(self.place, name)
        return found

    def password_statement(self, opened: Session, credential: Credential) -> str:
        user, word = _field(credential, "username"), _field(credential, "password")
        return roles.password_statement(opened, user, word, hashed=self.hashed)


class AlternatingUsers:
    """Sets the password of the user that is not current. A second user acts as the first one."""

    ends_previous = True
    own_fields = OWN_FIELDS

    def __init__(self, server: _Server, administrator: Administrator) -> None:
        """Take the server and its administrator; no call is made."""
        self._server = server
        self._administrator = administrator
        self.owner = server.database.owner
        self.shape = server.database.shape

    def parse(self, value: Value) -> Credential | None:
        """Recognise the value of any user."""
        return _parsed(self._server.database, value)

    def generate(self, current: Credential | None) -> Credential:
        """Make a password for the other user. The first value is for the second user.

        So the password of the first one stays, which applications may have from elsewhere.
        """
        names = self._server.database
        is_clone = current is not None and _field(current, "username") == names.clone
        return _generated(names, names.user if is_clone else names.clone, current)

    def apply(self, pending: Credential, current: Credential | None) -> None:  # noqa: ARG002 -- another user has it
        """Set the password of the pending user, and make the second user like the first."""
        name, word = self._administrator.read()
        self._server.use(name, word, "ALTER ROLE", lambda opened: self._set(opened, pending))

    def verify(self, credential: Credential) -> None:
        """Log in."""
        self._server.verify(credential)

    def _set(self, opened: Session, pending: Credential) -> None:
        server, names = self._server, self._server.database
        server.begin_change(opened)
        role = server.require_role(opened, names.user)
        if role.is_superuser:
            raise _superuser(names.user)
        if _field(pending, "username") == names.clone:
            existing = roles.find(opened, names.clone)
            if existing is not None and roles.owns_objects(opened, names.clone):
                raise _owner(names)
            roles.copy(opened, names.user, role, clone=names.clone, existing=existing)
        opened.query(server.password_statement(opened, pending))


class SingleUser:
    """Changes the password of one user, which the server then no longer accepts."""

    own_fields = OWN_FIELDS

    def __init__(self, server: _Server, administrator: Administrator | None) -> None:
        """Take the server; no call is made.

        Args:
            server: the server.
            administrator: changes the password; None: the user does it.
        """
        self._server = server
        self._administrator = administrator
        self.owner = server.database.owner
        self.shape = server.database.shape

    def parse(self, value: Value) -> Credential | None:
        """Recognise the value of any user."""
        return _parsed(self._server.database, value)

    def generate(self, current: Credential | None) -> Credential:
        """Make a password for the user."""
        names = self._server.database
        return _generated(names, names.user, current)

    def check(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Change the password in a transaction that is rolled back in the same request."""
        self._alter(pending, known, "BEGIN; {}; ROLLBACK")

    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Change the password, unless the server already accepts the pending one."""
        self._alter(pending, known, "{}")

    def verify(self, credential: Credential) -> None:
        """Log in."""
        self._server.verify(credential)

    def _alter(self, pending: Credential, known: Iterable[Credential], form: str) -> None:
        server = self._server

        def alter(opened: Session) -> None:
            server.begin_change(opened)
            server.require_role(opened, server.database.user)
            opened.query(form.format(server.password_statement(opened, pending)))

        if self._administrator is not None:
            server.use(*self._administrator.read(), "ALTER ROLE", alter)
            return
        for one in known:
            user, word = _field(one, "username"), _field(one, "password")
            done = (user, word) == (_field(pending, "username"), _field(pending, "password"))
            with suppress(CredentialRejected):
                server.use(user, word, "ALTER ROLE", (lambda _: None) if done else alter)
                return
        raise CredentialRejected(
            owner=self.owner,
            identity=pending.identity,
            cure="The server accepts none of the passwords in this secret's versions, so the user "
            "cannot change its own. Put the valid one as the secret's value, or set "
            "admin_secret_arn in the variable rotation, then rotate again.",
        )


def _parsed(names: Database, value: Value) -> Credential | None:
    found = names.user_and_owner(value)
    if found is None:
        return None
    user, owner = found
    return Credential(identity=f"the password of {user}", owner=owner, value=value)


def _generated(names: Database, user: str, current: Credential | None) -> Credential:
    value = names.new_value(user, current.value if current else None)
    return Credential(identity=f"the password of {user}", owner=names.owner, value=value)


def _field(credential: Credential, name: str) -> str:
    """Return a field of a value that parse has recognised."""
    return str(cast("Mapping[str, object]", credential.value)[name])


def _read_only(place: Place) -> ConfigurationError:
    return ConfigurationError(
        f"{place.host}:{place.port} must accept changes, and it is read-only, like a replica. "
        "Nothing was changed. Set endpoint in the variable rotation to the writer. If a failover "
        "is going on, only rotate again."
    )


def _absent(place: Place, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place.host}:{place.port} must have the role {name}, which is username in the variable "
        "rotation. Found: no such role. Create it, or correct username, then rotate again."
    )


def _superuser(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} must not be a superuser, because the second user could not be like it. Nothing "
        f'was changed. Set mode = "{_SINGLE}" in the variable rotation, or use another user.'
    )


def _owner(names: Database) -> ConfigurationError:
    return ConfigurationError(
        f"{names.clone} must own nothing, because it will act as {names.user}. Nothing was "
        f"changed. Run REASSIGN OWNED BY {names.clone} TO {names.user} in each database, then "
        "rotate again."
    )


def build(
    options: OptionReader, clients: Clients, log_in: LogIn = session.log_in
) -> AlternatingUsers | SingleUser:
    """Read the options.

    Args:
        options: the strategy's settings.
        clients: makes the client that reads the administrator's secret.
        log_in: opens a session.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    modes = (_ALTERNATING, _SINGLE)
    mode = options.text("mode", pattern="|".join(modes), allowed=" or ".join(modes))
    host, endpoint, port = database.server(options)
    administrator = database.administrator(options, clients)
    dbname = options.text("dbname", pattern=_NAME, allowed="the name of a database")
    server = _Server(
        place=Place(
            host=endpoint, port=port, database=dbname, ca_certificates=database.ca_certificates()
        ),
        database=Database(
            title="PostgreSQL",
            engines=_ENGINES,
            host=host,
            port=port,
            dbname=dbname,
            user=options.text("username", pattern=_NAME, allowed="the name of a user"),
            admin_arn=administrator.arn if administrator else None,
            passwords=Passwords.of(options),
        ),
        hashed=options.flag("hash_password"),
        log_in=log_in,
    )
    if mode == _SINGLE:
        return SingleUser(server, administrator)
    if administrator is None:
        options.refuse("admin_secret_arn", None, "the ARN of a secret, with alternating_users")
    return AlternatingUsers(server, administrator)
