"""What is put under load: for each strategy, its example as deployed, and copies of that."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis

from rotation.services.github.ssh import fit
from rotation.strategies import REGISTRY
from testing.harness.account import Aws, Secret, eventually, is_accepted
from testing.harness.terraform import Terraform
from tests.e2e.bedrock import takes

# How many secrets are rotated at once, by `make test` and by `make test-slow`.
FLEETS = (len(REGISTRY), 200)

Json = dict[str, Any]
Call = tuple[str, str, Json]
Told = Mapping[str, Mapping[str, object]]


class NotWorkingError(Exception):
    """A value that is in the secret cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A strategy under load."""

    word: str
    """What every name of the example contains, and a copy has another word for."""
    variables: Mapping[str, str]
    """What of the example is shortened."""
    use: Callable[[Aws, Json, Mapping[str, str]], None]
    """Sends a request with the value of the secret; raises where it is refused."""
    further: Callable[[Aws], list[Call]] = lambda _: []
    """The calls that make what the strategy needs beside the secret and its function."""
    require_bounded: Callable[[Aws, Secret], None] = lambda *_: None
    """Looks at the service for more credentials than the secret names, and for ones that fail."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One secret with a function of its own."""

    subject: Subject
    secret: Secret
    function_name: str
    send: Callable[[], None]
    """Reads the secret, and sends a request with what it read."""

    def require_converged(self, aws: Aws) -> None:
        """One current that works, at most one previous, nothing pending, no orphan."""
        self.send()
        labels = [sorted(labels) for labels in self.secret.versions().values()]
        assert ["AWSPREVIOUS"] in labels
        labels.remove(["AWSPREVIOUS"])
        assert labels in ([["AWSCURRENT"]], [["AWSCURRENT", "AWSPENDING"]])
        self.subject.require_bounded(aws, self.secret)


