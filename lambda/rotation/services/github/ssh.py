"""Key pairs for SSH, made with the library cryptography, which no Lambda runtime includes.

It comes in a layer and is imported where it is used: only deploy keys need it.
"""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rotation.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_TYPES: Final = ("ed25519", "rsa")
_PRIVATE_KEY: Final = (
    r"-----BEGIN OPENSSH PRIVATE KEY-----\n"
    r"(?:[A-Za-z0-9+/]{1,80}\n){0,99}[A-Za-z0-9+/]{1,80}={0,2}\n"
    r"-----END OPENSSH PRIVATE KEY-----\n"
)
# As strong as AES-128, and the default of ssh-keygen:
# https://man.openbsd.org/ssh-keygen#b
_RSA_BITS: Final = 3072


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """Both keys in OpenSSH's format, without a comment or a passphrase."""

    private_key: str = field(repr=False)
    public_key: str


def require_library() -> None:
    """Check that key pairs can be made, before any request is sent.

    Raises:
        ConfigurationError: The library is missing, or built for another architecture or version
            of Python.
    """
    with suppress(ImportError):
        importlib.import_module("cryptography.hazmat.primitives.serialization.ssh")
        return
    raise _no_library()


def _no_library() -> ConfigurationError:
    return ConfigurationError(
        "The function cannot import the library cryptography: it is missing, or built for another "
        "architecture or version of Python. Make a layer with it for the function's architecture "
        "and runtime, as examples/github-deploy-key/README.md of the module says. Add the layer's "
        "ARN to function.layers, apply, then rotate again."
    )


def generate(key_type: str) -> KeyPair:
    """Make a key pair with the operating system's randomness."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: Ed25519PrivateKey | RSAPrivateKey
    if key_type == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(private_key=private.decode(), public_key=_public_key(key))


def fit(private_key: str, public_key: str) -> bool:
    """Say whether these are one pair, in the form that generate makes."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    # The library's messages quote the key; a passphrase is a TypeError.
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        if re.fullmatch(_PRIVATE_KEY, private_key):
            key = load_ssh_private_key(private_key.encode(), password=None)
            if isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
                return _public_key(key) == public_key
    return False


def _public_key(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
