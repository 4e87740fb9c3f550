"""An issuer of keys: any number with a mark, or two without one."""

import secrets
from collections.abc import Sequence
from typing import Any

from rotation.api import (
    Clients,
    Credential,
    CredentialRejected,
    Issued,
    OptionReader,
    ProtocolError,
    ServiceUnavailable,
)
from tests.unit.conformance import service


class Keys:
    shape = "a JSON object with the strings id and key"
    owner = "the account"
    slots = None
    adopted = None
    adopt_with = None
    settling_seconds = 0
    retires_demoted = False

    def parse(self, value: Any) -> Credential | None:
        if isinstance(value, str) or not all(isinstance(value.get(n), str) for n in ("id", "key")):
            return None
        return Credential(identity=value["id"], owner=self.owner, value=value)

    def inventory(self) -> Sequence[Issued]:
        try:
            keys = service.list_keys()
        except service.UnreachableError:
            raise self.unreachable(action="list") from None
        return [
            Issued(identity=name, owner=self.owner, created=key.created, mark=key.mark)
            for name, key in keys.items()
        ]

    def issue(self, mark: str) -> Credential:
        text = secrets.token_hex(8)
        try:
            name = service.create_key(text, mark, self.slots)
        except service.UnreachableError:
            raise self.unreachable(action="create") from None
        except service.FullError:
            raise ProtocolError.unexpected_code(
                action="create", resource=self.owner, code="Full"
            ) from None
        value = {"id": name, "key": text}
        return Credential(identity=name, owner=self.owner, value=value)

    def verify(self, credential: Credential) -> None:
        value: Any = credential.value
        try:
            accepted = service.accepts(value["id"], value["key"])
        except service.UnreachableError:
            raise self.unreachable(action="use") from None
        if not accepted:
            raise CredentialRejected(owner=self.owner, identity=credential.identity)

    def retire(self, issued: Issued, credential: Credential | None) -> None:
        try:
            service.delete_key(issued.identity)
        except KeyError:
            return
        except service.UnreachableError:
            raise self.unreachable(action="delete") from None

    def unreachable(self, *, action: str) -> ServiceUnavailable:
        return ServiceUnavailable(action=action, resource=self.owner, answer_lost=True)


def build(options: OptionReader, clients: Clients) -> Keys:
    return Keys()
