"""A secret that an AWS service made and rotates."""

import pytest
from botocore.exceptions import ClientError

from testing.harness.account import Aws, Secret
from testing.harness.terraform import Terraform
from tests.e2e.walk import Walk, denied
from tests.strategies import Change, Effect, Rule, StrategyUnderTest


class _Walk(Walk):
    """The value is the password of a database; RDS makes it without a function."""

    guarded_by = "tests/e2e/test_managed.py"

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        """Deny everyone to start a rotation."""
        del terraform
        client = aws.client("secretsmanager")
        policy = denied("secretsmanager:RotateSecret", Principal="*")
        client.put_resource_policy(SecretId=secret.secret_id, ResourcePolicy=policy)
        with pytest.raises(ClientError, match="AccessDenied"):
            secret.rotate()
        assert secret.text() == self.values[-1]
        client.delete_resource_policy(SecretId=secret.secret_id)
        self.change(secret)


_RULES = (
    Rule(
        id="secret_arn",
        text="rotation.managed.secret_arn must be the ARN of a secret that an AWS service made",
        refused={
            "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds-db-a1B2c3"
        },
        found='"arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds-db-a1B2c3".',
        accepted={
            "secret_arn": (
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ecs-sc!reports-a1B2c3"
            )
        },
    ),
    Rule(
        id="secret_arn-elsewhere",
        text="rotation.managed.secret_arn must be in the region and account of this module",
        refused={
            "secret_arn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-a1B2c3"
        },
        found='"arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-a1B2c3".',
        accepted={
            "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-a1B2c3"
        },
    ),
)

STRATEGY = StrategyUnderTest(
    name="managed",
    rules=_RULES,
    changes={
        "rotation_enabled": Change(effect=Effect.CARRIED, after=False),
        "secret_arn": Change(
            effect=Effect.ROTATES,
            after="arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1f2a3b4c-d4E5f6",
        ),
    },
    options={
        "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
    },
    variables={"name": None},
    secret_fields=frozenset({"password"}),
    walks={"managed": _Walk},
)
