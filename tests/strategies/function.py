"""A function that the user deploys."""

from tests.e2e.walk import Walk
from tests.strategies import StrategyUnderTest

STRATEGY = StrategyUnderTest(
    name="function",
    # A module cannot have the name of the one that makes the function.
    folder="existing_function",
    options={"arn": "arn:aws:lambda:eu-west-1:123456789012:function:rotate"},
    secret_fields=frozenset(),
    walks={"existing-function": Walk},
)
