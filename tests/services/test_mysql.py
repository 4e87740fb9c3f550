"""The payload at real servers of MySQL and MariaDB, compared with two drivers."""

from __future__ import annotations

import contextlib
import string
from typing import TYPE_CHECKING, Final

import pytest

from rotation.services.mysql import accounts, changes
from rotation.services.mysql.accounts import Definition
from rotation.services.mysql.packets import ServerError
from rotation.services.mysql.passwords import STORED
from rotation.services.mysql.plugins import PluginError
from rotation.services.mysql.quoting import Account, literal
from rotation.services.mysql.session import log_in
from rotation.services.tls import UntrustedCertificateError
from testing.databases import Kind, Login, MySQLServer
from tests.services.mysql_client import (
    LIMITS,
    outcome,
    outcome_of_connector,
    outcome_of_pymysql,
    place,
    session,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_PASSWORD: Final = "planted-5Gk2-password"  # noqa: S105 -- of no service

HOSTILE: Final = (
    *("'", '"', "`", "\\", "''", "\\'", "\\\\", "'; DROP TABLE x; --", "%", "%s", "%(a)s", "%%"),
    *("{}", "{0}", "$1", "${x}", "#", "-- ", "/* x */", ";", "?", ":a", "@", "&", "<b>", "=", "\t"),
    *("\n", "\r\n", "\x01\x1f\x7f", " leading", "trailing ", "a  b", "NULL", "0", "-1", "*"),
    *("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"),
    *("$A$005$THISISNOHASH", "md5abcdefabcdefabcdefabcdefabcdefab", "0x616263", "p\u00e4\u00df"),
    *(
        "\u0142\u00f3d\u017a",
        "\u4f60\u597d",
        "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f511",
        "e\u0301",
    ),
    *("\u200b\ufeff", "\uffff", "x" * 255, "\u20ac" * 85, string.printable[:94]),
)
# A name has 32 characters at most, and no letter of four bytes. With a blank at an end, or in
# quotes, it cannot log in.
NAMES: Final = sorted(
    {text[:32].strip() for text in HOSTILE if len(text[:32].encode()) < 90 and max(text) < "\uffff"}
    - {"", "''"}
)


def _is_mariadb(server: MySQLServer) -> bool:
    return server.product == "mariadb"


def _change(server: MySQLServer, account: Account, password: str, plugin: str) -> None:
    """Change a password as a strategy will."""
    with session(server, server.superuser) as admin:
        if _is_mariadb(server):
            admin.query(changes.set_password(account, password, plugin=plugin))
        else:
            admin.query(f"ALTER USER {account} IDENTIFIED BY {literal(password)}")


def test_fifty_passwords_are_hostile() -> None:
    assert len(set(HOSTILE)) >= 50


@pytest.mark.parametrize("password", HOSTILE, ids=ascii)
def test_a_hostile_password_is_what_it_was_set_to(password: str, mysql_server: MySQLServer) -> None:
    plugin = "mysql_native_password" if _is_mariadb(mysql_server) else ""
    account = Account(user="made")
    with user(mysql_server, "made", _PASSWORD) as old:
        assert outcome(mysql_server, old) == (0, True)
        _change(mysql_server, account, password, plugin)
        assert outcome(mysql_server, Login("made", password)) == (0, True)
        assert outcome_of_pymysql(mysql_server, Login("made", password)) == 0
        assert outcome(mysql_server, old) == (1045, False)
    # The other way: PyMySQL sets it.
    with user(mysql_server, "made", password) as login:
        assert outcome(mysql_server, login) == (0, True)
        assert outcome(mysql_server, Login("made", password + "x")) == (1045, False)


@pytest.mark.slow  # Each of its log-ins takes a quarter of a second.
@pytest.mark.parametrize("password", HOSTILE, ids=ascii)
def test_a_hostile_password_is_that_of_the_second_driver_too(
    password: str, mysql_server: MySQLServer
) -> None:
    with user(mysql_server, "made", _PASSWORD):
        _change(mysql_server, Account(user="made"), password, "mysql_native_password")
        assert outcome_of_connector(mysql_server, Login("made", password)) == 0


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_hostile_name_logs_in(name: str, mysql_server: MySQLServer) -> None:
    account = Account(user=name)
    plugin = "mysql_native_password"
    with user(mysql_server, name, "old") as old:
        assert outcome(mysql_server, old) == (0, True)
        _change(mysql_server, account, _PASSWORD, plugin)
        with session(mysql_server, Login(name, _PASSWORD)) as one:
            assert one.query("SELECT USER() LIKE '%@127.0.0.1', CURRENT_USER()") == [
                ("1", f"{name}@%")
            ]
        with session(mysql_server, mysql_server.superuser) as admin:
            assert admin.query(accounts.hosts(name)) == [("%",)]
            ((shown,),) = admin.query(accounts.show(account))
        assert outcome_of_pymysql(mysql_server, Login(name, _PASSWORD)) == 0
        assert Definition.parse(shown or "").plugin != ""


@pytest.mark.parametrize("name", [" made", "made ", "'made'"])
def test_known_limit_no_client_logs_in_with_such_a_name(
    name: str, mysql_server: MySQLServer
) -> None:
    """The strategy must refuse these names at plan. MariaDB accepts blanks."""
    accepted = _is_mariadb(mysql_server) and " " in name
    with user(mysql_server, name, _PASSWORD) as login:
        assert outcome(mysql_server, login) == ((0, True) if accepted else (1045, False))
        assert outcome_of_pymysql(mysql_server, login) == (0 if accepted else 1045)


def test_known_limit_names_of_four_byte_letters_are_all_the_same(
    mysql_server: MySQLServer,
) -> None:
    """The strategy must refuse these names at plan."""
    with user(mysql_server, "\U0001f511", _PASSWORD):
        assert outcome(mysql_server, Login("\U0001f600", _PASSWORD)) == (0, True)


def test_the_version_is_that_of_the_server(mysql_server: MySQLServer) -> None:
    with session(mysql_server, mysql_server.administrator) as one:
        version = one.version()
    assert version.mariadb == _is_mariadb(mysql_server)
    assert ".".join(map(str, version.number)).startswith(mysql_server.version)


def test_modes_of_the_server_do_not_change_what_is_quoted(mysql_server: MySQLServer) -> None:
    text = "a\\'b\"c`d\\"
    mysql_server.statement("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    try:
        with session(mysql_server, mysql_server.administrator) as one:
            assert one.query(f"SELECT {literal(text)}, @@sql_mode") == [(text, "")]
    finally:
        mysql_server.statement("SET GLOBAL sql_mode = DEFAULT")


@pytest.mark.parametrize(
    ("options", "password", "numbers", "accepted"),
    [
        pytest.param("", _PASSWORD, {0}, True, id="right"),
        pytest.param("", "wrong", {1045}, False, id="wrong"),
        pytest.param("ACCOUNT LOCK", _PASSWORD, {3118, 4151}, True, id="locked"),
        pytest.param("ACCOUNT LOCK", "wrong", {1045}, False, id="locked-and-wrong"),
        pytest.param("PASSWORD EXPIRE", _PASSWORD, {1862, 1820}, True, id="expired"),
        pytest.param("PASSWORD EXPIRE", "wrong", {1045}, False, id="expired-and-wrong"),
        pytest.param("REQUIRE X509", _PASSWORD, {1045}, False, id="client-certificate"),
        pytest.param("REQUIRE SSL", _PASSWORD, {0}, True, id="tls"),
    ],
)
def test_each_state_of_an_account_has_its_error(
    options: str, password: str, numbers: set[int], *, accepted: bool, mysql_server: MySQLServer
) -> None:
    with user(mysql_server, "made", _PASSWORD, options):
        login = Login("made", password)
        errno, accepted_here = outcome(mysql_server, login)
        assert errno in numbers
        assert accepted_here == accepted
        assert outcome_of_pymysql(mysql_server, login) == errno
        assert outcome_of_connector(mysql_server, login) == errno


def test_an_unknown_user_and_another_host_look_like_a_wrong_password(
    mysql_server: MySQLServer,
) -> None:
    mysql_server.statement(f"CREATE USER away@'10.0.0.1' IDENTIFIED BY '{_PASSWORD}'")
    for name in ("away", "nobody"):
        assert outcome(mysql_server, Login(name, _PASSWORD)) == (1045, False)
        assert outcome_of_pymysql(mysql_server, Login(name, _PASSWORD)) == 1045
    mysql_server.statement("DROP USER away@'10.0.0.1'")


@pytest.mark.parametrize("limit", ["MAX_USER_CONNECTIONS 1", "MAX_CONNECTIONS_PER_HOUR 1"])
def test_a_limit_of_the_account_comes_after_the_password(
    limit: str, mysql_server: MySQLServer
) -> None:
    # A user of the same name may have used up the limit before.
    mysql_server.statement("FLUSH USER_RESOURCES")
    with (
        user(mysql_server, "made", _PASSWORD, f"WITH {limit}") as login,
        session(mysql_server, login),
    ):
        assert outcome(mysql_server, login) == (1226, True)
        assert outcome_of_pymysql(mysql_server, login) == 1226
        assert outcome(mysql_server, Login("made", "wrong")) == (1045, False)


def test_too_many_failed_log_ins_say_nothing_about_the_password(
    mysql_server: MySQLServer,
) -> None:
    mariadb = _is_mariadb(mysql_server)
    options = "" if mariadb else "FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1"
    if mariadb:
        mysql_server.statement("SET GLOBAL max_password_errors = 2")
    try:
        with user(mysql_server, "made", _PASSWORD, options) as login:
            for _ in range(2):
                outcome(mysql_server, Login("made", "wrong"))
            number = 4150 if mariadb else 3955
            assert outcome(mysql_server, login) == (number, False)
            assert outcome(mysql_server, Login("made", "wrong")) == (number, False)
            assert outcome_of_pymysql(mysql_server, login) == number
    finally:
        if mariadb:
            mysql_server.statement("SET GLOBAL max_password_errors = DEFAULT; FLUSH PRIVILEGES")


def test_a_full_server_says_so_before_tls(mysql_server: MySQLServer) -> None:
    with mysql_server.full():
        assert outcome(mysql_server, mysql_server.administrator) == (1040, False)
        assert outcome_of_pymysql(mysql_server, mysql_server.administrator) == 1040


def test_a_read_only_server_refuses_a_change(mysql_server: MySQLServer) -> None:
    with (
        user(mysql_server, "made", _PASSWORD) as login,
        mysql_server.read_only(),
        session(mysql_server, login) as one,
        pytest.raises(ServerError) as caught,
    ):
        one.query(f"SET PASSWORD = {literal(STORED['mysql_native_password']('new'))}")
    assert caught.value.errno == 1290


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("ALTER USER made@'%' IDENTIFIED BY 'x'", id="alter"),
        pytest.param("SET PASSWORD FOR other@'%' = 'x'", id="set-password"),
        pytest.param("GRANT SELECT ON *.* TO made@'%'", id="grant-all"),
        pytest.param("GRANT SELECT ON a.* TO made@'%'", id="grant-database"),
        pytest.param("GRANT SELECT ON mysql.user TO made@'%'", id="grant-table"),
        pytest.param("GRANT EXECUTE ON PROCEDURE a.p TO made@'%'", id="grant-routine"),
        pytest.param("CREATE USER x@'%'", id="create"),
        pytest.param("SELECT Host FROM mysql.user", id="hosts"),
        pytest.param("SHOW CREATE USER root@'%'", id="show-create"),
        pytest.param("SHOW GRANTS FOR root@'%'", id="show-grants"),
    ],
)
def test_a_missing_privilege_is_one_of_few_errors(sql: str, mysql_server: MySQLServer) -> None:
    with user(mysql_server, "other", "x"), user(mysql_server, "made", _PASSWORD) as login:
        sql = sql.replace("ALTER USER made", "ALTER USER other")
        with session(mysql_server, login) as one, pytest.raises(ServerError) as caught:
            one.query(sql)
    assert caught.value.errno in {1044, 1045, 1142, 1227, 1370, 1410}
    assert caught.value.accepted


