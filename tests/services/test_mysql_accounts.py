"""Exact copies of accounts and privileges, and dual passwords, on real servers."""

from __future__ import annotations

import random
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from rotation.services.mysql import accounts, changes, grants
from rotation.services.mysql.accounts import Definition
from rotation.services.mysql.grants import Grants
from rotation.services.mysql.packets import ServerError
from rotation.services.mysql.quoting import Account, literal
from testing.databases import Login, MySQLServer
from tests.services.mysql_client import outcome, session, user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.services.mysql.session import Session

_APP: Final = Account(user="app")
_CLONE: Final = Account(user="app_clone")
# More would mean that the statements change nothing.
_MOST_ROUNDS: Final = 3

_OBJECTS: Final = (
    *("CREATE DATABASE `a TO b`", "CREATE DATABASE `per_cent%`", "CREATE DATABASE `we``ird`"),
    *("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT, b INT, `c``d` INT)"),
    "CREATE PROCEDURE shop.p() SELECT 1",
    "CREATE FUNCTION shop.f() RETURNS INT DETERMINISTIC RETURN 1",
    *("CREATE ROLE r1, r2, r3", "GRANT SELECT ON shop.* TO r1", "GRANT r3 TO r2"),
)
_DROPPED: Final = (
    *("DROP DATABASE `a TO b`", "DROP DATABASE `per_cent%`", "DROP DATABASE `we``ird`"),
    *("DROP DATABASE shop", "DROP ROLE r1, r2, r3"),
)


def _possible(*, mariadb: bool) -> list[str]:
    """Return statements about an account, in place of which they have a question mark."""
    granted = (
        *("SELECT ON *.*", "INSERT, PROCESS ON *.*", "ALL ON `a TO b`.*", "ALL ON shop.t"),
        *("SELECT, EVENT ON `a TO b`.*", "SELECT ON `per\\_cent\\%`.*", "INSERT ON `we``ird`.*"),
        *("SELECT (a, `c``d`), INSERT (a), UPDATE ON shop.t", "SELECT (b) ON shop.t"),
        *("EXECUTE, ALTER ROUTINE ON PROCEDURE shop.p", "EXECUTE ON FUNCTION shop.f"),
    )
    found = [f"GRANT {one} TO ?{end}" for one in granted for end in ("", " WITH GRANT OPTION")]
    found += [
        f"GRANT {one} TO ?{end}" for one in ("r1", "r2") for end in ("", " WITH ADMIN OPTION")
    ]
    if mariadb:
        return [
            *found,
            *("SET DEFAULT ROLE r1 FOR ?", "SET DEFAULT ROLE NONE FOR ?", "GRANT ALL ON *.* TO ?"),
            "GRANT BINLOG ADMIN ON *.* TO ?",
        ]
    return [
        *found,
        *("GRANT BACKUP_ADMIN ON *.* TO ?", "GRANT BACKUP_ADMIN ON *.* TO ? WITH GRANT OPTION"),
        *("GRANT XA_RECOVER_ADMIN ON *.* TO ?", "SET DEFAULT ROLE ALL TO ?"),
        "SET DEFAULT ROLE NONE TO ?",
    ]


@pytest.fixture
def admin(mysql_server: MySQLServer) -> Iterator[Session]:
    with session(mysql_server, mysql_server.superuser) as one:
        if mysql_server.product != "mariadb":
            one.query(accounts.HEXADECIMAL)
        for sql in _OBJECTS:
            one.query(sql)
        try:
            yield one
        finally:
            for sql in (*_DROPPED, f"DROP USER IF EXISTS {_APP}, {_CLONE}"):
                one.query(sql)


def _lines(admin: Session, account: Account) -> list[str]:
    return [line or "" for (line,) in admin.query(grants.show(account))]


def _definition(admin: Session, account: Account) -> Definition:
    ((shown,),) = admin.query(accounts.show(account))
    return Definition.parse(shown or "")


def _grants(admin: Session, account: Account) -> Grants:
    found, definition = Grants.parse(_lines(admin, account), account), _definition(admin, account)
    return found if definition.mariadb else found.with_default_roles(definition.default_roles)


