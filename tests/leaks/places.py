"""Every place where a credential could appear, and how a test plants a mark there.

The places of Terraform are in a folder. A second root, which receives a mark as an ordinary value,
shows that the search finds the mark in each of them.
"""

import io
import json
import os
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from testing.harness.account import messages
from testing.harness.terraform import Terraform
from testing.local_aws import LocalAws
from tests.leaks.search import unpacked

Found: TypeAlias = Iterator[tuple[str, bytes]]
"""The name of each file or record, and its content."""

EVENT_SOURCE: Final = "leaks.test"
_METRICS: Final = "LeaksTest"
TRACE: Final = "trace.json"


@dataclass(frozen=True, kw_only=True)
class Account:
    """The parts of a deployment that the search reads."""

    aws: LocalAws
    functions: tuple[str, ...]
    secrets: tuple[str, ...]
    topic: str
    notified: str
    """The queue that receives the notifications of the topic."""
    noticed: str
    """The queue that receives every event of EventBridge."""


def _json(content: object) -> bytes:
    return json.dumps(content, default=str, ensure_ascii=False).encode()


def _log_groups(account: Account) -> Found:
    for group in account.aws.client("logs").describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        yield name, "\n".join(messages(account.aws, name)).encode()


def _plant_in_log(account: Account, mark: str) -> None:
    logs = account.aws.client("logs")
    name = {"logGroupName": f"/aws/lambda/{account.functions[0]}", "logStreamName": "planted"}
    logs.create_log_stream(**name)
    logs.put_log_events(**name, logEvents=[{"timestamp": 1, "message": mark}])


def _configurations(account: Account) -> Found:
    client = account.aws.client("lambda")
    for name in account.functions:
        yield name, _json(client.get_function_configuration(FunctionName=name))


def _plant_in_configuration(account: Account, mark: str) -> None:
    account.aws.client("lambda").update_function_configuration(
        FunctionName=account.functions[0], Environment={"Variables": {"PLANTED": mark}}
    )


def _packages(account: Account) -> Found:
    client = account.aws.client("lambda")
    for name in account.functions:
        address = client.get_function(FunctionName=name)["Code"]["Location"]
        with urllib.request.urlopen(address) as answer:  # noqa: S310 -- of the local AWS
            yield from unpacked(name, answer.read())


def _plant_in_package(account: Account, mark: str) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("handler.py", mark * 9)
    account.aws.client("lambda").update_function_code(
        FunctionName=account.functions[0], ZipFile=written.getvalue()
    )


def _descriptions(account: Account) -> Found:
    client = account.aws.client("secretsmanager")
    for secret in account.secrets:
        yield secret, _json(client.describe_secret(SecretId=secret))


def _plant_in_description(account: Account, mark: str) -> None:
    account.aws.client("secretsmanager").tag_resource(
        SecretId=account.secrets[0], Tags=[{"Key": "planted", "Value": mark}]
    )


def _received(account: Account, queue: str) -> Found:
    client = account.aws.client("sqs")
    while True:
        answer = client.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1
        )
        if "Messages" not in answer:
            return
        for message in answer["Messages"]:
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            # An SNS message, or an event's detail, is JSON in JSON.
            yield queue, message["Body"].encode()


def _plant_in_notification(account: Account, mark: str) -> None:
    account.aws.client("sns").publish(TopicArn=account.topic, Message=mark)


def _plant_in_event(account: Account, mark: str) -> None:
    event = {"Source": EVENT_SOURCE, "DetailType": "planted", "Detail": json.dumps({"mark": mark})}
    account.aws.client("events").put_events(Entries=[event])


def _metrics(account: Account) -> Found:
    client = account.aws.client("cloudwatch")
    pages = client.get_paginator("list_metrics").paginate()
    yield "metrics", _json([page["Metrics"] for page in pages])
    yield "alarms", _json(client.describe_alarms())
    yield "alarms' histories", _json(client.describe_alarm_history())


def _plant_in_metric(account: Account, mark: str) -> None:
    dimension = {"Name": "planted", "Value": mark}
    account.aws.client("cloudwatch").put_metric_data(
        Namespace=_METRICS,
        MetricData=[{"MetricName": "planted", "Value": 1, "Dimensions": [dimension]}],
    )


