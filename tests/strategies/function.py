"""A function that the user deploys."""

from tests.strategies import StrategyUnderTest

STRATEGY = StrategyUnderTest(
    name="function",
    options={"arn": "arn:aws:lambda:eu-west-1:123456789012:function:rotate"},
)