def _copy(admin: Session, *, mariadb: bool) -> int:
    """Give the clone what the original may do, and return how many rounds it took."""
    for count in range(_MOST_ROUNDS + 1):
        statements = _grants(admin, _APP).statements(
            _CLONE, _grants(admin, _CLONE), mariadb=mariadb
        )
        if not statements:
            return count
        for sql in statements:
            admin.query(sql)
    pytest.fail(f"The copy does not come to an end: {statements}")


def _shown(admin: Session, account: Account) -> list[list[str]]:
    """Return the lines without the name and the password; the order of columns is the server's."""
    name = f"`{account.user}`@`%`"
    lines = (line.partition(" IDENTIFIED ")[0] for line in _lines(admin, account))
    blanks = str.maketrans(",()", "   ")
    return sorted(sorted(line.replace(name, "?").translate(blanks).split()) for line in lines)


@pytest.mark.parametrize("seed", range(12))
def test_the_clone_may_do_what_the_original_may(
    seed: int, admin: Session, mysql_server: MySQLServer
) -> None:
    """Both ways: the application's DBA gives privileges, and takes them."""
    mariadb = mysql_server.product == "mariadb"
    draw = random.Random(seed)  # noqa: S311 -- the test must be repeatable
    for account in (_APP, _CLONE):
        admin.query(f"CREATE USER {account} IDENTIFIED BY 'x'")
        for sql in draw.sample(_possible(mariadb=mariadb), draw.randint(2, 9)):
            # A default role that the account does not have is refused.
            refused = suppress(ServerError) if "DEFAULT ROLE" in sql else nullcontext()
            with refused:
                admin.query(sql.replace("?", str(account)))

    _copy(admin, mariadb=mariadb)

    assert _shown(admin, _APP) == _shown(admin, _CLONE)
    assert _grants(admin, _APP) == _grants(admin, _CLONE)


_RULES: Final = (
    *("", "REQUIRE SSL", "REQUIRE X509", "REQUIRE SUBJECT '/CN=x y' AND ISSUER '/CN=x'"),
    *(
        "WITH MAX_QUERIES_PER_HOUR 7 MAX_USER_CONNECTIONS 3",
        "ACCOUNT LOCK",
        "PASSWORD EXPIRE NEVER",
    ),
    *("PASSWORD EXPIRE INTERVAL 90 DAY", "PASSWORD EXPIRE"),
    "REQUIRE SSL WITH MAX_USER_CONNECTIONS 1 PASSWORD EXPIRE NEVER ACCOUNT LOCK",
)
_MYSQL_RULES: Final = (
    *("PASSWORD HISTORY 2 PASSWORD REUSE INTERVAL 9 DAY PASSWORD REQUIRE CURRENT",),
    *("FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2", "ATTRIBUTE '{\"a\": \"it''s\"}'"),
)


@pytest.mark.parametrize("before", [None, *_RULES])
def test_the_clone_has_the_rules_of_the_original(
    before: str | None, admin: Session, mysql_server: MySQLServer
) -> None:
    mariadb = mysql_server.product == "mariadb"
    for number, rules in enumerate((*_RULES, *(() if mariadb else _MYSQL_RULES))):
        password = f"new-password-{number}"
        admin.query(f"CREATE USER {_APP} IDENTIFIED BY 'x' {rules}")
        definition = _definition(admin, _APP)
        old = None
        if before is not None:
            admin.query(f"CREATE USER {_CLONE} IDENTIFIED BY 'x' {before}")
            old = _definition(admin, _CLONE)
        admin.query(definition.statement(_CLONE, password, before=old))
        # The users of that name had limits too. And MySQL 8.0 goes on showing an old interval.
        admin.query("FLUSH USER_RESOURCES")
        admin.query("FLUSH PRIVILEGES")
        assert _normal(_definition(admin, _CLONE)) == _normal(definition)
        if not {"LOCK", "X509", "SUBJECT"} & set(rules.split()):
            assert outcome(mysql_server, Login("app_clone", password)) == (0, True)
        admin.query(f"DROP USER {_APP}, {_CLONE}")


def _normal(definition: Definition) -> Definition:
    """Leave out defaults, which a server may write or not."""
    ends = ("DEFAULT", "NONE", "UNLOCK", " 0")
    clauses = {k: text for k, text in definition.clauses.items() if not text.endswith(ends)}
    limits = {k: number for k, number in definition.limits.items() if number != "0"}
    return replace(definition, clauses=clauses, limits=limits)


