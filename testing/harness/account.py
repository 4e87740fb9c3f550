"""Reads and changes an AWS account for the tests and the demo."""

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

T = TypeVar("T")

REVOCATION_TAG: Final = "rotation-revocation"
REVOCATION_TOKEN: Final = "1ea4ed00-"  # noqa: S105 -- how the token of such a rotation begins

_PATIENCE_SECONDS: Final = 120
_PAUSE_SECONDS: Final = 0.2
_SETTLING_SECONDS: Final = 2


class Aws(Protocol):
    """An account: the local AWS, or the one of the environment's credentials."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables by which another process uses the account."""

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- boto3 makes the type
        """Return a boto3 client with boto3's options."""


class NeverHappenedError(Exception):
    """A condition was not met in time."""

    def __init__(self, what: str, patience: float, last: object) -> None:
        super().__init__(f"{what} did not happen within {patience} s. Last seen: {last}")


def eventually(
    what: str,
    look: Callable[[], T],
    accept: Callable[[T], bool] = bool,
    *,
    patience: float = _PATIENCE_SECONDS,
    pause: float = _PAUSE_SECONDS,
) -> T:
    """Call a function until its result is accepted, and return that result.

    Args:
        what: A name for the expected event, for the error message.
        look: Returns the current state.
        accept: Returns whether the state is the expected one.
        patience: The maximum number of seconds to wait.
        pause: The number of seconds between two calls.

    Raises:
        NeverHappenedError: No result was accepted in time.
    """
    deadline = time.monotonic() + patience
    while not accept(seen := look()):
        if time.monotonic() > deadline:
            raise NeverHappenedError(what, patience, seen)
        time.sleep(pause)
    return seen


@dataclass(frozen=True, slots=True)
class Rotation:
    """A started rotation."""

    token: str
    last_rotated: datetime | None


class Secret:
    """A secret."""

    def __init__(self, aws: Aws, secret_id: str) -> None:
        self._client = aws.client("secretsmanager")
        self.secret_id = secret_id

    def text(self, version: str = "AWSCURRENT") -> str | None:
        """Return the value of a label or version ID, or None if there is none."""
        parameter = "VersionStage" if version.startswith("AWS") else "VersionId"
        try:
            found = self._client.get_secret_value(SecretId=self.secret_id, **{parameter: version})
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return str(found["SecretString"])

    def value(self, version: str = "AWSCURRENT") -> dict[str, str]:
        """Return the parsed JSON of a value, empty if there is none."""
        text = self.text(version)
        return {} if text is None else dict(json.loads(text))

    def versions(self) -> dict[str, list[str]]:
        """Return the labels of each labelled version."""
        return dict(self._describe().get("VersionIdsToStages", {}))

    def holder(self, label: str) -> str | None:
        """Return the ID of the version with a label."""
        return next((one for one, labels in self.versions().items() if label in labels), None)

    def rotate(self) -> Rotation:
        """Start a rotation."""
        before = self._describe().get("LastRotatedDate")
        return Rotation(self._client.rotate_secret(SecretId=self.secret_id)["VersionId"], before)

    def tags(self) -> dict[str, str]:
        """Return the secret's tags."""
        return {tag["Key"]: tag["Value"] for tag in self._describe().get("Tags", [])}

    def report(self, responder: Any, label: str = "AWSCURRENT") -> str:  # noqa: ANN401 -- a client
        """Report that the credential of a label has leaked, and return its version."""
        leaked = str(self.holder(label))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        request = [{"Key": REVOCATION_TAG, "Value": f"leaked {leaked} {now}"}]
        responder.tag_resource(SecretId=self.secret_id, Tags=request)
        return leaked

    def rotate_for_a_report(self, responder: Any) -> Rotation:  # noqa: ANN401 -- a client
        """Start the rotation that carries the report out."""
        before = self._describe().get("LastRotatedDate")
        token = f"{REVOCATION_TOKEN}{str(uuid.uuid4())[len(REVOCATION_TOKEN) :]}"
        made = responder.rotate_secret(SecretId=self.secret_id, ClientRequestToken=token)
        return Rotation(made["VersionId"], before)

    def wait_for_revocation(self, leaked: str) -> None:
        """Wait until the function says that the leaked credential has ended."""
        eventually(
            f"The end of version {leaked} of {self.secret_id}",
            lambda: self.tags().get(REVOCATION_TAG, ""),
            lambda text: text.startswith(f"done {leaked} "),
        )

    def has_rotated(self, rotation: Rotation) -> bool:
        """Return whether the rotation has ended; the date is the last attribute to change."""
        described = self._describe()
        labels = described.get("VersionIdsToStages", {}).get(rotation.token, [])
        return "AWSCURRENT" in labels and described.get("LastRotatedDate") != rotation.last_rotated

    def rotate_and_wait(self) -> None:
        """Rotate the secret and wait for the end of the rotation."""
        self.wait_for(self.rotate())

    def wait_for(self, rotation: Rotation) -> None:
        """Wait for the end of a rotation."""
        eventually(f"The rotation of {self.secret_id}", lambda: self.has_rotated(rotation))

    def retry_and_wait(self, rotation: Rotation) -> None:
        """Retry a failed rotation and wait for its end."""
        # AWS may respond that the previous rotation isn't complete and will be reattempted.
        with contextlib.suppress(self._client.exceptions.InvalidRequestException):
            self._client.rotate_secret(SecretId=self.secret_id, ClientRequestToken=rotation.token)
        self.wait_for(rotation)

    def give_up(self, rotation: Rotation) -> None:
        """Remove AWSPENDING from a version that did not become current."""
        self._client.update_secret_version_stage(
            SecretId=self.secret_id,
            VersionStage="AWSPENDING",
            RemoveFromVersionId=rotation.token,
        )

    def put(self, text: str) -> None:
        """Store a value, as an operator would."""
        self._client.put_secret_value(SecretId=self.secret_id, SecretString=text)

    def wait_for_a_value(self, *, patience: float = _PATIENCE_SECONDS) -> None:
        """Wait for the first rotation of a new secret."""
        eventually(
            f"The first rotation of {self.secret_id}",
            lambda: self.text() is not None and self._describe().get("LastRotatedDate") is not None,
            patience=patience,
        )

    def _describe(self) -> dict[str, Any]:
        return dict(self._client.describe_secret(SecretId=self.secret_id))