@pytest.mark.parametrize(
    ("kind", "code"),
    [(Kind.EXPIRED, {10}), (Kind.OTHER_HOST, {62, 64}), (Kind.UNKNOWN_AUTHORITY, {19, 20, 21})],
)
def test_a_wrong_certificate_is_rejected(
    kind: Kind, code: set[int], mysql_server: MySQLServer
) -> None:
    with (
        mysql_server.presenting(kind),
        pytest.raises(UntrustedCertificateError) as caught,
    ):
        session(mysql_server, mysql_server.administrator)
    assert caught.value.verify_code in code


def test_without_its_authority_the_server_is_not_trusted(mysql_server: MySQLServer) -> None:
    login = mysql_server.administrator
    here = place(mysql_server)
    unknown = type(here)(host=here.host, port=here.port)
    with pytest.raises(UntrustedCertificateError):
        log_in(unknown, login.username, login.password, LIMITS)


_ED25519: Final = "INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519'"
_PLUGINS: Final = {
    "8.0.31": ("caching_sha2_password", "sha256_password", "mysql_native_password"),
    "10.11": ("ed25519", "mysql_native_password"),
    # This one comes without the other plugin.
    "11.4": ("mysql_native_password",),
}


@pytest.mark.parametrize("password", ["x", _PASSWORD, "p\u00e4\u00df\U0001f511", "y" * 255])
def test_each_plugin_logs_in(password: str, mysql_server: MySQLServer) -> None:
    mariadb = _is_mariadb(mysql_server)
    if mysql_server.version == "10.11":
        mysql_server.statement(_ED25519)
    for plugin in _PLUGINS[mysql_server.version]:
        how = f"VIA {plugin} USING PASSWORD" if mariadb else f"WITH {plugin} BY "
        secret = f"({literal(password)})" if mariadb else literal(password)
        with session(mysql_server, mysql_server.superuser) as admin:
            admin.query(f"CREATE USER made@'%' IDENTIFIED {how}{secret}")
            for _ in range(2):  # The second one is from the server's cache.
                assert outcome(mysql_server, Login("made", password)) == (0, True)
                assert outcome(mysql_server, Login("made", password[:-1] + "z")) == (1045, False)
            admin.query("DROP USER made@'%'")


