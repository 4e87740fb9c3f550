"""Reads that return an earlier state of a secret.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_general.html
"""

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Client, CreateSecret, Json, error_code, eventually

LONG = 3600.0


def _versions(secrets: Client, arn: str) -> list[Json]:
    versions: list[Json] = secrets.list_secret_version_ids(SecretId=arn)["Versions"]
    return versions


def test_no_read_sees_a_value_before_the_lag_is_over(
    local: LocalAws, secrets: Client, create_secret: CreateSecret
) -> None:
    """AWS: "All Secrets Manager operations are eventually consistent."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
    """
    arn = create_secret()

    with local.switched(secret_read_lag_seconds=LONG):
        secrets.put_secret_value(SecretId=arn, SecretString="a")
        missing = error_code(secrets.get_secret_value, SecretId=arn)
        described = secrets.describe_secret(SecretId=arn)
        listed = _versions(secrets, arn)

    assert missing == "ResourceNotFoundException"
    assert "VersionIdsToStages" not in described
    assert listed == []
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "a"


def test_a_read_sees_the_former_labels_before_the_lag_is_over(
    local: LocalAws, secrets: Client, create_secret: CreateSecret
) -> None:
    arn = create_secret(SecretString="a")

    with local.switched(secret_read_lag_seconds=LONG):
        secrets.put_secret_value(SecretId=arn, SecretString="b")
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "a"
        assert [version["VersionStages"] for version in _versions(secrets, arn)] == [["AWSCURRENT"]]

    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "b"


def test_a_read_sees_a_change_after_the_lag(
    local: LocalAws, secrets: Client, create_secret: CreateSecret
) -> None:
    arn = create_secret(SecretString="a")

    with local.switched(secret_read_lag_seconds=0.2):
        secrets.put_secret_value(SecretId=arn, SecretString="b")
        read = eventually(
            "the value",
            lambda: secrets.get_secret_value(SecretId=arn)["SecretString"],
            lambda value: value == "b",
        )

    assert read == "b"


@pytest.mark.parametrize("lag", [pytest.param(LONG, id="with-lag"), pytest.param(0.0, id="none")])
def test_a_write_is_decided_by_the_latest_state(
    local: LocalAws, secrets: Client, create_secret: CreateSecret, lag: float
) -> None:
    """AWS: "If a version with this value already exists and the version of the SecretString and
    SecretBinary values are different from those in the request, then the request fails".
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    arn = create_secret()
    token = {"SecretId": arn, "ClientRequestToken": "a" * 32}

    with local.switched(secret_read_lag_seconds=lag):
        secrets.put_secret_value(**token, SecretString="a")
        refused = error_code(secrets.put_secret_value, **token, SecretString="b")

    assert refused == "ResourceExistsException"
