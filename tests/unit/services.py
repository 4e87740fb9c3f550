"""The services of the strategies: each follows its own rules, and shows the invariants its state.

Beside those of the module's own strategies there are some that a custom rotator may be for: a
database whose passwords are set, and a service whose tokens cannot be listed, but expire.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from rotation.aws import call
from rotation.errors import CredentialRejected
from rotation.strategy import Credential, Issued, Value
from rotation_conformance.rotator import Content
from rotation_conformance.rotator import Service as AnyService
from tests.unit.cloud import KEYS_PER_USER, Cloud, Key, Maker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

T = TypeVar("T")


class Service(AnyService, Protocol):
    """The further members that the tests here need."""

    @property
    def issues(self) -> str | None:
        """Return the name of the call that its client never repeats: it may make a credential."""

    def unlisted(self) -> set[str]:
        """Return the credentials that the function made and cannot find again."""


class NoService:
    """A value that no service has to know."""

    slots = None
    issues = None

    def __init__(self, name: str, length: int) -> None:
        self._name = name
        self._length = length

    def works(self, value: Content) -> bool:
        return len(value[self._name]) == self._length

    def identity(self, value: Content) -> str:
        return str(value[self._name])

    def ours(self) -> set[str]:
        return set()

    def unlisted(self) -> set[str]:
        return set()

    def foreign_lost(self) -> list[str]:
        return []


class IamUser:
    """The keys of one user in the cloud."""

    slots = KEYS_PER_USER
    issues = "create_access_key"
    prefix = "AKIA"

    def __init__(self, cloud: Cloud, user: str) -> None:
        self._cloud = cloud
        self._user = user

    @property
    def keys(self) -> list[Key]:
        return self._cloud.users[self._user]

    def works(self, value: Content) -> bool:
        return (
            self._cloud.accepts(value["AccessKeyId"], value["SecretAccessKey"])
            and value["Version"] == 1
            and value["UserName"] == self._user
        )

    def identity(self, value: Content) -> str:
        return str(value["AccessKeyId"])

    def ours(self) -> set[str]:
        return {key.key_id for key in self.keys if key.maker is Maker.FUNCTION}

    def unlisted(self) -> set[str]:
        return set()

    def foreign_lost(self) -> list[str]:
        return [key.key_id for key in self._cloud.destroyed if key.maker is Maker.OPERATOR]

    def add_foreign(self) -> str | None:
        if self._cloud.slots_taken(self._user) >= self.slots:
            return None
        return self._cloud.add_key(self._user, prefix=self.prefix).key_id

    def remove_foreign(self, identity: str) -> None:
        self._cloud.remove_key(next(key for key in self.keys if key.key_id == identity))

    def outage(self) -> AbstractContextManager[None]:
        return self._cloud.outage()

    def adopt(self) -> str:
        """Add a key that the function is to adopt."""
        return self._cloud.add_key(self._user, Maker.ADOPTED, prefix=self.prefix).key_id

    def add_adopted(self) -> Content | None:
        """Make a key if there is room, and return the value that an operator puts."""
        if self._cloud.slots_taken(self._user) >= self.slots:
            return None
        return self._value(self._cloud.add_key(self._user, Maker.ADOPTED, prefix=self.prefix))

    def _value(self, key: Key) -> Content:
        fields = {"AccessKeyId": key.key_id, "SecretAccessKey": key.secret}
        return {"Version": 1, **fields, "UserName": self._user}


class Remote:
    """A service outside of AWS: each request is a call of the cloud, which may fail."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def request(self, name: str, owner: str, effect: Callable[[], T]) -> T:
        return call(name, owner, lambda: self.cloud.request(name, effect))

    def outage(self) -> AbstractContextManager[None]:
        return self.cloud.outage()

    def unlisted(self) -> set[str]:
        return set()

    def foreign_lost(self) -> list[str]:
        return []


DATABASE_CALLS = frozenset({"alter_user", "connect"})


