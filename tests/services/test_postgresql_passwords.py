"""Each password and each name is the same for the payload, libpq, pg8000 and the server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import pytest

from rotation.services.postgresql.passwords import hash_password, scram_verifier
from rotation.services.postgresql.quoting import quote_identifier, quote_literal
from rotation.services.postgresql.session import Session, log_in
from rotation.services.tls import Limits
from testing.databases import Login, PostgreSQL
from testing.databases.versions import POSTGRESQL
from tests.leaks.search import found
from tests.services.postgresql import (
    accepts_psycopg,
    by_libpq,
    code_of,
    code_of_pg8000,
    place_of,
    role,
    session_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Encryption: TypeAlias = Literal["scram-sha-256", "md5"]

_LOOKS_HASHED: Final = "md5" + "0123456789abcdef" * 2
_LOOKS_LIKE_A_VERIFIER: Final = (
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$"
    "eqz8qUDGi2+ntfZKz7iMtkAM/LT7WJWMBebQh9nXDEQ=:A7FPydlt4DIqs8P42BqyAkAzbqtgXHfrSwDkRFeCb3g="
)
# SASLprep prohibits them, or leaves nothing of them. PostgreSQL then uses them as they are.
_PROHIBITED: Final = (
    *(
        "\t",
        "a\r\nb",
        "\x01",
        "\x1b[31m",
        "\x7f",
        "\u00ad",
        "\u06271",
        "\u200b",
        "\u2028",
        "\ufeff",
    ),
    *("\ue000", "\u0378", "😀" * 15),
)
# They are names too. SASLprep changes some of them.
TEXTS: Final = (
    *(
        "a",
        "A b",
        " ",
        " a",
        "a ",
        "null",
        "0",
        "-1",
        "'",
        "it's",
        '"',
        'a"b',
        "\\",
        "a\\'b",
        "\\047",
    ),
    *("$$", "$a$b$a$", "E''", "%s", "%%", "{0}", "${x}", "$1", ":x", "?", "; DROP ROLE a; --"),
    *("/*", "a=b,c", "n=,r=", "a:b@c/d?e#f", "ä", "päß", "e\u0301", "\u00aa", "\u2460", "\ufb01"),
    *("I\u00adX", "\u00a0", "\u0627\u0628", "漢字", "a" * 63, "ä" * 31, *_PROHIBITED),
)
PASSWORDS: Final = (*TEXTS, _LOOKS_HASHED, _LOOKS_LIKE_A_VERIFIER, "x" * 255, "ä" * 255)

pytestmark = pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)


@pytest.fixture(scope="module")
def administrator(postgresql: PostgreSQL) -> Iterator[Session]:
    """The payload's session of an administrator, who may not do more than create roles."""
    with log_in(
        place_of(postgresql),
        postgresql.administrator.username,
        postgresql.administrator.password,
        Limits(seconds=600),
    ) as session:
        yield session


@pytest.fixture(scope="module")
def app(postgresql: PostgreSQL) -> Iterator[str]:
    """A role that the administrator may change."""
    with role(postgresql, "app", "LOGIN"):
        if int(postgresql.version) >= 16:
            postgresql.statement("GRANT app TO administrator WITH ADMIN OPTION")
        yield "app"


def _alter(session: Session, name: str, hashed: str) -> None:
    session.query(f"ALTER ROLE {quote_identifier(name)} PASSWORD {quote_literal(hashed)}")


@pytest.mark.parametrize("encryption", get_args(Encryption))
@pytest.mark.parametrize("password", [pytest.param(one, id=ascii(one)[:40]) for one in PASSWORDS])
def test_a_password_is_the_same_for_all(
    password: str, encryption: Encryption, app: str, administrator: Session, postgresql: PostgreSQL
) -> None:
    login = Login(app, password)

    _alter(administrator, app, by_libpq(login, encryption))
    assert code_of(postgresql, login) is None

    hashed = hash_password(password, app, encryption)
    _alter(administrator, app, hashed)
    assert code_of(postgresql, login) is None
    assert accepts_psycopg(postgresql, login)
    assert code_of(postgresql, Login(app, f"{password}.")) == "28P01"
    # pg8000 follows RFC 4013 where PostgreSQL does not.
    if password not in _PROHIBITED:
        assert code_of_pg8000(postgresql, login) is None


@pytest.mark.parametrize("name", [pytest.param(one, id=ascii(one)[:40]) for one in TEXTS])
def test_a_name_is_the_same_for_all(
    name: str, administrator: Session, postgresql: PostgreSQL
) -> None:
    login = Login(name, "a password")
    hashed = quote_literal(hash_password(login.password, name, "md5"))
    administrator.query(f"CREATE ROLE {quote_identifier(name)} LOGIN PASSWORD {hashed}")
    try:
        with session_of(postgresql, login) as session:
            assert session.value("SELECT current_user") == name
        assert accepts_psycopg(postgresql, login)
    finally:
        administrator.query(f"DROP ROLE {quote_identifier(name)}")


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_text_is_the_same_for_the_server(conforming: str, administrator: Session) -> None:
    administrator.query(f"SET standard_conforming_strings = {conforming}")
    try:
        for text in PASSWORDS:
            assert administrator.value(f"SELECT {quote_literal(text)}") == text
            name = administrator.query(f"SELECT 1 AS {quote_identifier(text[:15])}", columns=1)
            assert name == [("1",)]
    finally:
        administrator.query("RESET standard_conforming_strings")


@pytest.mark.parametrize("encryption", get_args(Encryption))
def test_the_server_says_how_it_stores_passwords(
    encryption: Encryption, app: str, postgresql: PostgreSQL
) -> None:
    login = Login(app, "a password")
    with (
        postgresql.password_encryption(encryption),
        session_of(postgresql, postgresql.administrator) as session,
    ):
        method = session.value("SHOW password_encryption")
        assert method == encryption
        _alter(session, app, hash_password(login.password, app, method))
    assert code_of(postgresql, login) is None


@pytest.mark.parametrize("encryption", get_args(Encryption))
def test_no_log_has_a_password_that_was_hashed_here(
    encryption: Encryption, app: str, administrator: Session, postgresql: PostgreSQL
) -> None:
    password, planted = secrets.token_urlsafe(), secrets.token_urlsafe()
    _alter(administrator, app, hash_password(password, app, encryption))
    assert code_of(postgresql, Login(app, password)) is None
    assert found({password}, postgresql.logs()) == set()

    # The server hashes it, and logs the statement.
    _alter(administrator, app, planted)
    assert found({planted}, postgresql.logs()) != set()


def test_a_hash_is_not_accepted_as_a_password(
    app: str, administrator: Session, postgresql: PostgreSQL
) -> None:
    hashed = hash_password("a password", app, "md5")
    _alter(administrator, app, hashed)
    assert code_of(postgresql, Login(app, hashed)) == "28P01"
    rows = postgresql.statement("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
    assert rows == [(hashed,)]


def test_more_iterations_are_accepted(
    app: str, administrator: Session, postgresql: PostgreSQL
) -> None:
    login = Login(app, "a password")
    _alter(administrator, app, scram_verifier(login.password, iterations=20_000))
    assert code_of(postgresql, login) is None
    assert accepts_psycopg(postgresql, login)
