"""One user of a server whose password changes, or two users that take turns.

The value of each credential has the fields username and password.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from rotation.errors import CredentialRejected
from rotation.strategy import Credential

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rotation.strategy import Value


class Names(Protocol):
    """The users, and the form of their values."""

    @property
    def user(self) -> str:
        """The user that the application knows."""

    @property
    def clone(self) -> str:
        """The second user."""

    @property
    def owner(self) -> str:
        """The owner of both users' credentials."""

    @property
    def shape(self) -> str:
        """The form of a value."""

    @property
    def own_fields(self) -> frozenset[str]:
        """The fields of a value that are not the operator's."""

    def user_and_owner(self, value: object) -> tuple[str, str] | None:
        """Return the user that a value is for, and the owner; None: it has another form."""

    def new_value(self, user: str, current: object) -> Mapping[str, object]:
        """Make a value with a new password, and with the other fields of the current value."""


class Server(Protocol):
    """A server that knows the users. Each call is in a session of the user with this password."""

    @property
    def names(self) -> Names:
        """The users."""

    def verify(self, credential: Credential) -> None:
        """Log in."""

    def check(self, user: str, word: str, pending: Credential) -> None:
        """Look for all that would make change fail."""

    def change(self, user: str, word: str, pending: Credential) -> None:
        """Set the password of the only user."""

    def alternate(self, user: str, word: str, pending: Credential) -> None:
        """Set the password of one of the two users, and make the second one like the first."""

    def disable(self, user: str, word: str, unknown: Credential) -> bool:
        """Set the password of one of the two users, and say whether that user exists."""

    def end_sessions(self, credential: Credential) -> None:
        """End all sessions of a user."""


class Administrator(Protocol):
    """A user that may change the others."""

    def read(self) -> tuple[str, str]:
        """Return its name and its password."""


class AlternatingUsers:
    """Sets the password of the user that is not current. A second user acts like the first one."""

    ends_previous = True

    def __init__(self, server: Server, administrator: Administrator) -> None:
        """Take the server and its administrator; no call is made."""
        self._server = server
        self._administrator = administrator
        self.owner = server.names.owner
        self.shape = server.names.shape
        self.own_fields = server.names.own_fields

    def parse(self, value: Value) -> Credential | None:
        """Recognise the value of any user."""
        return parse_credential(self._server.names, value)

    def generate(self, current: Credential | None) -> Credential:
        """Make a password for the other user. The first value is for the second user.

        So the password of the first one stays, which applications may have from elsewhere.
        """
        names = self._server.names
        is_clone = current is not None and field(current, "username") == names.clone
        return make_credential(names, names.user if is_clone else names.clone, current)

    def apply(self, pending: Credential, current: Credential | None) -> None:  # noqa: ARG002 -- another user has it
        """Set the password of the pending user, and make the second user like the first."""
        self._server.alternate(*self._administrator.read(), pending)

    def verify(self, credential: Credential) -> None:
        """Log in."""
        self._server.verify(credential)

    def end_others(self, current: Credential) -> None:
        """Give the other user a password that no one knows, and end the sessions of both users.

        A session of the current user may have been opened with an earlier password.
        """
        unknown = self.generate(current)
        if self._server.disable(*self._administrator.read(), unknown):
            end_sessions(self._server, unknown)
        end_sessions(self._server, current)


class SingleUser:
    """Changes the password of one user, which the server then no longer accepts."""

    def __init__(self, server: Server, administrator: Administrator | None) -> None:
        """Take the server; no call is made.

        Args:
            server: the server.
            administrator: changes the password; None: the user does it.
        """
        self._server = server
        self._administrator = administrator
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

    def check(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Look for all that would make replace fail."""
        self._alter(pending, known, is_check=True)

    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Change the password, unless the server already accepts the pending one."""
        self._alter(pending, known, is_check=False)

    def verify(self, credential: Credential) -> None:
        """Log in."""
        self._server.verify(credential)

    def end_others(self, current: Credential) -> None:
        """End the sessions. The server knows no other password."""
        end_sessions(self._server, current)

    def _alter(self, pending: Credential, known: Iterable[Credential], *, is_check: bool) -> None:
        alter = self._server.check if is_check else self._server.change
        if self._administrator is not None:
            alter(*self._administrator.read(), pending)
            return
        for one in known:
            login = field(one, "username"), field(one, "password")
            with suppress(CredentialRejected):
                if login == (field(pending, "username"), field(pending, "password")):
                    self._server.verify(pending)
                else:
                    alter(*login, pending)
                return
        raise no_known_password(pending)


def end_sessions(server: Server, credential: Credential) -> None:
    """End all sessions of a user. Until then, one of them could change the user's password."""
    server.end_sessions(credential)
    server.verify(credential)


def no_known_password(pending: Credential) -> CredentialRejected:
    """Return the error if a user has to change its own password, and cannot log in."""
    return CredentialRejected(
        owner=pending.owner,
        identity=pending.identity,
        cure="The server accepts none of the passwords in this secret's versions, so the user "
        "cannot change its own. Put the valid one as the secret's value, or set "
        "admin_secret_arn in the variable rotation, then rotate again.",
    )


def parse_credential(names: Names, value: Value) -> Credential | None:
    """Recognise the value of any user."""
    found = names.user_and_owner(value)
    if found is None:
        return None
    user, owner = found
    return Credential(identity=f"the password of {user}", owner=owner, value=value)


def make_credential(names: Names, user: str, current: Credential | None) -> Credential:
    """Make a credential of one of the users."""
    value = names.new_value(user, current.value if current else None)
    return Credential(identity=f"the password of {user}", owner=names.owner, value=value)


def field(credential: Credential, name: str) -> str:
    """Return a field of a value that parse has recognised."""
    return str(cast("Mapping[str, object]", credential.value)[name])
