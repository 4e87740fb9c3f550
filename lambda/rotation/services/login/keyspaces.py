"""Amazon Keyspaces, which accepts a user name and a password over Cassandra's protocol."""

from __future__ import annotations

from typing import Final

from rotation.errors import ProtocolError
from rotation.services.login import RejectedError, cql, unavailable
from rotation.services.tls import NoReplyError

_PORT: Final = 9142
_ACTION: Final = "Keyspaces' log-in"
# Bad credentials, and unauthorized.
_REJECTED: Final = {0x0100, 0x2100}
# A server error, unavailable, overloaded, bootstrapping.
_UNAVAILABLE: Final = {0x0000, 0x1000, 0x1001, 0x1002}


def log_in(endpoint: str, *, user_name: str, password: str) -> None:
    """Log in.

    https://docs.aws.amazon.com/keyspaces/latest/devguide/programmatic.endpoints.html

    Raises:
        RejectedError: Keyspaces rejects the user name and the password.
        ServiceUnavailable: No usable reply arrived.
        ProtocolError: The reply is not as documented.
    """
    host, _, port = endpoint.partition(":")
    failure: Exception
    try:
        cql.log_in(host, int(port or _PORT), user_name=user_name, password=password)
    except cql.CqlError as error:
        failure = _translate(error.code, endpoint)
    except cql.NoCqlError:
        failure = ProtocolError.malformed(
            action=_ACTION,
            resource=endpoint,
            field="",
            given=b"",
            allowed="version 4 of the CQL protocol, with a request for a password",
        )
    except NoReplyError:
        failure = unavailable(_ACTION, endpoint)
    else:
        return
    raise failure


def _translate(code: int, endpoint: str) -> Exception:
    if code in _REJECTED:
        return RejectedError()
    if code in _UNAVAILABLE:
        return unavailable(_ACTION, endpoint)
    return ProtocolError.unexpected_code(action=_ACTION, resource=endpoint, code=f"0x{code:04X}")
