"""A key of KMS that signs, and whose private half never leaves KMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rotating_secret.errors import UsageError
from rotating_secret.evidence import ALGORITHMS

if TYPE_CHECKING:
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType

    from rotating_secret.aws import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    """An asymmetric key of KMS.

    https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
    """

    region: Region
    name: str
    algorithm: SigningAlgorithmSpecType
    public_key: bytes

    @classmethod
    def find(cls, region: Region, key_id: str) -> Self:
        """Read the public key.

        Raises:
            UsageError: The key can't sign by an algorithm of reports.
        """
        with region.asking("kms:GetPublicKey", key_id):
            found = region.keys.get_public_key(KeyId=key_id)
        algorithm = next((one for one in ALGORITHMS if one in found["SigningAlgorithms"]), None)
        if algorithm is None:
            message = (
                f"--key must be a KMS key that signs by {' or '.join(ALGORITHMS)}, e.g. of "
                f"the kind ECC_NIST_P256. Found: {key_id}, which is {found['KeySpec']}."
            )
            raise UsageError(message)
        return cls(
            region=region,
            name=found["KeyId"],
            algorithm=algorithm,
            public_key=found["PublicKey"],
        )

    def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest."""
        with self.region.asking("kms:Sign", self.name):
            return self.region.keys.sign(
                KeyId=self.name,
                Message=digest,
                MessageType="DIGEST",
                SigningAlgorithm=self.algorithm,
            )["Signature"]
