"""The errors of MySQL and MariaDB that stop a rotation, as classes of the core.

No text of the server's is repeated, since it may quote a statement with a password in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    InternalError,
    PermissionDenied,
    ProtocolError,
    ServiceUnavailable,
)
from rotation.services import certificates
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

if TYPE_CHECKING:
    from rotation.errors import RotationError

# The exceptions of this package.
FAILURES: Final = (
    *(NoMysqlError, NoReplyError, NoTlsError, PartialRevokeError, PluginError, ServerError),
    *(TextError, UnreadableCertificatesError, UntrustedCertificateError),
)
_AGAIN: Final = "The retry of the rotation may succeed."
_EXPIRED: Final = "The password has expired. Let an administrator set it again with ALTER USER."
# The password is wrong, or so the server says.
_REJECTED: Final = {
    1045: "The password is wrong, or the user has no account for the address of the function, or "
    "the account requires a client certificate. Check these in this order.",
    1698: "The account doesn't log in with a password. Change it to a plugin with passwords.",
    1820: _EXPIRED,
    1862: _EXPIRED,
}
_FULL: Final = (
    f"is refused, because the server is full. {_AGAIN} If it does not, raise max_connections, or "
    "end connections that nothing uses."
)
_LIMIT: Final = (
    f"is refused, because the account has reached one of its limits. {_AGAIN} If it does not, "
    "raise max_user_connections or the account's limits per hour."
)
_ADDRESS: Final = (
    "is refused, because the server accepts no connection from the function's address. Create an "
    "account for it, or check the function's network."
)
_WAITED: Final = f"waited too long for a lock. {_AGAIN}"
# The server says nothing about the password.
_UNAVAILABLE: Final = {
    1040: _FULL,
    1041: _FULL,
    1042: _ADDRESS,
    1053: f"is refused, because the server shuts down. {_AGAIN}",
    1129: "is refused, because too many connections from the function's address were broken off. "
    "Run FLUSH HOSTS on the server, or set max_connect_errors to a higher number.",
    1130: _ADDRESS,
    1203: _LIMIT,
    1205: _WAITED,
    1213: _WAITED,
    1226: _LIMIT,
    3032: f"is refused, because the server is in offline mode. {_AGAIN}",
    3955: "is refused, because too many log-ins with this user failed. Run ALTER USER with ACCOUNT "
    "UNLOCK, or wait until PASSWORD_LOCK_TIME is over. Find out who uses a wrong password.",
    4150: "is refused, because too many log-ins with this user failed. Run FLUSH PRIVILEGES, or "
    "raise max_password_errors. Find out who uses a wrong password.",
}
# These end a session. The statement may have taken effect.
_ENDED: Final = {1053, 1317, 1927, 4031}
_DENIED: Final = {1044, 1045, 1142, 1143, 1227, 1370, 1410, 1698}
_OBJECT_MISSING: Final = (
    "The user that is copied has a privilege on a table, column, routine or role that doesn't "
    "exist. Revoke it from that user; SHOW GRANTS lists it."
)
_ACCOUNT_MISSING: Final = (
    "The account doesn't exist, or a policy of the server refuses the password. Create the "
    "account, or correct the user name or user_host in the variable rotation. Or correct "
    "password_length and exclude_characters there."
)
_READ_ONLY: Final = (
    "The server is read only: set endpoint in the variable rotation to the server that accepts "
    "changes. Or, on MariaDB, strict_password_validation refuses stored passwords: set "
    "hash_password to false."
)
_LOCKED: Final = "The account is locked. Run ALTER USER with ACCOUNT UNLOCK."
_WRONG: Final = {
    1049: "The database doesn't exist. Correct its name in the variable rotation.",
    1054: _OBJECT_MISSING,
    1133: _ACCOUNT_MISSING,
    1141: _ACCOUNT_MISSING,
    1146: _OBJECT_MISSING,
    1290: _READ_ONLY,
    1305: _OBJECT_MISSING,
    1396: _ACCOUNT_MISSING,
    1470: "The user name must have at most 32 characters. Correct it in the variable rotation.",
    1819: "A policy of the server refuses the password. Correct password_length and "
    "exclude_characters in the variable rotation.",
    1836: _READ_ONLY,
    1959: _OBJECT_MISSING,
    3118: _LOCKED,
    3523: _OBJECT_MISSING,
    3638: "The password is in the account's history. Start a new rotation with RotateSecret.",
    3892: "MySQL requires the current password. Set admin_secret_arn in the variable rotation, "
    "or run ALTER USER with PASSWORD REQUIRE CURRENT OPTIONAL.",
    4151: _LOCKED,
}


def log_in_error(failure: Exception, *, user: str, server: str) -> RotationError:
    """Return the error for a log-in that session.log_in refused.

    Args:
        failure: what log_in raised.
        user: the user that logged in.
        server: the host and the port.
    """
    action = f"The log-in of {user}"
    if isinstance(failure, ServerError) and failure.errno in _REJECTED:
        return CredentialRejected(owner=server, identity=user, cure=_REJECTED[failure.errno])
    ours = _error(failure, action=action, server=server)
    ours.answer_lost = False  # A log-in changes nothing.
    return ours


def statement_error(
    failure: Exception, *, action: str, user: str, server: str, privilege: str
) -> RotationError:
    """Return the error for a statement that the server refused.

    Args:
        failure: what a method of the session raised.
        action: the statement's first words, such as ALTER USER.
        user: the user that sent it.
        server: the host and the port.
        privilege: what the user needs for it.
    """
    if isinstance(failure, ServerError):
        if failure.errno in _DENIED:
            cure = f"Grant {privilege} to {user}, then rotate again."
            return PermissionDenied(action=action, resource=server, cure=cure)
        if failure.errno == 1820:  # noqa: PLR2004 -- an expired password
            return CredentialRejected(owner=server, identity=user, cure=_EXPIRED)
    return _error(failure, action=action, server=server)


def _error(failure: Exception, *, action: str, server: str) -> RotationError:
    match failure:
        case ServerError():
            return _server_error(failure.errno, action=action, server=server)
        case NoReplyError():
            return ServiceUnavailable(action=action, resource=server, answer_lost=failure.lost)
        case NoMysqlError():
            allowed = "version 10 of MySQL's protocol"
            return ProtocolError.malformed(
                action=action, resource=server, field="", given=b"", allowed=allowed
            )
        case UntrustedCertificateError():
            why = certificates.advice(failure.verify_code)
        case UnreadableCertificatesError():
            why = "The value of ca_certificates in the variable rotation must be certificates in "
            why += "the PEM format. Correct it and apply again."
        case NoTlsError():
            why = (
                "The server doesn't offer TLS. Turn it on, and set require_secure_transport to ON."
            )
        case PluginError():
            name = failure.name or "another plugin"
            why = f"The account logs in with {name}. It must have one password, with the plugin "
            why += "caching_sha2_password, sha256_password, mysql_native_password or ed25519."
        case TextError():
            why = "A user name and a password must be valid Unicode without NUL. Change it."
        case PartialRevokeError():
            why = "The user that is copied has partial revokes, which the clone would not have. "
            why += "Grant the privileges on each database in their place."
        case _:
            return InternalError(kind=type(failure).__name__, place=action)
    return ConfigurationError(f"{action} on {server} failed. {why}")


def _server_error(errno: int, *, action: str, server: str) -> RotationError:
    if errno in _UNAVAILABLE or errno in _ENDED:
        return ServiceUnavailable(
            action=action,
            resource=server,
            answer_lost=errno in _ENDED,
            reason=_UNAVAILABLE.get(errno),
        )
    if errno in _WRONG:
        return ConfigurationError(f"{action} on {server} was refused. {_WRONG[errno]}")
    return ProtocolError.unexpected_code(action=action, resource=server, code=str(errno))
