"""The log-in and the statements at MySQL and MariaDB, against a server that plays a script."""

from __future__ import annotations

import socket
import struct
from dataclasses import replace
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rotation.services.mysql.ed25519 import public_key
from rotation.services.mysql.packets import NoMysqlError, ServerError
from rotation.services.mysql.plugins import PluginError
from rotation.services.mysql.session import Place, TextError, Version, log_in
from rotation.services.tls import Limits, NoReplyError, NoTlsError, UntrustedCertificateError
from tests.leaks.search import found, of_exception
from tests.unit.mysql import (
    CAPABILITIES,
    EOF,
    FAST,
    FULL,
    NONCE,
    OK,
    PASSWORD,
    SSL,
    USER,
    Client,
    error,
    framed,
    greeting,
    playing,
    rows,
    switch,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LIMITS: Final = Limits(seconds=20)
_ED25519_NONCE: Final = bytes(range(100, 132))
_UNICODE: Final = "päßwörd-€😀"


def _let_in(client: Client) -> None:
    client.let_in()
    client.receive()


def _fields(response: bytes) -> tuple[int, int, str, bytes, str]:
    """Split the response to a greeting: capabilities, character set, user, answer, plugin."""
    capabilities, _, charset = struct.unpack_from("<IIB", response)
    user, _, rest = response[32:].partition(b"\0")
    answer, plugin = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    assert plugin.endswith(b"\0")
    return capabilities, charset, user.decode(), answer, plugin[:-1].decode()


def _sha1(content: bytes) -> bytes:
    return sha1(content).digest()  # noqa: S324 -- the plugin's own


def _knows_native(answer: bytes) -> bool:
    """Check as a server does, which knows SHA1(SHA1(password)) only."""
    stored = _sha1(_sha1(PASSWORD.encode()))
    mask = _sha1(NONCE + stored)
    return _sha1(bytes(a ^ b for a, b in zip(answer, mask, strict=True))) == stored


def _knows_caching_sha2(answer: bytes) -> bool:
    """Check as a server does, which knows SHA256(SHA256(password)) only."""
    stored = sha256(sha256(PASSWORD.encode()).digest()).digest()
    mask = sha256(stored + NONCE).digest()
    return sha256(bytes(a ^ b for a, b in zip(answer, mask, strict=True))).digest() == stored


def test_nothing_but_a_request_for_tls_is_sent_before_it(trusted: Path) -> None:
    with playing(trusted, _let_in) as (place, plain):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()
    (request,) = plain
    capabilities = int.from_bytes(request[4:8], "little")
    assert len(request) == 36
    assert capabilities & SSL
    assert request == b"\x20\0\0\1" + request[4:13] + b"\0" * 23


def test_the_response_is_as_documented(trusted: Path) -> None:
    seen: list[bytes] = []

    def script(client: Client) -> None:
        seen.append(client.let_in())
        assert client.receive() == b"\x01"  # COM_QUIT

    with playing(trusted, script) as (place, _), log_in(place, "käthe😀", PASSWORD, _LIMITS):
        pass
    capabilities, charset, user, answer, plugin = _fields(seen[0])
    assert capabilities == 0x8AA01
    assert (charset, user, plugin) == (45, "käthe😀", "caching_sha2_password")
    assert _knows_caching_sha2(answer)


def test_the_first_answer_may_be_of_the_native_plugin(trusted: Path) -> None:
    seen: list[bytes] = []
    with playing(
        trusted,
        lambda client: seen.append(client.let_in()),
        first=framed(0, greeting("mysql_native_password")),
    ) as (place, _):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()
    *_, answer, plugin = _fields(seen[0])
    assert plugin == "mysql_native_password"
    assert _knows_native(answer)


@pytest.mark.parametrize(
    "plugin", ["client_ed25519", "sha256_password", "mysql_clear_password", "dialog", "\udcff", ""]
)
def test_the_greeting_cannot_choose_another_plugin(plugin: str, trusted: Path) -> None:
    seen: list[bytes] = []
    first = framed(0, greeting("?").replace(b"?", plugin.encode(errors="surrogateescape")))
    with playing(trusted, lambda client: seen.append(client.let_in()), first=first) as (place, _):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()
    *_, answer, plugin = _fields(seen[0])
    assert plugin == "mysql_native_password"
    assert _knows_native(answer)


@pytest.mark.parametrize("length", [0, 8, 21])
def test_an_old_server_may_not_say_how_long_its_nonce_is(length: int, trusted: Path) -> None:
    seen: list[bytes] = []
    first = bytearray(framed(0, greeting()))
    assert first[32] == 21
    first[32] = length
    with playing(trusted, lambda client: seen.append(client.let_in()), first=bytes(first)) as (
        place,
        _,
    ):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()
    *_, answer, plugin = _fields(seen[0])
    assert plugin == "caching_sha2_password"
    assert _knows_caching_sha2(answer)


def _switching(plugin: str, nonce: bytes, check: Callable[[bytes], bool]) -> object:
    def script(client: Client) -> None:
        client.receive()
        client.send(switch(plugin, nonce))
        client.send(OK if check(client.receive()) else error(1045, "28000"))
        client.receive()
        client.send(OK)

    return pytest.param(script, id=plugin)


def _is_signed(answer: bytes) -> bool:
    key = Ed25519PublicKey.from_public_bytes(public_key(PASSWORD.encode()))
    key.verify(answer, _ED25519_NONCE)
    return True


@pytest.mark.parametrize(
    "script",
    [
        _switching("mysql_native_password", NONCE, _knows_native),
        _switching("caching_sha2_password", NONCE, _knows_caching_sha2),
        _switching("client_ed25519", _ED25519_NONCE, _is_signed),
        _switching("sha256_password", NONCE, lambda answer: answer == PASSWORD.encode() + b"\0"),
    ],
)
def test_a_server_can_ask_for_another_plugin(
    script: Callable[[Client], None], trusted: Path
) -> None:
    with playing(trusted, script) as (place, _):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()


def test_the_whole_password_is_sent_over_tls_if_the_server_has_not_cached_it(
    trusted: Path,
) -> None:
    seen: list[bytes] = []

    def script(client: Client) -> None:
        client.receive()
        client.send(FULL)
        seen.append(client.receive())
        client.send(OK)
        client.receive()
        client.send(OK)

    with playing(trusted, script) as (place, plain):
        log_in(place, USER, _UNICODE, _LIMITS).__exit__()
    assert seen == [_UNICODE.encode() + b"\0"]
    assert found({_UNICODE}, repr(plain)) == set()


def test_a_cached_password_is_accepted_without_another_message(trusted: Path) -> None:
    def script(client: Client) -> None:
        client.receive()
        client.send(FAST, OK)
        client.receive()
        client.send(OK)

    with playing(trusted, script) as (place, _):
        log_in(place, USER, PASSWORD, _LIMITS).__exit__()


def test_an_empty_password_is_an_empty_answer(trusted: Path) -> None:
    seen: list[bytes] = []
    with playing(trusted, lambda client: seen.append(client.let_in())) as (place, _):
        log_in(place, USER, "", _LIMITS).__exit__()
    assert _fields(seen[0])[3] == b""


def _saying(*contents: bytes) -> Callable[[Client], None]:
    """Answer each packet of the client with one of these."""

    def script(client: Client) -> None:
        for content in contents:
            client.receive()
            client.send(content)
        client.receive()

    return script


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("mysql_clear_password", "mysql_clear_password", id="clear"),
        pytest.param("dialog", "dialog", id="pam"),
        pytest.param("parsec", "parsec", id="parsec"),
        pytest.param("", "mysql_old_password", id="before-4.1"),
        pytest.param(PASSWORD, "", id="hostile-name"),
        pytest.param("\udcff", "", id="no-ascii"),
    ],
)
def test_other_plugins_are_refused_and_receive_no_password(
    name: str, shown: str, trusted: Path
) -> None:
    heard: list[bytes] = []

    def script(client: Client) -> None:
        client.receive()
        client.send(b"\xfe" + (name.encode(errors="surrogateescape") + b"\0" + NONCE) * bool(name))
        heard.append(client.receive())

    with playing(trusted, script) as (place, _), pytest.raises(PluginError) as caught:
        log_in(place, USER, PASSWORD, _LIMITS)
    assert caught.value.name == shown
    assert found({PASSWORD}, of_exception(caught.value)) == set()
    assert heard == [b""]


