"""A connection over TLS, with one limit of time and one of size for everything that happens on it.

The timeout of a socket limits each read alone. A server that sends a byte now and then never
reaches it, and Lambda would stop the function while it waits.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from rotation.aws import CONNECT_SECONDS, LONGEST_ATTEMPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from ssl import SSLContext, SSLSocket
    from typing import Protocol

    class Plain(Protocol):
        """A connection before TLS, within the same limits. Trust nothing that it receives."""

        def sendall(self, data: bytes) -> None:
            """Send all of the bytes.

            Raises:
                OSError: The connection was lost, or the time is over.
            """

        def read(self, count: int) -> bytes:
            """Read exactly `count` bytes.

            Raises:
                OSError: The connection ended before, or the time is over.
                TooLongError: That is more than the limit.
            """


_LARGEST_PORT: Final = 65535


class NoReplyError(Exception):
    """No reply arrived; `lost` says whether the request may have been carried out."""

    def __init__(self, *, lost: bool) -> None:
        super().__init__()
        self.lost = lost


class NoTlsError(OSError):
    """The server offers no TLS. Nothing secret was sent."""


class TooLongError(OSError):
    """The server sent more than the limit."""


class UnreadableCertificatesError(Exception):
    """The given certificates of authorities are not valid PEM. No connection was made."""


class UntrustedCertificateError(OSError):
    """The certificate of the server is not valid, not trusted, or not of this host."""

    def __init__(self, verify_code: int) -> None:
        """Keep OpenSSL's code for the reason, which certificates.advice explains."""
        super().__init__()
        self.verify_code = verify_code


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

    def __init__(
        self,
        host: str,
        port: int,
        limits: Limits,
        *,
        ca_certificates: str | None = None,
        before_tls: Callable[[Plain], None] | None = None,
    ) -> None:
        """Connect.

        Args:
            host: the name or the address that the certificate must have.
            port: the TCP port.
            limits: the time and the size of everything that happens, from now on.
            ca_certificates: the PEM of the authorities that are trusted, and no others; None: those
                of the runtime.
            before_tls: asks the server for TLS; None: the connection begins with TLS. It must read
                no more than the server's consent: what comes after it is read as TLS.

        Raises:
            OSError: No server accepts the connection.
            UnreadableCertificatesError: The PEM has no valid certificates.
            UntrustedCertificateError: The certificate of the server is rejected.
        """
        context = _context(ca_certificates)
        context.hostname_checks_common_name = False
        self._end = time.monotonic() + limits.seconds
        self._bytes_left = limits.most_bytes
        self._stream: socket = self._connect(host, port)
        try:
            if before_tls is not None:
                before_tls(self)
            self._stream.settimeout(self._seconds_left())
            secure = _over_tls(self._stream, context, host)
        except BaseException:
            self._stream.close()
            raise
        self._stream = secure
        # The certificate of the server, as DER.
        self.certificate = secure.getpeercert(binary_form=True) or b""

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

    def read(self, count: int) -> bytes:
        """Read exactly `count` bytes, which are kept nowhere else.

        Raises:
            OSError: The connection ended before, or the time is over.
            TooLongError: That is more than the limit.
        """
        if count > self._bytes_left:  # Before memory is reserved for it.
            raise TooLongError
        content = bytearray(count)
        left = memoryview(content)
        while left:
            received = self.receive(left)
            if not received:
                raise ConnectionResetError
            left = left[received:]
        return bytes(content)

    def receive(self, buffer: bytearray | memoryview) -> int:
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
        for family, kind, protocol, _, address in _addresses(host, port, self._seconds_left()):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(min(CONNECT_SECONDS, self._seconds_left()))
                plain.connect(address)
                # A log-in is a dialogue of small messages, each of which would wait for others.
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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


def _addresses(host: str, port: int, seconds: float) -> list[Any]:
    """Look the name up in a thread, which nothing can stop: a dead resolver may keep it longer."""
    import socket
    import threading

    found: list[Any] = []

    def look_up() -> None:
        # DNS may have no form for a name, which is a ValueError.
        with suppress(OSError, ValueError):
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    # getaddrinfo would use another port.
    if port <= _LARGEST_PORT:
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(seconds)
    if not found:
        raise ConnectionError
    return found


def _context(ca_certificates: str | None) -> SSLContext:
    import ssl

    if ca_certificates is None:
        return ssl.create_default_context()
    # The comments of a bundle may have letters that OpenSSL does not accept.
    text = ca_certificates.encode("ascii", "replace").decode()
    with suppress(ssl.SSLError):
        if text:  # Without a text, create_default_context would trust the runtime's authorities.
            return ssl.create_default_context(cadata=text)
    raise UnreadableCertificatesError


def _over_tls(plain: socket, context: SSLContext, host: str) -> SSLSocket:
    import ssl

    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        verify_code = error.verify_code
    raise UntrustedCertificateError(verify_code)


class _Received(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- as the type of RawIOBase
        return self._connection.receive(buffer)
