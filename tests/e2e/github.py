"""A GitHub App for an example: on the local GitHub, with its private key in the account's KMS."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from testing.harness.account import Aws
from testing.local_github import LocalGitHub
from tools.import_github_app_key import create_kms_key, import_private_key

SIGN = {
    "kms:Sign": {
        "Message": b"beside",
        "MessageType": "RAW",
        "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
    }
}
"""The arguments of a call with the App's key."""
_PERMISSIONS = {"administration": "write", "contents": "write", "issues": "write"}


def layer(folder: Path) -> str:
    """Write a layer without a library: on the local AWS, a function uses those of the tests."""
    path = folder / "cryptography.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("python/README", "")
    return str(path)


@contextlib.contextmanager
def app(aws: Aws, github: LocalGitHub, repository: str) -> Iterator[dict[str, object]]:
    """Make an App, install it for the repository's owner, and return Terraform's variables."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = github.add_app(key.public_key())
    github.add_repository(repository)
    installation = github.install(made, repository.partition("/")[0], permissions=_PERMISSIONS)
    kms = aws.client("kms")
    arn = import_private_key(kms, create_kms_key(kms), key)
    yield {
        "api_url": github.api_url,
        "client_id": made.client_id,
        "installation_id": installation.id,
        "kms_key_arn": arn,
    }
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    github.check()
