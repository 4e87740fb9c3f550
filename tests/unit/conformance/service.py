"""A service in memory, for the strategies beside this file. Each function is one request.

It has users with passwords, of which it accepts two at a time; keys with a mark; and keys of which
an owner may have two.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rotation_conformance import Account
    from rotation_conformance.rotator import Content

SLOTS = 2
LOCAL = timezone(timedelta(hours=2))


class UnreachableError(Exception):
    """No response arrived."""


class FullError(Exception):
    """The owner has as many keys as it may have."""


@dataclass(kw_only=True)
class Key:
    text: str
    mark: str | None
    created: datetime
    made_by: str


class Server:
    """The state of the service."""

    def __init__(self) -> None:
        self.reset(lambda: datetime.now(UTC))

    def reset(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.reachable = True
        self.passwords: dict[str, list[str]] = {}
        self.keys: dict[str, Key] = {}
        self.lost: list[str] = []
        self._ids = count(1)

    def next_id(self) -> str:
        return f"identity-{next(self._ids)}"


SERVER = Server()


def _request() -> None:
    if not SERVER.reachable:
        raise UnreachableError


def set_passwords(user: str, passwords: list[str]) -> None:
    _request()
    SERVER.passwords[user] = list(passwords)


def passwords(user: str) -> list[str]:
    _request()
    return list(SERVER.passwords.get(user, []))


def list_keys() -> dict[str, Key]:
    _request()
    return dict(SERVER.keys)


def create_key(text: str, mark: str | None, slots: int | None = None) -> str:
    _request()
    if slots is not None and len(SERVER.keys) >= slots:
        raise FullError
    name = SERVER.next_id()
    made_by = "function"
    SERVER.keys[name] = Key(text=text, mark=mark, created=SERVER.now(), made_by=made_by)
    return name


def delete_key(name: str) -> None:
    _request()
    if SERVER.keys[name].made_by == "operator":
        SERVER.lost.append(name)
    del SERVER.keys[name]


def accepts(name: str, text: str) -> bool:
    _request()
    return name in SERVER.keys and SERVER.keys[name].text == text


def method_of(name: str) -> Callable[..., Any]:
    """Return a method that this file has, and that calls another one of the strategy."""

    def method(strategy: object, *arguments: object) -> Any:
        return getattr(strategy, name)(*arguments)

    return method


class _Service:
    slots: int | None = None

    def reset(self, account: Account) -> Mapping[str, object]:
        SERVER.reset(lambda: account.time.now)
        return {}

    def ours(self) -> set[str]:
        return set()

    def foreign_lost(self) -> list[str]:
        return []

    def identity(self, value: Content) -> str:
        return str(value["id"])

    @contextmanager
    def outage(self) -> Iterator[None]:
        SERVER.reachable = False
        try:
            yield
        finally:
            SERVER.reachable = True


class Texts(_Service):
    """A value that no service has to know: a text of 32 characters, or a field with one."""

    def works(self, value: Content) -> bool:
        return len(value if isinstance(value, str) else value["pepper"]) == 32

    def identity(self, value: Content) -> str:
        return str(value)

    def ours(self) -> set[str]:
        return set(SERVER.keys)


class Passwords(_Service):
    """The passwords of one user."""

    def reset(self, account: Account) -> Mapping[str, object]:
        super().reset(account)
        return {"user": "cache", "host": "cache.internal"}

    def works(self, value: Content) -> bool:
        return value["password"] in self.ours()

    def identity(self, value: Content) -> str:
        return str(value["password"])

    def ours(self) -> set[str]:
        return set(SERVER.passwords.get("cache", []))


class Keys(_Service):
    """Keys, some of which operators make."""

    limit: int | None = None

    def works(self, value: Content) -> bool:
        return value["id"] in SERVER.keys and SERVER.keys[value["id"]].text == value["key"]

    def ours(self) -> set[str]:
        return {name for name, key in SERVER.keys.items() if key.made_by == "function"}

    def foreign_lost(self) -> list[str]:
        return SERVER.lost

    def add_foreign(self) -> str | None:
        if self.limit is not None and len(SERVER.keys) >= self.limit:
            return None
        name = SERVER.next_id()
        SERVER.keys[name] = Key(text="0" * 16, mark=None, created=SERVER.now(), made_by="operator")
        return name

    def remove_foreign(self, identity: str) -> None:
        del SERVER.keys[identity]


class LimitedKeys(Keys):
    """The owner may have two keys, but the suite does not know."""

    limit = SLOTS


class FewKeys(LimitedKeys):
    """The owner may have two keys."""

    slots = SLOTS
