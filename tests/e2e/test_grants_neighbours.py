"""A deployed role may do no more than its grants: other actions and other resources are denied.

The calls use the credentials of the role, outside of its function.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from testing.harness.account import Aws
from tests.campaigns import CountCases
from tests.e2e.estate import IN_COMMON, Estate
from tests.e2e.roles import Client, Clients, Deployed, error_code, granted, without_deny
from tests.e2e.scenarios import RECORD
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]

_DENIALS: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

# The parameter by which most actions of a service name their resource.
_PARAMETERS: Final = {
    "ec2": "NetworkInterfaceId",
    "iam": "UserName",
    "kms": "KeyId",
    "logs": "logGroupName",
    "secretsmanager": "SecretId",
}

# The granted actions that a test can call alone, each with the arguments that it needs besides its
# resource. An action that changes something is called for what does not exist.
_ARGUMENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "ec2:AssignPrivateIpAddresses": {},
    "ec2:CreateNetworkInterface": {"SubnetId": "subnet-0123456789abcdef0"},
    "ec2:DeleteNetworkInterface": {},
    "ec2:UnassignPrivateIpAddresses": {},
    "logs:CreateLogStream": {"logStreamName": "beside"},
    "logs:PutLogEvents": {
        "logStreamName": "nowhere",
        "logEvents": [{"timestamp": 0, "message": "beside"}],
    },
    "secretsmanager:DescribeSecret": {},
    "secretsmanager:GetSecretValue": {},
    "secretsmanager:ListSecretVersionIds": {},
    "secretsmanager:PutSecretValue": {"SecretString": "beside", "VersionStages": ["BESIDE"]},
    "secretsmanager:TagResource": {},
    "secretsmanager:UpdateSecretVersionStage": {
        "VersionStage": "NOWHERE",
        "MoveToVersionId": "0" * 32,
    },
    **{action: given for one in ROTATORS for action, given in one.grants.arguments.items()},
}
# IAM knows no service of a credential that does not exist, so the condition of this grant cannot be
# met. A file of that strategy tests it.
_TESTED_APART: Final = {"iam:DeleteServiceSpecificCredential"}
# These have no resource, or a service calls them for the role.
_NOT_CALLED: Final = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# With these on its own function, a role could gain more than its grants.
_OF_THE_FUNCTION: Final = (
    "AddPermission",
    "DeleteFunction",
    "GetFunction",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)


def _own(estate: Estate, deployed: Deployed) -> Mapping[str, str]:
    """Return the resources of the grants, by the parameter that names each."""
    signs = "kms:Sign" in _granted(deployed)
    return {
        "FunctionName": deployed.outputs["function_name"],
        "KeyId": estate.app_key_arn if signs else estate.key_arn,
        "NetworkInterfaceId": "eni-0123456789abcdef0",
        "RoleName": deployed.role,
        "SecretId": deployed.secret.secret_id,
        "UserName": estate.user,
        "logGroupName": deployed.outputs["log_group_name"],
    }


def _granted(deployed: Deployed) -> set[str]:
    return {action for _, action in granted(deployed.aws, deployed.role)}


def _code(
    clients: Clients,
    action: str,
    target: str,
    arguments: Mapping[str, object] | None = None,
    **options: object,
) -> str:
    """Call a granted action, and return the error code: a denial, if each tag is denied."""
    service, _, operation = action.partition(":")
    named = {} if "SubnetId" in _ARGUMENTS[action] else {_PARAMETERS[service]: target}
    call = getattr(clients(service, **options), xform_name(operation))
    given = {**_ARGUMENTS[action], **(arguments or {})}
    if operation != "TagResource":
        return error_code(call, **given, **named)
    # Which tag a role may write depends on its strategy.
    tags = [[{"Key": key, "Value": "none"}] for key in ("rotation-attempt", "rotation-revocation")]
    codes = [error_code(call, **{**given, "Tags": one}, **named) for one in tags]
    return next((code for code in codes if code not in _DENIALS), codes[0])


def _required(shape: StructureShape | None) -> dict[str, object]:
    """Return the least arguments that a client sends."""
    return {name: _least(shape.members[name]) for name in shape.required_members} if shape else {}


def _least(shape: Shape) -> object:
    match shape:
        case StructureShape():
            return _required(shape)
        case ListShape():
            return [_least(shape.member)]
        case MapShape():
            return {}
        case StringShape():
            return [*shape.enum, "x" * max(1, shape.metadata.get("min", 0))][0]
    return {"blob": b"x", "boolean": True, "timestamp": 0}.get(
        shape.type_name, max(1, shape.metadata.get("min", 0))
    )


def _denial(client: Client, operation: str, arguments: Mapping[str, object]) -> str:
    """Call any operation, and return the message of its denial."""
    try:
        getattr(client, xform_name(operation))(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        code = found["Code"]
        return str(found["Message"]) if code in _DENIALS else f"not denied: {code}"
    return "not denied: it succeeded"


@pytest.mark.parametrize(
    ("strategy", "service", "parameter"),
    [
        case(
            strategy,
            service,
            parameter,
            id=f"{strategy.name}-{service}-{parameter}",
            # The grants of a single strategy have one of these.
            marks=[]
            if strategy.represents_all or parameter in {"KeyId", "SecretId", "UserName"}
            else [pytest.mark.slow],
        )
        for strategy in ROTATORS
        for service, parameter in (
            *_PARAMETERS.items(),
            ("iam", "RoleName"),
            ("lambda", "FunctionName"),
        )
    ],
)
def test_every_other_action_on_the_same_resource_is_denied(
    service: str,
    parameter: str,
    strategy: RotatorUnderTest,
    estate: Estate,
    roles: Mapping[str, Clients],
    cases: CountCases,
) -> None:
    """Actions of Secrets Manager that name no secret are denied, too."""
    deployed, client = estate.secrets[strategy.name], roles[strategy.name](service)
    target = _own(estate, deployed)[parameter]
    allowed = _granted(deployed) & (_ARGUMENTS.keys() | _TESTED_APART)
    model = client.meta.service_model
    messages = {}
    for operation in _OF_THE_FUNCTION if service == "lambda" else model.operation_names:
        shape = model.operation_model(operation).input_shape
        named = {parameter: target} if shape and parameter in shape.members else {}
        is_neighbour = bool(named) or service == "secretsmanager"
        if is_neighbour and f"{service}:{operation}" not in allowed:
            messages[operation] = _denial(client, operation, {**_required(shape), **named})
    cases(len(messages))

    assert {
        operation: text
        for operation, text in messages.items()
        if f"not authorized to perform: {service}:{operation} " not in f"{text} "
    } == {}


@pytest.mark.parametrize(
    "strategy", [case(one) for one in ROTATORS if RECORD.items() <= one.grants.scenarios.items()]
)
@pytest.mark.parametrize(
    "keys",
    [[], ["owner"], ["owner", "rotation-attempt"]],
    ids=lambda keys: "+".join(keys) or "none",
)
def test_every_tag_but_the_record_of_an_attempt_is_denied(
    keys: list[str], strategy: RotatorUnderTest, estate: Estate, roles: Mapping[str, Clients]
) -> None:
    secret = estate.secrets[strategy.name].secret.secret_id
    tag = roles[strategy.name]("secretsmanager").tag_resource

    def code(*names: str) -> str:
        tags = [{"Key": name, "Value": "none"} for name in names]
        return error_code(tag, SecretId=secret, Tags=tags)

    assert code("rotation-attempt") == ""
    assert code(*keys) in _DENIALS


@pytest.fixture(scope="module")
def others(aws: Aws, estate: Estate) -> Iterator[Mapping[str, list[tuple[str, str]]]]:
    """Other resources by service, each with its region; their names are as similar as possible."""
    here = aws.client("secretsmanager").meta.region_name
    there = "eu-central-1" if here == "eu-west-1" else "eu-west-1"
    iam = aws.client("iam")
    with contextlib.ExitStack() as stack:

        def secret(name: str, region: str) -> tuple[str, str]:
            client = aws.client("secretsmanager", region_name=region)
            arn = client.create_secret(Name=name, SecretString="beside")["ARN"]
            stack.callback(client.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
            return arn, region

        def user(name: str, path: str) -> tuple[str, str]:
            iam.create_user(UserName=name, Path=path)
            stack.callback(iam.delete_user, UserName=name)
            return name, here

        def key() -> tuple[str, str]:
            client = aws.client("kms")
            made = client.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]
            stack.callback(client.schedule_key_deletion, KeyId=made["KeyId"])
            return made["Arn"], here

        def group(name: str, region: str) -> tuple[str, str]:
            client = aws.client("logs", region_name=region)
            client.create_log_group(logGroupName=name)
            stack.callback(client.delete_log_group, logGroupName=name)
            return name, region

        names = [one.outputs["secret_name"] for one in estate.secrets.values()]
        groups = [one.outputs["log_group_name"] for one in estate.secrets.values()]
        yield {
            "ec2": [("eni-0123456789abcdef0", there)],
            "iam": [
                user(f"{estate.user}-other", "/apps/"),
                user(f"{estate.user}-below", f"/apps/{estate.user}/"),
                user(f"{estate.user}-above", "/"),
            ],
            "kms": [key()],
            "logs": [
                *(group(f"{name}-other", here) for name in groups),
                *(group(name, there) for name in groups),
            ],
            "secretsmanager": [
                *(secret(f"{name}-other", here) for name in names),
                *(secret(f"{name}-Ab1Cd2", here) for name in names),
                *(secret(f"{name}/below", here) for name in names),
                *(secret(name, there) for name in names),
            ],
        }


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_the_same_action_on_another_resource_is_denied(
    strategy: RotatorUnderTest,
    estate: Estate,
    roles: Mapping[str, Clients],
    others: Mapping[str, list[tuple[str, str]]],
    cases: CountCases,
) -> None:
    deployed = estate.secrets[strategy.name]
    own = _own(estate, deployed)
    actions = _granted(deployed) - _NOT_CALLED - _TESTED_APART
    allowed, denied = {}, {}
    for action in sorted(actions):
        service = action.partition(":")[0]
        allowed[action] = _code(roles[strategy.name], action, own[_PARAMETERS[service]])
        for target, region in others[service]:
            code = _code(roles[strategy.name], action, target, region_name=region)
            denied[action, target, region] = code
    cases(len(denied))

    assert {action: code for action, code in allowed.items() if code in _DENIALS} == {}
    assert {where: code for where, code in denied.items() if code not in _DENIALS} == {}


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS if one.grants.reads])
def test_only_one_role_reads_another_secret_and_may_do_nothing_else_with_it(
    strategy: RotatorUnderTest,
    aws: Aws,
    estate: Estate,
    roles: Mapping[str, Clients],
    cases: CountCases,
) -> None:
    arn = aws.client("secretsmanager").describe_secret(SecretId=strategy.grants.reads)["ARN"]
    asked = sorted(action for action in _ARGUMENTS if action.startswith("secretsmanager:"))
    allowed = {
        (name, action)
        for name in estate.secrets
        for action in asked
        if _code(roles[name], action, arn) not in _DENIALS
    }
    cases(len(asked) * len(estate.secrets))
    assert allowed == {(strategy.name, "secretsmanager:GetSecretValue")}


@contextlib.contextmanager
def _more(aws: Aws, role: str, **statement: object) -> Iterator[None]:
    """Add a statement to the role until the block ends."""
    iam, inline = aws.client("iam"), {"RoleName": role, "PolicyName": "more"}
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    iam.put_role_policy(**inline, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(**inline)


_THROUGH_THE_KEY: Final = {
    "kms:Decrypt": "secretsmanager:GetSecretValue",
    "kms:GenerateDataKey": "secretsmanager:PutSecretValue",
}


@pytest.mark.parametrize("strategy", IN_COMMON)
@pytest.mark.parametrize(("action", "through"), _THROUGH_THE_KEY.items(), ids=_THROUGH_THE_KEY)
def test_the_customer_key_is_for_this_secret_alone(
    action: str,
    through: str,
    strategy: RotatorUnderTest,
    estate: Estate,
    roles: Mapping[str, Clients],
) -> None:
    deployed = estate.secrets[strategy.name]
    secrets = deployed.aws.client("secretsmanager")
    another = secrets.create_secret(
        Name=f"{deployed.outputs['secret_name']}-beside",
        KmsKeyId=estate.key_arn,
        SecretString="beside",
    )["ARN"]

    def code_with(*actions: str) -> str:
        resources = [another, estate.key_arn]
        with _more(deployed.aws, deployed.role, Action=actions, Resource=resources):
            return _code(roles[strategy.name], through, another)

    try:
        assert code_with(through) == "AccessDeniedException"
        assert code_with(through, action) == ""
    finally:
        secrets.delete_secret(SecretId=another, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("strategy", IN_COMMON)
@pytest.mark.parametrize("through", _THROUGH_THE_KEY.values())
def test_another_customer_key_is_denied(
    through: str, strategy: RotatorUnderTest, estate: Estate, roles: Mapping[str, Clients]
) -> None:
    deployed = estate.secrets[strategy.name]
    kms, secrets = (deployed.aws.client(name) for name in ("kms", "secretsmanager"))
    secret = deployed.secret.secret_id
    key = kms.create_key()["KeyMetadata"]["Arn"]
    try:
        secrets.update_secret(SecretId=secret, KmsKeyId=key)
        # The former key still decrypts a version that it encrypted. It never encrypted this one,
        # whose label is not one of a rotation.
        version = secrets.put_secret_value(
            SecretId=secret, SecretString=deployed.secret.text(), VersionStages=["another-key"]
        )["VersionId"]
        read = {"VersionId": version} if through == "secretsmanager:GetSecretValue" else {}
        denied = _code(roles[strategy.name], through, secret, read)
    finally:
        secrets.update_secret(SecretId=secret, KmsKeyId=estate.key_arn)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    assert denied == "AccessDeniedException"
    assert _code(roles[strategy.name], through, secret) == ""


@pytest.mark.parametrize("strategy", IN_COMMON)
def test_a_traced_function_may_send_traces_and_not_read_them(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    """This asks IAM's simulator, because the local AWS has no X-Ray."""
    deployed = estate.secrets[strategy.name]
    client = deployed.aws.client("xray")
    simulated = deployed.aws.client("iam").simulate_principal_policy(
        PolicySourceArn=deployed.outputs["function_role_arn"],
        ActionNames=[f"xray:{name}" for name in client.meta.service_model.operation_names],
    )
    allowed = {
        result["EvalActionName"]
        for result in simulated["EvaluationResults"]
        if result["EvalDecision"] == "allowed"
    }
    assert allowed == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


