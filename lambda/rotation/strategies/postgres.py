"""The password of a PostgreSQL user, alternating between two users or changed in place.

Secret: AWS's JSON for databases, `{"engine": "postgres", "host": …, "port": …, "dbname": …,
"username": …, "password": …, "masterarn": …}`. All but engine and password are from the options.
Any further field survives.
Idempotency: each statement sets a state, and adds nothing when it is repeated.
Privileges: secretsmanager:GetSecretValue on the administrator's secret. On the server, the
administrator needs CREATEROLE, and from PostgreSQL 16 on ADMIN OPTION on the user.
The server receives a hash, never the password: PostgreSQL logs the text of statements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from rotation.errors import ConfigurationError, CredentialRejected
from rotation.services.database import ALTERNATING, SINGLE, Options, ca_certificates
from rotation.services.postgresql import Place, roles, session
from rotation.services.postgresql.errors import call
from rotation.services.postgresql.session import Session
from rotation.users import AlternatingUsers, SingleUser, field

if TYPE_CHECKING:
    from rotation.aws import Clients
    from rotation.services.database import Database
    from rotation.settings import OptionReader
    from rotation.strategy import Credential

T = TypeVar("T")
LogIn: TypeAlias = Callable[[Place, str, str], Session]

# Each server has it.
_DATABASE: Final = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Server:
    """The server, as the function and an application reach it."""

    place: Place
    names: Database
    # Whether the server receives hashes. It may have a policy that requires the password itself.
    hashed: bool
    log_in: LogIn

    def use(self, user: str, word: str, action: str, effect: Callable[[Session], T]) -> T:
        """Log in, and do something in the session."""

        def work() -> T:
            with self.log_in(self.place, user, word) as opened:
                return effect(opened)

        return call(action, self.place, user, work, changed=self.names.user)

    def verify(self, credential: Credential) -> None:
        """Log in, and check that a clone acts as the original.

        A clone that is no longer a member can log in, and silently acts as itself.
        """
        user, original = field(credential, "username"), self.names.user
        name = self.use(
            user,
            field(credential, "password"),
            "the log-in",
            lambda opened: opened.value("SELECT current_user"),
        )
        if user == self.names.clone and name == user:
            raise CredentialRejected(
                owner=self.names.owner,
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
        user, word = field(credential, "username"), field(credential, "password")
        return roles.password_statement(opened, user, word, hashed=self.hashed)

    def check(self, user: str, word: str, pending: Credential) -> None:
        """Change the password in a transaction that is rolled back in the same request."""
        self._alter(user, word, pending, "BEGIN; {}; ROLLBACK")

    def change(self, user: str, word: str, pending: Credential) -> None:
        """Change the password."""
        self._alter(user, word, pending, "{}")

    def alternate(self, user: str, word: str, pending: Credential) -> None:
        """Set the password of the pending user, and make the second user like the first."""

        def alternate(opened: Session) -> None:
            names = self.names
            self.begin_change(opened)
            role = self.require_role(opened, names.user)
            if role.is_superuser:
                raise _superuser(names.user)
            if field(pending, "username") == names.clone:
                existing = roles.find(opened, names.clone)
                if existing is not None and roles.owns_objects(opened, names.clone):
                    raise _owner(names)
                roles.copy(opened, names.user, role, clone=names.clone, existing=existing)
            opened.query(self.password_statement(opened, pending))

        self.use(user, word, "ALTER ROLE", alternate)

    def disable(self, user: str, word: str, unknown: Credential) -> bool:
        """Set the password of one of the two users, whatever that user may own."""

        def disable(opened: Session) -> bool:
            self.begin_change(opened)
            exists = roles.find(opened, field(unknown, "username")) is not None
            if exists:
                opened.query(self.password_statement(opened, unknown))
            return exists

        return self.use(user, word, "ALTER ROLE", disable)

    def end_sessions(self, credential: Credential) -> None:
        """End all sessions of a user. In a session of its own, that needs no privilege."""
        self.use(
            field(credential, "username"),
            field(credential, "password"),
            "pg_terminate_backend",
            roles.end_sessions,
        )

    def _alter(self, user: str, word: str, pending: Credential, form: str) -> None:
        def alter(opened: Session) -> None:
            self.begin_change(opened)
            self.require_role(opened, self.names.user)
            opened.query(form.format(self.password_statement(opened, pending)))

        self.use(user, word, "ALTER ROLE", alter)


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
        f'was changed. Set mode = "{SINGLE}" in the variable rotation, or use another user.'
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
    dbname = options.optional_text(
        "dbname", pattern="(?s:.{1,63})", allowed="the name of a database, or null"
    )
    read = Options.read(
        options,
        clients,
        title="PostgreSQL",
        engines=("postgres", "aurora-postgresql"),
        dbname=dbname,
        longest_user=63,
        first_dbname=_DATABASE,
    )
    server = _Server(
        place=Place(
            host=read.endpoint,
            port=read.database.port,
            database=dbname or _DATABASE,
            ca_certificates=ca_certificates(),
        ),
        names=read.database,
        hashed=options.flag("hash_password"),
        log_in=log_in,
    )
    if read.mode == ALTERNATING and read.administrator:
        return AlternatingUsers(server, read.administrator)
    return SingleUser(server, read.administrator)
