"""Moves the private key of a GitHub App from the file that GitHub gave you into AWS KMS.

KMS then signs with the key and never returns it. The key is in no Terraform state, no secret and no
function. Run this from a checkout of the module, with the credentials of a key administrator:

    pip install boto3 cryptography
    python tools/import_github_app_key.py --create --delete ~/Downloads/my-app.private-key.pem

It prints the ARN of the KMS key, for `kms_key_arn`, and everything else to standard error. A second
run with the same file and `--key` changes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shlex
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_kms import KMSClient

_BITS: Final = 2048  # The size of the keys that GitHub generates.


class NotImportedError(Exception):
    """The key was not imported; the message says why and what to do."""


class UnreadableError(NotImportedError):
    """The file cannot be read."""

    def __init__(self, path: Path, reason: str | None) -> None:
        super().__init__(f"{path} cannot be read ({reason}). Use the file that GitHub gave you.")


class NotAPrivateKeyError(NotImportedError):
    """The file has no private key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} has no private key. Use the .pem file that GitHub gave you for the App, or "
            "generate a new key under Private keys in the App's settings."
        )


class NotTheOnlyFileError(NotImportedError):
    """Deleting the file would leave the private key in another place."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(
            f"{path} {found}, so --delete would not delete the private key. Nothing was imported. "
            "Use the path of the only file that has the key, or run this without --delete."
        )


class EncryptedError(NotImportedError):
    """The key is encrypted with a passphrase."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is encrypted. Use the file as GitHub gave it to you. Or import a copy without "
            "the passphrase, and delete both files: "
            f"openssl pkcs8 -topk8 -nocrypt -in {shlex.quote(str(path))} "
            f"-out {shlex.quote(f'{path}.decrypted')}"
        )


class OtherKindError(NotImportedError):
    """The key is not of the kind that GitHub generates for an App."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(
            f"{path} has {found}. The key of a GitHub App must be RSA with {_BITS} bits. Generate "
            "one under Private keys in the App's settings."
        )


class WrongKmsKeyError(NotImportedError):
    """The private key cannot be imported into this KMS key."""

    def __init__(self, arn: str, found: str) -> None:
        super().__init__(
            f"{arn} has {found}. The KMS key must have the origin EXTERNAL, the key spec "
            f"RSA_{_BITS} and the usage SIGN_VERIFY. Use another KMS key, or create one with "
            "--create."
        )


class OccupiedError(NotImportedError):
    """The KMS key has another private key."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"{arn} has another private key, which KMS cannot replace. Create a KMS key for this "
            "private key with --create, and set kms_key_arn to its ARN."
        )


class AwsRefusedError(NotImportedError):
    """AWS returned an error."""

    def __init__(self, action: str, resource: str, code: str) -> None:
        cure = {
            "AccessDeniedException": f"Run this with credentials that are allowed {action}.",
            "NotFoundException": "Check the ARN of the key, the account and --region.",
        }
        super().__init__(
            f"AWS refused {action} on {resource} with {code}. "
            f"{cure.get(code, 'Run this again, or find the code in the documentation of KMS.')}"
        )


class UnreachableError(NotImportedError):
    """The request did not reach AWS, or AWS did not respond."""

    def __init__(self, error: BotoCoreError) -> None:
        super().__init__(
            f"AWS could not be reached ({type(error).__name__}). Check the credentials, --profile, "
            "--region and the network."
        )


class NotTheSameError(NotImportedError):
    """KMS signs with another key."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"The signature of {arn} does not match this private key. Keep the file, use another "
            "KMS key, and report this to AWS."
        )


class NotDeletedError(Exception):
    """KMS has the key, and the file has it too."""

    def __init__(self, path: Path, reason: str | None) -> None:
        super().__init__(
            f"KMS has the private key, but {path} was not deleted ({reason}). Delete the file and "
            "every copy now: anyone who has the key can act as the App."
        )


def read_file(path: Path, *, delete: bool) -> bytes:
    """Read GitHub's file, and check that it can be deleted if that is asked for.

    Raises:
        NotImportedError: The file cannot be read, or its key is also in another place.
    """
    try:
        if delete and (found := _another_place(path)):
            raise NotTheOnlyFileError(path, found)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, error.strerror) from None


def _another_place(path: Path) -> str | None:
    """Return why deleting the path would not delete its content."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"is a symbolic link to {path.resolve()}"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_nlink > 1:
        return f"has {status.st_nlink} hard links"
    return None


def delete_file(path: Path, content: bytes) -> None:
    """Delete the file that had this content.

    Raises:
        NotDeletedError: The file is still there, or its key is in another place.
    """
    try:
        if found := _another_place(path):
            raise NotDeletedError(path, f"it {found}")
        if path.read_bytes() != content:
            raise NotDeletedError(path, "it has other content than before")
        path.unlink()
    except OSError as error:
        raise NotDeletedError(path, error.strerror) from None


def parse_private_key(path: Path, content: bytes) -> RSAPrivateKey:
    """Parse the private key in the content of GitHub's file.

    Raises:
        NotImportedError: The file has no such key.
    """
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise EncryptedError(path) from None
    # "from None", here and above: the cause may contain the key.
    except (ValueError, UnsupportedAlgorithm):
        raise NotAPrivateKeyError(path) from None
    if not isinstance(key, RSAPrivateKey):
        raise OtherKindError(path, "a key of another kind")
    if key.key_size != _BITS:
        raise OtherKindError(path, f"an RSA key with {key.key_size} bits")
    return key


