"""A fake of KMS with one private key, which signs for a GitHub App."""

from __future__ import annotations

import functools
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.unit.github import KEY_ARN


class Kms:
    """KMS with one key, or with an error."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.trouble: Exception | None = None
        self.signatures: list[str] = []

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        assert (service, attempts) == ("kms", 3)
        return self

    def of(self, _service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the Protocol's
        raise AssertionError((key_id, secret))

    def sign(self, **request: Any) -> dict[str, bytes]:  # noqa: ANN401 -- KMS's
        if self.trouble is not None:
            raise self.trouble
        assert request.keys() == {"KeyId", "Message", "MessageType", "SigningAlgorithm"}
        assert request["KeyId"] == KEY_ARN
        assert request["MessageType"] == "RAW"
        assert request["SigningAlgorithm"] == "RSASSA_PKCS1_V1_5_SHA_256"
        self.signatures.append(request["Message"].decode())
        signature = self._key.sign(request["Message"], padding.PKCS1v15(), hashes.SHA256())
        return {"Signature": signature}


@functools.cache
def private_key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
