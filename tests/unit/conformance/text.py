"""A generator of plain texts."""

import secrets

from rotation.api import Clients, Credential, OptionReader, Value


class Text:
    owner = "nobody"
    shape = "a text of 32 characters"

    def parse(self, value: Value) -> Credential | None:
        if not isinstance(value, str) or len(value) != 32:
            return None
        return Credential(identity="the text", owner=self.owner, value=value)

    def generate(self, current: Credential | None) -> Credential:
        return Credential(identity="the text", owner=self.owner, value=secrets.token_hex(16))


def build(options: OptionReader, clients: Clients) -> Text:
    return Text()
