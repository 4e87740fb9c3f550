"""A session with a PostgreSQL server over TLS: the log-in, and statements as text.

No statement has parameters: PostgreSQL knows none in the statements that change a role. Write
names and texts with quoting.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Self

from rotation.services.postgresql import (
    MalformedReplyError,
    Place,
    SqlError,
    Stage,
    encode,
    encode_name,
)
from rotation.services.postgresql.authentication import authenticate
from rotation.services.postgresql.messages import Body, Messages, pack, sqlstate
from rotation.services.tls import (
    LIMITS,
    Connection,
    Limits,
    NoReplyError,
    NoTlsError,
    TooLongError,
    UntrustedCertificateError,
)

if TYPE_CHECKING:
    from types import TracebackType

    from rotation.services.tls import Plain

# 3.0, and the number that requests TLS instead.
_VERSION: Final = (196608).to_bytes(4, "big")
_TLS: Final = (80877103).to_bytes(4, "big")
# The end of a statement, of one without text, and the description of rows.
_WITHOUT_ROWS: Final = frozenset({b"C", b"I", b"T"})


class Session:
    """A session; the end of the block closes it. A transaction that is open then has no effect."""

    def __init__(self, messages: Messages, connection: ExitStack) -> None:
        """Use a connection on which the log-in is over; `log_in` makes a session."""
        self._messages = messages
        self._connection = connection

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log out, and close the connection."""
        with suppress(OSError):
            self._messages.send(b"", b"X")
        self._connection.close()

    def query(self, sql: str, *, columns: int = 0) -> list[tuple[str | None, ...]]:
        """Run statements. Several of them are one transaction.

        https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT

        Args:
            sql: the statements, separated by semicolons.
            columns: how many columns each of their rows has.

        Returns:
            The rows of all statements, in text form; None is NULL.

        Raises:
            SqlError: The server rejects a statement. None has had an effect.
            NoReplyError: The reply was lost. The statements may have had their effect.
            MalformedReplyError: The reply is malformed, or has other columns.
            UnusableTextError: The text has the character NUL, or is not Unicode.
        """
        failure: Exception
        try:
            return self._query(encode(sql), columns)
        except (MalformedReplyError, TooLongError):
            failure = MalformedReplyError()
        except OSError:
            failure = NoReplyError(lost=True)
        # The rest of this reply must not be read as the next one.
        self._connection.close()
        raise failure

    def value(self, sql: str) -> str:
        """Run a statement that returns one row with one value, and return it.

        Raises:
            SqlError: The server rejects the statement.
            NoReplyError: The reply was lost.
            MalformedReplyError: The reply has another number of rows, or NULL.
            UnusableTextError: The text has the character NUL, or is not Unicode.
        """
        match self.query(sql, columns=1):
            case [(str(value),)]:
                return value
            case _:
                raise MalformedReplyError

    def _query(self, sql: bytes, columns: int) -> list[tuple[str | None, ...]]:
        self._messages.send(sql + b"\0", b"Q")
        rows: list[tuple[str | None, ...]] = []
        while True:
            kind, body = self._messages.receive()
            if kind == b"Z":
                return rows
            if kind == b"E":
                failure = SqlError(sqlstate(body), Stage.STATEMENT)
                break
            if kind == b"D":
                rows.append(_row(body, columns))
            elif kind not in _WITHOUT_ROWS:
                raise MalformedReplyError
        # A server that shuts down does not get ready again.
        with suppress(OSError):
            while self._messages.receive()[0] != b"Z":
                pass
        raise failure


def log_in(place: Place, user: str, password: str, limits: Limits = LIMITS) -> Session:
    """Log in.

    Args:
        place: the server and the database.
        user: the user's name.
        password: its password.
        limits: the time and the size of everything that happens until the session is closed.

    Raises:
        SqlError: The server rejects the log-in.
        MalformedReplyError: A reply is malformed, or the server does not know the password.
        UnsupportedLoginError: The server requests no password, or requests it in a wrong way.
        NoReplyError: No server replied.
        NoTlsError: The server offers no TLS.
        UntrustedCertificateError: The certificate of the server is rejected.
        UnreadableCertificatesError: The PEM of the place has no valid certificates.
        UnusableTextError: PostgreSQL has no form for a name or the password, or would truncate it.
    """
    start = _start(user, place.database)
    failure: Exception
    try:
        with ExitStack() as stack:
            connection = stack.enter_context(
                Connection(
                    place.host,
                    place.port,
                    limits,
                    ca_certificates=place.ca_certificates,
                    before_tls=_request_tls,
                )
            )
            messages = Messages(connection)
            messages.send(start)
            authenticate(messages, user, password, certificate=connection.certificate)
            _await_start(messages)
            return Session(messages, stack.pop_all())
    except (NoTlsError, UntrustedCertificateError):
        raise
    except TooLongError:
        failure = MalformedReplyError()
    except OSError:
        failure = NoReplyError(lost=False)
    raise failure


def _request_tls(plain: Plain) -> None:
    """Ask for TLS. The server is not known yet, so the text of an error is not read.

    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
    """
    plain.sendall(pack(_TLS))
    answer = plain.read(1)
    if answer == b"N":
        raise NoTlsError
    if answer == b"E":  # The server cannot start a process for the session.
        raise ConnectionRefusedError
    if answer != b"S":
        raise MalformedReplyError


def _start(user: str, database: str) -> bytes:
    # PgBouncer rejects most other parameters: https://www.pgbouncer.org/config.html
    parameters = {
        b"user": encode_name(user),
        b"database": encode_name(database),
        b"client_encoding": b"UTF8",
        b"application_name": b"secret rotation",
    }
    texts = (text + b"\0" for pair in parameters.items() for text in pair)
    return _VERSION + b"".join(texts) + b"\0"


def _await_start(messages: Messages) -> None:
    """Wait until the server has opened the database."""
    while True:
        kind, body = messages.receive()
        if kind == b"Z":
            return
        if kind == b"E":
            raise SqlError(sqlstate(body), Stage.START)
        if kind != b"K":  # The key by which a statement could be cancelled.
            raise MalformedReplyError


def _row(body: Body, columns: int) -> tuple[str | None, ...]:
    if body.number(2) != columns:
        raise MalformedReplyError
    row = tuple(_value(body) for _ in range(columns))
    body.end()
    return row


def _value(body: Body) -> str | None:
    length = body.number(4)
    if length == -1:
        return None
    content = body.take(length)
    with suppress(UnicodeDecodeError):
        return content.decode()
    raise MalformedReplyError
