"""What lies beside each grant is refused: other actions on its resource, its action on others.

Asked with the credentials of the deployed role, as Lambda has them outside of the function.
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

from rotation.strategies import REGISTRY
from testing.harness.account import Aws, eventually
from tests.campaigns import CountCases
from tests.e2e.grants import (
    IN_COMMON,
    SHOWN_WITH,
    Client,
    Clients,
    Deployed,
    Estate,
    clients_with,
    error_code,
    granted,
)

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]

_REFUSALS: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

# The parameter by which most actions of a service name their resource.
_PARAMETERS: Final = {
    "ec2": "NetworkInterfaceId",
    "iam": "UserName",
    "kms": "KeyId",
    "logs": "logGroupName",
    "secretsmanager": "SecretId",
}

# Each granted action that can be asked for by itself, and what it is told beside its resource: what
# would change something is told to change what is not there.
_ASKED: Final[Mapping[str, Mapping[str, object]]] = {
    "ec2:AssignPrivateIpAddresses": {},
    "ec2:CreateNetworkInterface": {"SubnetId": "subnet-0123456789abcdef0"},
    "ec2:DeleteNetworkInterface": {},
    "ec2:UnassignPrivateIpAddresses": {},
    "iam:CreateAccessKey": {},
    "iam:CreateServiceSpecificCredential": {"ServiceName": "bedrock.amazonaws.com"},
    "iam:DeleteAccessKey": {"AccessKeyId": "AKIA0000000000000000"},
    "iam:ListAccessKeys": {},
    "iam:ListServiceSpecificCredentials": {},
    "kms:Sign": {
        "Message": b"beside",
        "MessageType": "RAW",
        "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
    },
    "logs:CreateLogStream": {"logStreamName": "beside"},
    "logs:PutLogEvents": {
        "logStreamName": "nowhere",
        "logEvents": [{"timestamp": 0, "message": "beside"}],
    },
    "secretsmanager:DescribeSecret": {},
    "secretsmanager:GetSecretValue": {},
    "secretsmanager:ListSecretVersionIds": {},
    "secretsmanager:PutSecretValue": {"SecretString": "beside", "VersionStages": ["BESIDE"]},
    "secretsmanager:TagResource": {"Tags": [{"Key": "rotation-attempt", "Value": "none"}]},
    "secretsmanager:UpdateSecretVersionStage": {
        "VersionStage": "NOWHERE",
        "MoveToVersionId": "0" * 32,
    },
}
# Of what is not there IAM knows no service, by which this is narrowed: it has a test of its own.
_ASKED_APART: Final = {"iam:DeleteServiceSpecificCredential"}
# These know no resource, or are asked for by a service on the role's behalf.
_NOT_ASKED: Final = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

# What a role must not change to gain more than it was given.
_OF_THE_FUNCTION: Final = (
    "AddPermission",
    "DeleteFunction",
    "GetFunction",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)


def _as_role(aws: Aws, role: str) -> Clients:
    """Let the administrator assume, for one call, a role that Lambda alone may assume."""
    iam, sts = aws.client("iam"), aws.client("sts")
    held = iam.get_role(RoleName=role)["Role"]
    trust = held["AssumeRolePolicyDocument"]
    (lambdas,) = trust["Statement"]
    ours = {**lambdas, "Sid": "Us", "Principal": {"AWS": sts.get_caller_identity()["Arn"]}}
    assume = {"RoleArn": held["Arn"], "RoleSessionName": "neighbours"}
    assert error_code(sts.assume_role, **assume) == "AccessDenied"
    widened = json.dumps({**trust, "Statement": [lambdas, ours]})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=widened)
    try:
        eventually("The trust", lambda: error_code(sts.assume_role, **assume) == "")
        key = sts.assume_role(**assume)["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    return clients_with(aws, key)


@pytest.fixture(scope="module")
def roles(estate: Estate) -> Mapping[str, Clients]:
    """The clients of each strategy's role."""
    return {name: _as_role(one.aws, one.role) for name, one in estate.secrets.items()}


def _own(estate: Estate, deployed: Deployed) -> Mapping[str, str]:
    """What the grants are for, by the parameter that names it."""
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


def _asked(clients: Clients, action: str, target: str, **options: object) -> str:
    """Ask for a granted action, and return the code of the error that answers it."""
    service, _, operation = action.partition(":")
    named = {} if "SubnetId" in _ASKED[action] else {_PARAMETERS[service]: target}
    call = getattr(clients(service, **options), xform_name(operation))
    return error_code(call, **_ASKED[action], **named)


def _required(shape: StructureShape | None) -> dict[str, object]:
    """The least that a client sends."""
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