def is_accepted(aws: Aws, key: Mapping[str, str]) -> bool:
    """Return whether STS accepts a key; the call needs no permission."""
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


def _has_settled(aws: Aws, key: Mapping[str, str]) -> bool:
    """Return whether a new key is accepted without a rejection for some seconds.

    For a while, some places accept a new key and others reject it.
    """
    end = time.monotonic() + _SETTLING_SECONDS
    while is_accepted(aws, key):
        if time.monotonic() > end:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def messages(aws: Aws, log_group_name: str) -> list[str]:
    """Return all messages of a log group, the oldest first."""
    pages = aws.client("logs").get_paginator("filter_log_events")
    events = pages.paginate(logGroupName=log_group_name).search("events[]")
    return [str(event["message"]) for event in events if event]


def step_records(aws: Aws, log_group_name: str) -> list[dict[str, Any]]:
    """Return the function's log record of each step, the oldest first."""
    records = [json.loads(one) for one in messages(aws, log_group_name) if one.startswith("{")]
    return [record for record in records if record.get("event") == "rotation_step"]


@contextlib.contextmanager
def reader(aws: Aws, policy_json: str) -> Iterator[dict[str, str]]:
    """Create a user with the module's reader policy and return the environment of its programs.

    An application in AWS would have a role. A user works on every machine.
    """
    client, name = aws.client("iam"), "reader-of-rotating-secret"
    client.create_user(UserName=name)
    client.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=policy_json)
    key = client.create_access_key(UserName=name)["AccessKey"]
    try:
        eventually("The reader's key", lambda: _has_settled(aws, key))
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
    """Delete the objects that the application wrote, because Terraform does not."""
    client = aws.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])


def inventory(aws: Aws) -> frozenset[str]:
    """Return the names of all resources that an example could leave behind."""
    found: list[str] = []

    def add(service: str, operation: str, path: str, **arguments: object) -> list[str]:
        pages = aws.client(service).get_paginator(operation).paginate(**arguments)
        names = [str(name) for name in pages.search(path)]
        found.extend(f"{service} {operation} {name}" for name in names)
        return names

    for user in add("iam", "list_users", "Users[].UserName"):
        add("iam", "list_access_keys", "AccessKeyMetadata[].AccessKeyId", UserName=user)
        add("iam", "list_user_policies", "PolicyNames[]", UserName=user)
        listed = aws.client("iam").list_service_specific_credentials(UserName=user)
        found.extend(
            f"iam service-specific credential {one['ServiceSpecificCredentialId']}"
            for one in listed["ServiceSpecificCredentials"]
        )
    add("iam", "list_roles", "Roles[].RoleName")
    add("iam", "list_policies", "Policies[].PolicyName", Scope="Local")
    add("secretsmanager", "list_secrets", "SecretList[].ARN", IncludePlannedDeletion=True)
    add("lambda", "list_functions", "Functions[].FunctionName")
    add("logs", "describe_log_groups", "logGroups[].logGroupName")
    add("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName")
    add("scheduler", "list_schedules", "Schedules[].Name")
    add("sns", "list_topics", "Topics[].TopicArn")
    add("sqs", "list_queues", "QueueUrls[]")
    add("events", "list_rules", "Rules[].Name")
    add("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier")
    found.extend(f"s3 bucket {one['Name']}" for one in aws.client("s3").list_buckets()["Buckets"])
    return frozenset(found)
