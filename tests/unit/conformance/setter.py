"""A setter of passwords, of which the service accepts any number."""

import secrets
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


class Passwords:
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

    def apply(self, pending: Credential, current: Credential | None) -> None:
        kept = [_password(one) for one in (current, pending) if one]
        try:
            service.set_passwords(self.user, kept)
        except service.UnreachableError:
            raise ServiceUnavailable(action="set", resource=self.owner, answer_lost=True) from None

    def verify(self, credential: Credential) -> None:
        password = _password(credential)
        try:
            accepted = service.passwords(self.user)
        except service.UnreachableError:
            raise ServiceUnavailable(
                action="log in", resource=self.owner, answer_lost=False
            ) from None
        if password not in accepted:
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def end_others(self, current: Credential) -> None:
        try:
            service.set_passwords(self.user, [_password(current)])
        except service.UnreachableError:
            raise ServiceUnavailable(action="end", resource=self.owner, answer_lost=True) from None


def _password(credential: Credential) -> str:
    value: Any = credential.value
    return str(value["password"])


def build(options: OptionReader, clients: Clients) -> Passwords:
    return Passwords(options.text("host"), options.text("user"))
