"""Only the function of a deployed secret writes the record of an attempt (promise 5)."""

import pytest

from testing.harness.account import eventually
from tests.e2e.estate import Estate
from tests.e2e.roles import Deployed, acting, error_code
from tests.e2e.scenarios import RECORD
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [
    pytest.mark.xdist_group("grants"),
    pytest.mark.campaign("Grants"),
    pytest.mark.parametrize(
        "strategy",
        [case(one) for one in ROTATORS if RECORD.items() <= one.grants.scenarios.items()],
    ),
]

_RECORD = "rotation-attempt"
_DENIED = "AccessDeniedException"
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def _record(deployed: Deployed) -> str:
    described = deployed.aws.client("secretsmanager").describe_secret(
        SecretId=deployed.secret.secret_id
    )
    return str({tag["Key"]: tag["Value"] for tag in described["Tags"]}[_RECORD])


def test_an_administrator_writes_no_record_and_every_other_tag(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    admin, secret = deployed.aws.client("secretsmanager"), {"SecretId": deployed.secret.secret_id}
    record = _record(deployed)

    with acting(deployed.aws, estate.outsider, _EVERYTHING) as clients:
        secrets = clients("secretsmanager")

        def tag(*keys: str) -> str:
            tags = [{"Key": key, "Value": record} for key in keys]
            return error_code(secrets.tag_resource, **secret, Tags=tags)

        def untag(*keys: str) -> str:
            return error_code(secrets.untag_resource, **secret, TagKeys=keys)

        assert [tag("owner"), tag(_RECORD), tag("owner", _RECORD)] == ["", _DENIED, _DENIED]
        assert [untag("owner", _RECORD), untag(_RECORD), untag("owner")] == [_DENIED, _DENIED, ""]
        assert _record(deployed) == record

        # The secret's own policy denies it.
        held = admin.get_resource_policy(**secret)["ResourcePolicy"]
        admin.delete_resource_policy(**secret)
        try:
            eventually("The tag", lambda: tag(_RECORD) == "")
        finally:
            admin.put_resource_policy(**secret, ResourcePolicy=held, BlockPublicPolicy=True)
