"""Only its own writers write each tag that the function of a secret acts on (promise 5)."""

from typing import Final

import pytest

from testing.harness.account import REVOCATION_TAG, eventually
from tests.e2e.estate import Estate
from tests.e2e.roles import acting, error_code, responding
from tests.e2e.scenarios import RECORD, REVOKE
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]

_DENIED: Final = "AccessDeniedException"
_EVERYTHING: Final = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_WRITTEN: Final = {"rotation-attempt": RECORD, REVOCATION_TAG: REVOKE}


@pytest.mark.parametrize(
    ("strategy", "key"),
    [
        case(strategy, key, id=f"{strategy.name}-{key}")
        for strategy in ROTATORS
        for key, scenarios in _WRITTEN.items()
        if scenarios.items() <= strategy.grants.scenarios.items()
    ],
)
def test_an_administrator_writes_no_such_tag_and_every_other_one(
    strategy: RotatorUnderTest, key: str, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    admin, secret = deployed.aws.client("secretsmanager"), {"SecretId": deployed.secret.secret_id}
    before = deployed.secret.tags()

    with acting(deployed.aws, estate.outsider, _EVERYTHING) as clients:
        secrets = clients("secretsmanager")

        def tag(*keys: str) -> str:
            tags = [{"Key": key, "Value": before.get(key, "none")} for key in keys]
            return error_code(secrets.tag_resource, **secret, Tags=tags)

        def untag(*keys: str) -> str:
            return error_code(secrets.untag_resource, **secret, TagKeys=keys)

        assert [tag("owner"), tag(key), tag("owner", key)] == ["", _DENIED, _DENIED]
        assert [untag("owner", key), untag(key), untag("owner")] == [_DENIED, _DENIED, ""]
        assert deployed.secret.tags() == before

        # The secret's own policy denies it.
        held = admin.get_resource_policy(**secret)["ResourcePolicy"]
        admin.delete_resource_policy(**secret)
        try:
            eventually("The tag", lambda: tag(key) == "")
        finally:
            admin.put_resource_policy(**secret, ResourcePolicy=held, BlockPublicPolicy=True)


@pytest.mark.parametrize(
    "strategy",
    [case(one) for one in ROTATORS if REVOKE.items() <= one.grants.scenarios.items()],
)
def test_a_responder_writes_its_own_tag_and_no_other(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    with responding(deployed) as secrets:

        def tag(*keys: str) -> str:
            tags = [{"Key": key, "Value": "none"} for key in keys]
            return error_code(secrets.tag_resource, SecretId=deployed.secret.secret_id, Tags=tags)

        assert tag(REVOCATION_TAG) == ""
        denied = [["owner"], ["rotation-attempt"], ["owner", REVOCATION_TAG], []]
        assert [tag(*keys) for keys in denied] == [_DENIED] * len(denied)
