"""An installation access token of a GitHub App."""

from tests.strategies import RotatorUnderTest

_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

STRATEGY = RotatorUnderTest(
    name="github_app_token",
    options={
        "client_id": "Iv23liAbCdEfGhIjKlMn",
        "installation_id": 12345678,
        "kms_key_arn": _KMS_KEY,
        "permissions": {"contents": "read"},
        "repositories": ["reports"],
    },
)
