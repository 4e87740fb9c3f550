"""A service-specific credential of an IAM user."""

from tests.strategies import RotatorUnderTest

STRATEGY = RotatorUnderTest(
    name="iam_service_credential",
    options={"service_name": "bedrock.amazonaws.com", "user_name": "assistant"},
)
