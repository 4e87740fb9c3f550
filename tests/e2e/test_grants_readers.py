"""readers_exclusive: only readers, administrators and the function read a deployed secret."""

import json

import pytest

from testing.harness.account import eventually
from tests.e2e.estate import Estate
from tests.e2e.roles import Clients, Deployed, acting, error_code
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [
    pytest.mark.xdist_group("grants"),
    pytest.mark.campaign("Grants"),
    pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS]),
]

_DENIED = "AccessDeniedException"
_BATCH = {"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"}


def _reads(clients: Clients, deployed: Deployed) -> tuple[str, list[str]]:
    """Return the errors of reading the secret alone and in a batch."""
    secrets, secret = clients("secretsmanager"), deployed.secret.secret_id
    batch = secrets.batch_get_secret_value(SecretIdList=[secret])
    errors = [error["ErrorCode"] for error in batch["Errors"]]
    assert len(batch["SecretValues"]) + len(errors) == 1
    return error_code(secrets.get_secret_value, SecretId=secret), errors


@pytest.mark.parametrize("policy", ["of a reader", "of an administrator"])
def test_a_principal_with_its_own_allow_reads_nothing(
    policy: str, strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    admin, secret = deployed.aws.client("secretsmanager"), {"SecretId": deployed.secret.secret_id}
    allows = {
        "of a reader": [*json.loads(deployed.outputs["reader_policy_json"])["Statement"], _BATCH],
        "of an administrator": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    with acting(deployed.aws, estate.outsider, *allows[policy]) as clients:
        assert _reads(clients, deployed) == (_DENIED, [_DENIED])

        # The secret's own policy denies it.
        held = admin.get_resource_policy(**secret)["ResourcePolicy"]
        admin.delete_resource_policy(**secret)
        try:
            eventually("The value", lambda: _reads(clients, deployed) == ("", []))
        finally:
            admin.put_resource_policy(**secret, ResourcePolicy=held, BlockPublicPolicy=True)


def test_a_reader_needs_only_the_key(strategy: RotatorUnderTest, estate: Estate) -> None:
    deployed = estate.secrets[strategy.name]
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": estate.key_arn}

    with acting(deployed.aws, estate.reader, decrypt, _BATCH) as clients:
        assert _reads(clients, deployed) == ("", [])


def test_administrators_and_the_function_keep_their_access(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    before = deployed.secret.text()

    deployed.secret.rotate_and_wait()

    assert deployed.secret.text() not in {None, before}
