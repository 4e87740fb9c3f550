"""A secret that an AWS service made and rotates."""

from tests.strategies import StrategyUnderTest

STRATEGY = StrategyUnderTest(
    name="managed",
    options={
        "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
    },
    variables={"name": None},
)