def _refusal(client: Client, operation: str, arguments: Mapping[str, object]) -> str:
    """Ask for anything, and return who is told to be denied what."""
    try:
        getattr(client, xform_name(operation))(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        return str(told["Message"]) if told["Code"] in _REFUSALS else f"not refused: {told['Code']}"
    return "not refused: it was done"


@pytest.mark.parametrize(
    ("strategy", "service", "parameter"),
    [
        pytest.param(
            strategy,
            service,
            parameter,
            # What a strategy asks beside its secret is of these services.
            marks=[]
            if strategy == SHOWN_WITH or parameter in {"KeyId", "SecretId", "UserName"}
            else [pytest.mark.slow],
        )
        for strategy in REGISTRY
        for service, parameter in (
            *_PARAMETERS.items(),
            ("iam", "RoleName"),
            ("lambda", "FunctionName"),
        )
    ],
)
def test_every_other_action_on_the_same_resource_is_refused(
    service: str,
    parameter: str,
    strategy: str,
    estate: Estate,
    roles: Mapping[str, Clients],
    cases: CountCases,
) -> None:
    """Those of Secrets Manager that name no secret are refused, too."""
    deployed, client = estate.secrets[strategy], roles[strategy](service)
    target = _own(estate, deployed)[parameter]
    may_be_asked = _granted(deployed) & (_ASKED.keys() | _ASKED_APART)
    model = client.meta.service_model
    told = {}
    for operation in _OF_THE_FUNCTION if service == "lambda" else model.operation_names:
        shape = model.operation_model(operation).input_shape
        named = {parameter: target} if shape and parameter in shape.members else {}
        is_beside = bool(named) or service == "secretsmanager"
        if is_beside and f"{service}:{operation}" not in may_be_asked:
            told[operation] = _refusal(client, operation, {**_required(shape), **named})
    cases(len(told))

    assert {
        operation: text
        for operation, text in told.items()
        if f"not authorized to perform: {service}:{operation} " not in f"{text} "
    } == {}


@pytest.mark.parametrize(
    "keys",
    [[], ["owner"], ["owner", "rotation-attempt"]],
    ids=lambda keys: "+".join(keys) or "none",
)
def test_another_tag_than_the_record_of_an_attempt_is_refused(
    keys: list[str], estate: Estate, roles: Mapping[str, Clients]
) -> None:
    secret = estate.secrets["iam_access_key"].secret.secret_id
    tag = roles["iam_access_key"]("secretsmanager").tag_resource

    def code(*names: str) -> str:
        tags = [{"Key": name, "Value": "none"} for name in names]
        return error_code(tag, SecretId=secret, Tags=tags)

    assert code("rotation-attempt") == ""
    assert code(*keys) in _REFUSALS


@pytest.fixture(scope="module")
def others(aws: Aws, estate: Estate) -> Iterator[Mapping[str, list[tuple[str, str]]]]:
    """Neighbours by service, each with its region; their names are as near as names can be."""
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


@pytest.mark.parametrize("strategy", REGISTRY)
def test_the_same_action_on_another_resource_is_refused(
    strategy: str,
    estate: Estate,
    roles: Mapping[str, Clients],
    others: Mapping[str, list[tuple[str, str]]],
    cases: CountCases,
) -> None:
    deployed = estate.secrets[strategy]
    own = _own(estate, deployed)
    actions = _granted(deployed) - _NOT_ASKED - _ASKED_APART
    allowed, refused = {}, {}
    for action in sorted(actions):
        service = action.partition(":")[0]
        allowed[action] = _asked(roles[strategy], action, own[_PARAMETERS[service]])
        for target, region in others[service]:
            code = _asked(roles[strategy], action, target, region_name=region)
            refused[action, target, region] = code
    cases(len(refused))

    assert {action: code for action, code in allowed.items() if code in _REFUSALS} == {}
    assert {where: code for where, code in refused.items() if code not in _REFUSALS} == {}


@pytest.mark.parametrize(
    ("service_name", "is_own", "expected"),
    [
        pytest.param("bedrock.amazonaws.com", True, "", id="this"),
        pytest.param("bedrock.amazonaws.com", False, "AccessDenied", id="another-user"),
        pytest.param("codecommit.amazonaws.com", True, "AccessDenied", id="another-service"),
    ],
)
def test_a_credential_is_deleted_for_this_user_and_this_service_alone(
    service_name: str,
    expected: str,
    aws: Aws,
    estate: Estate,
    roles: Mapping[str, Clients],
    *,
    is_own: bool,
) -> None:
    iam, ours = aws.client("iam"), roles["iam_service_credential"]("iam")
    name = {"UserName": estate.user if is_own else estate.outsider}
    deployed = estate.secrets["iam_service_credential"]
    if not expected:
        # Of the two there are, the one that the next rotation would delete.
        held = deployed.secret.value("AWSPREVIOUS")
    else:
        answer = iam.create_service_specific_credential(**name, ServiceName=service_name)
        held = answer["ServiceSpecificCredential"]
    which = {**name, "ServiceSpecificCredentialId": held["ServiceSpecificCredentialId"]}
    assert error_code(ours.delete_service_specific_credential, **which) == expected
    if expected:
        iam.delete_service_specific_credential(**which)
        make = ours.create_service_specific_credential
        assert error_code(make, **name, ServiceName=service_name) == expected


@pytest.mark.parametrize(
    ("name", "reader"),
    [("grants/token", "github_deploy_key"), ("grants/administrator", "custom")],
)
def test_what_stands_in_another_secret_is_read_and_nothing_else(
    name: str,
    reader: str,
    aws: Aws,
    estate: Estate,
    roles: Mapping[str, Clients],
    cases: CountCases,
) -> None:
    arn = aws.client("secretsmanager").describe_secret(SecretId=name)["ARN"]
    asked = sorted(action for action in _ASKED if action.startswith("secretsmanager:"))
    allowed = {
        (strategy, action)
        for strategy in estate.secrets
        for action in asked
        if _asked(roles[strategy], action, arn) not in _REFUSALS
    }
    cases(len(asked) * len(estate.secrets))
    assert allowed == {(reader, "secretsmanager:GetSecretValue")}


@contextlib.contextmanager
def _more(aws: Aws, role: str, **statement: object) -> Iterator[None]:
    """Give the role one statement more for the length of the block."""
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
    action: str, through: str, strategy: str, estate: Estate, roles: Mapping[str, Clients]
) -> None:
    deployed = estate.secrets[strategy]
    secrets = deployed.aws.client("secretsmanager")
    another = secrets.create_secret(
        Name=f"{deployed.outputs['secret_name']}-beside",
        KmsKeyId=estate.key_arn,
        SecretString="beside",
    )["ARN"]

    def code_with(*actions: str) -> str:
        resources = [another, estate.key_arn]
        with _more(deployed.aws, deployed.role, Action=actions, Resource=resources):
            return _asked(roles[strategy], through, another)

    try:
        assert code_with(through) == "AccessDeniedException"
        assert code_with(through, action) == ""
    finally:
        secrets.delete_secret(SecretId=another, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("strategy", IN_COMMON)
@pytest.mark.parametrize("through", _THROUGH_THE_KEY.values())
def test_another_customer_key_is_refused(
    through: str, strategy: str, estate: Estate, roles: Mapping[str, Clients]
) -> None:
    deployed = estate.secrets[strategy]
    kms, secrets = (deployed.aws.client(name) for name in ("kms", "secretsmanager"))
    secret = deployed.secret.secret_id
    key = kms.create_key()["KeyMetadata"]["Arn"]
    try:
        secrets.update_secret(SecretId=secret, KmsKeyId=key)
        refused = _asked(roles[strategy], through, secret)
    finally:
        secrets.update_secret(SecretId=secret, KmsKeyId=estate.key_arn)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    assert refused == "AccessDeniedException"
    assert _asked(roles[strategy], through, secret) == ""


@pytest.mark.parametrize("strategy", IN_COMMON)
def test_a_traced_function_may_send_traces_and_read_none(strategy: str, estate: Estate) -> None:
    """IAM's own simulator is asked, since the local AWS has no X-Ray."""
    deployed = estate.secrets[strategy]
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
def code_of_ours(estate: Estate) -> Iterator[Callable[..., str]]:
    """Code of ours in a function that has the role of one that is in a VPC."""
    deployed = estate.secrets["random_value"]
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


def test_code_that_may_read_the_secret_may_not_touch_the_network(
    estate: Estate, code_of_ours: Callable[..., str]
) -> None:
    """What the role has of EC2 is Lambda's, which uses it outside of the function."""
    secret = estate.secrets["random_value"].secret.secret_id
    interface = {"NetworkInterfaceId": "eni-0123456789abcdef0"}

    assert code_of_ours("secretsmanager", "describe_secret", SecretId=secret) == ""
    assert {
        code_of_ours("ec2", "assign_private_ip_addresses", **interface),
        code_of_ours("ec2", "create_network_interface", SubnetId="subnet-0123456789abcdef0"),
        code_of_ours("ec2", "delete_network_interface", **interface),
        code_of_ours("ec2", "describe_network_interfaces"),
        code_of_ours("ec2", "describe_subnets"),
        code_of_ours("ec2", "unassign_private_ip_addresses", **interface),
    } == {"UnauthorizedOperation"}
