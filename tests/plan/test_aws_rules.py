"""The plan refuses ARNs, lists and IAM names that only AWS could refuse before (promise 6).

botocore's models are AWS's. https://github.com/boto/botocore/tree/develop/botocore/data
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import hcl2
import pytest
from botocore.model import ServiceModel
from botocore.session import get_session

from tests.plan.conftest import VPC, RefuseEach
from tests.strategies import CUSTOM, EXISTING, REPRESENTATIVE, SIMPLEST

_HERE: Final = "eu-west-1:123456789012"
_KEY: Final = f"arn:aws:kms:{_HERE}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_LAYER: Final = f"arn:aws:lambda:{_HERE}:layer:certificates:1"
_TOPIC: Final = f"arn:aws:sns:{_HERE}:alerts"
_FUNCTION: Final = f"arn:aws:lambda:{_HERE}:function:rotate"
_ROLE: Final = "arn:aws:iam::123456789012:role/reporter"
_POLICY: Final = "arn:aws:iam::123456789012:policy/boundary"
_ROTATOR: Final = Path(__file__).resolve().parents[2] / "examples" / "custom" / "rotate.py"

# These two have an ARN and statements of the user's own.
_EXISTING: Final = EXISTING.name
_OWN: Final = CUSTOM.name

Variables = Mapping[str, Any]


@functools.cache
def _model(service: str) -> ServiceModel:
    return get_session().get_service_model(service)


def _limit(service: str, shape: str, name: str = "max") -> Any:  # noqa: ANN401 -- botocore's
    """Return a limit of AWS's model."""
    return _model(service).shape_for(shape).metadata[name]


def _function(**options: object) -> Variables:
    return {"rotation": {SIMPLEST.name: {}}, "function": options}


def _vpc(**options: object) -> Variables:
    return _function(vpc=VPC | options)


def _actions(actions: list[str]) -> Variables:
    return {"rotation": {SIMPLEST.name: {}}, "alarm_actions": actions}


def _notifications(**options: object) -> Variables:
    return {"rotation": {SIMPLEST.name: {}}, "notifications": options}


def _scheduler(**options: object) -> Variables:
    return {
        "rotation": {SIMPLEST.name: {}},
        "schedule_expression": "rate(1 hour)",
        "scheduler": options,
    }


def _statement(**options: object) -> Variables:
    statement = {"actions": ["secretsmanager:DescribeSecret"], "principals": {"AWS": [_ROLE]}}
    return {"policy_statements": {"AuditorsDescribe": statement | options}}


def _principals(kind: str, name: str) -> Variables:
    return _statement(
        principals={kind: [name]}, conditions={"StringEquals": {"aws:PrincipalOrgID": ["o-1"]}}
    )


def _conditions(operator: str) -> Variables:
    return _statement(conditions={operator: {"aws:PrincipalOrgID": ["o-1"]}})


def _custom(**statement: object) -> Variables:
    statement = {"actions": ["kms:Sign"], "resource": _KEY} | statement
    options = {"source_file": str(_ROTATOR), "statements": {"Ask": statement}}
    return {"rotation": {_OWN: options}}


def _elsewhere(arn: str) -> Iterator[str]:
    """Return the ARN in another region and in another partition."""
    yield arn.replace("eu-west-1", "eu-west-2")
    yield arn.replace("arn:aws:", "arn:aws-cn:")


def _path(length: int) -> str:
    return f"/{'p' * (length - 2)}/"


