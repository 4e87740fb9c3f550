"""The function as Lambda calls it, on moto. A harness of our own runs the four steps.

moto's RotateSecret is not used: it invokes only by Docker and inverts the check of the labels.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

import handler
import watcher.handler
from rotation.errors import (
    ConfigurationError,
    ForeignCredential,
    GivenUp,
    InternalError,
    ProtocolError,
    RotationError,
    TooSoon,
)
from rotation.event import Step
from rotation.log import Key
from tests.unit.subjects import FEW_SLOTS, GENERATOR, options_of, subject_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

Record: TypeAlias = dict[str, Any]

REGION = "eu-west-1"


@dataclass
class _Context:
    aws_request_id: str = "request-1"
    failure: Exception | None = None

    def get_remaining_time_in_millis(self) -> int:
        if self.failure:
            raise self.failure
        return 120_000


@dataclass
class Harness:
    """One secret on moto, the function's environment, and the output of the function."""

    secrets: SecretsManagerClient
    iam: IAMClient
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    context: _Context = field(default_factory=_Context)

    def __post_init__(self) -> None:
        self.iam.create_user(UserName="uploader", Path="/apps/")
        self.arn = self.secrets.create_secret(Name="reports/uploader")["ARN"]

    def configure(self, strategy: str, **change: object) -> None:
        pattern = f"arn:aws:secretsmanager:{REGION}:{DEFAULT_ACCOUNT_ID}:secret:reports/uploader"
        settings = {
            "strategy": strategy,
            "secret_arn_pattern": f"{pattern}-??????",
            "minimum_overlap_minutes": 0,
            "constants": {"bucket": "reports"},
            "options": options_of(strategy),
        }
        self.patch.setenv("ROTATION_SETTINGS", json.dumps({**settings, **change}))

    def _secret(self) -> FakeSecret:
        secret = secretsmanager_backends[DEFAULT_ACCOUNT_ID][REGION].secrets[self.arn]
        assert isinstance(secret, FakeSecret)
        return secret

    def versions(self) -> dict[str, Record]:
        versions: dict[str, Record] = self._secret().versions
        return versions

    def stage(self) -> str:
        """Stage an empty AWSPENDING, as RotateSecret does."""
        token = str(uuid4())
        secret = self._secret()
        secret.remove_version_stages_from_old_versions(["AWSPENDING"])
        secret.versions[token] = {
            "version_id": token,
            "version_stages": ["AWSPENDING"],
            "createdate": int(time.time()),
        }
        return token

    def invoke(self, step: str, token: str, **more: object) -> None:
        event = {"Step": step, "SecretId": self.arn, "ClientRequestToken": token, **more}
        handler.lambda_handler(event, self.context)

    def rotate(self) -> str:
        token = self.stage()
        for step in Step:
            self.invoke(step, token)
            self.label_the_first_value(token)
        return token

    def label_the_first_value(self, token: str) -> None:
        """Make it AWSCURRENT, as AWS does. moto does that only if the version was not staged."""
        versions = self.versions()
        if not any("AWSCURRENT" in version["version_stages"] for version in versions.values()):
            versions[token]["version_stages"].append("AWSCURRENT")

    def records(self) -> list[Record]:
        return [json.loads(line) for line in self.capture.readouterr().out.splitlines()]

    def failed(self, error: type[RotationError], match: str, step: str, **more: object) -> Record:
        """Invoke the function. It must raise the error to Lambda, and write one record about it."""
        with pytest.raises(error, match=match) as caught:
            self.invoke(step, self.stage(), **more)
        (record,) = self.records()
        assert record["outcome"] == "failed"
        assert record["error"] == error.__name__
        assert record["message"] == str(caught.value)
        return record

    def current(self) -> Record:
        # Without the stage, moto always returns the first version.
        answer = self.secrets.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")
        value: Record = json.loads(answer["SecretString"])
        return value


@pytest.fixture
def harness(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Harness]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    # Nothing changes while the function waits.
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with mock_aws():
        yield Harness(boto3.client("secretsmanager"), boto3.client("iam"), monkeypatch, capsys)


_STRATEGIES = [subject_case(name) for name in (FEW_SLOTS, GENERATOR)]


@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_each_step_writes_one_record(harness: Harness, strategy: str) -> None:
    harness.configure(strategy)
    harness.rotate()
    harness.records()
    token = harness.rotate()
    records = harness.records()
    assert [record["step"] for record in records] == [step.value for step in Step]
    for record in records:
        unused = {"error", "failures", "findings", "message", "previous_in_use"}
        assert list(record) == [key for key in Key if key not in unused]
        assert record["level"] == "INFO"
        assert record["event"] == "rotation_step"
        assert record["secret_arn"] == harness.arn
        assert record["version_id"] == token
        assert record["strategy"] == strategy
        assert record["request_id"] == "request-1"
        assert isinstance(record["duration_ms"], int)


