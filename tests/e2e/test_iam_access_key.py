"""One deployed secret of an IAM user: foreign keys, its readers, and each grant of its function."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from dev.demo.account import (
    Aws,
    Rotation,
    Secret,
    empty_bucket,
    eventually,
    is_accepted,
    reader,
    step_records,
)
from dev.demo.terraform import Terraform
from tests.e2e.grants import granted, without

pytestmark = pytest.mark.xdist_group("iam-access-key")

_USER = "uploader"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The applied example, after its first rotation."""

    aws: Aws
    folder: Path
    outputs: dict[str, Any]
    secret: Secret

    @property
    def keys(self) -> set[str]:
        answer = self.aws.client("iam").list_access_keys(UserName=_USER)
        return {key["AccessKeyId"] for key in answer["AccessKeyMetadata"]}

    @property
    def living(self) -> set[str]:
        """The keys that the secret names as current and previous."""
        values = [self.secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
        return {value["AccessKeyId"] for value in values if value}

    def records(self, rotation: Rotation) -> list[dict[str, Any]]:
        logged = step_records(self.aws, self.outputs["log_group_name"])
        return [record for record in logged if record["version_id"] == rotation.token]

    def wait_for_failure(self, rotation: Rotation) -> dict[str, Any]:
        """Wait until a step has failed, and return its record."""

        def failed() -> list[dict[str, Any]]:
            return [one for one in self.records(rotation) if one["outcome"] == "failed"]

        return eventually("The failure", failed)[-1]


@pytest.fixture(scope="module")
def deployed(aws: Aws, module: Path) -> Iterator[Deployed]:
    shortened = {"minimum_overlap_minutes": 0, "recovery_window_in_days": 0, "settling_seconds": 0}
    terraform = Terraform(module, "examples/iam-access-key", aws.environment, shortened)
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()
        secret = Secret(aws, outputs["secret_arn"])
        secret.wait_for_a_value()
        yield Deployed(aws=aws, folder=terraform.folder, outputs=outputs, secret=secret)
        empty_bucket(aws, outputs["bucket"])
    finally:
        terraform.destroy()


def test_a_foreign_key_stops_a_rotation_and_nothing_changes(deployed: Deployed) -> None:
    iam = deployed.aws.client("iam")
    # The previous key gives way to one that a person makes.
    for key in deployed.keys - {deployed.secret.value()["AccessKeyId"]}:
        iam.delete_access_key(UserName=_USER, AccessKeyId=key)
    foreign = iam.create_access_key(UserName=_USER)["AccessKey"]
    keys, value = deployed.keys, deployed.secret.value()

    rotation = deployed.secret.rotate()
    record = deployed.wait_for_failure(rotation)

    assert record["error"] == "ForeignCredential"
    assert foreign["AccessKeyId"] in record["message"]
    assert deployed.keys == keys
    assert deployed.secret.value() == value
    assert is_accepted(deployed.aws, foreign)
    iam.delete_access_key(UserName=_USER, AccessKeyId=foreign["AccessKeyId"])
    deployed.secret.retry_and_wait(rotation)
    assert deployed.keys == deployed.living


def _module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def reading(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The application's folder, in an environment whose identity may do no more than read."""
    with reader(deployed.aws, deployed.outputs["reader_policy_json"]) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # A process has one identity from its start to its end; this one gets another.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield deployed.folder / "application"


def test_a_session_of_the_plain_way_works(deployed: Deployed, reading: Path) -> None:
    session = _module_of(reading / "plain.py").session(deployed.secret.secret_id)
    s3 = session.client("s3")
    s3.put_object(Bucket=deployed.outputs["bucket"], Key="reports/plain", Body=b"report")


def test_a_session_whose_key_was_retired_reads_the_secret_again(
    deployed: Deployed, reading: Path
) -> None:
    # It is not due to read again for a quarter of an hour.
    session = _module_of(reading / "refreshing.py").session(deployed.secret.secret_id)
    s3 = session.client("s3")
    place = {"Bucket": deployed.outputs["bucket"], "Key": "reports/refreshing"}
    s3.put_object(**place, Body=b"before")
    held = session.get_credentials().get_frozen_credentials()
    for _ in range(2):
        deployed.secret.rotate_and_wait()
    assert held.access_key not in deployed.keys

    s3.put_object(**place, Body=b"after")

    assert s3.get_object(**place)["Body"].read() == b"after"
    key = session.get_credentials().get_frozen_credentials().access_key
    assert key == deployed.secret.value()["AccessKeyId"]


Scenario = Callable[[Deployed, str], None]


def _a_clean_rotation(deployed: Deployed, action: str) -> None:
    value = deployed.secret.value()
    with without(deployed.aws, deployed.outputs["function_role_name"], action):
        rotation = deployed.secret.rotate()
        record = deployed.wait_for_failure(rotation)
    assert record["error"] == "PermissionDenied"
    assert action in record["message"]
    assert deployed.secret.value() == value
    deployed.secret.retry_and_wait(rotation)
    assert deployed.keys == deployed.living


def _a_rotation_after_one_that_was_given_up(deployed: Deployed, action: str) -> None:
    promotes = "secretsmanager:UpdateSecretVersionStage"
    with without(deployed.aws, deployed.outputs["function_role_name"], promotes):
        given_up = deployed.secret.rotate()
        deployed.wait_for_failure(given_up)
        deployed.secret.give_up(given_up)
    # The user's second key is that of a version without a label.
    assert len(deployed.keys - deployed.living) == 1
    _a_clean_rotation(deployed, action)


def _the_delivery_of_a_log(deployed: Deployed, action: str) -> None:
    with without(deployed.aws, deployed.outputs["function_role_name"], action):
        silent = deployed.secret.rotate()
        deployed.secret.wait_for(silent)
    heard = deployed.secret.rotate()
    eventually("The record of the last step", lambda: len(deployed.records(heard)) == 4)
    assert deployed.records(silent) == []
    deployed.secret.wait_for(heard)


_SCENARIOS: dict[str, Scenario] = {
    "iam:CreateAccessKey": _a_clean_rotation,
    "iam:DeleteAccessKey": _a_clean_rotation,
    "iam:ListAccessKeys": _a_clean_rotation,
    "logs:CreateLogStream": _the_delivery_of_a_log,
    "logs:PutLogEvents": _the_delivery_of_a_log,
    "secretsmanager:DescribeSecret": _a_clean_rotation,
    "secretsmanager:GetSecretValue": _a_clean_rotation,
    "secretsmanager:ListSecretVersionIds": _a_rotation_after_one_that_was_given_up,
    "secretsmanager:PutSecretValue": _a_clean_rotation,
    "secretsmanager:TagResource": _a_clean_rotation,
    "secretsmanager:UpdateSecretVersionStage": _a_clean_rotation,
}


def test_each_grant_has_its_scenario(deployed: Deployed) -> None:
    assert granted(deployed.aws, deployed.outputs["function_role_name"]) == _SCENARIOS.keys()


@pytest.mark.parametrize(("action", "scenario"), _SCENARIOS.items(), ids=_SCENARIOS.keys())
def test_scenario_fails_without_its_grant(
    action: str, scenario: Scenario, deployed: Deployed
) -> None:
    """Promise 4: what no scenario needs is not granted, and what is not granted is refused."""
    # Where the user has its two keys, a rotation has to make room.
    deployed.secret.rotate_and_wait()
    scenario(deployed, action)
