"""The commands evidence and verify-evidence, with keys and an event history of the local AWS."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import boto3
import pytest

from rotating_secret.aws import Region
from rotating_secret.cli import main
from rotating_secret.evidence import Period, verify
from rotating_secret.trail import count, look_up, select
from testing.local_aws import local_aws
from testing.local_aws.launch import REGION
from tests.policies import faults
from tests.queries.trail import QUARTER, arn
from tests.readme.blocks import block
from tests.tools.terminal import Terminal
from tests.tools.test_rotating_secret import IDLE, STATUS, Estate, allow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("rotating_secret")

_Screen: TypeAlias = "pytest.CaptureFixture[str]"
_Allow: TypeAlias = "Callable[[Sequence[dict[str, Any]]], None]"

NAMES: Final = ["reports/signing", "reports/uploader"]
ALIAS: Final = "alias/evidence"
POLICY: Final[dict[str, Any]] = json.loads(block("value", "tool-evidence"))


@pytest.fixture(scope="module")
def estate() -> Iterator[Estate]:
    """Two secrets of the module, and keys that sign."""
    with local_aws(rotation_attempts=1) as aws:
        iam, kms = aws.client("iam"), aws.client("kms")
        trust = allow("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
        role = iam.create_role(RoleName="rotator", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        grant = allow("secretsmanager:*", "logs:*", Resource="*")
        iam.put_role_policy(RoleName="rotator", PolicyName="all", PolicyDocument=grant)
        estate = Estate(aws=aws, role=role, terminal=Terminal(environment={}))
        for name in NAMES:
            estate.add(name, IDLE, SecretString="v")
        for alias, spec in {
            ALIAS: "ECC_NIST_P256",
            "alias/rsa": "RSA_2048",
            "alias/p384": "ECC_NIST_P384",
        }.items():
            key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName=alias, TargetKeyId=key)
        yield estate


@pytest.fixture(autouse=True)
def _administrator(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in estate.aws.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def trail(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events of the quarter as those of the secrets here, in a year that has ended."""
    text = json.dumps({"Records": QUARTER}).replace('"2026-', '"2020-')
    for name in NAMES:
        text = text.replace(arn(name), estate.described(name)["ARN"])
        text = text.replace(arn(name)[:-7] + '"', estate.described(name)["ARN"][:-7] + '"')
    folder = tmp_path_factory.mktemp("trail")
    (folder / "events.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def public_key(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "evidence.der"
    file.write_bytes(estate.aws.client("kms").get_public_key(KeyId=ALIAS)["PublicKey"])
    return file


def evidence(output: Path, *options: object, period: str = "2020Q3", key: str = ALIAS) -> int:
    arguments = [f"--period={period}", f"--key={key}", f"--output={output}", *options]
    return main(["evidence", *map(str, arguments)])


def verified(report: Path, public_key: Path) -> int:
    return main(["verify-evidence", str(report), f"--public-key={public_key}"])


def test_a_report_is_written_signed_and_verified_and_a_change_is_found(
    trail: Path, public_key: Path, tmp_path: Path, capsys: _Screen
) -> None:
    report = tmp_path / "2020Q3.json"
    assert evidence(report, f"--events={trail}") == 0
    assert verified(report, public_key) == 0
    assert f"events of 2 secrets in 2020Q3, in {REGION}" in capsys.readouterr().out
    header, events = verify(report.read_bytes(), public_key.read_bytes())
    found = {one["name"]: one for one in header["secrets"]}
    assert [*found] == NAMES
    uploader, signing = found["reports/uploader"], found["reports/signing"]
    assert (uploader["rotations"], uploader["reads"], uploader["refused"]) == (3, 29, 2)
    assert (uploader["most_days_without_rotation"], uploader["state"]) == (30, "healthy")
    assert (signing["rotations"], signing["failed_rotations"]) == (0, 1)
    assert {name for one in events for name in one["secrets"]} == {*NAMES}
    assert header["source"]["files"] == 1
    assert header["key"].startswith("arn:aws:kms:")
    report.write_bytes(report.read_bytes().replace(b'"AccessDenied"', b"null", 1))
    assert verified(report, public_key) == 1
    assert "must be as it was signed" in capsys.readouterr().err


def test_an_rsa_key_of_kms_signs_too(
    estate: Estate, trail: Path, public_key: Path, tmp_path: Path, capsys: _Screen
) -> None:
    report, rsa = tmp_path / "report.json", tmp_path / "rsa.der"
    rsa.write_bytes(estate.aws.client("kms").get_public_key(KeyId="alias/rsa")["PublicKey"])
    assert evidence(report, f"--events={trail}", key="alias/rsa") == 0
    assert verified(report, rsa) == 0
    assert verified(report, public_key) == 1
    assert "another key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"key": "alias/p384"}, 2, "--key must be a KMS key that signs by"),
        ({"key": "alias/none"}, 3, "AWS refused kms:GetPublicKey on alias/none"),
        ({"period": "2020Q5"}, 2, "--period must be a quarter or a month"),
        ({"period": "9999Q1"}, 2, "--period must have ended"),
    ],
    ids=["another-kind-of-key", "no-key", "no-period", "not-ended"],
)
def test_a_wrong_option_is_named(
    options: dict[str, str], code: int, message: str, trail: Path, tmp_path: Path, capsys: _Screen
) -> None:
    report = tmp_path / "report.json"
    assert evidence(report, f"--events={trail}", **options) == code
    assert message in capsys.readouterr().err
    assert not report.exists()


