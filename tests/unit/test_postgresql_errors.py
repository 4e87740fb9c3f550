"""Each error of PostgreSQL has its class and its advice, and quotes nothing."""

from __future__ import annotations

from typing import NoReturn

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.services.postgresql import (
    MalformedReplyError,
    Place,
    SqlError,
    Stage,
    UnsupportedLoginError,
    UnusableTextError,
)
from rotation.services.postgresql.errors import call
from rotation.services.tls import (
    NoReplyError,
    NoTlsError,
    UnreadableCertificatesError,
    UntrustedCertificateError,
)

_PLACE = Place(host="db.example", port=5433, database="reports", ca_certificates="-----BEGIN")


def _translated(error: Exception, changed: str | None = None) -> RotationError:
    def effect() -> NoReturn:
        raise error

    with pytest.raises(RotationError) as caught:
        call("ALTER ROLE", _PLACE, "admin", effect, changed=changed)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "BEGIN" not in str(caught.value)
    assert "{" not in str(caught.value)
    return caught.value


def test_a_result_is_returned() -> None:
    assert call("SELECT", _PLACE, "admin", lambda: 1) == 1


@pytest.mark.parametrize(
    ("sqlstate", "stage", "error", "says"),
    [
        pytest.param("28P01", Stage.LOGIN, CredentialRejected, "VALID UNTIL", id="password"),
        pytest.param("28000", Stage.LOGIN, ConfigurationError, "pg_hba.conf", id="pg_hba"),
        pytest.param(
            "28000", Stage.START, ConfigurationError, 'ALTER ROLE "admin" LOGIN', id="nologin"
        ),
        pytest.param("3D000", Stage.LOGIN, ConfigurationError, "no database reports", id="pooler"),
        pytest.param("3D000", Stage.START, ConfigurationError, "Correct dbname", id="database"),
        pytest.param(
            "42501",
            Stage.START,
            PermissionDenied,
            'GRANT CONNECT ON DATABASE "reports" TO "admin"',
            id="connect",
        ),
        pytest.param(
            "42501", Stage.STATEMENT, PermissionDenied, 'GRANT rds_password TO "admin"', id="right"
        ),
        pytest.param("25006", Stage.STATEMENT, ConfigurationError, "option endpoint", id="replica"),
        pytest.param("53300", Stage.LOGIN, ServiceUnavailable, "max_connections", id="full"),
        pytest.param("53300", Stage.START, ServiceUnavailable, "CONNECTION LIMIT", id="limit"),
        pytest.param("57P03", Stage.LOGIN, ServiceUnavailable, "server starts", id="starts"),
        pytest.param("57P01", Stage.STATEMENT, ServiceUnavailable, "shuts down", id="stops"),
        pytest.param("57P02", Stage.STATEMENT, ServiceUnavailable, "crashed", id="crashed"),
        pytest.param("57014", Stage.STATEMENT, ServiceUnavailable, "statement_timeout", id="slow"),
        pytest.param("55P03", Stage.STATEMENT, ServiceUnavailable, "a lock", id="lock"),
        pytest.param("40001", Stage.STATEMENT, ServiceUnavailable, "another transaction", id="c"),
        pytest.param("40P01", Stage.STATEMENT, ServiceUnavailable, "another transaction", id="d"),
        pytest.param("XX000", Stage.STATEMENT, ServiceUnavailable, "the same role", id="updated"),
        pytest.param("53100", Stage.STATEMENT, ServiceUnavailable, "the error 53100", id="disk"),
        pytest.param("58030", Stage.STATEMENT, ServiceUnavailable, "the error 58030", id="io"),
        pytest.param("42704", Stage.STATEMENT, ProtocolError, "error 42704", id="no-role"),
        pytest.param("08P01", Stage.LOGIN, ConfigurationError, "option endpoint", id="pool"),
        pytest.param("08P01", Stage.STATEMENT, ProtocolError, "error 08P01", id="protocol"),
    ],
)
def test_each_code_has_its_class_and_advice(
    sqlstate: str, stage: Stage, error: type[RotationError], says: str
) -> None:
    ours = _translated(SqlError(sqlstate, stage))
    assert type(ours) is error
    assert says in str(ours)
    assert "db.example:5433" in str(ours)
    assert not ours.answer_lost


def test_an_administrator_needs_the_admin_option_for_another_role() -> None:
    denied = SqlError("42501", Stage.STATEMENT)
    option = 'GRANT "app" TO "admin" WITH ADMIN OPTION'
    assert option in str(_translated(denied, changed="app"))
    for own in (None, "admin"):
        assert "ADMIN OPTION" not in str(_translated(denied, changed=own))


@pytest.mark.parametrize(
    ("error", "ours", "says"),
    [
        pytest.param(NoReplyError(lost=False), ServiceUnavailable, "no usable", id="no-reply"),
        pytest.param(MalformedReplyError(), ProtocolError, "version 3.0", id="malformed"),
        pytest.param(
            UnsupportedLoginError("no password"),
            ConfigurationError,
            "It requests no password",
            id="trust",
        ),
        pytest.param(NoTlsError(), ConfigurationError, "offers no TLS", id="no-tls"),
        pytest.param(
            UntrustedCertificateError(20), ConfigurationError, "Set ca_certificates", id="untrusted"
        ),
        pytest.param(
            UnreadableCertificatesError(), ConfigurationError, "must be the PEM", id="pem"
        ),
        pytest.param(UnusableTextError(), ConfigurationError, "1 to 63 bytes", id="text"),
    ],
)
def test_each_other_error_has_its_class_and_advice(
    error: Exception, ours: type[RotationError], says: str
) -> None:
    translated = _translated(error)
    assert type(translated) is ours
    assert says in str(translated)


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_reply_stays_lost(*, lost: bool) -> None:
    assert _translated(NoReplyError(lost=lost)).answer_lost is lost
