"""The log-in to PostgreSQL: which ways it takes, and the error of each reply."""

from __future__ import annotations

import base64
import hashlib
import ssl
import struct
from typing import TYPE_CHECKING, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from rotation.services.postgresql import (
    MalformedReplyError,
    Place,
    SqlError,
    Stage,
    UnsupportedLoginError,
    UnusableTextError,
)
from rotation.services.postgresql.authentication import authenticate
from rotation.services.postgresql.messages import Messages
from rotation.services.postgresql.session import Session, log_in
from rotation.services.tls import NoReplyError, NoTlsError, UntrustedCertificateError
from tests.leaks.search import found, of_exception
from tests.unit.authority import Authority, self_signed
from tests.unit.postgresql import (
    ACCEPTED,
    KEY,
    NOTICE,
    PASSWORD,
    READY,
    SETTING,
    STARTED,
    USER,
    Server,
    Wire,
    error,
    message,
    place_of,
    request,
    row,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

_SALT: Final = b"salt"
_MD5: Final = request(5, _SALT)
_CLEARTEXT: Final = request(3)
_ALL_STARTED: Final = ACCEPTED + b"".join(STARTED)


def _log_in(server: Server, folder: Path) -> None:
    with place_of(server.serve, folder) as place, log_in(place, USER, PASSWORD):
        pass


def test_the_session_is_of_one_user_and_one_database(tmp_path: Path) -> None:
    server = Server()
    _log_in(server, tmp_path)
    version, parameters = server.heard[0][:4], server.heard[0][4:]
    assert version == struct.pack(">hh", 3, 0)
    texts = parameters.split(b"\0")
    assert dict(zip(texts[::2], texts[1::2], strict=False)) == {
        b"user": b"app",
        b"database": b"reports",
        b"client_encoding": b"UTF8",
        b"application_name": b"secret rotation",
        b"": b"",
    }
    assert server.heard[-1] == b"X"


@pytest.mark.parametrize(
    ("mechanisms", "chosen", "flag"),
    [
        pytest.param(
            (b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"),
            b"SCRAM-SHA-256-PLUS",
            b"p=tls-server-end-point,,",
            id="plus",
        ),
        # A server with PLUS would stop here: someone has removed it from the list.
        pytest.param((b"SCRAM-SHA-256",), b"SCRAM-SHA-256", b"y,,", id="without-plus"),
    ],
)
def test_the_log_in_is_bound_to_the_certificate(
    mechanisms: tuple[bytes, ...], chosen: bytes, flag: bytes, tmp_path: Path
) -> None:
    server = Server(mechanisms=mechanisms)
    _log_in(server, tmp_path)
    assert server.heard[1].startswith(b"p" + chosen + b"\0")
    certificate = ssl.PEM_cert_to_DER_cert((tmp_path / "server.pem").read_text())
    bound = hashlib.sha256(certificate).digest() if flag.startswith(b"p") else b""
    assert flag + bound in server.heard


def test_a_certificate_without_a_hash_binds_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    offered = request(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    wire = Wire(offered)
    with pytest.raises(ConnectionResetError):
        authenticate(Messages(wire.connection), USER, PASSWORD, certificate=self_signed(key))
    # The server would reject "y,,", because it offers PLUS.
    assert b"SCRAM-SHA-256\0" in wire.sent[0]
    assert wire.sent[0][-len("n,,n=,r=") - 24 :].startswith(b"n,,n=,r=")


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().encode()


def test_md5_sends_a_salted_hash(tmp_path: Path) -> None:
    server = Server(script=(_MD5, _ALL_STARTED))
    _log_in(server, tmp_path)
    hashed = _md5(_md5(f"{PASSWORD}{USER}".encode()) + _SALT)
    assert server.heard[1] == b"pmd5" + hashed + b"\0"


@pytest.mark.parametrize(
    ("asked", "method"),
    [
        pytest.param(ACCEPTED, "no password", id="trust"),
        pytest.param(_CLEARTEXT, "the password in cleartext", id="cleartext"),
        pytest.param(request(7), "authentication method 7", id="gss"),
        pytest.param(request(10, b"X\0\0"), "another mechanism of SASL", id="sasl"),
        pytest.param(
            request(10, b"SCRAM-SHA-256-PLUS \0\0"), "another mechanism of SASL", id="like-plus"
        ),
    ],
)
def test_a_server_that_does_not_check_the_password_is_refused(
    asked: bytes, method: str, tmp_path: Path
) -> None:
    server = Server(script=(asked,))
    with pytest.raises(UnsupportedLoginError) as caught:
        _log_in(server, tmp_path)
    assert caught.value.method == method
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        pytest.param([error("28P01")], Stage.LOGIN, id="at-once"),
        pytest.param([NOTICE + error("28P01")], Stage.LOGIN, id="after-a-notice"),
        pytest.param([_MD5, error("28P01")], Stage.LOGIN, id="password"),
        pytest.param([_MD5, ACCEPTED + error("28P01")], Stage.START, id="accepted"),
        pytest.param([_MD5, ACCEPTED + SETTING + error("28P01")], Stage.START, id="later"),
    ],
)
def test_an_error_has_its_code_and_its_stage(
    script: list[bytes], stage: Stage, tmp_path: Path
) -> None:
    with pytest.raises(SqlError) as caught:
        _log_in(Server(script=tuple(script)), tmp_path)
    assert (caught.value.sqlstate, caught.value.stage) == ("28P01", stage)
    assert caught.value.accepted == (stage is not Stage.LOGIN)
    assert found({PASSWORD}, of_exception(caught.value)) == set()


_WRONG_PROOF: Final = request(12, b"v=" + base64.b64encode(bytes(32)))


def _replacing(number: int, by: bytes) -> Callable[[int, bytes], bytes]:
    return lambda sent, content: by if sent == number else content


def _changing(old: bytes, new: bytes) -> Callable[[int, bytes], bytes]:
    """Change the first request of SCRAM, and its length."""

    def corrupt(number: int, content: bytes) -> bytes:
        assert number != 1 or old in content
        return request(11, content[9:].replace(old, new)) if number == 1 else content

    return corrupt


@pytest.mark.parametrize(
    "corrupt",
    [
        pytest.param(_replacing(0, message(b"R", b"\0\0\0")), id="short-code"),
        pytest.param(_replacing(0, message(b"R")), id="no-code"),
        pytest.param(_replacing(0, b"R" + struct.pack(">i", 3)), id="short-length"),
        pytest.param(_replacing(0, b"R" + struct.pack(">i", -1)), id="negative-length"),
        pytest.param(_replacing(0, b"R" + struct.pack(">i", 2**31 - 1)), id="huge-length"),
        pytest.param(_replacing(0, b"HTTP/1.1 400 Bad Request\r\n"), id="http"),
        pytest.param(_replacing(0, READY), id="ready-at-once"),
        pytest.param(_replacing(0, message(b"v", bytes(8))), id="other-version"),
        pytest.param(_replacing(0, request(10)), id="no-mechanisms"),
        pytest.param(_replacing(0, request(10, b"SCRAM-SHA-256\0")), id="endless-mechanisms"),
        pytest.param(_replacing(0, request(5, b"abc")), id="short-salt"),
        pytest.param(_replacing(0, message(b"E")), id="error-without-end"),
        pytest.param(_replacing(0, message(b"E", b"\0")), id="error-without-code"),
        pytest.param(_replacing(0, message(b"E", b"C28P0\0\0")), id="short-sqlstate"),
        pytest.param(_replacing(0, message(b"E", b"C28p01\0\0")), id="other-sqlstate"),
        pytest.param(_replacing(0, message(b"E", b"C28P01")), id="error-is-cut"),
        pytest.param(_replacing(1, ACCEPTED), id="accepted-without-proof"),
        pytest.param(_replacing(1, request(11, b"r=other,s=AAAA,i=4096")), id="other-nonce"),
        pytest.param(_replacing(1, request(11, b"\xff")), id="no-text"),
        pytest.param(_changing(b"r=", b"r=x"), id="longer-other-nonce"),
        pytest.param(_changing(b"-server", b""), id="own-nonce"),
        pytest.param(_changing(b"-server", b" server"), id="blank-in-nonce"),
        pytest.param(_changing(b"i=4096", b"i=0"), id="no-iterations"),
        pytest.param(_changing(b"i=4096", b"i=-1"), id="negative-iterations"),
        pytest.param(_changing(b"i=4096", b"i=1000001"), id="many-iterations"),
        pytest.param(_changing(b"i=4096", b"i=" + b"9" * 5000), id="long-iterations"),
        pytest.param(_changing(b",s=", b",s=A"), id="corrupted-salt"),
        pytest.param(_changing(b",s=", b",m=x,s="), id="mandatory-extension"),
        pytest.param(_replacing(2, ACCEPTED), id="accepted-without-servers-proof"),
        pytest.param(_replacing(2, _WRONG_PROOF), id="wrong-proof"),
        pytest.param(_replacing(2, request(12, b"v=A")), id="corrupted-proof"),
        pytest.param(_replacing(2, request(12, b"e=other-error")), id="error-of-scram"),
        pytest.param(_replacing(3, request(3)), id="another-request"),
        pytest.param(_replacing(4, ACCEPTED), id="accepted-twice"),
        pytest.param(_replacing(4, row(b"1")), id="row-at-start"),
    ],
)
def test_a_malformed_reply_has_its_error(
    corrupt: Callable[[int, bytes], bytes], tmp_path: Path
) -> None:
    with pytest.raises(MalformedReplyError) as caught:
        _log_in(Server(corrupt=corrupt), tmp_path)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("number", range(7))
def test_a_server_that_hangs_up_gave_no_reply(number: int, tmp_path: Path) -> None:
    with pytest.raises(NoReplyError) as caught:
        _log_in(Server(corrupt=_replacing(number, b"")), tmp_path)
    assert not caught.value.lost
    assert caught.value.__context__ is None


def _answer(answer: bytes) -> Callable[[socket.socket], None]:
    def before_tls(connection: socket.socket) -> None:
        connection.recv(8)
        connection.sendall(answer)
        if answer:  # Until the client hangs up.
            connection.recv(1)
        raise ConnectionResetError

    return before_tls


@pytest.mark.parametrize(
    ("answer", "error_class"),
    [
        pytest.param(b"N", NoTlsError, id="no"),
        # https://www.postgresql.org/support/security/CVE-2024-10977/
        pytest.param(error("53300"), NoReplyError, id="error"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", MalformedReplyError, id="http"),
        pytest.param(b"", NoReplyError, id="hung-up"),
        # https://www.postgresql.org/support/security/CVE-2021-23222/
        pytest.param(b"S" + _ALL_STARTED, NoReplyError, id="more-than-yes"),
    ],
)
def test_without_tls_there_is_no_session(
    answer: bytes, error_class: type[Exception], tmp_path: Path
) -> None:
    server = Server()
    with (
        place_of(server.serve, tmp_path, before_tls=_answer(answer)) as place,
        pytest.raises(error_class),
    ):
        log_in(place, USER, PASSWORD)
    assert server.heard == []


def test_an_untrusted_server_receives_nothing(tmp_path: Path) -> None:
    server = Server()
    with (
        place_of(server.serve, tmp_path, authority=Authority()) as place,
        pytest.raises(UntrustedCertificateError),
    ):
        log_in(place, USER, PASSWORD)
    assert server.heard == []


@pytest.mark.parametrize(
    ("user", "database"),
    [
        # It would end the name, and begin the name of another parameter.
        pytest.param("app\0options\0-c role=postgres", "reports", id="nul-in-user"),
        pytest.param("app", "reports\0options\0-c role=postgres", id="nul-in-database"),
        pytest.param("app\ud800", "reports", id="no-unicode"),
        # It would be another name.
        pytest.param("ä" * 32, "reports", id="long-user"),
        pytest.param("app", "a" * 64, id="long-database"),
        pytest.param("", "reports", id="no-user"),
    ],
)
def test_an_unusable_name_is_refused_before_a_connection(user: str, database: str) -> None:
    with pytest.raises(UnusableTextError) as caught:
        log_in(Place(host="127.0.0.1", port=1, database=database), user, PASSWORD)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("password", ["a\0b", "\ud800"])
@pytest.mark.parametrize(
    "script", [pytest.param(None, id="scram"), pytest.param((_MD5,), id="md5")]
)
def test_an_unusable_password_is_refused(
    password: str, script: tuple[bytes, ...] | None, tmp_path: Path
) -> None:
    server = Server(script=script)
    with (
        place_of(server.serve, tmp_path) as place,
        pytest.raises(UnusableTextError),
    ):
        log_in(place, USER, password)


def test_the_key_of_a_session_may_be_missing(tmp_path: Path) -> None:
    """pgbouncer sends the parameters in another order."""
    _log_in(Server(script=(_MD5, ACCEPTED + KEY + SETTING + NOTICE + READY)), tmp_path)


def test_a_session_shows_no_password(tmp_path: Path) -> None:
    with place_of(Server().serve, tmp_path) as place, log_in(place, USER, PASSWORD) as session:
        assert isinstance(session, Session)
        assert found({PASSWORD}, repr(session)) == set()
