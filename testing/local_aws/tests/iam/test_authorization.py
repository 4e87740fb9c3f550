"""The resources and condition keys that IAM evaluates for a request."""

import contextlib

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    CreateUser,
    allow,
    error_code,
    eventual_code,
    policy,
)

READ = "secretsmanager:GetSecretValue"


@pytest.fixture
def bucket(account: Account, later: contextlib.ExitStack, name: str) -> str:
    s3 = account.client("s3")
    where = {"LocationConstraint": account.region}
    s3.create_bucket(
        Bucket=name,
        **({} if account.region == "us-east-1" else {"CreateBucketConfiguration": where}),
    )
    later.callback(s3.delete_bucket, Bucket=name)
    return name


def test_the_principal_arn_of_a_session_is_the_arn_of_its_role(
    account: Account,
    iam: Client,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """AWS: "For IAM roles, the request context returns the ARN of the role".
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    arn = create_secret(SecretString="a")
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": account.account_id},
    }
    role = iam.create_role(
        RoleName=name, Path="/contract/", AssumeRolePolicyDocument=policy(trust)
    )["Role"]["Arn"]
    later.callback(iam.delete_role, RoleName=name)
    iam.put_role_policy(
        RoleName=name, PolicyName="contract", PolicyDocument=policy(allow(READ, arn))
    )
    later.callback(iam.delete_role_policy, RoleName=name, PolicyName="contract")
    sts = account.client("sts")
    assume = {"RoleArn": role, "RoleSessionName": "contract"}
    eventual_code(sts.assume_role, "", **assume)
    session = account.with_key(sts.assume_role(**assume)["Credentials"]).client("secretsmanager")

    def deny_everyone_but(principal: str) -> None:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": READ,
            "Resource": "*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": principal}},
        }
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(statement))

    deny_everyone_but(role)
    assert eventual_code(session.get_secret_value, "", SecretId=arn) == ""
    deny_everyone_but(account.arn("iam", "role/contract/another"))
    denied = eventual_code(session.get_secret_value, "AccessDeniedException", SecretId=arn)
    assert denied == "AccessDeniedException"


def test_a_policy_can_name_the_rotation_function_of_a_secret(
    secrets: Client,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
    create_user: CreateUser,
) -> None:
    """AWS: "Filters access by the ARN of the rotation Lambda function associated with the secret".
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html#awssecretsmanager-secretsmanager_resource_AllowRotationLambdaArn
    """
    arn, rotator = create_secret(SecretString="a"), create_rotator()
    key = {"secretsmanager:resource/AllowRotationLambdaArn": rotator.arn}
    user = create_user(allow(READ, "*", ArnEquals=key)).client("secretsmanager")

    before = error_code(user.get_secret_value, SecretId=arn)
    secrets.rotate_secret(
        SecretId=arn,
        RotationLambdaARN=rotator.arn,
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )

    assert before == "AccessDeniedException"
    assert eventual_code(user.get_secret_value, "", SecretId=arn) == ""
    rotator.records(1)


def test_a_policy_can_name_the_tags_that_a_request_sets(
    create_secret: CreateSecret, create_user: CreateUser
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tagkeys"""
    arn = create_secret()
    only = {"aws:TagKeys": ["rotation-attempt"]}
    granted = allow("secretsmanager:TagResource", arn, **{"ForAllValues:StringEquals": only})
    user = create_user(granted).client("secretsmanager")

    def tag(key: str) -> dict[str, object]:
        return {"SecretId": arn, "Tags": [{"Key": key, "Value": "x"}]}

    assert eventual_code(user.tag_resource, "", **tag("rotation-attempt")) == ""
    assert error_code(user.tag_resource, **tag("owner")) == "AccessDeniedException"


def test_a_user_without_permissions_cannot_read_a_secret(
    create_secret: CreateSecret, create_user: CreateUser
) -> None:
    arn = create_secret(SecretString="a")
    user = create_user().client("secretsmanager")

    one = error_code(user.get_secret_value, SecretId=arn)
    many = error_code(user.batch_get_secret_value, SecretIdList=[arn])

    assert (one, many) == ("AccessDeniedException", "AccessDeniedException")


def test_an_unsigned_request_cannot_read_a_bucket(account: Account, bucket: str) -> None:
    """AWS: "By default, all Amazon S3 resources are private".
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-iam.html
    """
    unsigned = account.client("s3", config=Config(signature_version=UNSIGNED))

    assert error_code(unsigned.list_objects_v2, Bucket=bucket) == "AccessDenied"


@pytest.mark.parametrize("key", ["test", "123456789012"])
def test_an_access_key_that_was_never_created_is_rejected(account: Account, key: str) -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""
    stranger = account.with_key({"AccessKeyId": key, "SecretAccessKey": "test"})

    assert error_code(stranger.client("iam").list_users) == "InvalidClientTokenId"
