"""Each error of MySQL and MariaDB has its class and its advice."""

from __future__ import annotations

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    InternalError,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.services.mysql.errors import log_in_error, statement_error
from rotation.services.mysql.grants import PartialRevokeError
from rotation.services.mysql.packets import NoMysqlError, ServerError
from rotation.services.mysql.plugins import PluginError
from rotation.services.mysql.session import TextError
from rotation.services.tls import (
    NoReplyError,
    NoTlsError,
    UnreadableCertificatesError,
    UntrustedCertificateError,
)

_SERVER = "db.example:3306"


def _log_in(failure: Exception) -> RotationError:
    return log_in_error(failure, user="app", server=_SERVER)


def _statement(failure: Exception) -> RotationError:
    return statement_error(
        failure, action="ALTER USER", user="admin", server=_SERVER, privilege="CREATE USER"
    )


@pytest.mark.parametrize(
    ("errno", "error", "says"),
    [
        (1040, ServiceUnavailable, "server is full"),
        (1041, ServiceUnavailable, "server is full"),
        (1042, ServiceUnavailable, "accepts no connection from"),
        (1045, CredentialRejected, "no account for the address of the function"),
        (1049, ConfigurationError, "database doesn't exist"),
        (1053, ServiceUnavailable, "shuts down"),
        (1129, ServiceUnavailable, "FLUSH HOSTS"),
        (1130, ServiceUnavailable, "accepts no connection from"),
        (1203, ServiceUnavailable, "max_user_connections"),
        (1226, ServiceUnavailable, "max_user_connections"),
        (1698, CredentialRejected, "doesn't log in with a password"),
        (1820, CredentialRejected, "has expired"),
        (1862, CredentialRejected, "has expired"),
        (3032, ServiceUnavailable, "offline mode"),
        (3118, ConfigurationError, "ACCOUNT UNLOCK"),
        (3955, ServiceUnavailable, "PASSWORD_LOCK_TIME"),
        (4150, ServiceUnavailable, "max_password_errors"),
        (4151, ConfigurationError, "ACCOUNT UNLOCK"),
        (9999, ProtocolError, "returned the error 9999"),
    ],
)
def test_a_refused_log_in_has_its_advice(errno: int, error: type[RotationError], says: str) -> None:
    ours = _log_in(ServerError(errno, accepted=False))
    assert type(ours) is error
    assert says in str(ours)
    assert _SERVER in str(ours)
    assert " app" in str(ours)
    assert not ours.answer_lost


@pytest.mark.parametrize(
    ("errno", "error", "says"),
    [
        (1044, PermissionDenied, "Grant CREATE USER to admin"),
        (1045, PermissionDenied, "Grant CREATE USER to admin"),
        (1142, PermissionDenied, "Grant CREATE USER to admin"),
        (1143, PermissionDenied, "Grant CREATE USER to admin"),
        (1227, PermissionDenied, "Grant CREATE USER to admin"),
        (1370, PermissionDenied, "Grant CREATE USER to admin"),
        (1410, PermissionDenied, "Grant CREATE USER to admin"),
        (1698, PermissionDenied, "Grant CREATE USER to admin"),
        (1820, CredentialRejected, "has expired"),
        (1054, ConfigurationError, "that doesn't exist"),
        (1133, ConfigurationError, "user_host"),
        (1141, ConfigurationError, "user_host"),
        (1146, ConfigurationError, "that doesn't exist"),
        (1205, ServiceUnavailable, "waited too long"),
        (1213, ServiceUnavailable, "waited too long"),
        (1290, ConfigurationError, "set endpoint in the variable rotation"),
        (1305, ConfigurationError, "that doesn't exist"),
        (1396, ConfigurationError, "user_host"),
        (1470, ConfigurationError, "32 characters"),
        (1819, ConfigurationError, "exclude_characters"),
        (1836, ConfigurationError, "set endpoint in the variable rotation"),
        (1959, ConfigurationError, "that doesn't exist"),
        (3523, ConfigurationError, "that doesn't exist"),
        (3638, ConfigurationError, "history"),
        (3892, ConfigurationError, "admin_secret_arn"),
        (1064, ProtocolError, "returned the error 1064"),
    ],
)
def test_a_refused_statement_has_its_advice(
    errno: int, error: type[RotationError], says: str
) -> None:
    ours = _statement(ServerError(errno, accepted=True))
    assert type(ours) is error
    assert says in str(ours)
    assert _SERVER in str(ours)
    assert not ours.answer_lost


@pytest.mark.parametrize("errno", [1053, 1317, 1927, 4031])
def test_a_statement_that_the_server_breaks_off_may_have_taken_effect(errno: int) -> None:
    ours = _statement(ServerError(errno, accepted=True))
    assert type(ours) is ServiceUnavailable
    assert ours.answer_lost


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        pytest.param(NoMysqlError(), ProtocolError, "version 10 of MySQL's protocol", id="other"),
        pytest.param(NoTlsError(), ConfigurationError, "require_secure_transport", id="no-tls"),
        pytest.param(
            UntrustedCertificateError(10), ConfigurationError, "has expired", id="certificate"
        ),
        pytest.param(
            UntrustedCertificateError(19), ConfigurationError, "ca_certificates", id="authority"
        ),
        pytest.param(UnreadableCertificatesError(), ConfigurationError, "PEM", id="pem"),
        pytest.param(
            PluginError("AWSAuthenticationPlugin"),
            ConfigurationError,
            "logs in with AWSAuthenticationPlugin",
            id="plugin",
        ),
        pytest.param(PluginError("x"), ConfigurationError, "another plugin", id="any-plugin"),
        pytest.param(TextError(), ConfigurationError, "without NUL", id="text"),
        pytest.param(PartialRevokeError(), ConfigurationError, "partial revokes", id="revokes"),
        pytest.param(KeyError("x"), InternalError, "Unexpected KeyError at", id="bug"),
    ],
)
def test_each_failure_is_an_error_of_the_core(
    failure: Exception, error: type[RotationError], says: str
) -> None:
    for translate in (_log_in, _statement):
        ours = translate(failure)
        assert type(ours) is error
        assert says in str(ours)


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_reply_stays_lost(*, lost: bool) -> None:
    ours = _statement(NoReplyError(lost=lost))
    assert isinstance(ours, ServiceUnavailable)
    assert ours.answer_lost is lost