def test_a_file_is_never_overwritten(trail: Path, tmp_path: Path, capsys: _Screen) -> None:
    report = tmp_path / "report.json"
    report.write_text("kept")
    assert evidence(report, f"--events={trail}") == 2
    assert "--output must be a new file" in capsys.readouterr().err
    assert report.read_text() == "kept"


def test_the_history_is_too_short_for_an_old_period(tmp_path: Path, capsys: _Screen) -> None:
    assert evidence(tmp_path / "report.json") == 2
    assert "--events must name the files of a trail" in capsys.readouterr().err


def test_a_file_that_is_missing_is_named(public_key: Path, tmp_path: Path, capsys: _Screen) -> None:
    assert verified(tmp_path / "missing", public_key) == 2
    assert "FILE must be a file that can be read" in capsys.readouterr().err


def test_the_event_history_has_what_happens(estate: Estate) -> None:
    config = f"{estate.aws.environment['AWS_ENDPOINT_URL']}/_ministack/config"
    body = json.dumps({"cloudtrail._recording_enabled": "true"}).encode()
    with urllib.request.urlopen(urllib.request.Request(config, body)):  # noqa: S310 - our own address
        pass
    now = datetime.now(UTC)
    period = Period(name="now", start=now - timedelta(days=1), end=now + timedelta(days=1))
    secrets = estate.aws.client("secretsmanager")
    for _ in range(60):
        secrets.get_secret_value(SecretId="reports/uploader")
    records = look_up(Region.connect(None, None), period, now)
    events = select(records, [estate.described("reports/uploader")["ARN"]], period)
    assert count(events, "reports/uploader")["reads"] == 60
    assert {one["principal"].rpartition("/")[2] for one in events} == {"local-aws-administrator"}


def _last_month() -> str:
    """Return a month that has ended for more than a day, and that the history has."""
    first = (datetime.now(UTC) - timedelta(days=1)).replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"


@pytest.fixture
def allowed(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Allow]:
    """Act as a user with some statements alone."""
    iam = estate.aws.client("iam")
    user = {"UserName": "auditor"}
    iam.create_user(**user)
    key = iam.create_access_key(**user)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def act(statements: Sequence[dict[str, Any]]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(**user, PolicyName="own", PolicyDocument=document)

    yield act
    iam.delete_user_policy(**user, PolicyName="own")
    iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(**user)


@pytest.fixture
def key(estate: Estate) -> str:
    """The ARN of the key: the local AWS compares an alias, where AWS compares its key."""
    found = estate.aws.client("kms").describe_key(KeyId=ALIAS)
    return str(found["KeyMetadata"]["Arn"])


def _statements(key: str) -> list[dict[str, Any]]:
    """Return those of the page, for the key here."""
    own = copy.deepcopy(POLICY["Statement"])
    for one in own:
        if one["Resource"] != "*":
            one["Resource"] = key
    return [*STATUS["Statement"], *own]


def test_the_permissions_of_the_page_suffice(key: str, allowed: _Allow, tmp_path: Path) -> None:
    allowed(_statements(key))
    assert evidence(tmp_path / "report.json", period=_last_month(), key=key) == 0


@pytest.mark.parametrize("action", ["cloudtrail:LookupEvents", "kms:GetPublicKey", "kms:Sign"])
def test_each_permission_of_the_page_is_needed(
    action: str, key: str, allowed: _Allow, tmp_path: Path, capsys: _Screen
) -> None:
    statements = _statements(key)
    for one in statements:
        one["Action"] = [other for other in one["Action"] if other != action]
    allowed([one for one in statements if one["Action"]])
    assert evidence(tmp_path / "report.json", period=_last_month(), key=key) == 3
    assert f"AWS refused {action} on " in capsys.readouterr().err


def test_a_report_without_one_of_the_secrets_is_not_written(
    key: str, allowed: _Allow, tmp_path: Path, capsys: _Screen
) -> None:
    action = "secretsmanager:DescribeSecret"
    hidden = "arn:aws:secretsmanager:*:*:secret:reports/signing-*"
    allowed([*_statements(key), {"Effect": "Deny", "Action": action, "Resource": hidden}])
    report = tmp_path / "report.json"
    assert evidence(report, period=_last_month(), key=key) == 3
    assert f"AWS refused {action} on " in capsys.readouterr().err
    assert not report.exists()


def test_the_permission_to_sign_is_for_digests_by_this_algorithm(key: str, allowed: _Allow) -> None:
    allowed(_statements(key))
    kms: Any = boto3.client("kms", region_name=REGION)
    signing = {"KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256"}
    kms.sign(**signing, Message=bytes(32), MessageType="DIGEST")
    with pytest.raises(kms.exceptions.ClientError, match="AccessDenied"):
        kms.sign(**signing, Message=b"a text", MessageType="RAW")


def test_the_commands_of_the_page_write_and_verify_a_report(
    trail: Path, aws_cli: Path, tmp_path: Path
) -> None:
    """The folder has a command of the same name, as if it was installed."""
    command = tmp_path / "rotating-secret"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nfrom rotating_secret.cli import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    (tmp_path / "trail").symlink_to(trail)
    path = os.pathsep.join([str(tmp_path), str(aws_cli.parent), os.environ["PATH"]])
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("run", "tool-evidence").replace("2026", "2020")],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    written, verified = ended.stdout.splitlines()
    assert written.startswith("2020Q3.json has ")
    assert verified.startswith("2020Q3.json is as it was signed: ")


def test_the_policy_of_the_page_is_valid() -> None:
    assert faults(POLICY) == []
