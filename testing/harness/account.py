"""What the demo and the tests look at, and do by hand, in an AWS account."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 120
_PAUSE_SECONDS: Final = 0.1


class Aws(Protocol):
    """An account: the local AWS, or one that the environment names."""

    @property
    def environment(self) -> dict[str, str]:
        """Return what another process needs to use it."""

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- boto3 makes the type
        """Return a boto3 client; options as boto3's."""


class NeverHappenedError(Exception):
    """A condition was not met in time."""

    def __init__(self, what: str, patience: float, last: object) -> None:
        super().__init__(f"{what} did not happen in {patience} s; last seen: {last}")


def eventually(
    what: str,
    look: Callable[[], T],
    accept: Callable[[T], bool] = bool,
    *,
    patience: float = _PATIENCE_SECONDS,
    pause: float = _PAUSE_SECONDS,
) -> T:
    """Look again and again until what is seen is accepted.

    Args:
        what: what is waited for, as the error tells it.
        look: returns what is to be seen now.
        accept: tells whether that is it.
        patience: the seconds until it is given up.
        pause: the seconds between two looks.

    Raises:
        NeverHappenedError: It was not in time.
    """
    deadline = time.monotonic() + patience
    while not accept(seen := look()):
        if time.monotonic() > deadline:
            raise NeverHappenedError(what, patience, seen)
        time.sleep(pause)
    return seen


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation that was started."""

    token: str
    last_rotated: datetime | None


class Secret:
    """One secret, as its owner sees it."""

    def __init__(self, aws: Aws, secret_id: str) -> None:
        self._client = aws.client("secretsmanager")
        self.secret_id = secret_id

    def text(self, version: str = "AWSCURRENT") -> str | None:
        """Return the value with a label or a version id; None where there is none."""
        which = "VersionStage" if version.startswith("AWS") else "VersionId"
        try:
            answer = self._client.get_secret_value(SecretId=self.secret_id, **{which: version})
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return str(answer["SecretString"])

    def value(self, version: str = "AWSCURRENT") -> dict[str, str]:
        """Return a value that is JSON; empty where there is none."""
        text = self.text(version)
        return {} if text is None else dict(json.loads(text))

    def versions(self) -> dict[str, list[str]]:
        """Return the labels of each version that has some."""
        return dict(self._describe().get("VersionIdsToStages", {}))

    def holder(self, label: str) -> str | None:
        """Return the version with a label."""
        return next((one for one, labels in self.versions().items() if label in labels), None)

    def rotate(self) -> Rotation:
        """Start a rotation."""
        before = self._describe().get("LastRotatedDate")
        return Rotation(self._client.rotate_secret(SecretId=self.secret_id)["VersionId"], before)

    def has_rotated(self, rotation: Rotation) -> bool:
        """Tell whether all four steps are over; the date is the last thing to change."""
        described = self._describe()
        labels = described.get("VersionIdsToStages", {}).get(rotation.token, [])
        return "AWSCURRENT" in labels and described.get("LastRotatedDate") != rotation.last_rotated

    def rotate_and_wait(self) -> None:
        """Rotate, and wait until all is over."""
        self.wait_for(self.rotate())

    def wait_for(self, rotation: Rotation) -> None:
        """Wait until all four steps are over."""
        eventually("The rotation", lambda: self.has_rotated(rotation))

    def retry_and_wait(self, rotation: Rotation) -> None:
        """Have AWS try a failed rotation again, and wait until it is over."""
        # The answer may be that the previous rotation is not complete and is tried again.
        with contextlib.suppress(self._client.exceptions.InvalidRequestException):
            self._client.rotate_secret(SecretId=self.secret_id, ClientRequestToken=rotation.token)
        self.wait_for(rotation)

    def give_up(self, rotation: Rotation) -> None:
        """Take its label from a version that did not get to be current."""
        self._client.update_secret_version_stage(
            SecretId=self.secret_id,
            VersionStage="AWSPENDING",
            RemoveFromVersionId=rotation.token,
        )

    def put(self, text: str) -> None:
        """Put a value by hand."""
        self._client.put_secret_value(SecretId=self.secret_id, SecretString=text)

    def wait_for_a_value(self) -> None:
        """Wait for the rotation that fills a new secret."""
        eventually(
            "The first rotation",
            lambda: self.text() is not None and self._describe().get("LastRotatedDate") is not None,
        )

    def _describe(self) -> dict[str, Any]:
        return dict(self._client.describe_secret(SecretId=self.secret_id))


def is_accepted(aws: Aws, key: Mapping[str, str]) -> bool:
    """Ask STS, which needs no grant, whether a key works."""
    client = aws.client(
        "sts",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    try:
        client.get_caller_identity()
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidClientTokenId":
            return False
        raise
    return True


def messages(aws: Aws, log_group_name: str) -> list[str]:
    """Return everything that was logged, the oldest first."""
    pages = aws.client("logs").get_paginator("filter_log_events")
    events = pages.paginate(logGroupName=log_group_name).search("events[]")
    return [str(event["message"]) for event in events if event]


def step_records(aws: Aws, log_group_name: str) -> list[dict[str, Any]]:
    """Return the function's records, one for each step, the oldest first."""
    records = [json.loads(one) for one in messages(aws, log_group_name) if one.startswith("{")]
    return [record for record in records if record.get("event") == "rotation_step"]