@pytest.mark.parametrize(
    ("contents", "errno", "accepted"),
    [
        pytest.param([error(1045, "28000")], 1045, False, id="wrong-password"),
        pytest.param([error(3955)], 3955, False, id="too-many-failures"),
        pytest.param([error(4150)], 4150, False, id="too-many-failures-mariadb"),
        pytest.param([switch("mysql_native_password"), error(1045)], 1045, False, id="switched"),
        pytest.param([FULL, error(1045)], 1045, False, id="wrong-whole-password"),
        pytest.param([error(1049)], 1049, True, id="no-database"),
        pytest.param([error(1044)], 1044, True, id="no-right-on-database"),
        pytest.param([error(1226)], 1226, True, id="limit"),
        pytest.param([error(1862)], 1862, True, id="expired"),
        pytest.param([error(3118)], 3118, True, id="locked"),
        pytest.param([error(4151)], 4151, True, id="locked-mariadb"),
        pytest.param([error(3032)], 3032, True, id="offline"),
        pytest.param([OK, error(1820)], 1820, True, id="expired-mariadb"),
        pytest.param([OK, error(1045)], 1045, True, id="first-statement"),
    ],
)
def test_an_error_says_whether_the_password_was_accepted(
    contents: list[bytes], errno: int, *, accepted: bool, trusted: Path
) -> None:
    with playing(trusted, _saying(*contents)) as (place, _), pytest.raises(ServerError) as caught:
        log_in(place, USER, PASSWORD, _LIMITS)
    assert (caught.value.errno, caught.value.accepted) == (errno, accepted)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert found({USER, PASSWORD}, of_exception(caught.value)) == set()


