"""The channel binding of SCRAM-SHA-256-PLUS: the hash of the server's certificate.

https://datatracker.ietf.org/doc/html/rfc5929#section-4
"""

from __future__ import annotations

import hashlib
from typing import Final

# The hash for each signature with RSA (PKCS #1) or ECDSA, by its object identifier. SHA-256 is in
# place of SHA-1. Other signatures name their hash elsewhere (RSASSA-PSS) or have none (Ed25519).
_RSA: Final = "2a864886f70d0101"
_ECDSA: Final = "2a8648ce3d0403"
_HASHES: Final = {
    f"{_RSA}05": "sha256",
    f"{_RSA}0b": "sha256",
    f"{_RSA}0c": "sha384",
    f"{_RSA}0d": "sha512",
    "2a8648ce3d0401": "sha256",
    f"{_ECDSA}02": "sha256",
    f"{_ECDSA}03": "sha384",
    f"{_ECDSA}04": "sha512",
}


def end_point(certificate: bytes) -> bytes | None:
    """Return the hash of a certificate in DER; None: its signature does not name the hash."""
    content, _ = _split(certificate)
    _, after_signed_part = _split(content)
    algorithm, _ = _split(after_signed_part)
    identifier, _ = _split(algorithm)
    name = _HASHES.get(identifier.hex())
    return hashlib.new(name, certificate).digest() if name else None


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Split DER into the content of its first element, and what follows."""
    length = content[1]
    begin = 2
    if length >= 0x80:  # noqa: PLR2004 -- then it is the size of the length
        begin += length - 0x80
        length = int.from_bytes(content[2:begin], "big")
    return content[begin : begin + length], content[begin + length :]
