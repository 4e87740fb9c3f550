"""Each session in examples/ signs as plain boto3 does with the same key, without a token."""

from __future__ import annotations

import base64
import importlib.util
import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from tests.readme.blocks import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from botocore.credentials import ReadOnlyCredentials

SECRET = "reports/uploader"  # noqa: S105 -- its name
REGION = "eu-west-1"
READERS = sorted(
    path
    for path in (REPOSITORY / "examples").rglob("*.py")
    if "def session(secret_id: str" in path.read_text()
)
S3_SIGNATURES = ["s3", "s3v4"]


@pytest.fixture(autouse=True)
def _account(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with the secret. The reader's identity is temporary, as that of a role."""
    request.getfixturevalue("no_account")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "reader")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=_value("1"))
        yield


def _value(number: str) -> str:
    key = {"Version": 1, "AccessKeyId": f"AKIA{number}", "SecretAccessKey": f"secret-{number}"}
    return json.dumps(key)


def _plain(number: str) -> boto3.Session:
    return boto3.Session(f"AKIA{number}", f"secret-{number}", region_name=REGION)


def _session(path: Path) -> boto3.Session:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    session: boto3.Session = module.session(SECRET)
    return session


def _frozen(session: boto3.Session) -> ReadOnlyCredentials:
    credentials = session.get_credentials()
    assert credentials
    return credentials.get_frozen_credentials()


def _names(url: str) -> set[str]:
    # `keep_blank_values`, because an empty token is what this test looks for.
    return {*parse_qs(urlsplit(url).query, keep_blank_values=True)}


def _object_url(session: boto3.Session, signature: str) -> set[str]:
    s3: Any = session.client("s3", config=Config(signature_version=signature))
    return _names(s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"}))


def _form(session: boto3.Session, signature: str) -> set[str]:
    s3: Any = session.client("s3", config=Config(signature_version=signature))
    fields = s3.generate_presigned_post("b", "k")["fields"]
    policy = json.loads(base64.b64decode(fields["policy"]))
    conditions = {name for one in policy["conditions"] for name in one if isinstance(one, dict)}
    return {*fields, *(f"condition {name}" for name in conditions)}


def _eks_token(session: boto3.Session) -> set[str]:
    """The URL inside a token of `aws eks get-token`."""
    sts: Any = session.client("sts")
    return _names(sts.generate_presigned_url("get_caller_identity"))


def _rds_token(session: boto3.Session) -> set[str]:
    rds: Any = session.client("rds")
    return _names("https://" + rds.generate_db_auth_token("host", 5432, "user"))


def _dsql_token(session: boto3.Session) -> set[str]:
    return _names("https://" + session.client("dsql").generate_db_connect_auth_token("host"))


def _speech(session: boto3.Session) -> set[str]:
    polly: Any = session.client("polly")
    parameters = {"OutputFormat": "mp3", "Text": "t", "VoiceId": "Joanna"}
    return _names(polly.generate_presigned_url("synthesize_speech", Params=parameters))


SIGNED: dict[str, Callable[[boto3.Session], set[str]]] = {
    **{f"object-{one}": partial(_object_url, signature=one) for one in S3_SIGNATURES},
    **{f"form-{one}": partial(_form, signature=one) for one in S3_SIGNATURES},
    "eks": _eks_token,
    "rds": _rds_token,
    "dsql": _dsql_token,
    "polly": _speech,
}


def test_the_examples_have_readers() -> None:
    assert [path.stem for path in READERS] == ["plain", "refreshing"]


@pytest.mark.parametrize("signed", SIGNED.values(), ids=SIGNED)
@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_a_session_signs_the_same_parameters_as_a_plain_key(
    path: Path, signed: Callable[[boto3.Session], set[str]]
) -> None:
    expected = signed(_plain("1"))
    assert expected
    assert signed(_session(path)) == expected


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_frozen_credentials_are_those_of_a_plain_key(path: Path) -> None:
    assert _frozen(_session(path)) == _frozen(_plain("1"))
    assert _frozen(_session(path)).token is None


@pytest.mark.parametrize("signed", SIGNED.values(), ids=SIGNED)
def test_a_key_that_was_read_again_has_no_token_either(
    signed: Callable[[boto3.Session], set[str]],
) -> None:
    (path,) = (path for path in READERS if path.stem == "refreshing")
    session = _session(path)
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId=SECRET, SecretString=_value("2"))
    refusal = (None, {"Error": {"Code": "InvalidAccessKeyId"}})
    session.events.emit("needs-retry.s3", response=refusal, attempts=1)
    assert signed(session) == signed(_plain("2"))
    assert _frozen(session) == _frozen(_plain("2"))