def deploy(aws: Aws, checkout: Path, told: Told, *, without: str | None = None) -> dict[str, Json]:
    """Apply all examples at once, and return the outputs of each.

    Args:
        aws: where.
        checkout: a copy of the module.
        told: what is known of a strategy's service only now, for the variables of its example.
        without: a variable that is left to its default.
    """
    root = checkout / "examples" / "load"
    root.mkdir(exist_ok=True)
    configuration = {
        "module": {
            name: {
                "source": f"../{name.replace('_', '-')}",
                **{key: value for key, value in subject.variables.items() if key != without},
                **told.get(name, {}),
            }
            for name, subject in SUBJECTS.items()
        },
        "output": {name: {"value": f"${{module.{name}}}"} for name in SUBJECTS},
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
    """Return the zip that is deployed."""
    function = aws.client("lambda").get_function(FunctionName=function_name)
    with urllib.request.urlopen(function["Code"]["Location"]) as answer:  # noqa: S310 -- of the local AWS
        content: bytes = answer.read()
    return content


def original(aws: Aws, name: str, outputs: Json) -> Deployed:
    """Return what Terraform deployed of a strategy's example."""
    return _deployed(aws, name, outputs, outputs["secret_arn"], _function_name(outputs))


def copies(aws: Aws, name: str, outputs: Json, *, of: int) -> Iterator[Deployed]:
    """Make copies of what Terraform deployed, call by call, each with names of its own.

    Args:
        aws: where.
        name: the strategy.
        outputs: of its example.
        of: how many secrets there will be, which tells the names of one fleet from another's.
    """
    subject, zipped = SUBJECTS[name], package(aws, _function_name(outputs))
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
        yield _deployed(aws, name, outputs, made["ARN"], function_name)


def _deployed(aws: Aws, name: str, outputs: Json, secret_arn: str, function: str) -> Deployed:
    subject, secret = SUBJECTS[name], Secret(aws, secret_arn)
    return Deployed(
        subject=subject,
        secret=secret,
        function_name=function,
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


def _user(name: str, aws: Aws) -> list[Call]:
    iam = aws.client("iam")
    (policy,) = iam.list_user_policies(UserName=name)["PolicyNames"]
    found = iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"]
    inline = {"UserName": name, "PolicyName": policy, "PolicyDocument": json.dumps(found)}
    return [
        ("iam", "create_user", {"UserName": name}),
        ("iam", "put_user_policy", inline),
    ]


def _store_a_report(aws: Aws, outputs: Json, value: Mapping[str, str]) -> None:
    s3 = aws.client(
        "s3",
        aws_access_key_id=value["AccessKeyId"],
        aws_secret_access_key=value["SecretAccessKey"],
    )
    place = {"Bucket": outputs["bucket"], "Key": f"reports/{value['UserName']}"}
    s3.put_object(**place, Body=b"report")
    if s3.get_object(**place)["Body"].read() != b"report":
        raise NotWorkingError


def _require_two_keys(aws: Aws, secret: Secret) -> None:
    named = [secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    listed = partial(aws.client("iam").list_access_keys, UserName=named[0]["UserName"])
    eventually(
        "The list of both",
        lambda: {key["AccessKeyId"] for key in listed()["AccessKeyMetadata"]},
        lambda found: found == {key["AccessKeyId"] for key in named},
    )
    eventually("The keys' acceptance", lambda: all(is_accepted(aws, key) for key in named))


def _list_models(_aws: Aws, outputs: Json, value: Mapping[str, str]) -> None:
    if not takes(outputs["endpoint"], value["ServiceCredentialSecret"]):
        raise NotWorkingError


def _require_two_credentials(aws: Aws, secret: Secret) -> None:
    named = [secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    of = {name: named[0][name] for name in ("ServiceName", "UserName")}
    listed = partial(aws.client("iam").list_service_specific_credentials, **of)
    identity = "ServiceSpecificCredentialId"
    eventually(
        "The list of both",
        lambda: {one[identity] for one in listed()["ServiceSpecificCredentials"]},
        lambda found: found == {one[identity] for one in named},
    )


def _sign(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    if value["algorithm"] != "HS256" or len(value["signing_key"]) != 64:
        raise NotWorkingError


def _ask_github(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    request = urllib.request.Request(  # noqa: S310 -- of a token's own GitHub
        f"{value['api_url']}/installation/repositories",
        headers={"Authorization": f"Bearer {value['token']}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 -- the same
        if [one["name"] for one in json.load(answer)["repositories"]] != ["reports"]:
            raise NotWorkingError


def _fit(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    """There is no git here to be let in to: the halves have to fit."""
    if not fit(value["private_key"], value["public_key"]):
        raise NotWorkingError


def _log_in(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    with redis.Redis(
        host=value["host"],
        port=int(value["port"]),
        username=value["username"],
        password=value["password"],
        ssl=True,
    ) as client:
        if not client.ping():
            raise NotWorkingError


SUBJECTS = {
    "custom": Subject(word="cache", variables={"recovery_window_in_days": "0"}, use=_log_in),
    "github_app_token": Subject(
        word="github", variables={"recovery_window_in_days": "0"}, use=_ask_github
    ),
    "github_deploy_key": Subject(
        word="deploy-key",
        variables={"minimum_overlap_minutes": "0", "recovery_window_in_days": "0"},
        use=_fit,
    ),
    "iam_access_key": Subject(
        word="uploader",
        variables={
            "minimum_overlap_minutes": "0",
            "recovery_window_in_days": "0",
            "settling_seconds": "0",
        },
        further=partial(_user, "uploader"),
        use=_store_a_report,
        require_bounded=_require_two_keys,
    ),
    "iam_service_credential": Subject(
        word="assistant",
        variables={
            "minimum_overlap_minutes": "0",
            "recovery_window_in_days": "0",
            "settling_seconds": "0",
        },
        further=partial(_user, "assistant"),
        use=_list_models,
        require_bounded=_require_two_credentials,
    ),
    "random_value": Subject(word="signing", variables={"recovery_window_in_days": "0"}, use=_sign),
}

assert SUBJECTS.keys() == set(REGISTRY), "Every strategy is put under load."