def _temporary_files(account: Account) -> Found:
    for path in account.aws.folder.rglob("*"):
        if path.is_file():
            yield from unpacked(str(path), path.read_bytes())


def _plant_in_temporary_file(account: Account, mark: str) -> None:
    (account.aws.folder / "planted").write_text(mark, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in an account: how to read it, and how to plant a mark there."""

    look: Callable[[Account], Found]
    plant: Callable[[Account, str], None]


IN_ACCOUNT: Final[Mapping[str, Place]] = {
    "events": Place(look=lambda one: _received(one, one.noticed), plant=_plant_in_event),
    "function-configurations": Place(look=_configurations, plant=_plant_in_configuration),
    "log-groups": Place(look=_log_groups, plant=_plant_in_log),
    "metrics-and-alarms": Place(look=_metrics, plant=_plant_in_metric),
    "notifications": Place(
        look=lambda one: _received(one, one.notified), plant=_plant_in_notification
    ),
    "packages": Place(look=_packages, plant=_plant_in_package),
    "secrets-descriptions-and-tags": Place(look=_descriptions, plant=_plant_in_description),
    "temporary-files": Place(look=_temporary_files, plant=_plant_in_temporary_file),
}


def _plans(terraform: Terraform) -> list[Path]:
    return sorted(terraform.folder.glob("*.tfplan"))


def _plan_files(terraform: Terraform) -> Found:
    for path in _plans(terraform):
        yield from unpacked(path.name, path.read_bytes())


def _plans_as_json(terraform: Terraform) -> Found:
    for path in _plans(terraform):
        yield path.name, terraform.run("show", "-json", path.name).encode()


def _states(terraform: Terraform) -> Found:
    """The state and its backup, and the copies of earlier ones."""
    for path in terraform.folder.rglob("*.tfstate*"):
        yield path.name, path.read_bytes()


def _outputs(terraform: Terraform) -> Found:
    yield "outputs", _json(terraform.outputs())


def _said(terraform: Terraform) -> Found:
    yield "output of Terraform", terraform.output.encode()


def _trace(terraform: Terraform) -> Found:
    yield TRACE, (terraform.folder / TRACE).read_bytes()


def _other_files(terraform: Terraform) -> Found:
    """Packages and locks, without the providers, which are not ours."""
    others = (path for path in (terraform.folder / ".terraform").rglob("*") if path.is_file())
    for path in others:
        if "providers" not in path.parts:
            yield from unpacked(path.name, path.read_bytes())


IN_TERRAFORM: Final[Mapping[str, Callable[[Terraform], Found]]] = {
    "outputs": _outputs,
    "packages-and-locks": _other_files,
    "plan-files": _plan_files,
    "plan-json": _plans_as_json,
    "states": _states,
    "trace": _trace,
    "terraform-output": _said,
}

_PLANTED: Final = """
variable "planted" {
  type = string
}

resource "terraform_data" "planted" {
  input = var.planted
}

output "planted" {
  value = var.planted
}
"""


def plant_in_terraform(checkout: Path, mark: str) -> Terraform:
    """Apply a root that receives the mark as an ordinary value, on the command line."""
    terraform = traced(checkout, "planted", {}, {})
    (terraform.folder / "main.tf").write_text(_PLANTED, encoding="utf-8")
    terraform.init()
    terraform.run("plan", "-out=first.tfplan", f"-var=planted={mark}")
    terraform.apply("first.tfplan")
    working = terraform.folder / ".terraform"
    working.mkdir(exist_ok=True)
    (working / "planted").write_text(mark, encoding="utf-8")
    return terraform


def traced(
    checkout: Path, root: str, environment: Mapping[str, str], variables: Mapping[str, Any]
) -> Terraform:
    """Make a root whose commands all log at the highest level, into one file."""
    folder = checkout / root
    folder.mkdir()
    logging = {"TF_LOG": "JSON", "TF_LOG_PATH": os.fspath(folder / TRACE)}
    return Terraform(checkout, root, {**environment, **logging}, variables)
