"""A generator of JSON objects with one secret field."""

import secrets

from rotation.api import Clients, Credential, OptionReader, Value


class Field:
    owner = "nobody"
    shape = "a JSON object with the string pepper"

    def parse(self, value: Value) -> Credential | None:
        if isinstance(value, str) or not isinstance(value.get("pepper"), str):
            return None
        return Credential(identity="the pepper", owner=self.owner, value=value)

    def generate(self, current: Credential | None) -> Credential:
        value = {"pepper": secrets.token_hex(16)}
        return Credential(identity="the pepper", owner=self.owner, value=value)


def build(options: OptionReader, clients: Clients) -> Field:
    return Field()