def test_an_account_without_a_password_plugin_is_named(mysql_server: MySQLServer) -> None:
    mariadb = _is_mariadb(mysql_server)
    how = "VIA unix_socket" if mariadb else "WITH mysql_no_login"
    with session(mysql_server, mysql_server.superuser) as admin:
        with contextlib.suppress(ServerError):
            admin.query(f"CREATE USER made@'%' IDENTIFIED {how}")
        if mariadb:
            assert outcome(mysql_server, Login("made", _PASSWORD)) == (1698, False)
            ((shown,),) = admin.query(accounts.show(Account(user="made")))
            with pytest.raises(PluginError) as caught:
                Definition.parse(shown or "")
            assert caught.value.name == "unix_socket"
        admin.query("DROP USER IF EXISTS made@'%'")


def _mariadb_change(plugin: str) -> Callable[[MySQLServer, Login], None]:
    def change(server: MySQLServer, login: Login) -> None:
        _change(server, Account(user=login.username), login.password, plugin)

    return change


@pytest.mark.parametrize("plugin", STORED)
def test_mariadb_keeps_the_plugin_and_never_sees_the_password(
    plugin: str, mariadb: MySQLServer
) -> None:
    password = f"secret-of-{plugin}"
    mariadb.statement(_ED25519)
    with session(mariadb, mariadb.superuser) as admin:
        admin.query(f"CREATE USER made@'%' IDENTIFIED VIA {plugin} USING PASSWORD('old')")
        _mariadb_change(plugin)(mariadb, Login("made", password))
        assert outcome(mariadb, Login("made", password)) == (0, True)
        assert outcome(mariadb, Login("made", "old")) == (1045, False)
        ((shown,),) = admin.query(accounts.show(Account(user="made")))
        definition = Definition.parse(shown or "")
        assert definition.plugin == plugin
        # The copy of an account must not show it either.
        clone = Account(user="made_clone")
        admin.query(definition.statement(clone, f"{password}-2", before=None))
        admin.query(definition.statement(clone, f"{password}-3", before=definition))
        assert outcome(mariadb, Login("made_clone", f"{password}-3")) == (0, True)
        admin.query("DROP USER made@'%', made_clone@'%'")
    assert password not in mariadb.logs()
    assert STORED[plugin](password) in mariadb.logs()


