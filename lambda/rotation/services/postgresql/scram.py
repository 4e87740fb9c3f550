"""SCRAM-SHA-256, with and without channel binding: what a client computes.

https://datatracker.ietf.org/doc/html/rfc5802 and https://datatracker.ietf.org/doc/html/rfc7677
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from typing import Final

from rotation.services.postgresql import MalformedReplyError
from rotation.services.postgresql.saslprep import prepare

# One million takes half a second of a processor, and PostgreSQL's default is 4,096.
MOST_ITERATIONS: Final = 1_000_000
_NONCE_BYTES: Final = 18
# A nonce has all printable characters but the comma.
_FIRST: Final = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})")
_FINAL: Final = re.compile(rb"v=([A-Za-z0-9+/]+={0,2})")


def salted_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Return the key from which the keys of both sides are derived.

    Raises:
        UnusableTextError: The password has the character NUL, or is not Unicode.
    """
    return hashlib.pbkdf2_hmac("sha256", prepare(password), salt, iterations)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA-256 of a message."""
    return hmac.digest(key, message, "sha256")


class Client:
    """The client's side of one exchange."""

    def __init__(self, password: str, header: bytes, binding: bytes = b"") -> None:
        """Begin an exchange.

        Args:
            password: the password; PostgreSQL knows the user's name from the start of the session.
            header: how the exchange is bound to the channel, as gs2-header.
            binding: what it is bound to.
        """
        self._password = password
        self._header = header
        self._binding = binding
        self._nonce = base64.b64encode(secrets.token_bytes(_NONCE_BYTES))
        self._server_signature = b""

    def first(self) -> bytes:
        """Return the first message."""
        return self._header + self._bare()

    def final(self, server_first: bytes) -> bytes:
        """Return the proof that the client knows the password.

        Raises:
            MalformedReplyError: The server's message is malformed, or of another exchange.
            UnusableTextError: The password has the character NUL, or is not Unicode.
        """
        match = _FIRST.fullmatch(server_first)
        if not match:
            raise MalformedReplyError
        nonce, salt, iterations = match[1], _decode(match[2]), int(match[3])
        # A server without a nonce of its own could replay an exchange.
        own = nonce.startswith(self._nonce) and len(nonce) > len(self._nonce)
        if not own or iterations > MOST_ITERATIONS:
            raise MalformedReplyError
        salted = salted_password(self._password, salt, iterations)
        bound = base64.b64encode(self._header + self._binding)
        without_proof = b"c=" + bound + b",r=" + nonce
        message = b",".join((self._bare(), server_first, without_proof))
        self._server_signature = hmac_sha256(hmac_sha256(salted, b"Server Key"), message)
        client_key = hmac_sha256(salted, b"Client Key")
        signature = hmac_sha256(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> None:
        """Check the proof that the server knows the password too.

        Raises:
            MalformedReplyError: It does not.
        """
        match = _FINAL.fullmatch(server_final)
        if not match or not hmac.compare_digest(_decode(match[1]), self._server_signature):
            raise MalformedReplyError

    def _bare(self) -> bytes:
        return b"n=,r=" + self._nonce


def _decode(text: bytes) -> bytes:
    with suppress(ValueError):
        return base64.b64decode(text, validate=True)
    raise MalformedReplyError