_PROBE: Final = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    client = boto3.client(event["service"])
    try:
        getattr(client, event["call"])(**event["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
"""


@pytest.fixture(scope="module")
def run_our_code(estate: Estate) -> Iterator[Callable[..., str]]:
    """Runs our code in a function with the role of one that is in a VPC."""
    deployed = next(iter(estate.secrets.values()))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as package:
        file = zipfile.ZipInfo("probe.py")
        file.external_attr = 0o644 << 16
        package.writestr(file, _PROBE)
    functions = deployed.aws.client("lambda")
    functions.create_function(
        FunctionName="grants-probe",
        Role=deployed.outputs["function_role_arn"],
        Runtime="python3.13",
        Handler="probe.handler",
        Timeout=30,
        Code={"ZipFile": written.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="grants-probe")

    def ask(service: str, call: str, **arguments: object) -> str:
        event = {"service": service, "call": call, "arguments": arguments}
        answer = functions.invoke(FunctionName="grants-probe", Payload=json.dumps(event))
        return str(json.load(answer["Payload"]))

    try:
        yield ask
    finally:
        functions.delete_function(FunctionName="grants-probe")


def test_the_role_serves_no_other_function_and_its_code_may_not_touch_the_network(
    estate: Estate, run_our_code: Callable[..., str]
) -> None:
    """Lambda uses the grants on EC2 outside of the function."""
    deployed = next(iter(estate.secrets.values()))
    secret = deployed.secret.secret_id
    assert run_our_code("secretsmanager", "describe_secret", SecretId=secret) in _DENIALS
    with without_deny(deployed.aws, deployed.role, "OnlyThisFunction"):
        _require_network_denied(secret, run_our_code)


def _require_network_denied(secret: str, run_our_code: Callable[..., str]) -> None:
    interface = {"NetworkInterfaceId": "eni-0123456789abcdef0"}

    assert run_our_code("secretsmanager", "describe_secret", SecretId=secret) == ""
    assert {
        run_our_code("ec2", "assign_private_ip_addresses", **interface),
        run_our_code("ec2", "create_network_interface", SubnetId="subnet-0123456789abcdef0"),
        run_our_code("ec2", "delete_network_interface", **interface),
        run_our_code("ec2", "describe_network_interfaces"),
        run_our_code("ec2", "describe_subnets"),
        run_our_code("ec2", "unassign_private_ip_addresses", **interface),
    } == {"UnauthorizedOperation"}