def test_a_record_is_a_metric_if_the_settings_say_so(harness: Harness) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    harness.configure(FEW_SLOTS, metrics=True)
    harness.rotate()
    succeeded = harness.records()
    harness.iam.create_access_key(UserName="uploader")
    failed = harness.failed(ForeignCredential, "adopted_access_key_id to", "createSecret")
    assert {record["failures"] for record in succeeded} == {0}
    assert failed["failures"] == 1
    for record in (*succeeded, failed):
        for directive in record["_aws"]["CloudWatchMetrics"]:
            names = {*directive["Dimensions"][0], directive["Metrics"][0]["Name"]}
            assert names <= record.keys()


@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_the_records_show_the_steps_with_nothing_to_do(harness: Harness, strategy: str) -> None:
    harness.configure(strategy)
    harness.rotate()
    harness.records()
    harness.rotate()
    tested = {FEW_SLOTS: "done", GENERATOR: "nothing_to_do"}[strategy]
    outcomes = [record["outcome"] for record in harness.records()]
    assert outcomes == ["done", "nothing_to_do", tested, "done"]


def test_a_rotation_that_is_given_up_is_a_failure_in_the_record(harness: Harness) -> None:
    harness.configure(GENERATOR, give_up_after_hours=0, metrics=True)
    harness.rotate()
    harness.records()
    token = harness.stage()
    with pytest.raises(GivenUp, match=token) as caught:
        harness.invoke("giveUp", token)
    (record,) = harness.records()
    assert record["level"] == "ERROR"
    assert record["step"] == "giveUp"
    assert record["error"] == "GivenUp"
    assert record["message"] == str(caught.value)
    assert record["failures"] == 1
    assert watcher.handler.GIVEN_UP in record["message"]
    # Lambda repeats an asynchronous call that failed. Then there is nothing to do.
    harness.invoke("giveUp", token)
    assert [one["outcome"] for one in harness.records()] == ["nothing_to_do"]


def test_keys_rotate_on_one_warm_function(harness: Harness) -> None:
    harness.configure(FEW_SLOTS)
    rotated = []
    for _ in range(4):
        harness.rotate()
        rotated.append(harness.current()["AccessKeyId"])
    keys = harness.iam.list_access_keys(UserName="uploader")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in keys] == rotated[-2:]
    assert harness.current()["bucket"] == "reports"


def test_a_random_value_rotates(harness: Harness) -> None:
    harness.configure(GENERATOR)
    values = set()
    for _ in range(3):
        harness.rotate()
        values.add(harness.current()["pepper"])
    assert len(values) == 3


def test_a_missing_setting_is_logged_as_an_error(harness: Harness) -> None:
    harness.patch.delenv("ROTATION_SETTINGS", raising=False)
    record = harness.failed(
        ConfigurationError, "ROTATION_SETTINGS must be a JSON object. Found: None", "createSecret"
    )
    assert record["level"] == "ERROR"
    assert "strategy" not in record


def test_a_wrong_event_is_logged_as_an_error(harness: Harness) -> None:
    harness.configure(GENERATOR)
    record = harness.failed(ProtocolError, "by RotateSecret or its schedule", "CreateSecret")
    assert record["level"] == "ERROR"
    assert "secret_arn" not in record


def test_a_foreign_key_is_logged_as_an_error(harness: Harness) -> None:
    harness.configure(FEW_SLOTS)
    for _ in range(2):
        harness.iam.create_access_key(UserName="uploader")
    record = harness.failed(
        ForeignCredential, f"set rotation.{FEW_SLOTS}.adopted_access_key_id to", "createSecret"
    )
    assert record["level"] == "ERROR"


def test_an_error_that_a_retry_may_cure_is_logged_as_a_warning(harness: Harness) -> None:
    harness.configure(FEW_SLOTS, minimum_overlap_minutes=60)
    harness.rotate()
    harness.rotate()
    harness.records()
    record = harness.failed(TooSoon, "Rotate again after that", "createSecret")
    assert record["level"] == "WARN"


def test_an_unexpected_error_is_shown_by_its_class_and_line(harness: Harness) -> None:
    harness.configure(FEW_SLOTS)
    harness.context.failure = LookupError("hunter2")
    place = r"LookupError at handler\.py:[0-9]+. This is a bug in the module"
    record = harness.failed(InternalError, place, "createSecret")
    assert record["level"] == "ERROR"
    assert "hunter2" not in json.dumps(record)


