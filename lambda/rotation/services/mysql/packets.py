"""Packets of the protocol, and the fields in them.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rotation.services.tls import Plain

OK: Final = 0x00
MORE_DATA: Final = 0x01
EOF: Final = 0xFE
ERR: Final = 0xFF

_NULL: Final = 0xFB
# The bytes of the integer that follows. Smaller numbers than these are integers themselves.
_LENGTHS: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_HEADER_BYTES: Final = 4
# The longest reply is a line of SHOW GRANTS, with all columns of a table.
_MOST_BYTES: Final = 2**20
_STATE: Final = re.compile(rb"#([0-9A-Z]{5})")


class NoMysqlError(Exception):
    """A reply is not as the protocol says, or not for this client."""


class ServerError(Exception):
    """The server returned an error. The server's own text is not kept."""

    def __init__(self, errno: int, state: str = "", *, accepted: bool) -> None:
        """Keep what distinguishes errors.

        https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
        https://mariadb.com/kb/en/mariadb-error-code-reference/

        Args:
            errno: the number of the error, such as 1045.
            state: the SQLSTATE, such as 28000; empty: the server named none.
            accepted: whether the server had accepted the password before.
        """
        super().__init__()
        self.errno = errno
        self.state = state
        self.accepted = accepted


class Fields:
    """The fields of one packet, in their order."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            NoMysqlError: The packet ends before.
        """
        part = self._packet[self._at : self._at + count]
        if len(part) < count:
            raise NoMysqlError
        self._at += count
        return part

    def integer(self, size: int) -> int:
        """Return an integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int | None:
        """Return a length-encoded integer; None: NULL."""
        first = self.integer(1)
        if first == _NULL:
            return None
        return self.integer(_LENGTHS[first]) if first in _LENGTHS else first

    def text(self) -> str | None:
        """Return a length-encoded string; None: NULL."""
        length = self.length()
        return None if length is None else decode(self.take(length))

    def until_nul(self) -> bytes:
        """Return the bytes before the next NUL, or before the end."""
        part, _, _ = self._packet[self._at :].partition(b"\0")
        self._at = min(self._at + len(part) + 1, len(self._packet))
        return part

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(len(self._packet) - self._at)


def decode(content: bytes) -> str:
    """Return a text.

    Raises:
        NoMysqlError: It is not UTF-8.
    """
    text = content.decode(errors="replace")
    if text.encode() != content:
        raise NoMysqlError
    return text


class Packets:
    """Sends and receives packets. Their numbers continue from the greeting into TLS."""

    def __init__(self, stream: Plain, number: int = 0) -> None:
        self._stream = stream
        self.number = number

    def send(self, packet: bytes) -> None:
        """Send a packet, which must be shorter than 16 MB.

        Raises:
            OSError: The connection was lost, or the time is over.
        """
        self._stream.sendall(len(packet).to_bytes(3, "little") + bytes([self.number]) + packet)
        self.number = (self.number + 1) % 256

    def receive(self) -> bytes:
        """Receive a packet of at least one byte.

        Raises:
            OSError: The connection was lost, the time is over, or the server sent too much.
            NoMysqlError: It is not the next packet.
        """
        header = self._stream.read(_HEADER_BYTES)
        length, number = int.from_bytes(header[:3], "little"), header[3]
        if not 0 < length <= _MOST_BYTES:
            raise NoMysqlError
        packet = self._stream.read(length)
        # A server that closes an idle connection says so in an error, which answers no request.
        if number != self.number and packet[0] != ERR:
            raise NoMysqlError
        self.number = (number + 1) % 256
        return packet


def error_in(packet: bytes, *, accepted: bool) -> ServerError:
    """Return the error in a packet that begins with ERR."""
    fields = Fields(packet[1:])
    errno = fields.integer(2)
    state = _STATE.match(fields.rest())
    return ServerError(errno, state[1].decode() if state else "", accepted=accepted)
