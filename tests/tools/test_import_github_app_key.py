"""The private key of a GitHub App is imported into KMS, works there, and is in no other place."""

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
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
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def as_pem(key: Any, encryption: Any = NoEncryption()) -> bytes:  # noqa: ANN401, B008
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption))


@pytest.fixture
def pem(private_key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    """A file in GitHub's format, PKCS#1."""
    path = tmp_path / "app.private-key.pem"
    path.write_bytes(as_pem(private_key))
    assert path.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    return path


def run(*arguments: object) -> int:
    return import_github_app_key.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def imported(kms: Any, private_key: rsa.RSAPrivateKey) -> str:  # noqa: ANN401
    """The ARN of a KMS key that has the private key."""
    arn = str(kms.create_key(**KIND)["KeyMetadata"]["Arn"])
    assert import_private_key(kms, arn, private_key) == arn
    return arn


def test_the_command_creates_a_kms_key_that_signs_and_deletes_the_file(
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
    output = result.stdout + result.stderr
    assert not [line for line in content.splitlines() if line in output]


def test_a_second_run_changes_nothing_and_names_the_file_to_delete(
    imported: str, pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--key", imported, pem) == 0
    output = capsys.readouterr()
    assert output.out == f"{imported}\n"
    assert f"Delete {pem}" in output.err
    assert pem.exists()


def test_another_private_key_is_refused_and_its_file_is_kept(
    kms: Any,  # noqa: ANN401
    imported: str,
    pem: Path,
    private_key: rsa.RSAPrivateKey,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem.write_bytes(as_pem(other))
    assert run("--key", imported, "--delete", pem) == 1
    assert "has another private key" in capsys.readouterr().err
    assert pem.exists()
    in_kms = kms.get_public_key(KeyId=imported)["PublicKey"]
    expected = private_key.public_key()
    assert in_kms == expected.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# Each makes something that --delete cannot delete for good, and returns its path.


def _symbolic_link(pem: Path) -> Path:
    link = pem.with_name("link.pem")
    link.symlink_to(pem)
    return link


def _hard_link(pem: Path) -> Path:
    link = pem.with_name("link.pem")
    link.hardlink_to(pem)
    return link


def _pipe(pem: Path) -> Path:
    pipe = pem.with_name("pipe.pem")
    os.mkfifo(pipe)
    return pipe


@pytest.mark.parametrize(
    ("elsewhere", "message"),
    [
        pytest.param(_symbolic_link, "is a symbolic link to {pem}, so --delete", id="symbolic"),
        pytest.param(_hard_link, "has 2 hard links, so --delete", id="hard"),
        pytest.param(_pipe, "is not a regular file, so --delete", id="pipe"),
        pytest.param(lambda pem: pem.parent, "is not a regular file, so --delete", id="folder"),
    ],
)
def test_a_file_whose_deletion_would_keep_the_key_is_refused_without_a_request_to_aws(
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: Callable[[Path], Path],
    message: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    path = elsewhere(pem)
    assert run("--create", "--delete", path) == 1
    output = capsys.readouterr()
    assert (message.format(pem=pem) in output.err, output.out) == (True, "")
    assert pem.exists()
    assert path.exists()


def test_the_target_of_a_symbolic_link_is_the_file_to_delete(
    imported: str, pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--key", imported, _symbolic_link(pem)) == 0
    assert f"Delete {pem} and every copy" in capsys.readouterr().err


def _replaced(pem: Path) -> None:
    pem.unlink()
    pem.write_text("another file")


@pytest.mark.parametrize(
    ("meanwhile", "message"),
    [
        pytest.param(_replaced, "it has other content than before", id="replaced"),
        pytest.param(_hard_link, "it has 2 hard links", id="linked"),
        pytest.param(lambda pem: pem.rename(f"{pem}.moved"), "No such file", id="moved"),
        pytest.param(
            lambda pem: _symbolic_link(pem.rename(f"{pem}.moved")).rename(pem),
            "it is a symbolic link to",
            id="behind-a-link",
        ),
    ],
)
def test_a_file_that_changes_during_the_import_is_kept_and_its_arn_is_printed(
    kms: Any,  # noqa: ANN401
    imported: str,
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Path], object],
    message: str,
) -> None:
    def sign(**request: object) -> Any:  # noqa: ANN401
        meanwhile(pem)
        return kms.sign(**request)

    monkeypatch.setattr(import_github_app_key, "_client", lambda _: _Kms(kms, sign=sign))
    assert run("--key", imported, "--delete", pem) == 1
    output = capsys.readouterr()
    assert output.out == f"{imported}\n"
    assert f"KMS has the private key, but {pem} was not deleted ({message}" in output.err
    assert "Deleted" not in output.err
    assert list(pem.parent.iterdir())


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EBUSY, errno.EIO])
def test_the_arn_is_printed_if_the_file_cannot_be_deleted(
    imported: str,
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    # An administrator may delete files in a read-only folder, so a test cannot rely on one.
    monkeypatch.setattr(os, "unlink", fail)
    assert run("--key", imported, "--delete", pem) == 1
    output = capsys.readouterr()
    assert output.out == f"{imported}\n"
    assert f"{pem} was not deleted ({os.strerror(code)}). Delete the file" in output.err
    assert "Deleted" not in output.err


def test_the_file_stays_until_the_arn_is_printed(
    imported: str, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as unwritable:
        monkeypatch.setattr(sys, "stdout", unwritable)
        with pytest.raises(io.UnsupportedOperation):
            run("--key", imported, "--delete", pem)
    assert pem.exists()


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, True), (0o600, False)])
def test_a_file_that_others_can_read_is_reported(
    imported: str, pem: Path, capsys: pytest.CaptureFixture[str], mode: int, *, warned: bool
) -> None:
    pem.chmod(mode)
    assert run("--key", imported, pem) == 0
    warning = f"{pem} has the mode {mode:04o}, so other users"
    assert (warning in capsys.readouterr().err) == warned


def test_the_advised_command_writes_the_key_where_only_its_owner_reads_it(
    imported: str, private_key: rsa.RSAPrivateKey, pem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encrypted = pem.with_name("with a space.pem")
    encrypted.write_bytes(as_pem(private_key, BestAvailableEncryption(b"passphrase")))
    assert run("--key", imported, encrypted) == 1
    advised = capsys.readouterr().err.partition("openssl ")
    result = subprocess.run(
        ["sh", "-c", f"{''.join(advised[1:]).strip()} -passin pass:passphrase"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "PRIVATE KEY" not in result.stdout + result.stderr
    decrypted = encrypted.with_name("with a space.pem.decrypted")
    assert decrypted.stat().st_mode & 0o077 == 0
    assert run("--key", imported, "--delete", decrypted) == 0


def _longer() -> bytes:
    return as_pem(rsa.generate_private_key(public_exponent=65537, key_size=3072))


def _elliptic() -> bytes:
    return as_pem(ec.generate_private_key(ec.SECP256R1()))


def _encrypted() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return as_pem(key, BestAvailableEncryption(b"passphrase"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(lambda: b"{}", "has no private key. Use the .pem", id="not-a-pem"),
        pytest.param(lambda: b"", "has no private key", id="empty"),
        pytest.param(_encrypted, "is encrypted. Use the file as GitHub gave it", id="encrypted"),
        pytest.param(_longer, "an RSA key with 3072 bits", id="another-size"),
        pytest.param(_elliptic, "a key of another kind", id="another-kind"),
        pytest.param(None, "cannot be read (No such file or directory)", id="no-file"),
    ],
)
def test_a_file_that_is_not_githubs_is_refused_without_a_request_to_aws(
    pem: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: Any,  # noqa: ANN401
    message: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    pem.unlink()
    if content:
        pem.write_bytes(content())
    assert run("--create", "--delete", pem) == 1
    output = capsys.readouterr()
    assert (message in output.err, output.out) == (True, "")
    assert pem.exists() == (content is not None)


@pytest.mark.parametrize(
    ("kind", "message"),
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
    message: str,
) -> None:
    arn = kms.create_key(**{**KIND, **kind})["KeyMetadata"]["Arn"]
    assert run("--key", arn, pem) == 1
    output = capsys.readouterr().err
    assert message in output
    assert "origin EXTERNAL, the key spec RSA_2048 and the usage SIGN_VERIFY" in output


def test_a_kms_key_that_is_scheduled_for_deletion_is_refused(
    kms: Any,  # noqa: ANN401
    pem: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arn = kms.create_key(**KIND)["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=arn)
    assert run("--key", arn, pem) == 1
    assert "has the state PendingDeletion" in capsys.readouterr().err


def test_an_unknown_kms_key_is_reported(pem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--key", "00000000-0000-0000-0000-000000000000", pem) == 1
    output = capsys.readouterr().err
    assert "AWS refused kms:DescribeKey on 00000000" in output
    assert "Check the ARN of the key, the account and --region" in output


def test_a_missing_permission_is_named(
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
    output = capsys.readouterr().err
    assert f"AWS refused kms:GetParametersForImport on {arn} with AccessDenied" in output
    assert "Run this with credentials that are allowed kms:GetParametersForImport" in output


@pytest.mark.parametrize(
    ("missing", "options"),
    [
        pytest.param([], ["--profile", "unknown"], id="unknown-profile"),
        pytest.param(["AWS_REGION", "AWS_DEFAULT_REGION"], [], id="no-region"),
        pytest.param(["AWS_ACCESS_KEY_ID"], [], id="no-credentials"),
    ],
)
def test_missing_settings_of_aws_are_reported(
    pem: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: list[str],
    options: list[str],
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(pem.parent / "none"))
    for name in missing:
        monkeypatch.delenv(name)
    assert run("--create", *options, pem) == 1
    assert "Check the credentials, --profile, --region" in capsys.readouterr().err


class _Kms:
    """A KMS client with some responses that the local AWS never returns."""

    def __init__(self, kms: Any, **instead: Any) -> None:  # noqa: ANN401
        self._kms, self._instead = kms, instead

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return self._instead.get(name) or getattr(self._kms, name)


def test_a_signature_of_another_key_is_reported(
    kms: Any,  # noqa: ANN401
    imported: str,
    private_key: rsa.RSAPrivateKey,
) -> None:
    broken: Any = _Kms(kms, sign=lambda **_: {"Signature": b"x" * 256})
    with pytest.raises(NotImportedError, match="does not match this private key"):
        import_private_key(broken, imported, private_key)


def test_a_kms_key_that_once_had_another_private_key_is_reported(
    kms: Any,  # noqa: ANN401
    private_key: rsa.RSAPrivateKey,
) -> None:
    code = {"Error": {"Code": "IncorrectKeyMaterialException", "Message": ""}}

    def refuse(**_: object) -> None:
        raise kms.exceptions.IncorrectKeyMaterialException(code, "ImportKeyMaterial")

    arn = kms.create_key(**KIND)["KeyMetadata"]["Arn"]
    occupied: Any = _Kms(kms, import_key_material=refuse)
    with pytest.raises(NotImportedError, match="has another private key"):
        import_private_key(occupied, arn, private_key)


def test_a_network_error_is_reported(
    kms: Any,  # noqa: ANN401
    private_key: rsa.RSAPrivateKey,
) -> None:
    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms.example")

    unreachable: Any = _Kms(kms, describe_key=fail)
    with pytest.raises(NotImportedError, match="EndpointConnectionError"):
        import_private_key(unreachable, "any", private_key)
