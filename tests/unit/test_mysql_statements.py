"""The statements at MySQL and MariaDB: accounts, privileges and passwords, as servers show them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.services.mysql import accounts, changes, grants
from rotation.services.mysql.accounts import Definition
from rotation.services.mysql.grants import Grants, PartialRevokeError
from rotation.services.mysql.packets import NoMysqlError
from rotation.services.mysql.plugins import PluginError
from rotation.services.mysql.quoting import Account, identifier, literal
from rotation.services.mysql.tokens import find, join, split, tokens, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_APP: Final = Account(user="app")
_CLONE: Final = Account(user="app_clone")
# As MySQL 8.0.31 and MariaDB 10.11 wrote them.
_MYSQL: Final = (
    "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441 DEFAULT ROLE "
    "`r1`@`%`,`r2`@`%` REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE NEVER ACCOUNT "
    "UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT "
    'DEFAULT FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 ATTRIBUTE \'{"a": "b"}\''
)
_OLD_MYSQL: Final = (
    "CREATE USER 'app'@'%' IDENTIFIED WITH 'sha256_password' AS '$5$a''b\\'c' REQUIRE NONE "
    "PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL "
    "DEFAULT"
)
_MARIADB: Final = (
    "CREATE USER `app`@`%` IDENTIFIED VIA ed25519 USING 'Gv2JI8Env2fd5YGonZ082tX3UAW' REQUIRE "
    "SUBJECT '/CN=x' AND ISSUER '/CN=y' WITH MAX_QUERIES_PER_HOUR 7 MAX_STATEMENT_TIME 1.500000 "
    "ACCOUNT LOCK PASSWORD EXPIRE NEVER"
)
_PLAIN_MARIADB: Final = "CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD16'"


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        pytest.param("a'b", "'a''b'", id="quote"),
        pytest.param("a\\'b", "'a\\\\''b'", id="backslash-and-quote"),
        pytest.param('a"b`c%_', "'a\"b`c%_'", id="others"),
        pytest.param("a\0b", "'a\\0b'", id="nul"),
        pytest.param("ü😀", "'ü😀'", id="unicode"),
    ],
)
def test_a_text_is_quoted(text: str, sql: str) -> None:
    assert literal(text) == sql


def test_names_and_accounts_are_quoted() -> None:
    assert identifier("we`ird\\'") == "`we``ird\\'`"
    assert str(Account(user="o'neil", host="10.0.0.%")) == "'o''neil'@'10.0.0.%'"
    assert accounts.hosts("o'neil") == "SELECT Host FROM mysql.user WHERE User = 'o''neil'"
    assert accounts.show(_APP) == "SHOW CREATE USER 'app'@'%'"
    assert grants.show(_APP) == "SHOW GRANTS FOR 'app'@'%'"


@given(st.lists(st.tuples(st.sampled_from([literal, identifier]), st.text()), min_size=1))
def test_tokens_are_those_that_were_quoted(parts: list[tuple[Callable[[str], str], str]]) -> None:
    quoted = [quote(text) for quote, text in parts]
    found = tokens(" ".join(quoted))
    assert found == quoted
    # No name and no plugin has a character that a server writes as a letter, as it does with NUL.
    assert [unquote(token) for token in found] == [
        text.replace("\0", "0") if quote is literal else text for quote, text in parts
    ]


def test_words_inside_of_names_and_parentheses_are_not_found() -> None:
    parts = tokens("GRANT SELECT (`TO`, to, TO) ON `a TO b`.* TO 'x'@'%'")
    at = find(parts, "TO")
    assert parts[at + 1 :] == ["'x'", "@", "'%'"]
    assert join(parts[find(parts, "ON") + 1 : at]) == "`a TO b`.*"
    assert find(parts, "FROM") == -1
    assert [join(part) for part in split(parts[1 : find(parts, "ON")])] == [
        "SELECT ( `TO`, to, TO )"
    ]


@pytest.mark.parametrize("sql", ["`a", "'a", "'a\\'", '"', "a 'b"])
def test_an_open_quote_is_refused(sql: str) -> None:
    with pytest.raises(NoMysqlError):
        tokens(sql)


def test_an_account_of_mysql_is_copied() -> None:
    definition = Definition.parse(_MYSQL)
    assert (definition.mariadb, definition.plugin) == (False, "caching_sha2_password")
    assert definition.default_roles == {"`r1`@`%`", "`r2`@`%`"}
    rules = (
        "REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE NEVER ACCOUNT UNLOCK PASSWORD "
        "HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT "
        'FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 ATTRIBUTE \'{"a": "b"}\''
    )
    assert definition.statement(_CLONE, "p'w\\", before=None) == (
        "CREATE USER 'app_clone'@'%' IDENTIFIED WITH caching_sha2_password BY 'p''w\\\\' " + rules
    )
    assert definition.statement(_CLONE, "pw", before=definition) == (
        "ALTER USER 'app_clone'@'%' IDENTIFIED WITH caching_sha2_password BY 'pw' " + rules
    )


def test_an_account_of_an_older_mysql_is_copied() -> None:
    definition = Definition.parse(_OLD_MYSQL)
    assert definition.default_roles == frozenset()
    assert definition.statement(_CLONE, "pw", before=None) == (
        "CREATE USER 'app_clone'@'%' IDENTIFIED WITH sha256_password BY 'pw' REQUIRE NONE "
        "PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL "
        "DEFAULT"
    )


def test_an_account_of_mariadb_is_copied_without_its_password() -> None:
    definition = Definition.parse(_MARIADB)
    assert (definition.mariadb, definition.plugin) == (True, "ed25519")
    assert definition.statement(_CLONE, "secret", before=None) == (
        "CREATE USER 'app_clone'@'%' IDENTIFIED VIA ed25519 USING "
        "'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY' REQUIRE SUBJECT '/CN=x' AND ISSUER '/CN=y' "
        "WITH MAX_QUERIES_PER_HOUR 7 MAX_STATEMENT_TIME 1.500000 PASSWORD EXPIRE NEVER ACCOUNT LOCK"
    )
    plain = Definition.parse(_PLAIN_MARIADB)
    assert plain.statement(_CLONE, "notagoodpwd", before=None) == (
        "CREATE USER 'app_clone'@'%' IDENTIFIED VIA mysql_native_password USING "
        "'*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937'"
    )


def test_a_rule_that_the_original_does_not_have_is_taken_from_the_copy() -> None:
    plain, ruled = Definition.parse(_PLAIN_MARIADB), Definition.parse(_MARIADB)
    assert plain.statement(_CLONE, "notagoodpwd", before=ruled).partition("DC937' ")[2] == (
        "REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_STATEMENT_TIME 0 PASSWORD EXPIRE DEFAULT "
        "ACCOUNT UNLOCK"
    )
    mysql = Definition.parse(_MYSQL)
    without = Definition.parse(
        _MYSQL.partition(" FAILED_LOGIN")[0].replace("WITH MAX_USER_CONNECTIONS 5 ", "")
    )
    changed = without.statement(_CLONE, "pw", before=mysql)
    assert " REQUIRE SSL WITH MAX_USER_CONNECTIONS 0 PASSWORD EXPIRE NEVER " in changed
    assert changed.endswith(" DEFAULT FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0")


def test_the_copy_of_an_expired_account_has_not_expired() -> None:
    definition = Definition.parse(f"{_PLAIN_MARIADB} PASSWORD EXPIRE")
    assert "EXPIRE" not in definition.statement(_CLONE, "pw", before=None)
    interval = Definition.parse(f"{_PLAIN_MARIADB} PASSWORD EXPIRE INTERVAL 90 DAY")
    assert interval.statement(_CLONE, "pw", before=None).endswith("PASSWORD EXPIRE INTERVAL 90 DAY")


@pytest.mark.parametrize(
    ("identified", "name"),
    [
        pytest.param("", "", id="no-plugin"),
        pytest.param("IDENTIFIED WITH 'auth_socket'", "auth_socket", id="socket"),
        pytest.param(
            "IDENTIFIED WITH 'AWSAuthenticationPlugin' AS 'RDS' REQUIRE SSL",
            "AWSAuthenticationPlugin",
            id="iam",
        ),
        pytest.param("IDENTIFIED WITH 'ed25519' AS 'x'", "", id="mariadb-plugin-in-mysql"),
        pytest.param("IDENTIFIED VIA unix_socket", "unix_socket", id="mariadb-socket"),
        pytest.param(
            "IDENTIFIED VIA ed25519 USING 'x' OR mysql_native_password USING 'y'", "", id="two"
        ),
        pytest.param(
            "IDENTIFIED WITH 'caching_sha2_password' AS 0x24 AND IDENTIFIED WITH 'x' AS 'y'",
            "",
            id="two-factors",
        ),
    ],
)
def test_an_account_with_something_else_than_one_password_is_refused(
    identified: str, name: str
) -> None:
    with pytest.raises(PluginError) as caught:
        Definition.parse(f"CREATE USER `app`@`%` {identified}")
    assert caught.value.name == name


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("", id="empty"),
        pytest.param("CREATE TABLE x (a int)", id="table"),
        pytest.param("CREATE USER `app`@`%` IDENTIFIED", id="short"),
        pytest.param("CREATE USER `app`@`%` IDENTIFIED BY 'x'", id="plaintext"),
        pytest.param(f"{_PLAIN_MARIADB} SOMETHING ELSE", id="unknown-clause"),
        pytest.param(f"{_PLAIN_MARIADB} WITH MAX_USER_CONNECTIONS", id="limit-without-number"),
    ],
)
def test_an_account_of_another_form_is_refused(sql: str) -> None:
    with pytest.raises(NoMysqlError):
        Definition.parse(sql)


_LINES: Final = (
    "GRANT SELECT, INSERT ON *.* TO `app`@`%`",
    "GRANT BACKUP_ADMIN,ROLE_ADMIN ON *.* TO `app`@`%`",
    "GRANT XA_RECOVER_ADMIN ON *.* TO `app`@`%` WITH GRANT OPTION",
    "GRANT ALL PRIVILEGES ON `a TO b`.* TO `app`@`%` WITH GRANT OPTION",
    "GRANT INSERT ON `we``ird`.* TO `app`@`%`",
    "GRANT SELECT ON `per\\_cent\\%`.* TO `app`@`%`",
    "GRANT SELECT (`a`, `c``d`), INSERT (`a`), UPDATE ON `shop`.`t` TO `app`@`%`",
    "GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE `shop`.`p` TO `app`@`%`",
    "GRANT EXECUTE ON FUNCTION `shop`.`f` TO `app`@`%` WITH GRANT OPTION",
    "GRANT `r2`@`%`,`r3`@`%` TO `app`@`%`",
    "GRANT `r1`@`%` TO `app`@`%` WITH ADMIN OPTION",
)
_ALL_MARIADB: Final = (
    "GRANT `r1` TO `app`@`%` WITH ADMIN OPTION",
    (
        "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*24' REQUIRE SSL WITH "
        "MAX_QUERIES_PER_HOUR 7 GRANT OPTION"
    ),
    "GRANT SELECT (a, b) ON `shop`.`t` TO 'app'@'%'",
    "GRANT SELECT ON `shop`.* TO PUBLIC",
    "GRANT SELECT ON `shop`.* TO `r1`",
    "SET DEFAULT ROLE `r1` FOR `app`@`%`",
)
_EMPTY: Final = Grants(privileges={}, roles={}, default_roles=frozenset())


def test_privileges_are_read_by_place() -> None:
    found = Grants.parse(_LINES, _APP)
    assert {(on + dynamic): set(names) for (on, dynamic), names in found.privileges.items()} == {
        "*.*": {"SELECT", "INSERT"},
        "*.*BACKUP_ADMIN": {"BACKUP_ADMIN"},
        "*.*ROLE_ADMIN": {"ROLE_ADMIN"},
        "*.*XA_RECOVER_ADMIN": {"XA_RECOVER_ADMIN", "GRANT OPTION"},
        "`a TO b`.*": {"ALL PRIVILEGES", "GRANT OPTION"},
        "`we``ird`.*": {"INSERT"},
        "`per\\_cent\\%`.*": {"SELECT"},
        "`shop`.`t`": {"SELECT (`a`)", "SELECT (`c``d`)", "INSERT (`a`)", "UPDATE"},
        "PROCEDURE `shop`.`p`": {"EXECUTE", "ALTER ROUTINE"},
        "FUNCTION `shop`.`f`": {"EXECUTE", "GRANT OPTION"},
    }
    assert found.roles == {"`r1`@`%`": True, "`r2`@`%`": False, "`r3`@`%`": False}


def test_mariadb_writes_default_roles_and_others_grants_too() -> None:
    found = Grants.parse(_ALL_MARIADB, _APP)
    assert found.privileges == {
        grants.Place("*.*"): {"GRANT OPTION"},
        grants.Place("`shop`.`t`"): {"SELECT (`a`)", "SELECT (`b`)"},
    }
    assert found.roles == {"`r1`": True}
    assert found.default_roles == {"`r1`"}


def test_all_is_granted_to_an_account_without_anything() -> None:
    wanted = Grants.parse(_LINES, _APP).with_default_roles(frozenset({"`r2`@`%`", "`r1`@`%`"}))
    assert wanted.statements(_CLONE, _EMPTY, mariadb=False) == [
        "GRANT `r1`@`%` TO 'app_clone'@'%' WITH ADMIN OPTION",
        "GRANT `r2`@`%` TO 'app_clone'@'%'",
        "GRANT `r3`@`%` TO 'app_clone'@'%'",
        "GRANT INSERT, SELECT ON *.* TO 'app_clone'@'%'",
        "GRANT BACKUP_ADMIN ON *.* TO 'app_clone'@'%'",
        "GRANT ROLE_ADMIN ON *.* TO 'app_clone'@'%'",
        "GRANT XA_RECOVER_ADMIN ON *.* TO 'app_clone'@'%' WITH GRANT OPTION",
        "GRANT EXECUTE ON FUNCTION `shop`.`f` TO 'app_clone'@'%' WITH GRANT OPTION",
        "GRANT ALTER ROUTINE, EXECUTE ON PROCEDURE `shop`.`p` TO 'app_clone'@'%'",
        "GRANT ALL PRIVILEGES ON `a TO b`.* TO 'app_clone'@'%' WITH GRANT OPTION",
        "GRANT SELECT ON `per\\_cent\\%`.* TO 'app_clone'@'%'",
        (
            "GRANT INSERT (`a`), SELECT (`a`), SELECT (`c``d`), UPDATE ON `shop`.`t` TO "
            "'app_clone'@'%'"
        ),
        "GRANT INSERT ON `we``ird`.* TO 'app_clone'@'%'",
        "SET DEFAULT ROLE `r1`@`%`, `r2`@`%` TO 'app_clone'@'%'",
    ]
    assert wanted.statements(_CLONE, wanted, mariadb=False) == []


def _of(*lines: str) -> Grants:
    return Grants.parse([f"{line} TO `app`@`%`" for line in lines], _APP)


@pytest.mark.parametrize(
    ("wanted", "has", "statements"),
    [
        pytest.param(
            ["GRANT SELECT, DELETE ON `a`.*"],
            ["GRANT SELECT, INSERT ON `a`.*"],
            [
                "GRANT DELETE ON `a`.* TO 'app_clone'@'%'",
                "REVOKE INSERT ON `a`.* FROM 'app_clone'@'%'",
            ],
            id="missing-comes-first",
        ),
        pytest.param(
            ["GRANT SELECT (`a`) ON `a`.`t`"],
            ["GRANT SELECT (`b`) ON `a`.`t`"],
            [
                "GRANT SELECT (`a`) ON `a`.`t` TO 'app_clone'@'%'",
                "REVOKE SELECT (`b`) ON `a`.`t` FROM 'app_clone'@'%'",
            ],
            id="columns",
        ),
        pytest.param(
            ["GRANT ALL PRIVILEGES ON `a`.*"],
            ["GRANT SELECT ON `a`.*"],
            ["GRANT ALL PRIVILEGES ON `a`.* TO 'app_clone'@'%'"],
            id="all-is-more",
        ),
        pytest.param(
            ["GRANT SELECT, INSERT, UPDATE, CREATE, DROP, INDEX, ALTER ON `a`.`t`"],
            ["GRANT ALL PRIVILEGES ON `a`.`t`"],
            [
                (
                    "REVOKE CREATE VIEW, DELETE, REFERENCES, SHOW VIEW, TRIGGER ON `a`.`t` FROM "
                    "'app_clone'@'%'"
                )
            ],
            id="all-is-taken-one-by-one",
        ),
        pytest.param(
            ["GRANT SELECT ON `a`.*"],
            [],
            ["GRANT SELECT ON `a`.* TO 'app_clone'@'%'"],
            id="new-place",
        ),
        pytest.param(
            [],
            ["GRANT BACKUP_ADMIN ON *.*", "GRANT `r1`@`%`"],
            [
                "REVOKE `r1`@`%` FROM 'app_clone'@'%'",
                "REVOKE BACKUP_ADMIN ON *.* FROM 'app_clone'@'%'",
            ],
            id="nothing-is-left",
        ),
    ],
)
def test_a_difference_becomes_statements(
    wanted: list[str], has: list[str], statements: list[str]
) -> None:
    assert _of(*wanted).statements(_CLONE, _of(*has), mariadb=False) == statements


@pytest.mark.parametrize(
    ("wanted", "has", "statements"),
    [
        pytest.param(
            "GRANT SELECT ON `a`.* TO `app`@`%` WITH GRANT OPTION",
            "GRANT SELECT ON `a`.* TO `app`@`%`",
            ["GRANT USAGE ON `a`.* TO 'app_clone'@'%' WITH GRANT OPTION"],
            id="option-alone",
        ),
        pytest.param(
            "GRANT SELECT ON `a`.* TO `app`@`%`",
            "GRANT SELECT ON `a`.* TO `app`@`%` WITH GRANT OPTION",
            ["REVOKE GRANT OPTION ON `a`.* FROM 'app_clone'@'%'"],
            id="no-option",
        ),
        pytest.param(
            "GRANT ALL PRIVILEGES ON `a`.* TO `app`@`%`",
            "GRANT ALL PRIVILEGES ON `a`.* TO `app`@`%` WITH GRANT OPTION",
            ["REVOKE GRANT OPTION ON `a`.* FROM 'app_clone'@'%'"],
            id="all-without-option",
        ),
        pytest.param(
            "GRANT X_ADMIN ON *.* TO `app`@`%` WITH GRANT OPTION",
            "GRANT X_ADMIN ON *.* TO `app`@`%`",
            ["GRANT X_ADMIN ON *.* TO 'app_clone'@'%' WITH GRANT OPTION"],
            id="dynamic-option",
        ),
        pytest.param(
            "GRANT X_ADMIN ON *.* TO `app`@`%`",
            "GRANT X_ADMIN ON *.* TO `app`@`%` WITH GRANT OPTION",
            [
                "REVOKE X_ADMIN ON *.* FROM 'app_clone'@'%'",
                "GRANT X_ADMIN ON *.* TO 'app_clone'@'%'",
            ],
            id="no-dynamic-option",
        ),
        pytest.param(
            "GRANT USAGE ON *.* TO `app`@`%`",
            "GRANT X_ADMIN ON *.* TO `app`@`%` WITH GRANT OPTION",
            ["REVOKE X_ADMIN ON *.* FROM 'app_clone'@'%'"],
            id="no-dynamic-privilege",
        ),
        pytest.param(
            "GRANT `r1` TO `app`@`%` WITH ADMIN OPTION",
            "GRANT `r1` TO `app`@`%`",
            ["GRANT `r1` TO 'app_clone'@'%' WITH ADMIN OPTION"],
            id="admin",
        ),
        pytest.param(
            "GRANT `r1` TO `app`@`%`",
            "GRANT `r1` TO `app`@`%` WITH ADMIN OPTION",
            ["REVOKE `r1` FROM 'app_clone'@'%'", "GRANT `r1` TO 'app_clone'@'%'"],
            id="no-admin",
        ),
        pytest.param(
            "GRANT USAGE ON *.* TO `app`@`%`",
            "SET DEFAULT ROLE `r1` FOR `app`@`%`",
            ["SET DEFAULT ROLE NONE FOR 'app_clone'@'%'"],
            id="no-default-role",
        ),
    ],
)
def test_role_and_grant_options_are_copied(wanted: str, has: str, statements: list[str]) -> None:
    one, other = Grants.parse([wanted], _APP), Grants.parse([has], _APP)
    assert one.statements(_CLONE, other, mariadb=True) == statements


_NAMES: Final = st.sampled_from(["SELECT", "INSERT", "EVENT", "ALL PRIVILEGES", "GRANT OPTION"])
_PLACES: Final = st.sampled_from(
    [grants.Place("*.*"), grants.Place("`a`.*"), grants.Place("`b`.*")]
)
_GRANTS: Final = st.builds(
    Grants,
    privileges=st.dictionaries(_PLACES, st.frozensets(_NAMES, max_size=3)),
    roles=st.dictionaries(st.sampled_from(["`r1`", "`r2`"]), st.booleans()),
    default_roles=st.frozensets(st.sampled_from(["`r1`", "`r2`"])),
)


def _expanded(privileges: Iterable[str]) -> set[str]:
    names = set(privileges)
    if "ALL PRIVILEGES" in names:
        names |= {"SELECT", "INSERT", "EVENT"}
    return names - {"ALL PRIVILEGES"}


@given(wanted=_GRANTS, has=_GRANTS)
def test_nothing_that_both_may_do_is_taken_in_between(wanted: Grants, has: Grants) -> None:
    """This replays the statements on a model of the server."""
    state = {place.on: _expanded(names) for place, names in has.privileges.items()}
    goal = {place.on: _expanded(names) for place, names in wanted.privileges.items()}
    both = {on: state[on] & goal[on] for on in state.keys() & goal.keys()}
    for sql in wanted.statements(_CLONE, has, mariadb=True):
        parts = tokens(sql)
        on = find(parts, "ON")
        if on < 0:
            continue
        end = max(find(parts, "TO"), find(parts, "FROM"))
        names = _expanded(join(words) for words in split(parts[1:on]))
        place = state.setdefault(join(parts[on + 1 : end]), set())
        if parts[0] == "GRANT":
            place |= names | ({"GRANT OPTION"} if find(parts, "WITH") > 0 else set())
        else:
            place -= names
        for at, kept in both.items():
            assert state[at] >= kept
    shown = {"SELECT", "INSERT", "EVENT", "GRANT OPTION"}
    assert {on: names & shown for on, names in state.items() if names & shown} == {
        on: names for on, names in goal.items() if names
    }


@pytest.mark.parametrize(
    "line",
    ["", "GRANT SELECT ON *.*", "SELECT 1", "SET DEFAULT ROLE `r` TO `app`@`%`", "DROP TO x"],
)
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(NoMysqlError):
        Grants.parse([line], _APP)


def test_partial_revokes_are_refused() -> None:
    line = "REVOKE SELECT ON `mysql`.* FROM `app`@`%`"
    with pytest.raises(PartialRevokeError):
        Grants.parse([*_LINES, line], _APP)


@given(sql=st.text(alphabet="`'\"(),.@* GRANTOFSEDUL\\%\0ü", max_size=60))
def test_corrupted_lines_raise_only_our_errors(sql: str) -> None:
    for prefix in ("", "GRANT ", "GRANT SELECT ON ", "CREATE USER ", _PLAIN_MARIADB):
        for parse in (lambda text: Grants.parse([text], _APP), Definition.parse):
            with suppress(NoMysqlError, PluginError, PartialRevokeError):
                parse(prefix + sql)


def test_two_statements_keep_the_current_password() -> None:
    account = replace(_APP, user="o'neil")
    assert changes.retain(account, current="cur'rent", pending="pend\\ing") == (
        "ALTER USER 'o''neil'@'%' IDENTIFIED BY 'cur''rent' RETAIN CURRENT PASSWORD",
        "ALTER USER 'o''neil'@'%' IDENTIFIED BY 'pend\\\\ing' RETAIN CURRENT PASSWORD",
    )


def test_one_statement_keeps_a_password_that_is_not_known() -> None:
    assert changes.retain(_APP, current=None, pending="pending") == (
        "ALTER USER 'app'@'%' IDENTIFIED BY 'pending' RETAIN CURRENT PASSWORD",
    )
    assert changes.discard(_APP) == "ALTER USER 'app'@'%' DISCARD OLD PASSWORD"


def test_the_lock_is_of_one_account_and_does_not_outlive_an_idle_session() -> None:
    idle, lock = changes.lock(_APP, wait_seconds=5, idle_seconds=30)
    assert idle == "SET SESSION wait_timeout = 30, lock_wait_timeout = 5"
    name = tokens(lock)[3]
    assert lock == f"SELECT GET_LOCK({name}, 5)"
    assert len(unquote(name)) <= 64
    _, other = changes.lock(_CLONE, wait_seconds=5, idle_seconds=30)
    assert lock != other


def test_mariadb_receives_no_password() -> None:
    assert changes.set_password(_APP, "notagoodpwd", plugin="mysql_native_password") == (
        "SET PASSWORD FOR 'app'@'%' = '*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937'"
    )
    assert changes.set_password(_APP, "secret", plugin="ed25519") == (
        "SET PASSWORD FOR 'app'@'%' = 'ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY'"
    )


def test_mariadb_may_receive_the_password_itself() -> None:
    plugin = "mysql_native_password"
    assert changes.set_password(_APP, "p'w", plugin=plugin, hashed=False) == (
        "SET PASSWORD FOR 'app'@'%' = PASSWORD('p''w')"
    )
    sql = Definition.parse(_PLAIN_MARIADB).statement(_CLONE, "p'w", before=None, hashed=False)
    assert sql == (
        "CREATE USER 'app_clone'@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('p''w')"
    )