def test_the_error_that_lambda_gets_has_no_cause_and_no_context(harness: Harness) -> None:
    """Lambda prints the whole chain of a traceback."""
    harness.configure(FEW_SLOTS)
    harness.context.failure = LookupError("hunter2")
    with pytest.raises(InternalError, match="report it") as caught:
        harness.invoke("createSecret", harness.stage())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_rotation_token_is_not_logged(harness: Harness) -> None:
    harness.configure(GENERATOR)
    sensitive = f"hunter2-{uuid4()}"
    harness.invoke("createSecret", harness.stage(), RotationToken=sensitive)
    assert "hunter2" not in json.dumps(harness.records())


def test_an_audit_writes_one_record(harness: Harness) -> None:
    harness.configure(FEW_SLOTS)
    harness.rotate()
    harness.rotate()
    harness.configure(FEW_SLOTS, audit={"secret_arn": harness.arn, "rotates": False})
    harness.records()
    handler.lambda_handler({}, harness.context)
    (record,) = harness.records()
    assert (record["event"], record["level"], record["outcome"]) == ("audit", "INFO", "clean")
    assert record["secret_arn"] == harness.arn


def test_the_record_of_an_audit_has_its_findings(harness: Harness) -> None:
    harness.configure(FEW_SLOTS, audit={"secret_arn": harness.arn, "rotates": False})
    handler.lambda_handler({}, harness.context)
    (record,) = harness.records()
    assert (record["level"], record["outcome"], record["findings"]) == (
        "WARN",
        "findings",
        "no_value",
    )
    assert "AWSCURRENT has no value" in record["message"]


_PREVIOUS: dict[str, object] = {"retire_after_days": 7, "verify_unused": True}


def _look(harness: Harness) -> Record:
    """Send the event of the daily rule, and return the record of the look."""
    harness.records()
    handler.lambda_handler({"Step": "lookAtPrevious", "SecretId": harness.arn}, harness.context)
    (record,) = harness.records()
    return record


def test_a_look_at_the_previous_credential_writes_a_record(harness: Harness) -> None:
    harness.configure(FEW_SLOTS, previous_credential=_PREVIOUS)
    harness.rotate()
    previous = harness.current()["AccessKeyId"]
    harness.rotate()
    record = _look(harness)
    assert (record["event"], record["outcome"]) == ("previous_credential", "nothing_to_do")
    assert (record["level"], record["previous_in_use"]) == ("INFO", 0)
    (directive,) = record["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "previous_in_use", "Unit": "Count"}]

    # The first rotation has used the key.
    note = f"active {previous} 2020-01-01T00:00:00Z"
    tags: Any = [{"Key": "rotation-previous", "Value": note}]
    harness.secrets.tag_resource(SecretId=harness.arn, Tags=tags)
    record = _look(harness)
    assert (record["level"], record["outcome"]) == ("WARN", "in_use")
    assert (previous in record["message"], record["previous_in_use"]) == (True, 1)

    harness.configure(FEW_SLOTS, previous_credential={**_PREVIOUS, "verify_unused": False})
    record = _look(harness)
    assert (record["level"], record["outcome"]) == ("INFO", "deactivated")
    listed = harness.iam.list_access_keys(UserName="uploader")["AccessKeyMetadata"]
    assert {key["AccessKeyId"] for key in listed if key["Status"] == "Inactive"} == {previous}


@pytest.mark.parametrize(
    ("strategy", "settings", "error"),
    [
        pytest.param(FEW_SLOTS, {}, ProtocolError, id="not-configured"),
        pytest.param(
            GENERATOR, {"previous_credential": _PREVIOUS}, ConfigurationError, id="no-deactivation"
        ),
        pytest.param(
            FEW_SLOTS,
            {"previous_credential": {**_PREVIOUS, "retire_after_days": 1}},
            ConfigurationError,
            id="too-early",
        ),
    ],
)
def test_a_look_that_no_plan_allows_is_refused(
    harness: Harness, strategy: str, settings: Record, error: type[RotationError]
) -> None:
    harness.configure(strategy, **settings)
    with pytest.raises(error):
        _look(harness)


def test_a_look_at_another_secret_is_refused(harness: Harness) -> None:
    harness.configure(FEW_SLOTS, previous_credential=_PREVIOUS)
    event = {"Step": "lookAtPrevious", "SecretId": harness.arn.replace("reports", "others")}
    with pytest.raises(ProtocolError, match="SecretId"):
        handler.lambda_handler(event, harness.context)
