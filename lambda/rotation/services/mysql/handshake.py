"""The handshake: the greeting, the change to TLS, and the authentication.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rotation.services.mysql import plugins
from rotation.services.mysql.packets import (
    EOF,
    ERR,
    MORE_DATA,
    OK,
    Fields,
    NoMysqlError,
    Packets,
    error_in,
)
from rotation.services.tls import NoTlsError

if TYPE_CHECKING:
    from rotation.services.tls import Plain

_VERSION: Final = 10
# https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
_LONG_PASSWORD: Final = 0x1
_PROTOCOL_41: Final = 0x200
_SSL: Final = 0x800
_TRANSACTIONS: Final = 0x2000
_SECURE_CONNECTION: Final = 0x8000
_PLUGIN_AUTH: Final = 0x80000
_NEEDED: Final = _PROTOCOL_41 | _SECURE_CONNECTION | _PLUGIN_AUTH
_CAPABILITIES: Final = _NEEDED | _LONG_PASSWORD | _SSL | _TRANSACTIONS
# utf8mb4_general_ci, which all versions know.
_UTF8: Final = 45
_MOST_BYTES: Final = 2**24 - 1
# Capabilities, longest packet, character set, and reserved bytes.
_REQUEST: Final = struct.pack("<IIB23x", _CAPABILITIES, _MOST_BYTES, _UTF8)

# A server may return these in place of a greeting: it is full (1040, 1041), stops (1053), or does
# not talk to this address (1042, 1129, 1130). Anyone can send them, so they say nothing about a
# password.
_BEFORE_TLS: Final = frozenset({1040, 1041, 1042, 1053, 1129, 1130})
# These follow the password: no database (1044, 1049), limits of the account (1203, 1226), a locked
# account (3118, 4151), an offline server (3032), and an expired password (1820, 1862).
_AFTER_PASSWORD: Final = frozenset({1044, 1049, 1203, 1226, 1820, 1862, 3032, 3118, 4151})

_FAST: Final = b"\x03"
_FULL: Final = b"\x04"
# MariaDB tries the plugins of an account one after the other.
_MOST_ROUNDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The greeting, which came before TLS. Nothing of it is used after the handshake."""

    plugin: str
    nonce: bytes = field(repr=False)
    # The number of the next packet.
    number: int


def ask_for_tls(plain: Plain) -> Greeting:
    """Read the greeting, and ask for TLS.

    Raises:
        OSError: The connection was lost, or the time is over.
        NoTlsError: The server has no TLS.
        NoMysqlError: The server speaks something else.
        ServerError: The server does not talk to this client.
    """
    packets = Packets(plain)
    packet = packets.receive()
    if packet[0] == ERR:
        error = error_in(packet, accepted=False)
        raise error if error.errno in _BEFORE_TLS else NoMysqlError
    fields = Fields(packet)
    if fields.integer(1) != _VERSION:
        raise NoMysqlError
    fields.until_nul()  # the server's version
    fields.take(4)  # the number of the connection
    nonce = fields.take(8)
    fields.take(1)
    capabilities = fields.integer(2)
    fields.take(3)  # character set, status
    capabilities |= fields.integer(2) << 16
    if not capabilities & _SSL:
        raise NoTlsError
    if capabilities & _NEEDED != _NEEDED:
        raise NoMysqlError
    length = max(13, fields.integer(1) - 8)
    fields.take(10)
    nonce += fields.take(length)
    plugin = fields.until_nul().decode("ascii", "replace")
    packets.send(_REQUEST)
    return Greeting(plugin=plugin, nonce=nonce, number=packets.number)


def authenticate(packets: Packets, greeting: Greeting, user: bytes, password: bytes) -> None:
    """Prove that this client knows the password.

    Raises:
        OSError: The connection was lost, or the time is over.
        NoMysqlError: A reply is not as the protocol says.
        PluginError: The account needs a plugin that this client does not speak.
        ServerError: The server rejects the log-in.
    """
    # The server asks for the plugin of the account if it is another one.
    plugin = greeting.plugin
    if plugin not in {plugins.CACHING_SHA2, plugins.NATIVE}:
        plugin = plugins.NATIVE
    answer = plugins.response(plugin, greeting.nonce, password)
    named = user + b"\0" + bytes([len(answer)]) + answer + plugin.encode() + b"\0"
    packets.send(_REQUEST + named)
    accepted = False
    for _ in range(_MOST_ROUNDS):
        packet = packets.receive()
        kind, content = packet[0], packet[1:]
        if kind == OK:
            return
        if kind == ERR:
            error = error_in(packet, accepted=accepted)
            error.accepted |= error.errno in _AFTER_PASSWORD
            raise error
        if kind == EOF:
            plugin, answer = _switch_plugin(content, password)
            packets.send(answer)
        elif kind != MORE_DATA or plugin != plugins.CACHING_SHA2 or content not in {_FAST, _FULL}:
            break
        elif content == _FULL:
            packets.send(plugins.whole(b"", password))
        else:
            accepted = True
    raise NoMysqlError


def _switch_plugin(content: bytes, password: bytes) -> tuple[str, bytes]:
    fields = Fields(content)
    # A packet of one byte is of servers before 4.1: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_old_auth_switch_request.html
    plugin = fields.until_nul().decode("ascii", "replace") or "mysql_old_password"
    return plugin, plugins.response(plugin, fields.rest(), password)
