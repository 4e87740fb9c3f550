"""The private key of a GitHub App goes into KMS, works there, and is left nowhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from testing.local_aws import LocalAws, local_aws
from tools import import_github_app_key
from tools.import_github_app_key import NotImportedError, import_private_key

pytestmark = pytest.mark.xdist_group("import_github_app_key")

KIND = {"Origin": "EXTERNAL", "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with local_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def kms(aws: LocalAws) -> Any:  # noqa: ANN401 - boto3 makes its methods at run time
    return aws.client("kms")


@pytest.fixture(autouse=True)
def _administrator(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, held in aws.environment.items():
        monkeypatch.setenv(name, held)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def written(key: Any, guard: Any = NoEncryption()) -> bytes:  # noqa: ANN401, B008
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, guard))


@pytest.fixture
def pem(private_key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    """As GitHub gives it: PKCS#1."""
    path = tmp_path / "app.private-key.pem"
    path.write_bytes(written(private_key))
    assert path.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    return path


def run(*arguments: object) -> int:
    return import_github_app_key.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def filled(kms: Any, private_key: rsa.RSAPrivateKey) -> str:  # noqa: ANN401
    """The ARN of a KMS key that holds the private key."""
    arn = str(kms.create_key(**KIND)["KeyMetadata"]["Arn"])
    assert import_private_key(kms, arn, private_key) == arn
    return arn


