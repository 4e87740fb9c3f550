"""Moves the private key of a GitHub App from the file that GitHub gave you into AWS KMS.

KMS signs with it from then on and never gives it back: the key is in no state, no secret and no
function. Run it from a checkout of the module, with the credentials of an administrator of the key:

    pip install boto3 cryptography
    python tools/import_github_app_key.py --create --delete ~/Downloads/my-app.private-key.pem

It prints the ARN of the KMS key, for `kms_key_arn`; all else goes to standard error. A second run
with the same file and `--key` changes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
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

_BITS: Final = 2048  # What GitHub makes.


class NotImportedError(Exception):
    """Why nothing was imported, in a sentence for whoever ran this, and what to do."""


class UnreadableError(NotImportedError):
    """The file cannot be read."""

    def __init__(self, path: Path, reason: str | None) -> None:
        super().__init__(f"{path} cannot be read ({reason}). Give the file that GitHub gave you.")


class NotAPrivateKeyError(NotImportedError):
    """The file holds something else."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds no private key. Give the .pem file that GitHub gave you for the App, "
            "or generate another one under Private keys in the App's settings."
        )


class EncryptedError(NotImportedError):
    """A passphrase guards the key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is encrypted. Give the file as GitHub gave it to you, or take the passphrase "
            f"off: openssl pkcs8 -topk8 -nocrypt -in {path}"
        )


class OtherKindError(NotImportedError):
    """The key is not what GitHub makes for an App."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(
            f"{path} holds {found}, but the key of a GitHub App is RSA with {_BITS} bits. Generate "
            "one under Private keys in the App's settings."
        )


class WrongKmsKeyError(NotImportedError):
    """The KMS key cannot take it."""

    def __init__(self, arn: str, found: str) -> None:
        super().__init__(
            f"{arn} has {found}. Give a key that was made for it, with the origin EXTERNAL, the "
            f"key spec RSA_{_BITS} and the usage SIGN_VERIFY, or let --create make one."
        )


class OccupiedError(NotImportedError):
    """The KMS key is for another private key."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"{arn} holds another private key, and KMS never lets a key change. Let --create make "
            "a KMS key for this one, and put its ARN into kms_key_arn."
        )


class AwsRefusedError(NotImportedError):
    """AWS did not do a step."""

    def __init__(self, action: str, on: str, code: str) -> None:
        cure = {
            "AccessDeniedException": f"Allow {action} to whoever runs this.",
            "NotFoundException": "Look at the key's ARN, the account and --region.",
        }
        super().__init__(
            f"AWS refused {action} on {on} with {code}. "
            f"{cure.get(code, 'Run this again, or look the code up under the action.')}"
        )


class UnreachableError(NotImportedError):
    """AWS was not asked, or did not answer."""

    def __init__(self, error: BotoCoreError) -> None:
        super().__init__(
            f"AWS could not be asked ({type(error).__name__}). Look at the credentials, --profile, "
            "--region and the network."
        )


class NotTheSameError(NotImportedError):
    """KMS signs with something else."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"{arn} does not sign as this private key does. Keep the file, use another KMS key, "
            "and tell AWS."
        )


