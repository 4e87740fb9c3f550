"""The password of a user of a Redis server. The server accepts the current and the new one.

Secret: `{"host": …, "port": …, "username": …, "password": …}`.
Idempotency: apply and end_others replace the user's passwords; they never add to them.
Privileges: secretsmanager:GetSecretValue on the secret of an administrator of the server.
"""

import json
import secrets
import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

from rotation.api import (
    Clients,
    Credential,
    CredentialRejected,
    OptionReader,
    ProtocolError,
    ServiceUnavailable,
    Value,
    ask,
)

_NAMES = ("host", "port", "username", "password")
_OWNER = "Redis user {username} of {host}:{port}"


class RedisUser:
    shape = f"a JSON object with the strings {', '.join(_NAMES)}"

    def __init__(self, clients: Clients, host: str, port: str, user: str, arn: str) -> None:
        self._clients, self._arn = clients, arn
        self._fixed = {"host": host, "port": port, "username": user}
        self.owner = _OWNER.format(**self._fixed)

    def parse(self, value: Value) -> Credential | None:
        if isinstance(value, str) or not all(isinstance(value.get(name), str) for name in _NAMES):
            return None
        return Credential(identity="the password", owner=_OWNER.format(**value), value=value)

    def generate(self, current: Credential | None) -> Credential:
        value = {**self._fixed, "password": secrets.token_hex(32)}
        return Credential(identity="the password", owner=self.owner, value=value)

    def apply(self, pending: Credential, current: Credential | None) -> None:
        self._set([one for one in (current, pending) if one])

    def verify(self, credential: Credential) -> None:
        self._send(credential.identity, cast("Any", credential.value))

    def end_others(self, current: Credential) -> None:
        self._set([current], ["CLIENT", "KILL", "USER", self._fixed["username"]])

    def _set(self, accepted: list[Credential], *further: list[str]) -> None:
        get = self._clients("secretsmanager").get_secret_value
        response = ask("secretsmanager:GetSecretValue", self._arn, lambda: get(SecretId=self._arn))
        passwords = [f">{cast('Any', one.value)['password']}" for one in accepted]
        rules = ["ACL", "SETUSER", self._fixed["username"], "resetpass", *passwords]
        administrator = json.loads(response.text("SecretString"))
        self._send(f"in {self._arn}", administrator, rules, ["ACL", "SAVE"], *further)

    def _send(self, identity: str, who: Mapping[str, str], *commands: list[str]) -> None:
        host, port = self._fixed["host"], int(self._fixed["port"])
        commands = (["AUTH", who["username"], who["password"]], *commands)
        try:
            plain = socket.create_connection((host, port), timeout=10)
            with ssl.create_default_context().wrap_socket(
                plain, server_hostname=host
            ) as connection:
                connection.sendall("".join(map(_resp, commands)).encode())
                lines = connection.makefile()
                replies = [next(lines).strip() for _ in commands]
        except (OSError, StopIteration):
            raise ServiceUnavailable(action="AUTH", resource=self.owner, answer_lost=True) from None
        for command, reply in zip(commands, replies, strict=True):
            if reply.startswith("-WRONGPASS"):
                raise CredentialRejected(owner=self.owner, identity=identity)
            # CLIENT KILL returns the number of the connections.
            if reply != "+OK" and reply[:1] != ":":
                code = reply.split()[0].strip("-")
                raise ProtocolError.unexpected_code(
                    action=command[0], resource=self.owner, code=code
                )


def _resp(words: list[str]) -> str:
    # https://redis.io/docs/latest/develop/reference/protocol-spec/
    return f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)


def build(options: OptionReader, clients: Clients) -> RedisUser:
    arn = options.text("administrator_secret_arn")
    return RedisUser(clients, options.text("host"), options.text("port"), options.text("user"), arn)