def test_a_fast_answer_proves_the_password(trusted: Path) -> None:
    def script(client: Client) -> None:
        client.receive()
        client.send(FAST, error(9999, "28000"))

    with playing(trusted, script) as (place, _), pytest.raises(ServerError) as caught:
        log_in(place, USER, PASSWORD, _LIMITS)
    assert (caught.value.errno, caught.value.state, caught.value.accepted) == (9999, "28000", True)


@pytest.mark.parametrize(
    ("content", "state"),
    [
        pytest.param(b"\xff\x15\x04no", "", id="none"),
        pytest.param(b"\xff\x15\x04#28000", "28000", id="without-text"),
        pytest.param(b"\xff\x15\x04#<b>x<", "", id="no-state"),
        pytest.param(b"\xff\x15\x04#2800", "", id="short"),
    ],
)
def test_only_a_real_sqlstate_is_kept(content: bytes, state: str, trusted: Path) -> None:
    with playing(trusted, _saying(content)) as (place, _), pytest.raises(ServerError) as caught:
        log_in(place, USER, PASSWORD, _LIMITS)
    assert (caught.value.errno, caught.value.state) == (1045, state)


@pytest.mark.parametrize("errno", [1040, 1041, 1042, 1053, 1129, 1130])
def test_a_server_may_refuse_a_connection_before_tls(errno: int, trusted: Path) -> None:
    first = framed(0, struct.pack("<BH", 0xFF, errno) + b"no")
    with (
        playing(trusted, lambda _: None, first=first) as (place, plain),
        pytest.raises(ServerError) as caught,
    ):
        log_in(place, USER, PASSWORD, _LIMITS)
    assert (caught.value.errno, caught.value.accepted) == (errno, False)
    assert b"".join(plain) == b""


