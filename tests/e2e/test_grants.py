"""Each grant of a deployed role has a scenario that works with it and fails without it."""

from pathlib import Path
from typing import Final

import pytest

from testing.local_aws import LocalAws
from tests.e2e.estate import IN_COMMON, VARIANTS, Estate
from tests.e2e.roles import Grant, granted
from tests.e2e.scenarios import COMMON, REVOKE, Scenario
from tests.e2e.walk import denied
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]

# AWS's pages require these, too. Lambda accepts a role without them, and uses them later or never.
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


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_each_grant_has_a_scenario_and_each_scenario_a_grant(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    expected = {*COMMON, *strategy.grants.scenarios, *_AWS_ONLY}
    assert granted(deployed.aws, deployed.role) == expected


def test_the_grants_that_only_aws_can_show_are_listed(repository: Path) -> None:
    page = (repository / "testing" / "local_aws" / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if "aws-only" in line)
    listed = {word.strip("`,") for word in row.split() if word.startswith("`")}
    assert listed == {action for _, action in _AWS_ONLY}


@pytest.mark.parametrize(
    ("strategy", "grant", "scenario"),
    [
        case(
            strategy,
            grant,
            scenario,
            id=f"{strategy.name}-{grant[1]}-{scenario.__name__}",
            marks=[]
            if strategy.represents_all or grant not in {**COMMON, **REVOKE}
            else [pytest.mark.slow],
        )
        for strategy in ROTATORS
        for grant, scenario in {**COMMON, **strategy.grants.scenarios}.items()
    ],
)
def test_scenario_works_with_its_grant_and_fails_without_it(
    strategy: RotatorUnderTest, grant: Grant, scenario: Scenario, estate: Estate
) -> None:
    """Promise 4: each grant is needed."""
    scenario(estate.secrets[strategy.name], grant)


@pytest.mark.parametrize(
    ("strategy", "variant"),
    [
        case(one, name, id=name, marks=[] if (one, name) == VARIANTS[-1] else [pytest.mark.slow])
        for one, name in VARIANTS
    ],
)
def test_other_options_have_a_grant_that_works_and_is_needed(
    strategy: RotatorUnderTest, variant: str, estate: Estate
) -> None:
    deployed, scenarios = estate.variants[variant], strategy.grants.variants[variant].scenarios
    basic = {grant for grant in COMMON if grant[0] in {"RotateThisSecret", "DeliverLogs"}}
    assert granted(deployed.aws, deployed.role) == {*basic, *scenarios}
    for grant, scenario in scenarios.items():
        scenario(deployed, grant)
    strategy.load.use(deployed.aws, deployed.outputs, deployed.secret.value())


@pytest.mark.local_only("a switch delays the end of a denial")
@pytest.mark.parametrize("strategy", IN_COMMON)
def test_a_policy_that_takes_effect_late_fails_no_step(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    aws = deployed.aws
    assert isinstance(aws, LocalAws)
    inline = {"RoleName": deployed.role, "PolicyName": "late"}
    iam = aws.client("iam")
    iam.put_role_policy(**inline, PolicyDocument=denied("secretsmanager:DescribeSecret"))
    with aws.switched(policy_propagation_seconds=5):
        iam.delete_role_policy(**inline)
        rotation = deployed.secret.rotate()
        deployed.secret.wait_for(rotation)
    assert {record["outcome"] for record in deployed.records(rotation)} & {"failed"} == set()