def _retain(admin: Session, *, current: str, pending: str) -> None:
    for sql in changes.lock(_APP, wait_seconds=5, idle_seconds=30):
        rows = admin.query(sql)
    assert rows == [("1",)]
    for sql in changes.retain(_APP, current=current, pending=pending):
        admin.query(sql)


def _accepted(server: MySQLServer, *passwords: str) -> list[bool]:
    return [outcome(server, Login("app", password)) == (0, True) for password in passwords]


# The passwords of the server before: one, or two with the newer one first.
@pytest.mark.parametrize(
    "known",
    [
        pytest.param(["current"], id="current"),
        pytest.param(["pending", "current"], id="killed-between-or-after"),
        pytest.param(["given-up", "current"], id="given-up"),
        pytest.param(["current", "given-up"], id="current-and-older"),
        pytest.param(["current", "current"], id="killed-after-the-first"),
    ],
)
def test_the_current_password_works_before_between_and_after(
    known: list[str], mysql: MySQLServer
) -> None:
    with user(mysql, "app", known[-1]), session(mysql, mysql.superuser) as admin:
        if len(known) == 2:
            admin.query(
                f"ALTER USER {_APP} IDENTIFIED BY {literal(known[0])} RETAIN CURRENT PASSWORD"
            )
        for sql in changes.retain(_APP, current="current", pending="pending"):
            assert _accepted(mysql, "current") == [True]
            admin.query(sql)
        assert _accepted(mysql, "current", "pending", "given-up") == [True, True, False]


def test_one_statement_alone_forgets_the_current_password(mysql: MySQLServer) -> None:
    """So that the test above would find it."""
    with user(mysql, "app", "current"), session(mysql, mysql.superuser) as admin:
        _, alone = changes.retain(_APP, current="current", pending="pending")
        admin.query(alone)
        assert _accepted(mysql, "current", "pending") == [True, True]
        admin.query(alone)
        assert _accepted(mysql, "current", "pending") == [False, True]


def test_a_user_changes_its_own_password_with_one_privilege(mysql: MySQLServer) -> None:
    with user(mysql, "app", "current") as login:
        with session(mysql, login) as own:
            first, _ = changes.retain(_APP, current="current", pending="pending")
            with pytest.raises(ServerError) as caught:
                own.query(first)
            assert caught.value.errno == 1227
        mysql.statement("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO app@'%'")
        with session(mysql, login) as own:
            _retain(own, current="current", pending="pending")
        assert _accepted(mysql, "current", "pending") == [True, True]


def test_the_lock_excludes_others_until_its_session_ends(mysql: MySQLServer) -> None:
    with session(mysql, mysql.superuser) as other:
        with session(mysql, mysql.superuser) as one:
            _, lock = changes.lock(_APP, wait_seconds=0, idle_seconds=30)
            assert one.query(lock) == [("1",)]
            assert other.query(lock) == [("0",)]
            _, of_clone = changes.lock(_CLONE, wait_seconds=0, idle_seconds=30)
            assert other.query(of_clone) == [("1",)]
        _, lock = changes.lock(_APP, wait_seconds=20, idle_seconds=30)
        assert other.query(lock) == [("1",)]


def test_the_lock_of_a_frozen_session_ends(mysql: MySQLServer) -> None:
    with session(mysql, mysql.superuser) as frozen, session(mysql, mysql.superuser) as other:
        for sql in changes.lock(_APP, wait_seconds=0, idle_seconds=1):
            frozen.query(sql)
        _, lock = changes.lock(_APP, wait_seconds=30, idle_seconds=60)
        assert other.query(lock) == [("1",)]
        with pytest.raises(ServerError) as caught:
            frozen.query("SELECT 1")
        assert caught.value.errno == 4031


def test_the_history_may_refuse_the_first_statement_only(mysql: MySQLServer) -> None:
    with (
        user(mysql, "app", "current", "PASSWORD HISTORY 3"),
        session(mysql, mysql.superuser) as admin,
    ):
        first, second = changes.retain(_APP, current="current", pending="pending")
        with pytest.raises(ServerError) as caught:
            admin.query(first)
        assert caught.value.errno == changes.IN_HISTORY
        admin.query(second)
        assert _accepted(mysql, "current", "pending") == [True, True]