@pytest.mark.parametrize("errno", [1045, 1049, 1226, 1862, 3118])
def test_an_error_before_tls_says_nothing_about_the_password(errno: int, trusted: Path) -> None:
    """Anyone on the way could have sent it."""
    with (
        playing(trusted, lambda _: None, first=framed(0, error(errno))) as (place, _),
        pytest.raises(NoMysqlError),
    ):
        log_in(place, USER, PASSWORD, _LIMITS)


def test_a_server_without_tls_receives_nothing(trusted: Path) -> None:
    first = framed(0, greeting(capabilities=CAPABILITIES & ~SSL))
    with (
        playing(trusted, lambda _: None, first=first) as (place, plain),
        pytest.raises(NoTlsError) as caught,
    ):
        log_in(place, USER, PASSWORD, _LIMITS)
    assert b"".join(plain) == b""
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(framed(0, greeting(protocol=9)), id="protocol-9"),
        pytest.param(framed(1, greeting()), id="number"),
        pytest.param(framed(0, greeting(capabilities=SSL)), id="no-plugins"),
        pytest.param(framed(0, greeting()[:30]), id="short"),
        pytest.param(framed(0, greeting()[:12]), id="very-short"),
        pytest.param(framed(0, b""), id="empty"),
        pytest.param(framed(0, b"\xff\x01"), id="short-error"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="http"),
        pytest.param(b"\xff\xff\xff\0" + b"x" * 100, id="huge"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="ssh"),
    ],
)
def test_a_greeting_of_another_protocol_is_refused(first: bytes, trusted: Path) -> None:
    with (
        playing(trusted, lambda _: None, first=first) as (place, plain),
        pytest.raises(NoMysqlError),
    ):
        log_in(place, USER, PASSWORD, _LIMITS)
    assert b"".join(plain) == b""


def test_plaintext_after_the_greeting_is_not_accepted_as_a_reply(trusted: Path) -> None:
    """It must not be read as if it had come over TLS."""
    first = framed(0, greeting()) + framed(2, OK) + framed(1, OK)
    with (
        playing(trusted, _let_in, first=first) as (place, _),
        pytest.raises(NoReplyError),
    ):
        log_in(place, USER, PASSWORD, _LIMITS)