def create_kms_key(kms: KMSClient) -> str:
    """Create a KMS key without key material and return its ARN.

    Raises:
        NotImportedError: AWS returned an error or could not be reached.
    """
    with _explained("kms:CreateKey", "*"):
        created = kms.create_key(
            Description="The private key of a GitHub App",
            KeySpec="RSA_2048",
            KeyUsage="SIGN_VERIFY",
            Origin="EXTERNAL",
        )
    return created["KeyMetadata"]["Arn"]


def import_private_key(kms: KMSClient, key_id: str, private_key: RSAPrivateKey) -> str:
    """Import a private key, check that KMS signs with it, and return the ARN of the KMS key.

    Raises:
        NotImportedError: The key could not be imported, or KMS signs with another one.
    """
    with _explained("kms:DescribeKey", key_id):
        described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    arn = described["Arn"]
    kind = (described["Origin"], described["KeySpec"], described["KeyUsage"])
    if kind != ("EXTERNAL", "RSA_2048", "SIGN_VERIFY"):
        found = "the origin {}, the key spec {} and the usage {}".format(*kind)
        raise WrongKmsKeyError(arn, found)
    if described["KeyState"] == "PendingImport":
        _import(kms, arn, private_key)
    elif described["KeyState"] != "Enabled":
        raise WrongKmsKeyError(arn, f"the state {described['KeyState']}")
    _check_signature(kms, arn, private_key.public_key())
    return arn


def _import(kms: KMSClient, arn: str, private_key: RSAPrivateKey) -> None:
    # https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-conceptual.html
    with _explained("kms:GetParametersForImport", arn):
        parameters = kms.get_parameters_for_import(
            KeyId=arn,
            # The private key is too long for RSA, so an AES key encrypts it, and RSA the AES key.
            WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256",
            WrappingKeySpec="RSA_4096",
        )
    with _explained("kms:ImportKeyMaterial", arn):
        kms.import_key_material(
            KeyId=arn,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=_wrapped(private_key, parameters["PublicKey"]),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


def _wrapped(private_key: RSAPrivateKey, wrapping_key: bytes) -> bytes:
    # https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-encrypt-key-material.html
    rsa_key = load_der_public_key(wrapping_key)
    if not isinstance(rsa_key, RSAPublicKey):
        raise TypeError
    material = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    aes_key = secrets.token_bytes(32)
    sha_256 = hashes.SHA256()
    wrapped_key = rsa_key.encrypt(aes_key, padding.OAEP(padding.MGF1(sha_256), sha_256, label=None))
    return wrapped_key + aes_key_wrap_with_padding(aes_key, material)


def _check_signature(kms: KMSClient, arn: str, public_key: RSAPublicKey) -> None:
    with _explained("kms:GetPublicKey", arn):
        imported = load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])
    if imported != public_key:
        raise OccupiedError(arn)
    message = secrets.token_bytes(32)
    with _explained("kms:Sign", arn):
        signed = kms.sign(
            KeyId=arn,
            Message=message,
            MessageType="RAW",
            # The algorithm that GitHub accepts.
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )
    try:
        public_key.verify(signed["Signature"], message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise NotTheSameError(arn) from None


@contextlib.contextmanager
def _explained(action: str, resource: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "IncorrectKeyMaterialException":
            raise OccupiedError(resource) from None
        raise AwsRefusedError(action, resource, code) from error
    except BotoCoreError as error:
        raise UnreachableError(error) from None


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Move the private key of a GitHub App into AWS KMS.",
        epilog="Needs boto3, cryptography, and the credentials of a key administrator.",
    )
    parser.add_argument("pem", type=Path, help="the .pem file that GitHub gave you")
    kms_key = parser.add_mutually_exclusive_group(required=True)
    kms_key.add_argument("--create", action="store_true", help="create a KMS key for it")
    kms_key.add_argument("--key", help="the ID or ARN of a KMS key that was created for it")
    parser.add_argument(
        "--delete", action="store_true", help="delete the file after KMS has signed with the key"
    )
    parser.add_argument("--profile", help="the AWS profile to use")
    parser.add_argument("--region", help="the AWS Region of the KMS key")
    return parser.parse_args(arguments)


def _client(arguments: argparse.Namespace) -> KMSClient:
    try:
        session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
        kms: Any = session.client("kms")
    except BotoCoreError as error:
        raise UnreachableError(error) from None
    return kms  # type: ignore[no-any-return]


def _warn_of_other_readers(path: Path) -> None:
    mode = path.stat().st_mode
    # Windows keeps access lists instead, which the mode does not show.
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        _say(
            f"{path} has the mode {stat.S_IMODE(mode):04o}, so other users of this machine may "
            "have read it. If there are any, generate a new private key in the App's settings and "
            "use that."
        )


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main(command_line: Sequence[str] | None = None) -> int:
    """Import the private key and return the exit code."""
    arguments = _parse(command_line)
    path: Path = arguments.pem
    try:
        content = read_file(path, delete=arguments.delete)
        private_key = parse_private_key(path, content)
        _warn_of_other_readers(path)
        kms = _client(arguments)
        key_id = arguments.key
        if arguments.create:
            key_id = create_kms_key(kms)
            _say(f"Created {key_id}. If the next step fails, continue with --key, not --create.")
        arn = import_private_key(kms, key_id, private_key)
    except NotImportedError as error:
        _say(str(error))
        return 1
    _say("KMS has the private key and signs with it.")
    # The ARN comes first, so that it is not lost if the file cannot be deleted.
    sys.stdout.write(f"{arn}\n")
    sys.stdout.flush()
    if not arguments.delete:
        _say(f"Delete {path.resolve()} and every copy now: anyone who has it can act as the App.")
        return 0
    try:
        delete_file(path, content)
    except NotDeletedError as error:
        _say(str(error))
        return 1
    _say(f"Deleted {path}. Check that no backup or bin has a copy.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
