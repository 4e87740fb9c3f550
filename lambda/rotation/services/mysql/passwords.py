"""The values that MariaDB stores in place of a password.

MariaDB writes the text of each statement into its logs, with the password in it. So it receives
these instead: https://mariadb.com/kb/en/set-password/
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from rotation.services.mysql.ed25519 import public_key
from rotation.services.mysql.quoting import literal

if TYPE_CHECKING:
    from collections.abc import Callable


def native_hash(password: str) -> str:
    """Return what mysql_native_password stores, such as *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19.

    https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/
    """
    once = sha1(password.encode()).digest()  # noqa: S324 -- the plugin's own
    return "*" + sha1(once).hexdigest().upper()  # noqa: S324 -- the same


def ed25519_key(password: str) -> str:
    """Return what ed25519 stores: the public key in 43 characters.

    https://mariadb.com/kb/en/authentication-plugin-ed25519/
    """
    return b64encode(public_key(password.encode())).decode().rstrip("=")


# By the names of the plugins in MariaDB's CREATE USER.
STORED: Final[dict[str, Callable[[str], str]]] = {
    "ed25519": ed25519_key,
    "mysql_native_password": native_hash,
}


def expression(password: str, plugin: str, *, hashed: bool) -> str:
    """Return the expression for what a plugin stores.

    Args:
        password: the password.
        plugin: one of STORED.
        hashed: False: the server receives the password and hashes it, and a policy can check it.
    """
    return literal(STORED[plugin](password)) if hashed else f"PASSWORD({literal(password)})"