def test_an_untrusted_server_receives_no_name_and_no_password(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with (
        playing(tmp_path, lambda client: heard.append(client.receive())) as (place, plain),
        pytest.raises(UntrustedCertificateError) as caught,
    ):
        log_in(place, USER, PASSWORD, _LIMITS)
    assert heard == []
    assert found({USER, PASSWORD}, repr(plain)) == set()
    assert caught.value.__context__ is None


def test_given_authorities_are_trusted(tmp_path: Path) -> None:
    with playing(tmp_path, _let_in) as (place, _):
        pem = (tmp_path / "certificate.pem").read_text()
        log_in(replace(place, ca_certificates=pem), USER, PASSWORD, _LIMITS).__exit__()


def test_a_closed_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NoReplyError) as caught:
        log_in(Place(host="127.0.0.1", port=port), USER, PASSWORD, _LIMITS)
    assert not caught.value.lost
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("root\0x", PASSWORD, id="nul-in-name"),
        pytest.param(USER, "a\0b", id="nul-in-password"),
        pytest.param("\ud800", PASSWORD, id="surrogate-in-name"),
        pytest.param(USER, "a\udcffb", id="surrogate-in-password"),
    ],
)
def test_a_text_that_no_server_accepts_is_not_sent(user: str, password: str) -> None:
    with pytest.raises(TextError):
        log_in(Place(host="127.0.0.1", port=1), user, password, _LIMITS)


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([b"\x01\x02"], id="public-key"),
        pytest.param([b"\x01"], id="empty-data"),
        pytest.param([b"\x02"], id="other-kind"),
        pytest.param([EOF + b"x"], id="short-nonce"),
        pytest.param([switch("caching_sha2_password", b"short")], id="short-nonce-of-plugin"),
        pytest.param([switch("client_ed25519")], id="short-nonce-of-ed25519"),
        pytest.param([switch("mysql_native_password"), FULL], id="asks-native-for-all"),
        pytest.param([switch("mysql_native_password"), FAST], id="fast-without-the-plugin"),
        pytest.param([switch("mysql_native_password")] * 11, id="endless-switches"),
        pytest.param([b"\xff"], id="error-without-number"),
    ],
)
def test_an_authentication_of_another_kind_is_refused(contents: list[bytes], trusted: Path) -> None:
    seen: list[bytes] = []

    def script(client: Client) -> None:
        for content in contents:
            seen.append(client.receive())
            client.send(content)
        seen.append(client.receive())

    with (
        playing(trusted, script) as (place, _),
        pytest.raises((NoMysqlError, PluginError)) as caught,
    ):
        log_in(place, USER, PASSWORD, _LIMITS)
    assert caught.value.__context__ is None
    assert found({PASSWORD}, repr(seen)) == set()


def _replying(*contents: bytes) -> Callable[[Client], None]:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.send(*contents)
        client.receive()

    return script


def test_each_column_is_returned_as_text(trusted: Path) -> None:
    reply = rows((b"1", None, b"", "ü€😀".encode()), (b"2", b"x" * 300, b"", b"3"))
    # A length may be longer than it must be.
    reply[-1:-1] = [b"\xfc\1\x004" + b"\xfd\1\0\x005" + b"\xfe\1" + b"\0" * 7 + b"6" + b"\xfb"]
    with (
        playing(trusted, _replying(*reply)) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
    ):
        assert session.query("SELECT 'ü'") == [
            ("1", None, "", "ü€😀"),
            ("2", "x" * 300, "", "3"),
            ("4", "5", "6", None),
        ]


def test_statements_are_utf8_and_numbered_from_zero(trusted: Path) -> None:
    heard: list[tuple[bytes, int]] = []

    def script(client: Client) -> None:
        client.let_in()
        for _ in range(2):
            heard.append((client.receive(), client.number))
            client.send(OK)
        client.receive()

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
    ):
        assert session.query("SELECT 'ü€😀'") == session.query("DO 1") == []
    assert heard == [("\x03SELECT 'ü€😀'".encode(), 1), (b"\x03DO 1", 1)]


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([error(1064, "42000")], id="at-once"),
        pytest.param([*rows((b"1",))[:-1], error(1064, "42000")], id="between-rows"),
    ],
)
def test_a_session_goes_on_after_an_error(contents: list[bytes], trusted: Path) -> None:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.send(*contents)
        client.receive()
        client.send(*rows((b"1",)))
        client.receive()

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
    ):
        with pytest.raises(ServerError) as caught:
            session.query(f"ALTER USER x IDENTIFIED BY '{PASSWORD}'")
        assert (caught.value.errno, caught.value.state, caught.value.accepted) == (
            *(1064, "42000"),
            True,
        )
        assert found({PASSWORD}, of_exception(caught.value)) == set()
        assert session.query("SELECT 1") == [("1",)]


