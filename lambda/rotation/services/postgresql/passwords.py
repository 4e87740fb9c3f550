"""The forms in which PostgreSQL stores a password, so that no server receives the password itself.

PostgreSQL writes the text of statements to its logs, with the passwords in them.
https://www.postgresql.org/docs/current/sql-createrole.html
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final

from rotation.services.postgresql import MalformedReplyError, encode
from rotation.services.postgresql.scram import hmac_sha256, salted_password

ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16


def hash_password(password: str, user: str, encryption: str, iterations: int = ITERATIONS) -> str:
    """Return the form that a server asks for.

    https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-PASSWORD-ENCRYPTION

    Args:
        password: the password.
        user: the name of the user whose password it is.
        encryption: the server's setting password_encryption.
        iterations: the server's setting scram_iterations, which versions before 16 don't have.

    Raises:
        MalformedReplyError: The setting is not known.
        UnusableTextError: The password has the character NUL, or is not Unicode.
    """
    if encryption == "scram-sha-256":
        return scram_verifier(password, iterations=iterations)
    # The last two are of versions before 14.
    if encryption in {"md5", "on", "off"}:
        return md5_hash(password, user)
    raise MalformedReplyError


def scram_verifier(password: str, *, iterations: int = ITERATIONS) -> str:
    """Return what a server needs to check a password by SCRAM-SHA-256.

    https://www.postgresql.org/docs/current/catalog-pg-authid.html

    Raises:
        UnusableTextError: The password has the character NUL, or is not Unicode.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    salted = salted_password(password, salt, iterations)
    stored_key = hashlib.sha256(hmac_sha256(salted, b"Client Key")).digest()
    server_key = hmac_sha256(salted, b"Server Key")
    salt_text, *keys = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${':'.join(keys)}"


def md5_hash(password: str, user: str) -> str:
    """Return what a server needs to check a password by MD5.

    Raises:
        UnusableTextError: The password or the name has the character NUL, or is not Unicode.
    """
    content = encode(password) + encode(user)
    return "md5" + hashlib.md5(content, usedforsecurity=False).hexdigest()
