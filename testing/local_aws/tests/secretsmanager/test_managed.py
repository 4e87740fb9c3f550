"""The secret of an RDS master user, which RDS creates, rotates, and deletes.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
"""

import contextlib
import json
from dataclasses import dataclass

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateInbox,
    Json,
    error_code,
    eventually,
    policy,
)


@dataclass(frozen=True)
class Database:
    """A PostgreSQL instance and the ARN of its master user's secret."""

    described: Json

    @property
    def secret_arn(self) -> str:
        return str(self.described["MasterUserSecret"]["SecretArn"])


@pytest.fixture
def databases(account: Account) -> Client:
    return account.client("rds")


@pytest.fixture
def database(databases: Client, later: contextlib.ExitStack, name: str) -> Database:
    databases.create_db_instance(
        AllocatedStorage=20,
        DBInstanceClass="db.t4g.micro",
        DBInstanceIdentifier=name,
        Engine="postgres",
        ManageMasterUserPassword=True,
        MasterUsername="reports",
    )

    def delete() -> None:
        with contextlib.suppress(databases.exceptions.DBInstanceNotFoundFault):
            databases.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    later.callback(delete)

    def describe() -> Json:
        found: Json = databases.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found

    return Database(
        eventually("the secret", describe, lambda found: found.get("MasterUserSecret") is not None)
    )


def password(secrets: Client, database: Database) -> str:
    text = secrets.get_secret_value(SecretId=database.secret_arn)["SecretString"]
    value: dict[str, str] = json.loads(text)
    assert value["username"] == "reports"
    return value["password"]


def test_rds_stores_the_password_in_a_secret_that_rotates_every_week(
    database: Database, secrets: Client
) -> None:
    """By default, RDS rotates it every seven days. The fields are those of a real account:
    https://github.com/floci-io/floci/pull/2378
    """
    described = secrets.describe_secret(SecretId=database.secret_arn)

    assert described["Name"].startswith("rds!db-")
    assert described["OwningService"] == "rds"
    assert described["RotationEnabled"]
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 7}
    assert "RotationLambdaARN" not in described
    assert password(secrets, database)


def test_rotate_secret_accepts_a_schedule_but_no_function(
    account: Account, database: Database, secrets: Client
) -> None:
    """Managed rotation uses no Lambda function; RotateSecret accepts only the rules.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html
    """
    before = password(secrets, database)
    rules = {"Duration": "2h", "ScheduleExpression": "cron(0 16 1,15 * ? *)"}
    with_function = {
        "SecretId": database.secret_arn,
        "RotationLambdaARN": account.arn("lambda", "function:rotate"),
    }

    secrets.rotate_secret(SecretId=database.secret_arn, RotationRules=rules)
    eventually("the rotation", lambda: password(secrets, database) != before)
    described = secrets.describe_secret(SecretId=database.secret_arn)
    assert described["RotationRules"].items() >= rules.items()
    assert error_code(secrets.rotate_secret, **with_function) == "InvalidRequestException"

    after = password(secrets, database)
    secrets.rotate_secret(SecretId=database.secret_arn, RotateImmediately=False)
    assert password(secrets, database) == after


def test_if_rds_is_denied_access_rotation_fails_with_an_event(
    create_inbox: CreateInbox, database: Database, databases: Client, name: str, secrets: Client
) -> None:
    """AWS: a secret is "impaired" if RDS "can no longer access either the secret or the KMS key";
    it cannot be rotated. The event needs a trail that logs the account's management events.
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_MasterUserSecret.html
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
    """

    def status() -> str:
        (found,) = databases.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return str(found["MasterUserSecret"]["SecretStatus"])

    detail = {"additionalEventData": {"SecretId": [database.secret_arn]}}
    inbox = create_inbox(source=["aws.secretsmanager"], detail=detail)
    inbox.allow_events()
    before = password(secrets, database)
    denial = {"Effect": "Deny", "Action": "secretsmanager:PutSecretValue", "Resource": "*"}
    document = policy({**denial, "Principal": "*"})

    secrets.put_resource_policy(SecretId=database.secret_arn, ResourcePolicy=document)
    secrets.rotate_secret(SecretId=database.secret_arn)
    eventually("the impairment", status, lambda seen: seen == "impaired")
    assert password(secrets, database) == before
    (event,) = inbox.events()
    assert event["detail-type"] == "AWS Service Event via CloudTrail"
    assert event["detail"]["eventName"] == "RotationFailed"

    secrets.delete_resource_policy(SecretId=database.secret_arn)
    secrets.rotate_secret(SecretId=database.secret_arn)
    eventually("the rotation", lambda: password(secrets, database) != before)
    assert status() == "active"


def test_a_cancelled_rotation_can_be_configured_again(database: Database, secrets: Client) -> None:
    """After CancelRotateSecret, the password does not change until rotation is configured again.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html
    """
    rules = {"AutomaticallyAfterDays": 7}
    before = password(secrets, database)

    secrets.cancel_rotate_secret(SecretId=database.secret_arn)
    described = secrets.describe_secret(SecretId=database.secret_arn)
    assert not described["RotationEnabled"]
    assert password(secrets, database) == before

    again = {"SecretId": database.secret_arn, "RotationRules": rules, "RotateImmediately": False}
    secrets.rotate_secret(**again)
    described = secrets.describe_secret(SecretId=database.secret_arn)
    assert described["RotationEnabled"]
    assert described["RotationRules"].items() >= rules.items()


def test_deleting_the_instance_deletes_its_secret(
    database: Database, databases: Client, name: str, secrets: Client
) -> None:
    databases.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    eventually(
        "the deletion of the secret",
        lambda: error_code(secrets.describe_secret, SecretId=database.secret_arn),
        lambda code: code == "ResourceNotFoundException",
    )
