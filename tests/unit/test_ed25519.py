"""Signatures as in RFC 8032, where the private key is the password of MariaDB."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rotation.services.mysql.ed25519 import public_key, sign
from rotation.services.mysql.passwords import ed25519_key, native_hash

# https://datatracker.ietf.org/doc/html/rfc8032#section-7.1, tests 1 to 3 and SHA(abc)
_VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
            "4dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
            "feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c664"
            "31e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]


@pytest.mark.parametrize(
    ("private", "message", "public", "signature"), _VECTORS, ids=["1", "2", "3", "sha-abc"]
)
def test_the_vectors_of_the_rfc_hold(
    private: str, message: str, public: str, signature: str
) -> None:
    password = bytes.fromhex(private)
    assert public_key(password).hex() == public
    assert sign(password, bytes.fromhex(message)).hex() == signature


@given(private=st.binary(min_size=32, max_size=32), message=st.binary(max_size=64))
def test_signatures_are_those_of_openssl(private: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(private)
    assert public_key(private) == key.public_key().public_bytes_raw()
    assert sign(private, message) == key.sign(message)


@pytest.mark.parametrize(
    ("password", "key"),
    [
        # https://mariadb.com/kb/en/authentication-plugin-ed25519/
        pytest.param("secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY", id="manual"),
        # MariaDB 10.11 stored this for ed25519 USING PASSWORD('x').
        pytest.param("x", "Gv2JI8Env2fd5YGonZ082tX3UAW+yJYldOlj4R1bfK4", id="server"),
    ],
)
def test_the_stored_key_is_that_of_mariadb(password: str, key: str) -> None:
    assert ed25519_key(password) == key


def test_the_stored_hash_is_that_of_mariadb() -> None:
    """https://mariadb.com/kb/en/password/"""
    assert native_hash("notagoodpwd") == "*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937"
    # MariaDB 10.11 returned this for PASSWORD('päß').
    assert native_hash("päß") == "*7A3DCEB490098ABED436BD0AB0C18BE4C6F59442"