class Database(Remote):
    """Accepts two passwords of its user at a time, as MySQL does since 8.0.14."""

    slots = None
    issues = None

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.accepted: list[str] = []

    def works(self, value: Content) -> bool:
        return value["password"] in self.accepted

    def identity(self, value: Content) -> str:
        return str(value["password"])

    def ours(self) -> set[str]:
        return set(self.accepted)


class _Password:
    """The members that both strategies for a database have."""

    owner = "database user app"
    shape = "a JSON object with the string password"

    def __init__(self, database: Database) -> None:
        self._database = database

    def parse(self, value: Value) -> Credential | None:
        if isinstance(value, str) or not isinstance(value.get("password"), str):
            return None
        return Credential(identity="the password", owner=self.owner, value=value)

    def generate(self, current: Credential | None) -> Credential:  # noqa: ARG002 -- the Protocol's
        value = {"password": secrets.token_hex(8)}
        return Credential(identity="the password", owner=self.owner, value=value)

    def verify(self, credential: Credential) -> None:
        if _field(credential, "password") not in self._accepted():
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def _accepted(self) -> list[str]:
        return self._database.request("connect", self.owner, lambda: list(self._database.accepted))

    def _set(self, *credentials: Credential) -> None:
        accepted = [_field(one, "password") for one in credentials]
        self._database.request(
            "alter_user", self.owner, lambda: setattr(self._database, "accepted", accepted)
        )


class DatabasePassword(_Password):
    """The strategy for a database that accepts two passwords."""

    def apply(self, pending: Credential, current: Credential | None) -> None:
        self._set(*([current] if current else []), pending)


class RevocablePassword(DatabasePassword):
    """The same, which can also end all passwords but one."""

    def end_others(self, current: Credential) -> None:
        self._set(current)


class OnlyPassword(_Password):
    """The strategy for a database that accepts one password, which its user changes."""

    def check(self, pending: Credential, known: Iterable[Credential]) -> None:
        self._log_in(known, pending)

    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:
        if self._log_in(known, pending) != pending:
            self._set(pending)

    def _log_in(self, known: Iterable[Credential], pending: Credential) -> Credential | None:
        """Return the credential that the database accepts; None: it has no password yet."""
        if not self._accepted():
            return None
        for one in known:
            with suppress(CredentialRejected):
                self.verify(one)
                return one
        raise CredentialRejected(owner=self.owner, identity=pending.identity)


class Tokens(Remote):
    """Issues any number of tokens, each of which expires. They cannot be listed."""

    slots = None
    issues = "create_token"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.held: set[str] = set()

    def make(self) -> str:
        made = secrets.token_hex(8)
        self.held.add(made)
        return made

    def works(self, value: Content) -> bool:
        return value["token"] in self.held

    def identity(self, value: Content) -> str:
        return str(value["token"])

    def ours(self) -> set[str]:
        return set()

    def unlisted(self) -> set[str]:
        return self.held


class IssuedToken:
    """The strategy for them."""

    owner = "application app"
    shape = "a JSON object with the string token"
    slots = None
    adopted = None
    adopt_with = None
    settling_seconds = 0
    retires_demoted = False

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def parse(self, value: Value) -> Credential | None:
        if isinstance(value, str) or not isinstance(value.get("token"), str):
            return None
        return Credential(identity="the token", owner=self.owner, value=value)

    def inventory(self) -> Sequence[Issued]:
        return []

    def issue(self, mark: str) -> Credential:  # noqa: ARG002 -- the Protocol's
        made = self._tokens.request("create_token", self.owner, self._tokens.make)
        return Credential(identity="the token", owner=self.owner, value={"token": made})

    def verify(self, credential: Credential) -> None:
        held = self._tokens.request("use_token", self.owner, lambda: set(self._tokens.held))
        if _field(credential, "token") not in held:
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        assert credential is not None, "a token is ended with the token itself"
        ended = _field(credential, "token")
        self._tokens.request("end_token", self.owner, lambda: self._tokens.held.discard(ended))


def _field(credential: Credential, name: str) -> str:
    assert isinstance(credential.value, Mapping)
    return str(credential.value[name])
