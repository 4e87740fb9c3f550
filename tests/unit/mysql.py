"""A server of MySQL's protocol on loopback, which plays a script."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Final

from rotation.services.mysql.session import Place
from tests.unit.tls import serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

NONCE: Final = bytes(range(1, 21))
OK: Final = b"\0\0\0\2\0\0\0"
EOF: Final = b"\xfe\0\0\2\0"
FAST: Final = b"\x01\x03"
FULL: Final = b"\x01\x04"
# As of real servers, with TLS and plugins.
CAPABILITIES: Final = 0xDFFFFFFF
SSL: Final = 0x800


def greeting(
    plugin: str = "caching_sha2_password",
    *,
    capabilities: int = CAPABILITIES,
    protocol: int = 10,
    nonce: bytes = NONCE,
) -> bytes:
    """Write a greeting."""
    head = bytes([protocol]) + b"8.0.31\0" + struct.pack("<I", 7) + nonce[:8] + b"\0"
    low, high = capabilities & 0xFFFF, capabilities >> 16
    middle = struct.pack("<HBHHB10x", low, 255, 2, high, len(nonce) + 1)
    return head + middle + nonce[8:] + b"\0" + plugin.encode() + b"\0"


def error(errno: int, state: str = "HY000") -> bytes:
    """Write an error whose text quotes a password."""
    return b"\xff" + struct.pack("<H", errno) + f"#{state}the text with {PASSWORD}".encode()


def switch(plugin: str, nonce: bytes = NONCE) -> bytes:
    """Ask for another plugin."""
    return b"\xfe" + plugin.encode() + b"\0" + nonce + b"\0"


def text(content: bytes | None) -> bytes:
    """Write a length-encoded string, or NULL."""
    if content is None:
        return b"\xfb"
    assert len(content) < 65536
    length = struct.pack("<B", len(content)) if len(content) < 251 else b"\xfc"
    return length + (struct.pack("<H", len(content)) if len(content) > 250 else b"") + content


def rows(*lines: tuple[bytes | None, ...]) -> list[bytes]:
    """Write a result."""
    columns = len(lines[0])
    named = [text(b"def") + text(b"") * 3 + text(b"c") * 2 + b"\x0c" + b"\0" * 12] * columns
    return [bytes([columns]), *named, EOF, *(b"".join(map(text, line)) for line in lines), EOF]


PASSWORD: Final = "nHk5+zoFk/Q2Ta=="  # noqa: S105 -- of no service
USER: Final = "reader-of-reports"


def framed(number: int, content: bytes) -> bytes:
    """Write a packet with its header."""
    return len(content).to_bytes(3, "little") + bytes([number % 256]) + content


class Client:
    """The client, as the server sees it after TLS."""

    def __init__(self, stream: BinaryIO, number: int = 2) -> None:
        self._stream = stream
        self.number = number

    def receive(self) -> bytes:
        """Receive one packet; empty: the client has left."""
        header = self._stream.read(4)
        if len(header) < 4:
            return b""
        self.number = header[3] + 1
        return self._stream.read(int.from_bytes(header[:3], "little"))

    def send(self, *contents: bytes) -> None:
        """Send packets."""
        for content in contents:
            self._stream.write(framed(self.number, content))
            self.number += 1
        self._stream.flush()

    def raw(self, content: bytes) -> None:
        """Send bytes that may be no packet."""
        self._stream.write(content)
        self._stream.flush()

    def let_in(self) -> bytes:
        """Accept the log-in and its first statement, and return the response to the greeting."""
        response = self.receive()
        self.send(OK)
        assert self.receive().startswith(b"\x03SET SESSION sql_mode = ''")
        self.send(OK)
        return response


@contextlib.contextmanager
def playing(
    folder: Path, script: Callable[[Client], None], *, first: bytes | None = None
) -> Iterator[tuple[Place, list[bytes]]]:
    """Serve one connection: the greeting, and after TLS the script.

    Args:
        folder: where the certificate is written.
        script: what happens after TLS.
        first: the bytes before TLS in place of the greeting.

    Yields:
        Where the server is, and the bytes that it has received before TLS.
    """
    plain: list[bytes] = []

    def before_tls(connection: socket.socket) -> None:
        connection.sendall(framed(0, greeting()) if first is None else first)
        plain.append(connection.recv(36))
        if not plain[-1]:
            raise ConnectionResetError

    def serve(stream: BinaryIO) -> None:
        script(Client(stream))

    with serving(folder, serve, before_tls=before_tls) as endpoint:
        host, _, port = endpoint.partition(":")
        yield Place(host=host, port=int(port)), plain