def read_private_key(path: Path) -> RSAPrivateKey:
    """Read the file that GitHub gave.

    Raises:
        NotImportedError: It is not one of GitHub's.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise UnreadableError(path, error.strerror) from None
    except TypeError:
        raise EncryptedError(path) from None
    # Without a cause, here and above: it saw the key.
    except (ValueError, UnsupportedAlgorithm):
        raise NotAPrivateKeyError(path) from None
    if not isinstance(key, RSAPrivateKey):
        raise OtherKindError(path, "a key of another kind")
    if key.key_size != _BITS:
        raise OtherKindError(path, f"an RSA key with {key.key_size} bits")
    return key


def create_kms_key(kms: KMSClient) -> str:
    """Make a KMS key that waits for an App's private key, and return its ARN.

    Raises:
        NotImportedError: AWS refused it.
    """
    with _said("kms:CreateKey", "*"):
        made = kms.create_key(
            Description="The private key of a GitHub App",
            KeySpec="RSA_2048",
            KeyUsage="SIGN_VERIFY",
            Origin="EXTERNAL",
        )
    return made["KeyMetadata"]["Arn"]


def import_private_key(kms: KMSClient, key_id: str, private_key: RSAPrivateKey) -> str:
    """Import a private key, see that KMS signs with it, and return the KMS key's ARN.

    Raises:
        NotImportedError: It could not be, or KMS signs with another one.
    """
    with _said("kms:DescribeKey", key_id):
        held = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    arn = held["Arn"]
    kind = (held["Origin"], held["KeySpec"], held["KeyUsage"])
    if kind != ("EXTERNAL", "RSA_2048", "SIGN_VERIFY"):
        found = "the origin {}, the key spec {} and the usage {}".format(*kind)
        raise WrongKmsKeyError(arn, found)
    if held["KeyState"] == "PendingImport":
        _import(kms, arn, private_key)
    elif held["KeyState"] != "Enabled":
        raise WrongKmsKeyError(arn, f"the state {held['KeyState']}")
    _compare(kms, arn, private_key.public_key())
    return arn


def _import(kms: KMSClient, arn: str, private_key: RSAPrivateKey) -> None:
    # https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-conceptual.html
    with _said("kms:GetParametersForImport", arn):
        parameters = kms.get_parameters_for_import(
            KeyId=arn,
            # The longer RSA key carries an AES key, which carries what is too long for RSA.
            WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256",
            WrappingKeySpec="RSA_4096",
        )
    with _said("kms:ImportKeyMaterial", arn):
        kms.import_key_material(
            KeyId=arn,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=_wrapped(private_key, parameters["PublicKey"]),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


def _wrapped(private_key: RSAPrivateKey, wrapping_key: bytes) -> bytes:
    # https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-encrypt-key-material.html
    carrier = load_der_public_key(wrapping_key)
    if not isinstance(carrier, RSAPublicKey):
        raise TypeError
    material = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    once = secrets.token_bytes(32)
    sha_256 = hashes.SHA256()
    carried = carrier.encrypt(once, padding.OAEP(padding.MGF1(sha_256), sha_256, label=None))
    return carried + aes_key_wrap_with_padding(once, material)


def _compare(kms: KMSClient, arn: str, public_key: RSAPublicKey) -> None:
    with _said("kms:GetPublicKey", arn):
        there = load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])
    if there != public_key:
        raise OccupiedError(arn)
    message = secrets.token_bytes(32)
    with _said("kms:Sign", arn):
        signed = kms.sign(
            KeyId=arn,
            Message=message,
            MessageType="RAW",
            # The one that GitHub takes.
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )
    try:
        public_key.verify(signed["Signature"], message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise NotTheSameError(arn) from None


@contextlib.contextmanager
def _said(action: str, on: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "IncorrectKeyMaterialException":
            raise OccupiedError(on) from None
        raise AwsRefusedError(action, on, code) from error
    except BotoCoreError as error:
        raise UnreachableError(error) from None


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Move the private key of a GitHub App into AWS KMS.",
        epilog="Needs boto3 and cryptography, and the credentials of an administrator of the key.",
    )
    parser.add_argument("pem", type=Path, help="the .pem file that GitHub gave you")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--create", action="store_true", help="make a KMS key for it")
    where.add_argument("--key", help="the id or ARN of a KMS key that was made for it")
    parser.add_argument("--delete", action="store_true", help="delete the file once KMS signs")
    parser.add_argument("--profile", help="the AWS profile to use")
    parser.add_argument("--region", help="the AWS region of the KMS key")
    return parser.parse_args(given)


def _client(arguments: argparse.Namespace) -> KMSClient:
    try:
        session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
        kms: Any = session.client("kms")
    except BotoCoreError as error:
        raise UnreachableError(error) from None
    return kms  # type: ignore[no-any-return]


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main(given: Sequence[str] | None = None) -> int:
    """Import, and return the exit code."""
    arguments = _arguments(given)
    try:
        private_key = read_private_key(arguments.pem)
        kms = _client(arguments)
        key_id = arguments.key
        if arguments.create:
            key_id = create_kms_key(kms)
            _say(f"Made {key_id}. Should the next step stop, go on with --key instead of --create.")
        arn = import_private_key(kms, key_id, private_key)
    except NotImportedError as error:
        _say(str(error))
        return 1
    _say("KMS holds the private key and signs with it.")
    if arguments.delete:
        arguments.pem.unlink()
        _say(f"Deleted {arguments.pem}. See that no copy is left, in a backup or a bin.")
    else:
        _say(f"Delete {arguments.pem} and every copy of it now: whoever has it can act as the App.")
    sys.stdout.write(f"{arn}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
