"""A function that the user deploys."""

from tests.e2e.walk import Walk
from tests.strategies import Change, Effect, Rule, StrategyUnderTest

_RULES = (
    Rule(
        id="arn",
        text="rotation.function.arn must be the ARN of a Lambda function",
        refused={"arn": "rotate"},
        found='"rotate".',
        accepted={"arn": "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live"},
    ),
)

STRATEGY = StrategyUnderTest(
    name="function",
    rules=_RULES,
    # A module cannot have the name of the one that makes the function.
    folder="existing_function",
    changes={
        "add_permission": Change(effect=Effect.ROTATES, after=False),
        "arn": Change(
            effect=Effect.ROTATES, after="arn:aws:lambda:eu-west-1:123456789012:function:other"
        ),
    },
    options={"arn": "arn:aws:lambda:eu-west-1:123456789012:function:rotate"},
    secret_fields=frozenset(),
    walks={"existing-function": Walk},
)
