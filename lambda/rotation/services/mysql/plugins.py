"""The authentication plugins, which prove to the server that the client knows the password.

All of them answer inside TLS, so a server that asks for the password itself gets it only if its
certificate is of the host.
"""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Final

from rotation.services.mysql import ed25519
from rotation.services.mysql.packets import NoMysqlError

if TYPE_CHECKING:
    from collections.abc import Callable

CACHING_SHA2: Final = "caching_sha2_password"
SHA256: Final = "sha256_password"
NATIVE: Final = "mysql_native_password"
ED25519: Final = "client_ed25519"

_NONCE_BYTES: Final = 20
_ED25519_NONCE_BYTES: Final = 32
# Other plugins of clients and accounts. Only these names are shown in an error, because a server
# could put anything in the place of a name.
_OTHERS: Final = frozenset(
    {
        *("AWSAuthenticationPlugin", "authentication_ldap_simple", "authentication_pam", "pam"),
        *("auth_gssapi_client", "auth_socket", "authentication_kerberos_client"),
        *("authentication_ldap_sasl_client", "authentication_oci_client"),
        *("authentication_openid_connect_client", "authentication_webauthn_client"),
        *("authentication_windows_client", "dialog", "mysql_clear_password"),
        *("mysql_old_password", "parsec", "unix_socket"),
    }
)


class PluginError(Exception):
    """The account has a plugin that is not spoken here; `name` is empty if it is unknown."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name if name in _OTHERS else ""


def response(plugin: str, nonce: bytes, password: bytes) -> bytes:
    """Return what a plugin answers to the server's nonce.

    Raises:
        NoMysqlError: The nonce is too short.
        PluginError: The plugin is not one of these.
    """
    if plugin not in _RESPONSES:
        raise PluginError(plugin)
    most, respond = _RESPONSES[plugin]
    if len(nonce) < most:
        raise NoMysqlError
    return respond(nonce[:most], password)


def _caching_sha2(nonce: bytes, password: bytes) -> bytes:
    # https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
    once = sha256(password).digest()
    return _xor(once, sha256(sha256(once).digest() + nonce).digest()) if password else b""


def _native(nonce: bytes, password: bytes) -> bytes:
    # https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html
    once = sha1(password).digest()  # noqa: S324 -- the plugin's own
    twice = sha1(once).digest()  # noqa: S324 -- the same
    return _xor(once, sha1(nonce + twice).digest()) if password else b""  # noqa: S324 -- the same


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def whole(_: bytes, password: bytes) -> bytes:
    """Return the password itself, as the plugins with SHA-256 ask for it inside TLS."""
    return password + b"\0"


_RESPONSES: Final[dict[str, tuple[int, Callable[[bytes, bytes], bytes]]]] = {
    CACHING_SHA2: (_NONCE_BYTES, _caching_sha2),
    NATIVE: (_NONCE_BYTES, _native),
    SHA256: (_NONCE_BYTES, whole),
    # https://mariadb.com/kb/en/connection/#client_ed25519-plugin
    ED25519: (_ED25519_NONCE_BYTES, lambda nonce, password: ed25519.sign(password, nonce)),
}
