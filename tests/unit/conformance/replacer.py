"""A replacer of passwords: the user changes the only one that the service accepts."""

import secrets
from collections.abc import Iterable
from typing import Any

from rotation.api import (
    Clients,
    Credential,
    CredentialRejected,
    OptionReader,
    ServiceUnavailable,
)
from tests.unit.conformance import service

FIELDS = {"host", "user", "password"}


class Password:
    shape = "a JSON object with the strings host, user and password"

    def __init__(self, host: str, user: str) -> None:
        self.host, self.user = host, user
        self.owner = f"user {user} of {host}"

    def parse(self, value: Any) -> Credential | None:
        if isinstance(value, str) or not all(isinstance(value.get(name), str) for name in FIELDS):
            return None
        owner = f"user {value['user']} of {value['host']}"
        return Credential(identity="the password", owner=owner, value=value)

    def generate(self, current: Credential | None) -> Credential:
        value = {"host": self.host, "user": self.user, "password": secrets.token_hex(8)}
        return Credential(identity="the password", owner=self.owner, value=value)

    def check(self, pending: Credential, known: Iterable[Credential]) -> None:
        self._accepted(pending, known)

    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:
        if self._accepted(pending, known) == _password(pending):
            return
        try:
            service.set_passwords(self.user, [_password(pending)])
        except service.UnreachableError:
            raise ServiceUnavailable(action="set", resource=self.owner, answer_lost=True) from None

    def verify(self, credential: Credential) -> None:
        if _password(credential) not in self._log_in():
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def _accepted(self, pending: Credential, known: Iterable[Credential]) -> str | None:
        accepted = self._log_in()
        found = next((_password(one) for one in known if _password(one) in accepted), None)
        if accepted and found is None:
            raise CredentialRejected(owner=self.owner, identity=pending.identity)
        return found

    def _log_in(self) -> list[str]:
        try:
            return service.passwords(self.user)
        except service.UnreachableError:
            raise ServiceUnavailable(
                action="log in", resource=self.owner, answer_lost=False
            ) from None


def _password(credential: Credential) -> str:
    value: Any = credential.value
    return str(value["password"])


def build(options: OptionReader, clients: Clients) -> Password:
    return Password(options.text("host"), options.text("user"))
