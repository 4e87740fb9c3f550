"""The errors of PostgreSQL that stop a rotation. Each becomes one of the core's classes.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.services.certificates import advice
from rotation.services.postgresql import (
    MalformedReplyError,
    Place,
    SqlError,
    Stage,
    UnsupportedLoginError,
    UnusableTextError,
)
from rotation.services.postgresql.quoting import quote_identifier
from rotation.services.tls import (
    NoReplyError,
    NoTlsError,
    UnreadableCertificatesError,
    UntrustedCertificateError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_REJECTED: Final = (
    "PostgreSQL reports a wrong password, a missing user and a password after its VALID UNTIL in "
    "the same way. If the error persists, check the user with \\du, and extend VALID UNTIL if it "
    "is over."
)
_MISTAKES: Final = {
    ("08P01", Stage.LOGIN): "{server} rejects {user} without a reason. It may be a pool such as "
    "PgBouncer, which reports a wrong password with the same code as every other failure. "
    "Set the option endpoint to the database server.",
    ("28000", Stage.LOGIN): "{server} accepts no log-in of {user} from the function. Add a line "
    "for the user and the function's addresses to pg_hba.conf, with hostssl and scram-sha-256. On "
    "RDS, also check that the user is not a member of rds_iam.",
    ("28000", Stage.START): "The password of {user} is right, but the user may not log in to "
    "{server}. Run ALTER ROLE {quoted} LOGIN.",
    ("3D000", Stage.LOGIN): "{server} has no database {database}. Correct dbname in the variable "
    "rotation, and apply again.",
    ("3D000", Stage.START): "The password of {user} is right, but {server} has no database "
    "{database}. Correct dbname in the variable rotation, and apply again.",
    ("25006", Stage.STATEMENT): "{server} is read-only for {user}, and nothing was changed. It may "
    "be a replica: set the option endpoint to the writer. If a failover is going on, only rotate "
    "again. If the user has default_transaction_read_only, reset it.",
}
_RETRY: Final = "The retry of the rotation may succeed."
_TEMPORARY: Final = {
    "40001": f"conflicts with another transaction. {_RETRY}",
    "40P01": f"conflicts with another transaction. {_RETRY}",
    "42710": f"conflicts with another delivery, which has created the same role. {_RETRY}",
    "53300": "is refused, because all connections of the server, the database or the user are in "
    f"use. {_RETRY} If it does not, raise max_connections or CONNECTION LIMIT, or close "
    "connections that nothing uses.",
    "55P03": f"waits too long for a lock of another session. {_RETRY} If it does not, end that "
    "session.",
    "57014": f"was cancelled. {_RETRY} If it does not, check statement_timeout.",
    "57P01": f"is refused, because the server shuts down. {_RETRY}",
    "57P02": f"is refused, because the server has crashed. {_RETRY}",
    "57P03": f"is refused, because the server starts. {_RETRY}",
    # "tuple concurrently updated", and all internal errors
    "XX000": f"conflicts with another change of the same role. {_RETRY} If it does not, look for "
    "the error XX000 in the server's log.",
}
# Too little memory or disk space, an operator's intervention, and an error of the system.
_TEMPORARY_CLASSES: Final = frozenset({"53", "57", "58"})


def call(
    action: str, place: Place, user: str, effect: Callable[[], T], *, changed: str | None = None
) -> T:
    """Run something in a session, and translate the errors of this package.

    Args:
        action: what it does, for the messages, such as `ALTER ROLE`.
        place: the server and the database.
        user: the user of the session.
        effect: logs in and runs statements.
        changed: the role that the statements change; None: they change none.

    Raises:
        CredentialRejected: The server rejects the password.
        PermissionDenied: The user is missing a right.
        ConfigurationError: The server, a role or a variable is not as it must be.
        ServiceUnavailable: The server is full, starts, is busy or was not reached.
        ProtocolError: A reply is malformed, or has an unexpected code.
    """
    resource = f"{user}@{_server(place)}/{place.database}"
    failure: RotationError
    try:
        return effect()
    except SqlError as error:
        if error.sqlstate == "42501":
            failure = _permission_error(error.stage, action, place, user, changed)
        else:
            failure = _server_error(error, action, place, user)
    except NoReplyError as error:
        failure = ServiceUnavailable(action=action, resource=resource, answer_lost=error.lost)
    except MalformedReplyError:
        failure = ProtocolError.malformed(
            action=action,
            resource=resource,
            field="",
            given=b"",
            allowed="version 3.0 of PostgreSQL's protocol",
        )
    except UntrustedCertificateError as error:
        failure = ConfigurationError(
            f"{_server(place)} is not trusted, and received no password. "
            f"{advice(error.verify_code)}"
        )
    except NoTlsError:
        failure = ConfigurationError(
            f"{_server(place)} offers no TLS, and received no password. Set ssl to on in "
            "postgresql.conf. On RDS it is on, so check host, endpoint and port."
        )
    except UnreadableCertificatesError:
        failure = ConfigurationError(
            "ca_certificates in the variable rotation must be the PEM of at least one certificate, "
            "and of nothing else. No connection was made. Correct it, and apply again."
        )
    except UnsupportedLoginError as error:
        failure = ConfigurationError(
            f"{_server(place)} must request the password of {user} by scram-sha-256 or md5. It "
            f"requests {error.method}, and received nothing. Correct its pg_hba.conf. On RDS, "
            "check that the user is not a member of rds_iam."
        )
    except UnusableTextError:
        failure = ConfigurationError(
            f"The names and the password of {user}@{_server(place)}/{place.database} must be "
            "Unicode without the character NUL, and names must have 1 to 63 bytes. Nothing was "
            "changed. Correct the variable rotation or the secret's value."
        )
    raise failure


def _server_error(error: SqlError, action: str, place: Place, user: str) -> RotationError:
    server, code = _server(place), error.sqlstate
    resource = f"{user}@{server}/{place.database}"
    if code == "28P01":
        return CredentialRejected(owner=server, identity=user, cure=_REJECTED)
    if mistake := _MISTAKES.get((code, error.stage)):
        text = mistake.format(
            server=server, user=user, database=place.database, quoted=quote_identifier(user)
        )
        return ConfigurationError(f"{text} Then rotate again.")
    if code in _TEMPORARY or code[:2] in _TEMPORARY_CLASSES:
        reason = _TEMPORARY.get(code, f"got the error {code}. {_RETRY}")
        return ServiceUnavailable(
            action=action, resource=resource, answer_lost=False, reason=reason
        )
    return ProtocolError.unexpected_code(action=action, resource=resource, code=code)


def _permission_error(
    stage: Stage, action: str, place: Place, user: str, changed: str | None
) -> PermissionDenied:
    admin, role = quote_identifier(user), quote_identifier(changed or user)
    if stage is not Stage.STATEMENT:
        action = "CONNECT"
        cure = f"Run GRANT CONNECT ON DATABASE {quote_identifier(place.database)} TO {admin}."
    else:
        cure = ""
        if changed not in {None, user}:
            cure = (
                f"Give {admin} CREATEROLE, and run GRANT {role} TO {admin} WITH ADMIN OPTION, "
                "which PostgreSQL requires from version 16 on. "
            )
        cure += (
            f"If RDS has rds.restrict_password_commands, also run GRANT rds_password TO {admin}."
        )
    return PermissionDenied(
        action=action,
        resource=f"{user}@{_server(place)}/{place.database}",
        cure=f"{cure} Then rotate again.",
    )


def _server(place: Place) -> str:
    return f"{place.host}:{place.port}"
