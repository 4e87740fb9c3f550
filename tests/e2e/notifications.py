"""A secret with notifications, and a queue that subscribes to its topic."""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from testing.harness.account import Aws, Secret, eventually
from testing.harness.terraform import Terraform
from testing.local_aws import LocalAws

_CELL: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)


@contextlib.contextmanager
def subscribed(aws: Aws, topic: str, name: str) -> Iterator[str]:
    """Subscribe a queue to a topic until the block ends; return the queue's URL."""
    queues = aws.client("sqs")
    url = str(queues.create_queue(QueueName=name)["QueueUrl"])
    try:
        found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        yield url
    finally:
        queues.delete_queue(QueueUrl=url)


def received(aws: Aws, queue_url: str) -> list[dict[str, Any]]:
    """Receive what is in the queue of a subscriber, and delete it there."""
    queues = aws.client("sqs")
    response = queues.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    for message in response.get("Messages", []):
        queues.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in response.get("Messages", [])]


@dataclass(kw_only=True)
class Notified:
    """A deployed secret, its watcher, and all messages that a subscriber got so far."""

    aws: Aws
    queue_url: str
    secret: Secret
    terraform: Terraform
    outputs: dict[str, Any]
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the watcher's function, its role and its rule."""
        return str(self.outputs["watcher_log_group_name"]).rpartition("/")[2]

    @property
    def causes(self) -> list[str]:
        return [one["MessageAttributes"]["cause"]["Value"] for one in self.received]

    @property
    def ahead(self) -> float:
        """How many seconds the clock of EventBridge is ahead."""
        assert isinstance(self.aws, LocalAws)
        return float(self.aws.set().scheduler_seconds_ahead)

    def described(self) -> dict[str, Any]:
        client = self.aws.client("secretsmanager")
        return dict(client.describe_secret(SecretId=self.secret.secret_id))

    def settings(self) -> dict[str, Any]:
        functions = self.aws.client("lambda")
        found = functions.get_function_configuration(FunctionName=self.name)
        return dict(json.loads(found["Environment"]["Variables"]["WATCHER_SETTINGS"]))

    def receive(self) -> None:
        """Receive what is in the queue."""
        self.received += received(self.aws, self.queue_url)

    def next_message(self, cause: str) -> str:
        """Wait for one more message, which must have this cause, and return its text."""
        count = len(self.received)

        def more() -> list[dict[str, Any]]:
            self.receive()
            return self.received[count:]

        (message,) = eventually(f"A message about {cause}", more)
        assert self.causes[-1] == cause, message["Message"]
        assert message["Subject"].startswith("notified/key: ")
        text = str(message["Message"])
        assert text.startswith(f"Secret: {self.secret.secret_id}\n")
        return text

    def invoke(self, **event: object) -> str:
        """Invoke the watcher with an event, and return its error; empty if there is none."""
        functions = self.aws.client("lambda")
        response = functions.invoke(FunctionName=self.name, Payload=json.dumps(event))
        payload = response["Payload"].read().decode()
        return str(json.loads(payload)["errorMessage"]) if "FunctionError" in response else ""

    def look_after(self, start: datetime) -> None:
        """Move the clock of EventBridge to the next look that says a finding with this start."""
        assert isinstance(self.aws, LocalAws)
        now = datetime.now(UTC)
        clock = now + timedelta(seconds=self.ahead)
        rule = self.aws.client("events").describe_rule(Name=self.name)
        minute = int(rule["ScheduleExpression"].removeprefix("cron(").partition("/")[0])
        epoch = datetime.fromtimestamp(0, UTC)
        cell = epoch + math.ceil((start - epoch) / _CELL) * _CELL
        when = cell + timedelta(minutes=minute, seconds=1)
        while when <= clock:
            when += _DAY
        self.aws.set(scheduler_seconds_ahead=(when - now).total_seconds())
