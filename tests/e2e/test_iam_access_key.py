"""One deployed secret of an IAM user: foreign keys, and its readers."""

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import boto3
import pytest

from testing.harness.account import (
    Aws,
    Secret,
    empty_bucket,
    is_accepted,
    reader,
    step_records,
)
from testing.harness.terraform import Terraform
from testing.local_aws import LocalAws
from tests.e2e.roles import Deployed

pytestmark = pytest.mark.xdist_group("iam-access-key")

_USER = "uploader"


@dataclass(frozen=True, kw_only=True)
class Uploader(Deployed):
    """The applied example, after its first rotation."""

    folder: Path

    @property
    def keys(self) -> set[str]:
        answer = self.aws.client("iam").list_access_keys(UserName=_USER)
        return {key["AccessKeyId"] for key in answer["AccessKeyMetadata"]}

    @property
    def living(self) -> set[str]:
        """The keys that the secret names as current and previous."""
        values = [self.secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
        return {value["AccessKeyId"] for value in values if value}


def _late(aws: Aws) -> AbstractContextManager[object]:
    """Let the first rotation find an empty secret, late policies and stale reads."""
    if not isinstance(aws, LocalAws):
        return nullcontext()
    return aws.switched(policy_propagation_seconds=15, secret_read_lag_seconds=2)


@pytest.fixture(scope="module")
def deployed(aws: Aws, module: Path) -> Iterator[Uploader]:
    shortened = {"minimum_overlap_minutes": 0, "recovery_window_in_days": 0, "settling_seconds": 0}
    terraform = Terraform(module, "examples/iam-access-key", aws.environment, shortened)
    terraform.init()
    try:
        with _late(aws):
            terraform.apply()
            outputs = terraform.outputs()
            secret = Secret(aws, outputs["secret_arn"])
            secret.wait_for_a_value()
        yield Uploader(aws=aws, folder=terraform.folder, outputs=outputs, secret=secret)
        empty_bucket(aws, outputs["bucket"])
    finally:
        terraform.destroy("-refresh=false")


def test_no_step_of_the_first_rotation_failed_behind_late_policies_and_stale_reads(
    deployed: Uploader,
) -> None:
    records = step_records(deployed.aws, deployed.outputs["log_group_name"])
    first = [one for one in records if one.get("version_id") == records[0].get("version_id")]
    assert [one["outcome"] for one in first if one["outcome"] == "failed"] == []
    assert len(deployed.keys) == 1


def test_a_foreign_key_stops_a_rotation_and_nothing_changes(deployed: Uploader) -> None:
    iam = deployed.aws.client("iam")
    # Replace the previous key by one that the module did not make.
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
def reading(deployed: Uploader, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The application's folder, in an environment whose identity may only read."""
    with reader(deployed.aws, deployed.outputs["reader_policy_json"]) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        # boto3 keeps the identity of a process; this test changes it.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield deployed.folder / "application"


def test_a_plain_session_works(deployed: Uploader, reading: Path) -> None:
    session = _module_of(reading / "plain.py").session(deployed.secret.secret_id)
    s3 = session.client("s3")
    s3.put_object(Bucket=deployed.outputs["bucket"], Key="reports/plain", Body=b"report")


def test_a_session_whose_key_was_retired_reads_the_secret_again(
    deployed: Uploader, reading: Path
) -> None:
    # The session would read the secret again only after 15 minutes.
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
