"""The code of the pages in `testing/` runs."""

from __future__ import annotations

from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.readme.blocks import block


def test_the_code_for_the_local_aws_runs() -> None:
    exec(block("run", "local-aws"), {})  # noqa: S102 -- the page's code


def test_the_code_for_the_local_github_runs() -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    given = {
        "key": "alias/app",
        "kms": SimpleNamespace(get_public_key=lambda KeyId: {"PublicKey": public}),  # noqa: ARG005, N803 -- boto3's
        "private_key": private.decode(),
        "rotate": lambda **options: options,
        "token": "ghs_1",
    }
    exec(block("run", "local-github"), given)  # noqa: S102 -- the page's code
