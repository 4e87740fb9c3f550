"""An access key of an IAM user."""

from tests.strategies import RotatorUnderTest

STRATEGY = RotatorUnderTest(
    name="iam_access_key",
    options={"user_name": "uploader"},
)
