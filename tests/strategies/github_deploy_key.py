"""A deploy key of a GitHub repository."""

from tests.strategies import RotatorUnderTest

_KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

STRATEGY = RotatorUnderTest(
    name="github_deploy_key",
    options={
        "app": {
            "client_id": "Iv23liAbCdEfGhIjKlMn",
            "installation_id": 12345678,
            "kms_key_arn": _KMS_KEY,
        },
        "repository": "octo-org/reports",
    },
    variables={
        "function": {"layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"]}
    },
)