def test_from_a_checkout_a_kms_key_is_made_signs_and_nothing_is_left_of_the_file(
    repository: Path,
    kms: Any,  # noqa: ANN401
    pem: Path,
    private_key: rsa.RSAPrivateKey,
) -> None:
    content = pem.read_text()
    result = subprocess.run(
        [
            sys.executable,
            repository / "tools/import_github_app_key.py",
            "--create",
            "--delete",
            pem,
        ],
        check=True,
        cwd=pem.parent,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    arn = result.stdout.removesuffix("\n")
    assert {name: kms.describe_key(KeyId=arn)["KeyMetadata"][name] for name in KIND} == KIND
    signed = kms.sign(
        KeyId=arn, Message=b"jwt", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256", MessageType="RAW"
    )
    private_key.public_key().verify(
        signed["Signature"], b"jwt", padding.PKCS1v15(), hashes.SHA256()
    )
    assert f"Deleted {pem}" in result.stderr
    assert list(pem.parent.iterdir()) == []
    shown = result.stdout + result.stderr
    assert not [line for line in content.splitlines() if line in shown]


def test_a_second_run_changes_nothing_and_says_again_what_to_delete(
    filled: str, pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--key", filled, pem) == 0
    told = capsys.readouterr()
    assert told.out == f"{filled}\n"
    assert f"Delete {pem}" in told.err
    assert pem.exists()


def test_another_private_key_is_refused_and_kept(
    kms: Any,  # noqa: ANN401
    filled: str,
    pem: Path,
    private_key: rsa.RSAPrivateKey,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem.write_bytes(written(other))
    assert run("--key", filled, "--delete", pem) == 1
    assert "holds another private key" in capsys.readouterr().err
    assert pem.exists()
    there = kms.get_public_key(KeyId=filled)["PublicKey"]
    ours = private_key.public_key()
    assert there == ours.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _small() -> bytes:
    return written(rsa.generate_private_key(public_exponent=65537, key_size=3072))


def _elliptic() -> bytes:
    return written(ec.generate_private_key(ec.SECP256R1()))


def _encrypted() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return written(key, BestAvailableEncryption(b"guarded"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(lambda: b"{}", "holds no private key. Give the .pem", id="not-a-pem"),
        pytest.param(lambda: b"", "holds no private key", id="empty"),
        pytest.param(_encrypted, "is encrypted. Give the file as GitHub gave it", id="encrypted"),
        pytest.param(_small, "an RSA key with 3072 bits", id="another-size"),
        pytest.param(_elliptic, "a key of another kind", id="another-kind"),
        pytest.param(None, "cannot be read (No such file or directory)", id="no-file"),
    ],
)
def test_a_file_that_is_not_githubs_is_refused_before_aws_is_asked(
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: Any,  # noqa: ANN401
    said: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    pem.unlink()
    if content:
        pem.write_bytes(content())
    assert run("--create", "--delete", pem) == 1
    told = capsys.readouterr()
    assert (said in told.err, told.out) == (True, "")
    assert pem.exists() == (content is not None)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param({"Origin": "AWS_KMS"}, "has the origin AWS_KMS", id="origin"),
        pytest.param({"KeySpec": "RSA_4096"}, "the key spec RSA_4096", id="spec"),
        pytest.param({"KeyUsage": "ENCRYPT_DECRYPT"}, "usage ENCRYPT_DECRYPT", id="usage"),
    ],
)
def test_a_kms_key_of_another_kind_is_refused(
    kms: Any,  # noqa: ANN401
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    kind: Mapping[str, str],
    said: str,
) -> None:
    arn = kms.create_key(**{**KIND, **kind})["KeyMetadata"]["Arn"]
    assert run("--key", arn, pem) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "origin EXTERNAL, the key spec RSA_2048 and the usage SIGN_VERIFY" in told


def test_a_kms_key_that_is_to_be_deleted_is_refused(
    kms: Any,  # noqa: ANN401
    pem: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arn = kms.create_key(**KIND)["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=arn)
    assert run("--key", arn, pem) == 1
    assert "has the state PendingDeletion" in capsys.readouterr().err


def test_an_unknown_kms_key_is_told_of(pem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--key", "00000000-0000-0000-0000-000000000000", pem) == 1
    told = capsys.readouterr().err
    assert "AWS refused kms:DescribeKey on 00000000" in told
    assert "Look at the key's ARN, the account and --region" in told


def test_a_missing_grant_is_named(
    aws: LocalAws,
    kms: Any,  # noqa: ANN401
    pem: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arn = kms.create_key(**KIND)["KeyMetadata"]["Arn"]
    iam = aws.client("iam")
    iam.create_user(UserName="reader")
    statement = {"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="reader", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    assert run("--key", arn, pem) == 1
    told = capsys.readouterr().err
    assert f"AWS refused kms:GetParametersForImport on {arn} with AccessDenied" in told
    assert "Allow kms:GetParametersForImport to whoever runs this" in told


@pytest.mark.parametrize(
    ("gone", "options"),
    [
        pytest.param([], ["--profile", "nobody"], id="unknown-profile"),
        pytest.param(["AWS_REGION", "AWS_DEFAULT_REGION"], [], id="no-region"),
        pytest.param(["AWS_ACCESS_KEY_ID"], [], id="no-credentials"),
    ],
)
def test_aws_that_cannot_be_asked_is_told_of(
    pem: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gone: list[str],
    options: list[str],
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(pem.parent / "none"))
    for name in gone:
        monkeypatch.delenv(name)
    assert run("--create", *options, pem) == 1
    assert "Look at the credentials, --profile, --region" in capsys.readouterr().err


class _Kms:
    """Stands between, to answer what the local AWS never would."""

    def __init__(self, kms: Any, **instead: Any) -> None:  # noqa: ANN401
        self._kms, self._instead = kms, instead

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return self._instead.get(name) or getattr(self._kms, name)


def test_a_signature_that_does_not_fit_is_told_of(
    kms: Any,  # noqa: ANN401
    filled: str,
    private_key: rsa.RSAPrivateKey,
) -> None:
    broken: Any = _Kms(kms, sign=lambda **_: {"Signature": b"x" * 256})
    with pytest.raises(NotImportedError, match="does not sign as this private key does"):
        import_private_key(broken, filled, private_key)


def test_a_kms_key_that_held_another_one_before_is_told_of(
    kms: Any,  # noqa: ANN401
    private_key: rsa.RSAPrivateKey,
) -> None:
    code = {"Error": {"Code": "IncorrectKeyMaterialException", "Message": ""}}

    def refuse(**_: object) -> None:
        raise kms.exceptions.IncorrectKeyMaterialException(code, "ImportKeyMaterial")

    arn = kms.create_key(**KIND)["KeyMetadata"]["Arn"]
    remembering: Any = _Kms(kms, import_key_material=refuse)
    with pytest.raises(NotImportedError, match="holds another private key"):
        import_private_key(remembering, arn, private_key)


def test_a_network_that_ends_is_told_of(
    kms: Any,  # noqa: ANN401
    private_key: rsa.RSAPrivateKey,
) -> None:
    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms.example")

    unreachable: Any = _Kms(kms, describe_key=fail)
    with pytest.raises(NotImportedError, match="EndpointConnectionError"):
        import_private_key(unreachable, "any", private_key)
