"""SSH key pairs: which ones fit, and which ones the function did not make."""

from __future__ import annotations

import base64
import textwrap
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from rotation.services.github.ssh import KEY_TYPES, KeyPair, fit, generate

PAIR: Final = generate("ed25519")
LINES: Final = PAIR.private_key.splitlines()


def _of_another_kind() -> KeyPair:
    made = ec.generate_private_key(ec.SECP256R1())
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return KeyPair(private_key=private.decode(), public_key=public.decode())


def _in_pkcs_8() -> str:
    key = load_ssh_private_key(PAIR.private_key.encode(), password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _seemingly_encrypted() -> str:
    """Write a header that requires a passphrase.

    https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
    """
    content = base64.b64decode("".join(LINES[1:-1]))
    # Its last field, the private key, is padded to blocks of AES.
    private = content[-136:] + bytes(8)
    content = content[:-140] + _text(private)
    plain = [_text(b"none"), _text(b"none"), _text(b"")]
    salted = _text(_text(b"salt" * 4) + (16).to_bytes(4))
    encrypted = [_text(b"aes256-ctr"), _text(b"bcrypt"), salted]
    content = content.replace(b"".join(plain), b"".join(encrypted))
    body = textwrap.fill(base64.b64encode(content).decode(), 70)
    return f"{LINES[0]}\n{body}\n{LINES[-1]}\n"


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(4) + content


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_each_key_pair_matches_and_is_new(key_type: str) -> None:
    made, other = generate(key_type), generate(key_type)
    assert made.public_key.startswith(f"ssh-{key_type} ")
    assert fit(made.private_key, made.public_key)
    assert not fit(made.private_key, other.public_key)
    assert not fit(other.private_key, made.public_key)


def test_an_rsa_key_is_as_long_as_ssh_keygen_makes_it() -> None:
    key = load_ssh_private_key(generate("rsa").private_key.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (3072, 65537)


@pytest.mark.parametrize(
    "private_key",
    [
        pytest.param("", id="empty"),
        pytest.param("\n".join(LINES), id="no-last-line-end"),
        pytest.param("\r\n".join([*LINES, ""]), id="other-line-ends"),
        pytest.param(f"\n{PAIR.private_key}", id="line-before"),
        pytest.param(f"{PAIR.private_key}x", id="text-after"),
        pytest.param(PAIR.private_key * 2, id="twice"),
        pytest.param("\n".join([*LINES[:2], *LINES[3:], ""]), id="line-missing"),
        pytest.param("\n".join([LINES[0], "=" * 70, *LINES[1:], ""]), id="no-base64"),
        pytest.param("\n".join([LINES[0], "AAAA", LINES[-1], ""]), id="other-content"),
        pytest.param("\n".join([LINES[0], *["A" * 70] * 101, LINES[-1], ""]), id="endless"),
        pytest.param(_in_pkcs_8(), id="pkcs-8"),
        pytest.param(_seemingly_encrypted(), id="passphrase"),
    ],
)
def test_a_changed_private_key_does_not_fit(private_key: str) -> None:
    assert not fit(private_key, PAIR.public_key)


@pytest.mark.parametrize(
    "public_key",
    [
        pytest.param("", id="empty"),
        pytest.param(f"{PAIR.public_key} me@here", id="comment"),
        pytest.param(f"{PAIR.public_key}\n", id="line-end"),
        pytest.param(PAIR.public_key.split()[1], id="no-type"),
    ],
)
def test_a_changed_public_key_does_not_fit(public_key: str) -> None:
    assert not fit(PAIR.private_key, public_key)


def test_a_pair_of_another_type_does_not_fit() -> None:
    pair = _of_another_kind()
    assert not fit(pair.private_key, pair.public_key)
