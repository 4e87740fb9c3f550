"""The connection over TLS: whom it trusts, and what it reads before TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from cryptography import x509

from rotation.services import certificates
from rotation.services.tls import (
    Connection,
    Limits,
    NoTlsError,
    TooLongError,
    UnreadableCertificatesError,
    UntrustedCertificateError,
)
from testing.certificate import write_certificate
from tests.unit.authority import Authority
from tests.unit.tls import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from rotation.services.tls import Plain

_LIMITS: Final = Limits(seconds=60)


def _greet(stream: BinaryIO) -> None:
    stream.write(b"hello")
    stream.flush()


def _read(
    endpoint: str,
    ca_certificates: str | None,
    limits: Limits = _LIMITS,
    before_tls: Callable[[Plain], None] | None = None,
) -> bytes:
    host, _, port = endpoint.partition(":")
    with Connection(
        host, int(port), limits, ca_certificates=ca_certificates, before_tls=before_tls
    ) as connection:
        return connection.read(5)


def test_the_given_authority_is_trusted(tmp_path: Path) -> None:
    authority = Authority()
    bundle = f"# Főtanúsítvány\n{Authority().pem}\n{authority.pem}"
    with serving(tmp_path, _greet, certificate=authority.issue(tmp_path)) as endpoint:
        assert _read(endpoint, bundle) == b"hello"


def test_the_certificate_of_the_server_is_kept(tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(tmp_path)
    with serving(tmp_path, _greet, certificate=files) as endpoint:
        host, _, port = endpoint.partition(":")
        with Connection(host, int(port), _LIMITS, ca_certificates=authority.pem) as connection:
            assert connection.certificate == ssl.PEM_cert_to_DER_cert(files[0].read_text())


def test_with_given_authorities_the_runtimes_are_not_trusted(trusted: Path) -> None:
    with serving(trusted, _greet) as endpoint, pytest.raises(UntrustedCertificateError):
        _read(endpoint, Authority().pem)


def _rejected(
    folder: Path, files: tuple[Path, Path], ca_certificates: str | None
) -> UntrustedCertificateError:
    heard: list[bytes] = []
    with (
        serving(folder, lambda stream: heard.append(stream.read()), certificate=files) as endpoint,
        pytest.raises(UntrustedCertificateError) as caught,
    ):
        _read(endpoint, ca_certificates)
    assert heard == []
    assert caught.value.__context__ is None
    assert str(caught.value) == ""
    return caught.value


def test_an_expired_certificate_is_rejected(tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(tmp_path, valid_for=-timedelta(days=1))
    code = _rejected(tmp_path, files, authority.pem).verify_code
    assert "has expired. Renew it" in certificates.advice(code)


def test_a_certificate_of_the_future_is_rejected(tmp_path: Path) -> None:
    authority = Authority()
    day = timedelta(days=1)
    files = authority.issue(tmp_path, valid_from=day, valid_for=2 * day)
    code = _rejected(tmp_path, files, authority.pem).verify_code
    assert "not valid yet" in certificates.advice(code)


@pytest.mark.parametrize(
    "name",
    [
        # The common name is the address, which must not count.
        pytest.param(x509.DNSName("other.example"), id="name"),
        pytest.param(x509.DNSName("127.0.0.1"), id="address-as-name"),
    ],
)
def test_a_certificate_of_another_host_is_rejected(name: x509.GeneralName, tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(tmp_path, name=name)
    code = _rejected(tmp_path, files, authority.pem).verify_code
    assert "is for another host name. Connect to a name that" in certificates.advice(code)


def test_a_common_name_is_not_accepted_as_host_name(tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(
        tmp_path, name=x509.RFC822Name("a@example.com"), common_name="localhost"
    )
    with (
        serving(tmp_path, _greet, certificate=files) as endpoint,
        pytest.raises(UntrustedCertificateError) as caught,
    ):
        _read(endpoint.replace("127.0.0.1", "localhost"), authority.pem)
    assert caught.value.verify_code == 62


@pytest.mark.parametrize(
    "given", [pytest.param(True, id="given"), pytest.param(False, id="runtime")]
)
def test_an_unknown_authority_is_rejected(*, given: bool, tmp_path: Path) -> None:
    files = Authority().issue(tmp_path)
    ca_certificates = Authority().pem if given else None
    code = _rejected(tmp_path, files, ca_certificates).verify_code
    assert "Set ca_certificates to the PEM" in certificates.advice(code)


def test_a_certificate_that_signs_itself_is_rejected(tmp_path: Path) -> None:
    code = _rejected(tmp_path, write_certificate(tmp_path), Authority().pem).verify_code
    assert "Set ca_certificates to the PEM" in certificates.advice(code)


@pytest.mark.parametrize(
    ("authority", "with_identifier", "verify_code"),
    [
        pytest.param(Authority(), False, 85, id="no-identifier"),
        pytest.param(Authority(critical=False), True, 89, id="not-critical"),
        pytest.param(Authority(with_key_usage=False), True, 92, id="no-key-usage"),
    ],
)
def test_the_strict_rules_of_python_3_13_have_advice(
    *,
    authority: Authority,
    with_identifier: bool,
    verify_code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """https://docs.python.org/3/library/ssl.html#ssl.create_default_context"""

    original = ssl.create_default_context

    def create(*, cadata: str) -> ssl.SSLContext:
        context = original(cadata=cadata)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", create)
    files = authority.issue(tmp_path, with_identifier=with_identifier)
    code = _rejected(tmp_path, files, authority.pem).verify_code
    assert code == verify_code
    assert 'set function.runtime to "python3.12"' in certificates.advice(code)


