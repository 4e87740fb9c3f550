"""Names, texts and passwords in the forms that PostgreSQL understands."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from rotation.services.postgresql import MalformedReplyError, UnusableTextError
from rotation.services.postgresql.channel import end_point
from rotation.services.postgresql.passwords import hash_password, md5_hash, scram_verifier
from rotation.services.postgresql.quoting import quote_identifier, quote_literal
from rotation.services.postgresql.saslprep import prepare
from tests.unit.authority import self_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tests.unit.authority import Algorithm


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        pytest.param("app", '"app"', id="plain"),
        pytest.param('a"b', '"a""b"', id="quote"),
        pytest.param("a'b\\c", '"a\'b\\c"', id="others"),
        pytest.param("ä" * 31, f'"{"ä" * 31}"', id="longest"),
    ],
)
def test_a_name_is_quoted(name: str, quoted: str) -> None:
    assert quote_identifier(name) == quoted


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 64, "ä" * 32, "\ud800"])
def test_a_name_that_would_be_another_is_refused(name: str) -> None:
    with pytest.raises(UnusableTextError):
        quote_identifier(name)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        pytest.param("", "''", id="empty"),
        pytest.param("it's", "'it''s'", id="quote"),
        pytest.param("a\\b", " E'a\\\\b'", id="backslash"),
        pytest.param("\\'", " E'\\\\'''", id="both"),
    ],
)
def test_a_text_is_quoted(text: str, quoted: str) -> None:
    assert quote_literal(text) == quoted


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_an_impossible_text_is_refused(text: str) -> None:
    for quote in (quote_literal, scram_verifier, lambda password: md5_hash(password, "app")):
        with pytest.raises(UnusableTextError):
            quote(text)


def test_a_verifier_checks_the_password() -> None:
    """https://www.postgresql.org/docs/current/catalog-pg-authid.html"""
    name, parameters, keys = scram_verifier("päss", iterations=5000).split("$")
    iterations, salt = parameters.split(":")
    assert (name, iterations) == ("SCRAM-SHA-256", "5000")
    salted = hashlib.pbkdf2_hmac("sha256", "päss".encode(), base64.b64decode(salt), 5000)
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert stored_key == hashlib.sha256(client_key).digest()
    assert server_key == hmac.digest(salted, b"Server Key", "sha256")
    assert len(base64.b64decode(salt)) == 16


def test_each_verifier_has_its_own_salt() -> None:
    assert scram_verifier("same") != scram_verifier("same")


@pytest.mark.parametrize(
    ("encryption", "prefix"),
    [
        pytest.param("scram-sha-256", "SCRAM-SHA-256$4097:", id="scram"),
        pytest.param("md5", "md5", id="md5"),
        pytest.param("on", "md5", id="on"),
        pytest.param("off", "md5", id="off"),
    ],
)
def test_the_form_follows_the_setting(encryption: str, prefix: str) -> None:
    assert hash_password("secret", "app", encryption, 4097).startswith(prefix)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(MalformedReplyError):
        hash_password("secret", "app", "scram-sha-512")


# Letters that SASLprep maps, removes, normalizes, prohibits, or reads from the right.
_LETTERS = st.one_of(
    st.sampled_from("aZ0 \u00a0\u00ad\u1680\u200b\u200d\u2000\u3000\ufe00\ufeff\u0340\u0378\u0221"),
    st.sampled_from("ªßéǆ①ﬁ㍻\u0301\u0344\u1e9e\u05d0\u0627\u0661\ufb1d\ufdfa\u200e\u202a\ue000"),
    st.sampled_from("\x01\x7f\x85\u2028\ufffd\ufff9\u2ff0\U0001d15e\U0001f511\U000e0001\U0010ffff"),
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
)


def _by_libpq(password: str) -> str:
    """Make a verifier. No connection is needed for it."""
    connection = psycopg.pq.PGconn.connect(b"host=/nonexistent")
    return connection.encrypt_password(password.encode(), b"app", b"scram-sha-256").decode()


@given(password=st.text(_LETTERS, min_size=1, max_size=6))
def test_passwords_are_prepared_as_libpq_does(password: str) -> None:
    _, parameters, keys = _by_libpq(password).split("$")
    iterations, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac(
        "sha256", prepare(password), base64.b64decode(salt), int(iterations)
    )
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    assert base64.b64encode(server_key).decode() == keys.split(":")[1]


@pytest.mark.parametrize(
    ("password", "bytes_of_it"),
    [
        pytest.param("plain \x01", b"plain \x01", id="ascii"),
        pytest.param("I\u00adX\u00a0", b"IX ", id="removed-and-space"),
        pytest.param("\u00aa", b"a", id="normalized"),
        pytest.param("\u00ad", "\u00ad".encode(), id="nothing-left"),
        pytest.param("ä\x07", "ä\x07".encode(), id="prohibited"),
        pytest.param("\u0627" + "1", "\u06271".encode(), id="mixed-directions"),
    ],
)
def test_a_password_is_prepared(password: str, bytes_of_it: bytes) -> None:
    """The examples of https://datatracker.ietf.org/doc/html/rfc4013#section-3, and others."""
    assert prepare(password) == bytes_of_it


_RSA = rsa.generate_private_key(65537, 2048)
_EC = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("key", [pytest.param(_RSA, id="rsa"), pytest.param(_EC, id="ec")])
@pytest.mark.parametrize(
    ("algorithm", "by"),
    [
        pytest.param(hashes.SHA256(), hashlib.sha256, id="sha256"),
        pytest.param(hashes.SHA384(), hashlib.sha384, id="sha384"),
        pytest.param(hashes.SHA512(), hashlib.sha512, id="sha512"),
    ],
)
def test_the_end_point_is_hashed_as_the_certificate_is(
    key: CertificateIssuerPrivateKeyTypes,
    algorithm: Algorithm,
    by: Callable[[bytes], hashlib._Hash],
) -> None:
    certificate = self_signed(key, algorithm)
    assert end_point(certificate) == by(certificate).digest()


def test_a_signature_that_names_no_hash_gives_no_end_point() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    assert end_point(self_signed(_RSA, hashes.SHA256(), rsa_padding=pss)) is None
    assert end_point(self_signed(ed25519.Ed25519PrivateKey.generate())) is None
