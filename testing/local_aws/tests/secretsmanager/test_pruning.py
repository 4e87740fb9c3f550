"""The removal of old versions without a staging label.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
"""

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Client, CreateSecret, Json, error_code


def _unlabelled(secrets: Client, arn: str, **page: str) -> list[Json]:
    listed = secrets.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True, **page)
    next_page = {"NextToken": listed["NextToken"]} if listed.get("NextToken") else {}
    found = [version for version in listed["Versions"] if not version.get("VersionStages")]
    return found + (_unlabelled(secrets, arn, **next_page) if next_page else [])


@pytest.mark.parametrize(
    ("age", "kept"),
    [pytest.param(0, 100, id="older-than-a-day"), pytest.param(86_400, 118, id="younger")],
)
def test_a_hundred_old_versions_without_a_label_are_kept(
    local: LocalAws, secrets: Client, create_secret: CreateSecret, age: int, kept: int
) -> None:
    """AWS: "Secrets Manager removes deprecated versions of the secret when the number of versions
    exceeds 100 versions, but doesn't remove versions created less than 24 hours ago."
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    """
    arn = create_secret(SecretString="0")

    with local.switched(version_retention_seconds=age):
        for number in range(1, 120):
            secrets.put_secret_value(SecretId=arn, SecretString=str(number))

    assert len(_unlabelled(secrets, arn)) == kept
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "119"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param(15, {""}, id="floor"),
        pytest.param(10, {"", "LimitExceededException"}, id="ten"),
    ],
)
def test_a_day_of_rotations_at_the_floor_of_the_module_is_within_the_quota(
    local: LocalAws, secrets: Client, create_secret: CreateSecret, minutes: int, expected: set[str]
) -> None:
    """AWS: "If you update the secret value more than once every 10 minutes, you create more
    versions than Secrets Manager removes, and you will reach the quota for secret versions."
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html

    Ten minutes already make more than the hundred versions that AWS removes down to.
    """
    arn = create_secret(SecretString="0")

    with local.switched(version_quota=100):
        codes = {
            error_code(secrets.put_secret_value, SecretId=arn, SecretString=str(number))
            for number in range(24 * 60 // minutes)
        }

    assert codes == expected
