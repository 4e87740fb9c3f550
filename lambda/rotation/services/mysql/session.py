"""A session at MySQL or MariaDB: the log-in, statements, and their rows as text."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from rotation.services.mysql.handshake import Greeting, ask_for_tls, authenticate
from rotation.services.mysql.packets import (
    EOF,
    ERR,
    OK,
    Fields,
    NoMysqlError,
    Packets,
    error_in,
)
from rotation.services.tls import (
    LIMITS,
    Connection,
    Limits,
    NoReplyError,
    NoTlsError,
    UntrustedCertificateError,
)

if TYPE_CHECKING:
    from rotation.services.tls import Plain

Row: TypeAlias = "tuple[str | None, ...]"

_QUIT: Final = b"\x01"
_QUERY: Final = b"\x03"
# An EOF is shorter than a row that begins with a length of eight bytes.
_EOF_BYTES: Final = 5
# https://dev.mysql.com/doc/refman/8.0/en/column-count-limit.html
_MOST_COLUMNS: Final = 4096
# quoting.py relies on the first, and the readers of accounts and grants on the second.
_MODE: Final = "SET SESSION sql_mode = '', sql_quote_show_create = 1"
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?!\d)")


class TextError(Exception):
    """A name or a password has NUL or half of a surrogate pair, which no server accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is, and whom it must be trusted by: PEM, or the runtime's authorities."""

    host: str
    port: int
    ca_certificates: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The version of a server."""

    mariadb: bool
    number: tuple[int, int, int]


class Session:
    """A session of one user; the end of the block ends it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the session. Without a farewell, the server would log an aborted connection."""
        with self._connection, suppress(OSError):
            Packets(self._connection).send(_QUIT)

    def query(self, sql: str) -> list[Row]:
        """Send one statement, and return its rows.

        Raises:
            NoMysqlError: The reply is not as the protocol says. The session has ended.
            NoReplyError: The reply did not arrive. The session has ended.
            ServerError: The server returned an error.
        """
        try:
            packets = Packets(self._connection)
            packets.send(_QUERY + sql.encode())
            return _rows(packets)
        except OSError:
            pass
        except NoMysqlError:
            # The rest of the reply must not answer the next statement.
            self._connection.__exit__()
            raise
        raise NoReplyError(lost=True)

    def version(self) -> Version:
        """Ask for the version. The greeting's may be anyone's, because it comes before TLS.

        Raises:
            NoMysqlError, NoReplyError, ServerError: as for query.
        """
        rows = self.query("SELECT VERSION()")
        text = rows[0][0] if len(rows) == 1 else None
        found = _VERSION.match(text or "")
        if text is None or found is None:
            raise NoMysqlError
        major, minor, patch = (int(part) for part in found.groups())
        return Version(mariadb="mariadb" in text.lower(), number=(major, minor, patch))


def log_in(place: Place, user: str, password: str, limits: Limits = LIMITS) -> Session:
    """Log in.

    Args:
        place: the server.
        user: the name of the user, without a host.
        password: the password.
        limits: the time and the size of everything until the session ends.

    Raises:
        NoMysqlError: The server speaks something else.
        NoReplyError: No server replied in time.
        NoTlsError: The server has no TLS. It has received no name and no password.
        PluginError: The account needs a plugin that this client does not speak.
        ServerError: The server rejects the log-in.
        TextError: The name or the password has a character that no server accepts.
        UnreadableCertificatesError: The certificates of the place are not PEM.
        UntrustedCertificateError: The certificate of the server is rejected.
    """
    name, secret = _encode(user), _encode(password)
    greetings: list[Greeting] = []

    def before_tls(plain: Plain) -> None:
        greetings.append(ask_for_tls(plain))

    try:
        connection = Connection(
            place.host,
            place.port,
            limits,
            ca_certificates=place.ca_certificates,
            before_tls=before_tls,
        )
    except (NoTlsError, UntrustedCertificateError):
        raise
    except OSError:
        pass
    else:
        return _session(connection, greetings[0], name, secret)
    raise NoReplyError(lost=False)


def _session(connection: Connection, greeting: Greeting, user: bytes, password: bytes) -> Session:
    with ExitStack() as closing:
        closing.enter_context(connection)
        try:
            authenticate(Packets(connection, greeting.number), greeting, user, password)
            session = Session(connection)
            session.query(_MODE)
        except (OSError, NoReplyError):
            pass
        else:
            closing.pop_all()
            return session
    raise NoReplyError(lost=False)


def _encode(text: str) -> bytes:
    content = text.encode(errors="replace")
    if "\0" in text or content.decode() != text:
        raise TextError
    return content


def _rows(packets: Packets) -> list[Row]:
    packet = packets.receive()
    if packet[0] == ERR:
        raise error_in(packet, accepted=True)
    if packet[0] == OK:
        return []
    columns = Fields(packet).length()
    # None: the server asks for a file of this machine.
    if columns is None or columns > _MOST_COLUMNS:
        raise NoMysqlError
    for _ in range(columns):
        packets.receive()  # what a column is called
    if not _is_eof(packets.receive()):
        raise NoMysqlError
    rows = []
    while not _is_eof(packet := packets.receive()):
        if packet[0] == ERR:
            raise error_in(packet, accepted=True)
        fields = Fields(packet)
        rows.append(tuple(fields.text() for _ in range(columns)))
        if fields.rest():
            raise NoMysqlError
    return rows


def _is_eof(packet: bytes) -> bool:
    return packet[0] == EOF and len(packet) == _EOF_BYTES