def test_a_policy_of_mariadb_refuses_stored_passwords_and_weak_ones(mariadb: MySQLServer) -> None:
    mariadb.statement("INSTALL SONAME 'simple_password_check'")
    try:
        with session(mariadb, mariadb.superuser) as admin:
            admin.query("CREATE USER made@'%' IDENTIFIED BY 'Str0ng-enough'")
            for sql, errno in (
                (
                    changes.set_password(Account(user="made"), "x", plugin="mysql_native_password"),
                    1290,
                ),
                ("SET PASSWORD FOR made@'%' = PASSWORD('weak')", 1819),
                ("ALTER USER made@'%' IDENTIFIED BY 'weak'", 1396),
            ):
                with pytest.raises(ServerError) as caught:
                    admin.query(sql)
                assert caught.value.errno == errno
            admin.query("DROP USER made@'%'")
    finally:
        mariadb.statement("UNINSTALL SONAME 'simple_password_check'")


def test_a_password_of_mariadb_that_is_sent_is_found_in_its_logs(mariadb: MySQLServer) -> None:
    with session(mariadb, mariadb.superuser) as admin:
        admin.query("CREATE USER made@'%' IDENTIFIED BY 'planted-on-purpose'")
        admin.query("DROP USER made@'%'")
    assert mariadb.logs().count("planted-on-purpose") == 3


def test_mysql_writes_no_password_into_its_logs(mysql: MySQLServer) -> None:
    account, clone = Account(user="made"), Account(user="made_clone")
    with session(mysql, mysql.superuser) as admin:
        admin.query("CREATE USER made@'%' IDENTIFIED BY 'secret-number-1'")
        for sql in changes.retain(account, current="secret-number-1", pending="secret-number-2"):
            admin.query(sql)
        admin.query(accounts.HEXADECIMAL)
        ((shown,),) = admin.query(accounts.show(account))
        definition = Definition.parse(shown or "")
        admin.query(definition.statement(clone, "secret-number-3", before=None))
        admin.query(definition.statement(clone, "secret-number-4", before=definition))
        assert outcome(mysql, Login("made_clone", "secret-number-4")) == (0, True)
        admin.query("DROP USER made@'%', made_clone@'%'")
    assert "secret-number" not in mysql.logs()
    assert "made_clone" in mysql.logs()
