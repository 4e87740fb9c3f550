"""A connection over TLS, with one limit of time and one of size for everything that happens on it.

The timeout of a socket limits each read alone. A server that sends a byte now and then never
reaches it, and Lambda would stop the function while it waits.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from rotation.aws import CONNECT_SECONDS, LONGEST_ATTEMPT_SECONDS

if TYPE_CHECKING:
    from socket import socket


_LARGEST_PORT: Final = 65535


class TooLongError(OSError):
    """The server sent more than the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The time and the size of all that a server sends, from the connection to the last byte."""

    seconds: float = LONGEST_ATTEMPT_SECONDS
    # GitHub's longest reply, a page of 100 repositories, has less than 1 MB. As JSON, a reply of
    # empty objects uses 25 times its size, and the smallest function has 128 MB.
    most_bytes: int = 2 * 2**20


LIMITS: Final = Limits()


class Connection:
    """A connection to a server whose certificate is verified; the end of the block closes it."""

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        """Connect.

        Raises:
            OSError: No server accepts the connection, or its certificate is not of this host.
        """
        import ssl

        self._end = time.monotonic() + limits.seconds
        self._bytes_left = limits.most_bytes
        plain = self._connect(host, port)
        try:
            plain.settimeout(self._seconds_left())
            context = ssl.create_default_context()
            self._stream = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._stream.close()

    def sendall(self, data: bytes) -> None:
        """Send all of the bytes.

        Raises:
            OSError: The connection was lost, or the time is over.
        """
        self._stream.settimeout(self._seconds_left())
        self._stream.sendall(data)

    def receive(self, buffer: bytearray) -> int:
        """Receive some bytes; 0: the server closed the connection.

        Raises:
            OSError: The connection was lost, or the time is over.
            TooLongError: The server has sent more than the limit.
        """
        self._stream.settimeout(self._seconds_left())
        count = self._stream.recv_into(buffer)
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise TooLongError
        return count

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """Return a file to read from, by the name that http.client uses."""
        return io.BufferedReader(_Received(self))

    def close(self) -> None:
        """Do nothing: http.client closes a connection before it has read the body."""

    def _connect(self, host: str, port: int) -> socket:
        """Try each address: socket.create_connection would give each of them the whole time."""
        import socket

        failure: OSError | None = None
        if port > _LARGEST_PORT:  # getaddrinfo would use another one.
            raise ConnectionError
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(min(CONNECT_SECONDS, self._seconds_left()))
                plain.connect(address)
            except OSError as error:
                plain.close()
                failure = error
            else:
                return plain
        raise failure or OSError

    def _seconds_left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Received(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- as the type of RawIOBase
        return self._connection.receive(buffer)
