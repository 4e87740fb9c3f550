"""Deploys the example of each strategy, and copies of it."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testing.harness.account import Aws, Secret
from testing.harness.terraform import Terraform
from tests.load.subject import Call, Json, Services, Subject
from tests.selection import Rotators
from tests.strategies import RotatorUnderTest


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One secret with a function of its own."""

    subject: Subject
    secret: Secret
    function_name: str
    send: Callable[[], None]
    """Reads the secret, and sends a request with the value."""

    def require_converged(self, aws: Aws) -> None:
        """One current that works, at most one previous, nothing pending, no orphan."""
        self.send()
        labels = [sorted(labels) for labels in self.secret.versions().values()]
        assert ["AWSPREVIOUS"] in labels
        labels.remove(["AWSPREVIOUS"])
        assert labels in ([["AWSCURRENT"]], [["AWSCURRENT", "AWSPENDING"]])
        self.subject.require_bounded(aws, self.secret)


def deploy(
    aws: Aws, checkout: Path, rotators: Rotators, services: Services, *, without: str | None = None
) -> dict[str, Json]:
    """Apply all examples at once, and return the outputs of each.

    Args:
        aws: the account.
        checkout: a copy of the module.
        rotators: the strategies whose examples to apply.
        services: the services that the functions use.
        without: a variable to leave at its default.
    """
    root = checkout / "examples" / "load"
    root.mkdir(exist_ok=True)
    configuration = {
        "module": {
            rotator.name: {
                "source": f"../../{rotator.folders[1]}",
                **{key: value for key, value in rotator.load.variables.items() if key != without},
                **rotator.load.services(services),
            }
            for rotator in rotators
        },
        "output": {one.name: {"value": f"${{module.{one.name}}}"} for one in rotators},
    }
    (root / "main.tf.json").write_text(json.dumps(configuration))
    terraform = Terraform(checkout, "examples/load", aws.environment, {})
    terraform.init()
    terraform.apply()
    outputs = terraform.outputs()
    for one in outputs.values():
        Secret(aws, one["secret_arn"]).wait_for_a_value()
    return outputs


def package(aws: Aws, function_name: str) -> bytes:
    """Return the deployed package."""
    function = aws.client("lambda").get_function(FunctionName=function_name)
    with urllib.request.urlopen(function["Code"]["Location"]) as answer:  # noqa: S310 -- of the local AWS
        content: bytes = answer.read()
    return content


def original(aws: Aws, rotator: RotatorUnderTest, outputs: Json) -> Deployed:
    """Return what Terraform deployed of a strategy's example."""
    return _deployed(aws, rotator, outputs, outputs["secret_arn"], _function_name(outputs))


def copies(aws: Aws, rotator: RotatorUnderTest, outputs: Json, *, of: int) -> Iterator[Deployed]:
    """Copy what Terraform deployed, call by call. Each copy has its own names.

    Args:
        aws: the account.
        rotator: the strategy.
        outputs: the outputs of its example.
        of: the size of the fleet; names differ from fleet to fleet.
    """
    subject, zipped = rotator.load, package(aws, _function_name(outputs))
    blueprint = json.dumps([*subject.further(aws), *_calls(aws, outputs)])
    number = 0
    while True:
        number += 1
        own = re.sub(rf"\b{subject.word}\b", f"{subject.word}-{number}-of-{of}", blueprint)
        made: Json = {}
        for service, operation, arguments in json.loads(own):
            code = {"Code": {"ZipFile": zipped}} if operation == "create_function" else {}
            made = getattr(aws.client(service), operation)(**arguments, **code)
        function_name = json.loads(own)[-1][2]["RotationLambdaARN"].rpartition(":")[2]
        yield _deployed(aws, rotator, outputs, made["ARN"], function_name)


def _deployed(
    aws: Aws, rotator: RotatorUnderTest, outputs: Json, secret_arn: str, function_name: str
) -> Deployed:
    subject, secret = rotator.load, Secret(aws, secret_arn)
    return Deployed(
        subject=subject,
        secret=secret,
        function_name=function_name,
        send=lambda: subject.use(aws, outputs, secret.value()),
    )


def _function_name(outputs: Json) -> str:
    return str(outputs["log_group_name"]).rpartition("/")[2]


def _calls(aws: Aws, outputs: Json) -> list[Call]:
    """Return the calls that made a secret, its function, role, log group, and first rotation."""
    iam, functions = aws.client("iam"), aws.client("lambda")
    role_name, function_name = outputs["function_role_name"], _function_name(outputs)
    role = iam.get_role(RoleName=role_name)["Role"]
    function = functions.get_function_configuration(FunctionName=function_name)
    (permission,) = json.loads(functions.get_policy(FunctionName=function_name)["Policy"])[
        "Statement"
    ]
    secret = aws.client("secretsmanager").describe_secret(SecretId=outputs["secret_arn"])
    trust = json.dumps(role["AssumeRolePolicyDocument"])
    taken = ("FunctionName", "Role", "Runtime", "Handler", "Timeout", "MemorySize", "LoggingConfig")
    return [
        ("iam", "create_role", {"RoleName": role_name, "AssumeRolePolicyDocument": trust}),
        *(
            (
                "iam",
                "put_role_policy",
                {
                    "RoleName": role_name,
                    "PolicyName": policy,
                    "PolicyDocument": json.dumps(
                        iam.get_role_policy(RoleName=role_name, PolicyName=policy)["PolicyDocument"]
                    ),
                },
            )
            for policy in iam.list_role_policies(RoleName=role_name)["PolicyNames"]
        ),
        ("logs", "create_log_group", {"logGroupName": outputs["log_group_name"]}),
        (
            "lambda",
            "create_function",
            {
                **{key: function[key] for key in taken},
                "Environment": {"Variables": function["Environment"]["Variables"]},
            },
        ),
        (
            "lambda",
            "add_permission",
            {
                "FunctionName": function_name,
                "StatementId": permission["Sid"],
                "Action": permission["Action"],
                "Principal": permission["Principal"]["Service"],
                "SourceArn": permission["Condition"]["ArnLike"]["AWS:SourceArn"],
                "SourceAccount": permission["Condition"]["StringEquals"]["AWS:SourceAccount"],
            },
        ),
        ("secretsmanager", "create_secret", {"Name": secret["Name"]}),
        (
            "secretsmanager",
            "rotate_secret",
            {
                "SecretId": secret["Name"],
                "RotationLambdaARN": secret["RotationLambdaARN"],
                "RotationRules": {
                    key: value
                    for key, value in secret["RotationRules"].items()
                    if key != "AutomaticallyAfterDays"
                },
            },
        ),
    ]