# For each rule: how its message begins, inputs that it refuses, and inputs that it accepts.
_RULES: Final[Mapping[str, tuple[list[Variables], list[Variables]]]] = {
    "Each of administrators must be in the partition": (
        [
            {
                "administrators": [_ROLE.replace("aws", "aws-us-gov", 1)],
                "readers": [_ROLE],
                "readers_exclusive": True,
            }
        ],
        [{"administrators": ["123456789012"], "readers": [_ROLE], "readers_exclusive": True}],
    ),
    "alarm_actions must have at most five ARNs": (
        [_actions([_TOPIC] * (_limit("cloudwatch", "ResourceList") + 1))],
        [_actions([_TOPIC] * _limit("cloudwatch", "ResourceList"))],
    ),
    "Each of alarm_actions must be in the region": (
        [
            *(_actions([arn]) for arn in _elsewhere(_TOPIC)),
            _actions([_TOPIC.ljust(_limit("cloudwatch", "ResourceName") + 1, "s")]),
        ],
        [
            _actions([_TOPIC.ljust(_limit("cloudwatch", "ResourceName"), "s")]),
            _actions([_TOPIC.replace("123456789012", "210987654321")]),
            _actions(["arn:aws:ssm-incidents::123456789012:response-plan/outage"]),
        ],
    ),
    "function.kms_key_arn must be in the region": (
        [_function(kms_key_arn=arn) for arn in _elsewhere(_KEY)],
        [_function(kms_key_arn=_KEY.replace("123456789012", "210987654321"))],
    ),
    "Each of function.layers must be in the region": (
        [_function(layers=[_LAYER, arn]) for arn in _elsewhere(_LAYER)],
        [_function(layers=[_LAYER.replace("123456789012", "210987654321")])],
    ),
    "notifications.kms_key_arn must be in the region": (
        [_notifications(kms_key_arn=arn) for arn in _elsewhere(_KEY)],
        [_notifications(kms_key_arn=_KEY.replace("123456789012", "210987654321"))],
    ),
    "notifications.topic_arn must be in the region": (
        [_notifications(topic_arn=arn) for arn in _elsewhere(_TOPIC)],
        [_notifications(topic_arn=_TOPIC.replace("123456789012", "210987654321"))],
    ),
    "function.permissions_boundary must be a policy of AWS or of this account": (
        [_function(permissions_boundary=_POLICY.replace("123456789012", "210987654321"))],
        [_function(permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess")],
    ),
    "function.role_arn must be a role of this account": (
        [_function(role_arn=_ROLE.replace("123456789012", "210987654321"))],
        [_function(role_arn=_ROLE)],
    ),
    "function.role_path must have at most 512 characters": (
        [_function(role_path=_path(_limit("iam", "pathType") + 1))],
        [_function(role_path=_path(_limit("iam", "pathType")))],
    ),
    "function.vpc.security_group_ids must have at most five IDs": (
        [
            _vpc(security_group_ids=["my-group"]),
            _vpc(security_group_ids=["sg-0123456"]),
            _vpc(
                security_group_ids=VPC["security_group_ids"]
                * (_limit("lambda", "SecurityGroupIds") + 1)
            ),
        ],
        [
            _vpc(security_group_ids=["sg-01234567"]),
            _vpc(
                security_group_ids=VPC["security_group_ids"] * _limit("lambda", "SecurityGroupIds")
            ),
        ],
    ),
    "function.vpc.subnet_ids must have at most 16 IDs": (
        [
            _vpc(subnet_ids=["my-subnet"]),
            _vpc(subnet_ids=VPC["subnet_ids"] * (_limit("lambda", "SubnetIds") + 1)),
        ],
        [_vpc(subnet_ids=VPC["subnet_ids"] * _limit("lambda", "SubnetIds"))],
    ),
    "kms_key_arn must be in the region": (
        [{"kms_key_arn": arn} for arn in _elsewhere(_KEY)],
        [{"kms_key_arn": _KEY.replace("123456789012", "210987654321")}],
    ),
    "Each principal in policy_statements must be one that IAM knows": (
        [
            _principals("AWS", "reporter"),
            _principals("AWS", "arn:aws:iam::123456789012:role/*"),
            _principals("AWS", "arn:aws:iam::123456789012:group/reporters"),
            _principals("AWS", "arn:aws-cn:iam::123456789012:role/reporter"),
            _principals("AWS", "arn:aws:sts::123456789012:assumed-role/reporter"),
            _principals("Service", "backup"),
            _principals("Service", "backup.amazonaws.con"),
            _principals("Federated", "office"),
        ],
        [
            _principals("AWS", "*"),
            _principals("AWS", "123456789012"),
            _principals("AWS", "arn:aws:iam::123456789012:root"),
            _principals("AWS", "arn:aws:sts::123456789012:assumed-role/reporter/mona"),
            _principals("AWS", "arn:aws:sts::123456789012:federated-user/mona"),
            _principals("Service", "logs.eu-west-1.amazonaws.com"),
            _principals("Federated", "arn:aws:iam::123456789012:oidc-provider/example.com"),
            _principals("Federated", "cognito-identity.amazonaws.com"),
        ],
    ),
    "Each condition in policy_statements must have an operator that IAM knows": (
        [
            _conditions("StringEqual"),
            _conditions("stringequals"),
            _conditions("ForSomeValues:StringEquals"),
            _conditions("NullIfExists"),
        ],
        [
            _conditions("StringNotEqualsIgnoreCase"),
            _conditions("ForAnyValue:StringLike"),
            _conditions("ArnNotLikeIfExists"),
            _conditions("NumericLessThanEquals"),
            _conditions("DateGreaterThan"),
            _conditions("NotIpAddress"),
            _conditions("Bool"),
            _conditions("Null"),
        ],
    ),
    "Each of readers must be in the partition": (
        [{"readers": [_ROLE.replace("arn:aws:", "arn:aws-cn:")]}],
        [{"readers": [_ROLE, "123456789012"]}],
    ),
    "Readers of another account must have a customer key": (
        [
            {"readers": [_ROLE, "210987654321"]},
            {"readers": [_ROLE.replace("123456789012", "210987654321")]},
            {
                "kms_key_arn": _KEY,
                "readers": ["210987654321"],
                "replica_regions": {"eu-central-1": None},
            },
        ],
        [
            {"kms_key_arn": _KEY, "readers": ["210987654321"]},
            {
                "kms_key_arn": _KEY,
                "readers": ["210987654321"],
                "replica_regions": {"eu-central-1": _KEY.replace("eu-west-1", "eu-central-1")},
            },
        ],
    ),
    "Each key in replica_regions must be in the partition": (
        [
            {
                "replica_regions": {
                    "cn-north-1": _KEY.replace("eu-west-1", "cn-north-1").replace(
                        "aws", "aws-cn", 1
                    )
                }
            }
        ],
        [{"replica_regions": {"eu-central-1": _KEY.replace("eu-west-1", "eu-central-1")}}],
    ),
    "scheduler.permissions_boundary must be a policy of AWS or of this account": (
        [_scheduler(permissions_boundary=_POLICY.replace("123456789012", "210987654321"))],
        [_scheduler(permissions_boundary=_POLICY)],
    ),
    "scheduler.role_path must have at most 512 characters": (
        [_scheduler(role_path=_path(_limit("iam", "pathType") + 1))],
        [_scheduler(role_path=_path(_limit("iam", "pathType")))],
    ),
    f"rotation.{_EXISTING}.arn must be in the region": (
        [{"rotation": {_EXISTING: {"arn": arn}}} for arn in _elsewhere(_FUNCTION)],
        [{"rotation": {_EXISTING: {"arn": _FUNCTION.replace("123456789012", "210987654321")}}}],
    ),
    f"The resource of each of rotation.{_OWN}.statements must be an ARN": (
        [
            _custom(resource="table"),
            _custom(resource="arn:aws:dynamodb"),
            _custom(resource="arn:aws-cn:s3:::reports"),
        ],
        [_custom(resource="*"), _custom(resource="arn:aws:s3:::reports/*")],
    ),
    f"Each condition of rotation.{_OWN}.statements must have an operator": (
        [_custom(conditions={"StringIs": {"aws:RequestedRegion": ["eu-west-1"]}})],
        [_custom(conditions={"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}})],
    ),
}


def test_each_rule_refuses_what_aws_refuses(refuse_each: RefuseEach) -> None:
    refused = {
        f"{number}-{index}": (rule, variables)
        for number, (rule, (cases, _)) in enumerate(_RULES.items())
        for index, variables in enumerate(cases)
    }
    found = refuse_each({name: variables for name, (_, variables) in refused.items()})
    for name, (rule, variables) in refused.items():
        (message,) = found[name]
        assert message.startswith(rule), variables
        assert " must " in message
        assert "Found: " in message


def test_each_rule_accepts_what_aws_accepts(refuse_each: RefuseEach) -> None:
    accepted = {
        f"{number}-{index}": variables
        for number, (_, cases) in enumerate(_RULES.values())
        for index, variables in enumerate(cases)
    }
    found = refuse_each(accepted)
    assert {name: messages for name, messages in found.items() if messages} == {}


def _rotated(**others: object) -> Variables:
    return {"rotation": {SIMPLEST.name: {}}, **others}


def _days_in(length: int) -> Variables:
    """Return a schedule whose expression has this many characters."""
    days = ("1," * length)[: length - len("cron(0 8  * ? *)")]
    # A list must not end with a comma.
    expression = f"cron(0 8 {days[:-1]}1 * ? *)"
    assert len(expression) == length
    return _rotated(schedule_expression=expression)


# Inputs of a size, for each limit of AWS's models that a rule repeats.
_SIZES: Final[Mapping[tuple[str, str], Callable[[int], Variables]]] = {
    ("secretsmanager", "DescriptionType"): lambda size: {"description": "d" * size},
    ("secretsmanager", "ScheduleExpressionType"): _days_in,
    ("secretsmanager", "SecretStringType"): lambda size: {
        "rotation": {SIMPLEST.name: {"length": size}}
    },
    ("secretsmanager", "TagKeyType"): lambda size: {"tags": {"k" * size: "v"}},
    ("secretsmanager", "TagValueType"): lambda size: {"tags": {"k": "v" * size}},
    ("iam", "userNameType"): lambda size: _user(user_name="u" * size),
    ("iam", "pathType"): lambda size: _user(user_path=_path(size)),
    ("iam", "accessKeyIdType"): lambda size: _user(adopted_access_key_id="AKIA".ljust(size, "A")),
    ("scheduler", "Name"): lambda size: _scheduler(name="n" * size),
}


def _user(**options: object) -> Variables:
    call = REPRESENTATIVE.module_call_with(options)
    del call["name"]
    return call


def test_the_sizes_are_those_of_the_models(refuse_each: RefuseEach) -> None:
    models = {f"{service}-{shape}": (service, shape) for service, shape in _SIZES}
    accepted = {name: _SIZES[one](_limit(*one)) for name, one in models.items()}
    assert [messages for messages in refuse_each(accepted).values() if messages] == []
    refused = {name: _SIZES[one](_limit(*one) + 1) for name, one in models.items()}
    assert [name for name, messages in refuse_each(refused).items() if not messages] == []


def test_every_rule_has_cases(repository: Path) -> None:
    text = (repository / "modules" / "aws_rules" / "variables.tf").read_text(encoding="utf-8")
    messages = [
        rule["error_message"].strip('"').partition(": ")[2]
        for block in hcl2.loads(text)["variable"]
        for variable in block.values()
        for rule in variable.get("validation", [])
    ]
    # The name of the strategy is an expression.
    rules = [re.sub(r"rotation[.]\w+[.]", "rotation.", rule) for rule in _RULES]
    plain = [re.sub(r"\$\{[^}]*\}[.]", "", message) for message in messages]
    assert [one for one in plain if not any(one.startswith(rule) for rule in rules)] == []
    assert len(rules) == len(messages)


@pytest.mark.parametrize(
    ("service", "shape", "ours"),
    [
        pytest.param("iam", "pathType", r"/|/[!-~]+/", id="path"),
        pytest.param("iam", "userNameType", r"[0-9A-Za-z_+=,.@-]+", id="user"),
        pytest.param("iam", "accessKeyIdType", r"[0-9A-Za-z_]+", id="key"),
        pytest.param("scheduler", "Name", r"[0-9A-Za-z_.-]+", id="schedule"),
    ],
)
def test_the_alphabets_of_the_rules_are_those_of_the_models(
    service: str, shape: str, ours: str
) -> None:
    """The rules in HCL allow these, or fewer for a reason beside them."""
    pattern = re.compile(_limit(service, shape, "pattern").replace("\\u002F", "/"), re.ASCII)
    for character in map(chr, range(33, 127)):
        for text in (character, f"/{character}/"):
            assert bool(pattern.fullmatch(text)) == bool(re.fullmatch(ours, text)), text