def test_advice_names_an_unknown_code() -> None:
    assert "with the code 23. Look it up" in certificates.advice(23)


_PEM: Final = Authority().pem


@pytest.mark.parametrize(
    "ca_certificates",
    [
        pytest.param("", id="empty"),
        pytest.param("rds-ca-rsa2048-g1", id="name"),
        pytest.param(_PEM[:-40], id="truncated"),
        pytest.param(_PEM + _PEM.replace("M", "!"), id="second-is-corrupted"),
        pytest.param("\ud800", id="no-text"),
    ],
)
def test_unreadable_certificates_are_refused_before_a_connection(ca_certificates: str) -> None:
    with pytest.raises(UnreadableCertificatesError) as caught:
        Connection("127.0.0.1", 1, _LIMITS, ca_certificates=ca_certificates)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("a" * 64, 5432, id="long-label"),
        pytest.param(".localhost", 5432, id="leading-dot"),
        pytest.param("\ud800", 5432, id="no-text"),
        pytest.param("", 5432, id="empty"),
    ],
)
def test_an_impossible_address_is_an_error_of_the_network(host: str, port: int) -> None:
    with pytest.raises(ConnectionError):
        Connection(host, port, _LIMITS)


def test_a_dead_resolver_gets_the_limit_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    over, ended = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        over.wait(5)
        ended.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ConnectionError):
        Connection("database.example", 5432, Limits(seconds=0.1))
    assert not ended.is_set()
    over.set()
    assert ended.wait(60)


def test_a_port_is_never_taken_modulo_65536() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionError):
        Connection("127.0.0.1", 65536 + listener.getsockname()[1], Limits(seconds=1))


def test_tls_1_1_is_refused(tmp_path: Path) -> None:
    authority = Authority()

    def weaken(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    files = authority.issue(tmp_path)
    with (
        warnings.catch_warnings(action="ignore"),
        serving(tmp_path, _greet, certificate=files, change=weaken) as endpoint,
        pytest.raises(ssl.SSLError),
    ):
        _read(endpoint, authority.pem)


def _ask(plain: Plain) -> None:
    """Ask for TLS as PostgreSQL's clients do, in short."""
    plain.sendall(b"TLS?")
    if plain.read(1) != b"S":
        raise NoTlsError


def _answer(answer: bytes) -> Callable[[socket.socket], None]:
    def before_tls(connection: socket.socket) -> None:
        assert connection.recv(4) == b"TLS?"
        connection.sendall(answer)
        if answer != b"S":
            # Until the client has closed the connection.
            assert connection.recv(1) == b""
            raise ConnectionResetError

    return before_tls


def test_a_server_may_be_asked_for_tls(tmp_path: Path) -> None:
    authority = Authority()
    with serving(
        tmp_path, _greet, certificate=authority.issue(tmp_path), before_tls=_answer(b"S")
    ) as endpoint:
        assert _read(endpoint, authority.pem, before_tls=_ask) == b"hello"


def test_a_server_that_declines_tls_is_an_error(tmp_path: Path) -> None:
    with (
        serving(tmp_path, _greet, before_tls=_answer(b"N")) as endpoint,
        pytest.raises(NoTlsError),
    ):
        _read(endpoint, _PEM, before_tls=_ask)


def test_nothing_from_before_tls_is_read_as_a_reply(tmp_path: Path) -> None:
    """https://www.postgresql.org/support/security/CVE-2021-23222/"""
    authority = Authority()

    def before_tls(connection: socket.socket) -> None:
        connection.recv(4)
        connection.sendall(b"Shello")

    with (
        serving(
            tmp_path, _greet, certificate=authority.issue(tmp_path), before_tls=before_tls
        ) as endpoint,
        pytest.raises(ssl.SSLError),
    ):
        _read(endpoint, authority.pem, before_tls=_ask)


def test_the_time_before_tls_counts(tmp_path: Path) -> None:
    over = threading.Event()

    def before_tls(connection: socket.socket) -> None:
        for _ in range(100):
            over.wait(0.05)
            connection.sendall(b"x")
        over.wait(60)

    def ask(plain: Plain) -> None:
        plain.read(100)

    with serving(tmp_path, _greet, before_tls=before_tls) as endpoint:
        with pytest.raises(TimeoutError):
            _read(endpoint, _PEM, Limits(seconds=0.5), ask)
        over.set()


def test_the_bytes_before_tls_count(tmp_path: Path) -> None:
    authority = Authority()
    files = authority.issue(tmp_path)
    for most_bytes in (5, 6):
        with serving(tmp_path, _greet, certificate=files, before_tls=_answer(b"S")) as endpoint:
            limits = Limits(seconds=60, most_bytes=most_bytes)
            with pytest.raises(TooLongError) if most_bytes == 5 else contextlib.nullcontext():
                _read(endpoint, authority.pem, limits, _ask)


def test_a_huge_read_reserves_no_memory(tmp_path: Path) -> None:
    with serving(tmp_path, _greet, before_tls=_answer(b"N")) as endpoint:
        host, _, port = endpoint.partition(":")

        def ask(plain: Plain) -> None:
            plain.sendall(b"TLS?")
            plain.read(2**62)

        with pytest.raises(TooLongError):
            Connection(host, int(port), _LIMITS, before_tls=ask)


def test_a_connection_that_ends_early_is_an_error(tmp_path: Path) -> None:
    authority = Authority()

    def serve(stream: BinaryIO) -> None:
        stream.write(b"hell")
        stream.flush()

    with (
        serving(tmp_path, serve, certificate=authority.issue(tmp_path)) as endpoint,
        pytest.raises(ConnectionResetError),
    ):
        _read(endpoint, authority.pem)
