"""Scenarios that work with one grant of a deployed role and fail without it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

import pytest

from testing.harness.account import REVOCATION_TAG, Rotation, eventually
from tests.e2e.roles import Deployed, Grant, error_code, responding, without

Scenario: TypeAlias = Callable[[Deployed, Grant], None]


@dataclass(frozen=True, kw_only=True)
class Grants:
    """The grants of a strategy's role, besides those that all roles have."""

    planned: Mapping[str, Any]
    """Options that add every grant, for a plan without an account."""
    rotation: Mapping[str, object]
    """The same for the account of `estate.py`, in Terraform's JSON."""
    scenarios: Mapping[Grant, Scenario]
    arguments: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Actions of these grants, each with the arguments that it needs besides its resource.

    A call with them must change nothing, also on a resource that the role may use.
    """
    reads: str | None = None
    """The name of another secret that the role reads."""
    variables: Mapping[str, object] = field(default_factory=dict)
    """Other variables of the module call."""
    variants: Mapping[str, "Grants"] = field(default_factory=dict)
    """Other options that have another grant, each with its own secret in `estate.py`."""


_DENIED: Final = "PermissionDenied"
PROMOTE: Final = ("RotateThisSecret", "secretsmanager:UpdateSecretVersionStage")


def _fails(deployed: Deployed, grant: Grant) -> dict[str, object]:
    """Rotate without the grant: denied, and nothing changed. Then with it: done."""
    value = deployed.secret.text()
    with without(deployed.aws, deployed.role, grant):
        rotation = deployed.secret.rotate()
        record = deployed.wait_for_failure(rotation)
    assert record["error"] == _DENIED
    assert deployed.secret.text() == value
    deployed.secret.retry_and_wait(rotation)
    assert deployed.secret.text() not in {None, value}
    return record


def a_clean_rotation(deployed: Deployed, grant: Grant) -> None:
    assert grant[1] in str(_fails(deployed, grant)["message"])


def a_customer_key(deployed: Deployed, grant: Grant) -> None:
    # Secrets Manager calls KMS for the function, so the error names an action of Secrets Manager.
    assert "secretsmanager:" in str(_fails(deployed, grant)["message"])


def a_cleanup_of_a_version_without_a_label(deployed: Deployed, grant: Grant) -> None:
    deployed.secret.rotate_and_wait()
    deployed.aws.client("secretsmanager").update_secret_version_stage(
        SecretId=deployed.secret.secret_id,
        VersionStage="AWSPREVIOUS",
        RemoveFromVersionId=deployed.secret.holder("AWSPREVIOUS"),
    )
    # Only the list shows the version of the previous credential.
    a_clean_rotation(deployed, grant)


def a_search_for_the_accepted_password(deployed: Deployed, grant: Grant) -> None:
    secret = deployed.secret
    secret.put(json.dumps({**secret.value(), "password": "wrong"}))
    secret.give_up(Rotation(str(secret.holder("AWSPENDING")), None))
    # Only the list shows the version whose password the server accepts.
    a_clean_rotation(deployed, grant)


def the_delivery_of_a_log(deployed: Deployed, grant: Grant) -> None:
    with without(deployed.aws, deployed.role, grant):
        silent = deployed.secret.rotate()
        deployed.secret.wait_for(silent)
    heard = deployed.secret.rotate()
    deployed.secret.wait_for(heard)
    eventually("The record of the last step", lambda: len(deployed.records(heard)) == 4)
    assert deployed.records(silent) == []


def _is_accepted(deployed: Deployed, grant: Grant, attribute: str) -> None:
    """Write the function's configuration again: Lambda rejects it if the role misses a grant."""
    functions = deployed.aws.client("lambda")
    name = deployed.outputs["function_name"]
    held = functions.get_function_configuration(FunctionName=name)[attribute]
    held.pop("VpcId", None)  # Lambda returns it and does not accept it.
    change = {"FunctionName": name, attribute: held}
    configure = functions.update_function_configuration
    rejected = pytest.raises(functions.exceptions.InvalidParameterValueException)
    with without(deployed.aws, deployed.role, grant), rejected as rejection:
        configure(**change)
    assert f"to call {grant[1].partition(':')[2]} on " in str(rejection.value)
    assert error_code(configure, **change) == ""
    state = partial(functions.get_function_configuration, FunctionName=name)
    eventually("The update", lambda: state()["LastUpdateStatus"] == "Successful")


def an_attachment_to_a_vpc(deployed: Deployed, grant: Grant) -> None:
    _is_accepted(deployed, grant, "VpcConfig")


def a_traced_function(deployed: Deployed, grant: Grant) -> None:
    _is_accepted(deployed, grant, "TracingConfig")


COMMON: Final[Mapping[Grant, Scenario]] = {
    ("RotateThisSecret", "secretsmanager:DescribeSecret"): a_clean_rotation,
    ("RotateThisSecret", "secretsmanager:GetSecretValue"): a_clean_rotation,
    ("RotateThisSecret", "secretsmanager:PutSecretValue"): a_clean_rotation,
    PROMOTE: a_clean_rotation,
    ("UseTheKeyOfThisSecret", "kms:Decrypt"): a_customer_key,
    ("UseTheKeyOfThisSecret", "kms:GenerateDataKey"): a_customer_key,
    ("DeliverLogs", "logs:CreateLogStream"): the_delivery_of_a_log,
    ("DeliverLogs", "logs:PutLogEvents"): the_delivery_of_a_log,
    ("FindTheSubnets", "ec2:DescribeNetworkInterfaces"): an_attachment_to_a_vpc,
    ("ConnectToTheSubnets", "ec2:CreateNetworkInterface"): an_attachment_to_a_vpc,
    ("ConnectToTheSubnets", "ec2:DeleteNetworkInterface"): an_attachment_to_a_vpc,
    ("DeliverTraces", "xray:PutTraceSegments"): a_traced_function,
}


def a_revocation(deployed: Deployed, grant: Grant) -> None:
    """The successor is current, but the request stays open."""
    secret = deployed.secret
    with responding(deployed) as responder:
        leaked = secret.report(responder)
        with without(deployed.aws, deployed.role, grant):
            rotation = secret.rotate_for_a_report(responder)
            record = deployed.wait_for_failure(rotation)
    assert record["error"] == _DENIED
    assert grant[1] in str(record["message"])
    assert secret.tags()[REVOCATION_TAG].startswith(f"leaked {leaked} ")
    secret.retry_and_wait(rotation)
    secret.wait_for_revocation(leaked)


REVOKE: Final[Mapping[Grant, Scenario]] = {
    ("AnswerTheReportOfALeak", "secretsmanager:TagResource"): a_revocation,
}
"""Of a strategy that can end a leaked credential, or replace its value."""
SEARCH: Final[Mapping[Grant, Scenario]] = {
    ("FindAbandonedVersions", "secretsmanager:ListSecretVersionIds"): (
        a_cleanup_of_a_version_without_a_label
    ),
}
"""Of a strategy that can list its credentials."""
RECORD: Final[Mapping[Grant, Scenario]] = {
    ("RecordAnAttempt", "secretsmanager:TagResource"): a_clean_rotation,
}
"""Of a strategy whose service holds few credentials."""
