"""Each grant of a deployed role has a scenario that works with it and fails without it."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from testing.harness.account import eventually
from tests.e2e.grants import SHOWN_WITH, Deployed, Estate, Grant, error_code, granted, without

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]

Scenario: TypeAlias = Callable[[Deployed, Grant], None]

_DENIED: Final = "PermissionDenied"
_PROMOTE: Final = ("RotateThisSecret", "secretsmanager:UpdateSecretVersionStage")
_SEARCH: Final = ("FindAbandonedVersions", "secretsmanager:ListSecretVersionIds")


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
    # Secrets Manager asks KMS on the function's behalf: what it denies is its own action.
    assert "secretsmanager:" in str(_fails(deployed, grant)["message"])


def a_cleanup_of_what_was_given_up(deployed: Deployed, grant: Grant) -> None:
    with without(deployed.aws, deployed.role, _PROMOTE):
        given_up = deployed.secret.rotate()
        deployed.wait_for_failure(given_up)
        deployed.secret.give_up(given_up)
    # One of the issued keys is now that of a version without a label.
    a_clean_rotation(deployed, grant)


def the_delivery_of_a_log(deployed: Deployed, grant: Grant) -> None:
    with without(deployed.aws, deployed.role, grant):
        silent = deployed.secret.rotate()
        deployed.secret.wait_for(silent)
    heard = deployed.secret.rotate()
    deployed.secret.wait_for(heard)
    eventually("The record of the last step", lambda: len(deployed.records(heard)) == 4)
    assert deployed.records(silent) == []


def _is_taken(deployed: Deployed, grant: Grant, attribute: str) -> None:
    """Configure the function again as it is, which Lambda refuses where its role lacks a grant."""
    functions = deployed.aws.client("lambda")
    name = deployed.outputs["function_name"]
    held = functions.get_function_configuration(FunctionName=name)[attribute]
    held.pop("VpcId", None)  # Told, never given.
    change = {"FunctionName": name, attribute: held}
    configure = functions.update_function_configuration
    refused = pytest.raises(functions.exceptions.InvalidParameterValueException)
    with without(deployed.aws, deployed.role, grant), refused as refusal:
        configure(**change)
    assert f"to call {grant[1].partition(':')[2]} on " in str(refusal.value)
    assert error_code(configure, **change) == ""
    state = partial(functions.get_function_configuration, FunctionName=name)
    eventually("The update", lambda: state()["LastUpdateStatus"] == "Successful")


def an_attachment_to_a_vpc(deployed: Deployed, grant: Grant) -> None:
    _is_taken(deployed, grant, "VpcConfig")


def a_traced_function(deployed: Deployed, grant: Grant) -> None:
    _is_taken(deployed, grant, "TracingConfig")


_ANY: Final[Mapping[Grant, Scenario]] = {
    ("RotateThisSecret", "secretsmanager:DescribeSecret"): a_clean_rotation,
    ("RotateThisSecret", "secretsmanager:GetSecretValue"): a_clean_rotation,
    ("RotateThisSecret", "secretsmanager:PutSecretValue"): a_clean_rotation,
    _PROMOTE: a_clean_rotation,
    ("UseTheKeyOfThisSecret", "kms:Decrypt"): a_customer_key,
    ("UseTheKeyOfThisSecret", "kms:GenerateDataKey"): a_customer_key,
    ("DeliverLogs", "logs:CreateLogStream"): the_delivery_of_a_log,
    ("DeliverLogs", "logs:PutLogEvents"): the_delivery_of_a_log,
    ("FindTheSubnets", "ec2:DescribeNetworkInterfaces"): an_attachment_to_a_vpc,
    ("ConnectToTheSubnets", "ec2:CreateNetworkInterface"): an_attachment_to_a_vpc,
    ("ConnectToTheSubnets", "ec2:DeleteNetworkInterface"): an_attachment_to_a_vpc,
    ("DeliverTraces", "xray:PutTraceSegments"): a_traced_function,
}
_SCENARIOS: Final[Mapping[str, Mapping[Grant, Scenario]]] = {
    "custom": {
        **_ANY,
        ("ReadTheAdministrator", "secretsmanager:GetSecretValue"): a_clean_rotation,
    },
    "github_app_token": {**_ANY, ("SignForTheApp", "kms:Sign"): a_clean_rotation},
    "github_deploy_key": {
        **_ANY,
        _SEARCH: a_cleanup_of_what_was_given_up,
        ("ReadTheToken", "secretsmanager:GetSecretValue"): a_clean_rotation,
        ("DecryptTheToken", "kms:Decrypt"): a_customer_key,
    },
    "iam_access_key": {
        **_ANY,
        _SEARCH: a_cleanup_of_what_was_given_up,
        ("RecordAnAttempt", "secretsmanager:TagResource"): a_clean_rotation,
        ("RotateKeysOfThisUser", "iam:CreateAccessKey"): a_clean_rotation,
        ("RotateKeysOfThisUser", "iam:DeleteAccessKey"): a_clean_rotation,
        ("RotateKeysOfThisUser", "iam:ListAccessKeys"): a_clean_rotation,
    },
    "iam_service_credential": {
        **_ANY,
        _SEARCH: a_cleanup_of_what_was_given_up,
        ("RecordAnAttempt", "secretsmanager:TagResource"): a_clean_rotation,
        (
            "RotateCredentialsForThisService",
            "iam:CreateServiceSpecificCredential",
        ): a_clean_rotation,
        (
            "RotateCredentialsForThisService",
            "iam:DeleteServiceSpecificCredential",
        ): a_clean_rotation,
        ("ListCredentialsOfThisUser", "iam:ListServiceSpecificCredentials"): a_clean_rotation,
    },
    "random_value": _ANY,
}

# AWS's pages ask for these, too; Lambda takes a role without them, and uses them later, if ever.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions
_AWS_ONLY: Final[frozenset[Grant]] = frozenset(
    {
        ("FindTheSubnets", "ec2:DescribeSubnets"),
        ("ConnectToTheSubnets", "ec2:AssignPrivateIpAddresses"),
        ("ConnectToTheSubnets", "ec2:UnassignPrivateIpAddresses"),
        ("DeliverTraces", "xray:PutTelemetryRecords"),
    }
)


def test_each_grant_has_a_scenario_and_each_scenario_a_grant(estate: Estate) -> None:
    claimed = {name: {*scenarios, *_AWS_ONLY} for name, scenarios in _SCENARIOS.items()}
    assert claimed == {
        name: granted(deployed.aws, deployed.role) for name, deployed in estate.secrets.items()
    }


def test_the_grants_that_only_aws_can_show_are_listed(repository: Path) -> None:
    page = (repository / "testing" / "local_aws" / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if "aws-only" in line)
    listed = {word.strip("`,") for word in row.split() if word.startswith("`")}
    assert listed == {action for _, action in _AWS_ONLY}


@pytest.mark.parametrize(
    ("strategy", "grant", "scenario"),
    [
        pytest.param(
            strategy,
            grant,
            scenario,
            id=f"{strategy}-{grant[1]}-{scenario.__name__}",
            marks=[pytest.mark.slow] if grant in _ANY and strategy != SHOWN_WITH else [],
        )
        for strategy, scenarios in _SCENARIOS.items()
        for grant, scenario in scenarios.items()
    ],
)
def test_scenario_works_with_its_grant_and_fails_without_it(
    strategy: str, grant: Grant, scenario: Scenario, estate: Estate
) -> None:
    """Promise 4: what no scenario needs is not granted."""
    scenario(estate.secrets[strategy], grant)