_ROWS: Final = rows((b"1",))


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([b"\xfb/etc/passwd"], id="asks-for-a-file"),
        pytest.param([_ROWS[0], _ROWS[1], b"x", *_ROWS[3:]], id="no-end-of-columns"),
        pytest.param([*_ROWS[:3], b"\x011more", EOF], id="long-row"),
        pytest.param([*_ROWS[:3], b"\x021", EOF], id="short-row"),
        pytest.param([*_ROWS[:3], b"\x02\xff\xfe", EOF], id="no-utf8"),
        pytest.param([*_ROWS[:3], b"\xfc\xff", EOF], id="short-length"),
        pytest.param([*_ROWS[:3], b"\xfe" + b"\xff" * 8, EOF], id="huge-length"),
        pytest.param([b"\xfe" + b"\xff" * 8, _ROWS[2]], id="huge-number-of-columns"),
        pytest.param([b"\xfc"], id="short-number-of-columns"),
    ],
)
def test_corrupted_rows_are_refused(contents: list[bytes], trusted: Path) -> None:
    with (
        playing(trusted, _replying(*contents)) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
    ):
        with pytest.raises(NoMysqlError) as caught:
            session.query("SELECT 1")
        # The rest of the reply doesn't answer the next statement.
        with pytest.raises(NoReplyError):
            session.query("SELECT 2")
    assert caught.value.__context__ is None


def test_a_packet_out_of_order_is_refused(trusted: Path) -> None:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.number += 1
        client.send(OK)
        client.receive()

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
        pytest.raises(NoMysqlError),
    ):
        session.query("SELECT 1")


def test_an_error_may_come_unasked(trusted: Path) -> None:
    """MySQL says so before it closes an idle connection."""

    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.number = 0
        client.send(error(4031))

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
        pytest.raises(ServerError) as caught,
    ):
        session.query("SELECT 1")
    assert caught.value.errno == 4031


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda _: None, id="at-once"),
        pytest.param(lambda client: client.receive(), id="after-the-response"),
        pytest.param(_saying(OK), id="after-the-log-in"),
        pytest.param(_saying(FULL), id="after-the-password"),
    ],
)
def test_a_log_in_that_the_server_breaks_off_is_an_error(
    script: Callable[[Client], None], trusted: Path
) -> None:
    with playing(trusted, script) as (place, _), pytest.raises(NoReplyError) as caught:
        log_in(place, USER, PASSWORD, _LIMITS)
    assert not caught.value.lost
    assert caught.value.__context__ is None


def test_a_statement_that_is_broken_off_may_have_taken_effect(trusted: Path) -> None:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
        pytest.raises(NoReplyError) as caught,
    ):
        session.query("DO 1")
    assert caught.value.lost


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param(b"8.0.31", Version(mariadb=False, number=(8, 0, 31)), id="mysql"),
        pytest.param(b"9.7.4-log", Version(mariadb=False, number=(9, 7, 4)), id="mysql-log"),
        pytest.param(b"8.0.35-azure", Version(mariadb=False, number=(8, 0, 35)), id="azure"),
        pytest.param(
            b"10.11.19-MariaDB-0+deb12u1-log",
            Version(mariadb=True, number=(10, 11, 19)),
            id="mariadb",
        ),
        pytest.param(b"11.8.9-MariaDB", Version(mariadb=True, number=(11, 8, 9)), id="mariadb-11"),
    ],
)
def test_the_version_is_read(text: bytes, version: Version, trusted: Path) -> None:
    with (
        playing(trusted, _replying(*rows((text,)))) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
    ):
        assert session.version() == version


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(rows((b"eight",)), id="words"),
        pytest.param(rows((b"8.0",)), id="two-numbers"),
        pytest.param(rows((b"8.0." + b"1" * 5000,)), id="long-number"),
        pytest.param(rows((None,)), id="null"),
        pytest.param(rows((b"8.0.31",), (b"8.0.32",)), id="two-rows"),
        pytest.param([OK], id="none"),
    ],
)
def test_a_version_of_another_form_is_refused(reply: list[bytes], trusted: Path) -> None:
    with (
        playing(trusted, _replying(*reply)) as (place, _),
        log_in(place, USER, PASSWORD, _LIMITS) as session,
        pytest.raises(NoMysqlError),
    ):
        session.version()