@contextlib.contextmanager
def reader(aws: Aws, policy_json: str) -> Iterator[dict[str, str]]:
    """Make an identity with the module's reader policy, for a program to run under.

    In an account of one's own it would be a role; a user is what works on every machine.
    """
    client, name = aws.client("iam"), "reader-of-rotating-secret"
    client.create_user(UserName=name)
    client.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=policy_json)
    key = client.create_access_key(UserName=name)["AccessKey"]
    try:
        # A new key is accepted by one and refused by the next for a while.
        eventually("The reader's key", lambda: all(is_accepted(aws, key) for _ in range(10)))
        yield {
            **aws.environment,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
    finally:
        client.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        client.delete_user_policy(UserName=name, PolicyName="read")
        client.delete_user(UserName=name)


def empty_bucket(aws: Aws, bucket: str) -> None:
    """Delete what the application wrote, because Terraform does not."""
    client = aws.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])


def inventory(aws: Aws) -> frozenset[str]:
    """Name everything in the account that the examples could leave behind."""
    found: list[str] = []

    def add(service: str, operation: str, path: str, **arguments: object) -> list[str]:
        pages = aws.client(service).get_paginator(operation).paginate(**arguments)
        names = [str(name) for name in pages.search(path)]
        found.extend(f"{service} {operation} {name}" for name in names)
        return names

    for user in add("iam", "list_users", "Users[].UserName"):
        add("iam", "list_access_keys", "AccessKeyMetadata[].AccessKeyId", UserName=user)
        add("iam", "list_user_policies", "PolicyNames[]", UserName=user)
        held = aws.client("iam").list_service_specific_credentials(UserName=user)
        found.extend(
            f"iam service-specific credential {one['ServiceSpecificCredentialId']}"
            for one in held["ServiceSpecificCredentials"]
        )
    add("iam", "list_roles", "Roles[].RoleName")
    add("iam", "list_policies", "Policies[].PolicyName", Scope="Local")
    add("secretsmanager", "list_secrets", "SecretList[].ARN", IncludePlannedDeletion=True)
    add("lambda", "list_functions", "Functions[].FunctionName")
    add("logs", "describe_log_groups", "logGroups[].logGroupName")
    add("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName")
    add("scheduler", "list_schedules", "Schedules[].Name")
    add("sqs", "list_queues", "QueueUrls[]")
    add("events", "list_rules", "Rules[].Name")
    add("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier")
    found.extend(f"s3 bucket {one['Name']}" for one in aws.client("s3").list_buckets()["Buckets"])
    return frozenset(found)
