"""A PostgreSQL server for one session on loopback. A test decides about each of its messages."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from rotation.services.postgresql import Place
from tests.unit.authority import Authority
from tests.unit.tls import serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from rotation.services.tls import Connection

USER: Final = "app"
PASSWORD: Final = "nHk5+zoFk/Q2Ta=="  # noqa: S105 -- of no service
_SALT: Final = b"sixteen bytes..."
_ITERATIONS: Final = 4096
_SSL_REQUEST: Final = struct.pack(">ii", 8, 80877103)
_AUTHORITY: Final = Authority()


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Write a message."""
    return kind + struct.pack(">i", len(body) + 4) + body


def request(code: int, body: bytes = b"") -> bytes:
    """Write a message about the authentication."""
    return message(b"R", struct.pack(">i", code) + body)


def error(sqlstate: str, severity: str = "FATAL") -> bytes:
    """Write an error, whose text quotes the password."""
    fields = {b"S": severity, b"C": sqlstate, b"M": f"no {PASSWORD}", b"R": "auth_failed"}
    parts = (kind + text.encode() + b"\0" for kind, text in fields.items())
    return message(b"E", b"".join(parts) + b"\0")


def row(*values: bytes | None) -> bytes:
    """Write a row."""
    parts = (
        struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
        for value in values
    )
    return message(b"D", struct.pack(">h", len(values)) + b"".join(parts))


ACCEPTED: Final = request(0)
READY: Final = message(b"Z", b"I")
DONE: Final = message(b"C", b"SELECT 1\0")
DESCRIPTION: Final = message(b"T", struct.pack(">h", 0))
NOTICE: Final = message(b"N", b"SNOTICE\0\0")
SETTING: Final = message(b"S", b"a\0b\0")
KEY: Final = message(b"K", bytes(8))
STARTED: Final = (SETTING, KEY, READY)


@dataclass
class Server:
    """Logs one user in, and answers each query with the next reply."""

    mechanisms: tuple[bytes, ...] = (b"SCRAM-SHA-256",)
    # In place of SCRAM: what the server sends without waiting, and one reply to each message.
    script: tuple[bytes, ...] | None = None
    replies: tuple[bytes, ...] = ()
    # Whether the server hangs up after the last reply, and does not wait for the client.
    hangs_up: bool = False
    # Changes the message with a number; no bytes: the server hangs up.
    corrupt: Callable[[int, bytes], bytes] = lambda _, sent: sent
    heard: list[bytes] = field(default_factory=list)
    _sent: int = 0

    def serve(self, stream: BinaryIO) -> None:
        """Serve one session."""
        (length,) = struct.unpack(">i", stream.read(4))
        self.heard.append(stream.read(length - 4))
        with contextlib.suppress(EOFError):
            if self.script is None:
                self._scram(stream)
                self._send(stream, ACCEPTED)
                for sent in STARTED:
                    self._send(stream, sent)
            else:
                for number, sent in enumerate(self.script):
                    if number:
                        self._receive(stream)
                    self._send(stream, sent)
            for reply in self.replies:
                self._receive(stream)
                self._send(stream, reply)
            if not self.hangs_up:
                self._receive(stream)

    def _scram(self, stream: BinaryIO) -> None:
        self._send(stream, request(10, b"".join(one + b"\0" for one in self.mechanisms) + b"\0"))
        _, _, first = self._receive(stream).partition(b"\0")
        flag, _, bare = first[4:].partition(b",,")
        salt = base64.b64encode(_SALT)
        server_first = bare[len("n=,") :] + b"-server,s=" + salt + b",i=%d" % _ITERATIONS
        self._send(stream, request(11, server_first))
        final = self._receive(stream)
        without_proof, _, proof = final.rpartition(b",p=")
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), _SALT, _ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signed = b",".join((bare, server_first, without_proof))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        assert base64.b64decode(proof) == expected
        bound = base64.b64decode(without_proof.split(b",")[0][len("c=") :])
        assert bound.startswith(flag + b",,")
        self.heard.append(bound)
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        server_signature = base64.b64encode(hmac.digest(server_key, signed, "sha256"))
        self._send(stream, request(12, b"v=" + server_signature))

    def _send(self, stream: BinaryIO, sent: bytes) -> None:
        sent = self.corrupt(self._sent, sent)
        self._sent += 1
        if not sent:
            raise EOFError
        stream.write(sent)
        stream.flush()

    def _receive(self, stream: BinaryIO) -> bytes:
        """Return the body of the client's next message."""
        header = stream.read(5)
        if len(header) < 5:
            raise EOFError
        body = stream.read(struct.unpack(">i", header[1:])[0] - 4)
        self.heard.append(header[:1] + body)
        return body


class Wire:
    """A connection without a network, on which all bytes have arrived."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self.sent: list[bytes] = []

    @property
    def connection(self) -> Connection:
        return cast("Connection", self)

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def read(self, count: int) -> bytes:
        content = self._content.read(count)
        if len(content) < count:
            raise ConnectionResetError
        return content


def consent(connection: socket.socket) -> None:
    """Begin TLS as PostgreSQL does."""
    asked = connection.recv(len(_SSL_REQUEST))
    if asked != _SSL_REQUEST:
        raise ConnectionResetError
    connection.sendall(b"S")


@contextlib.contextmanager
def place_of(
    serve: Callable[[BinaryIO], None],
    folder: Path,
    before_tls: Callable[[socket.socket], None] = consent,
    authority: Authority = _AUTHORITY,
) -> Iterator[Place]:
    """Serve one session, and return where."""
    files = _AUTHORITY.issue(folder)
    with serving(folder, serve, certificate=files, before_tls=before_tls) as endpoint:
        host, _, port = endpoint.partition(":")
        yield Place(host=host, port=int(port), database="reports", ca_certificates=authority.pem)
