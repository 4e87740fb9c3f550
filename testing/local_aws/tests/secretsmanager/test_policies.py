"""The resource policy of a secret.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html
"""

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    CreateUser,
    Json,
    allow,
    error_code,
    eventual_code,
    policy,
)

READ = "secretsmanager:GetSecretValue"


def allow_anyone(**condition: object) -> Json:
    return {**allow(READ, "*", **condition), "Principal": "*"}


@pytest.mark.parametrize(
    "principal", [pytest.param("*", id="anyone"), pytest.param({"AWS": "*"}, id="any account")]
)
def test_block_public_policy_refuses_a_public_policy(
    secrets: Client, create_secret: CreateSecret, principal: str | dict[str, str]
) -> None:
    """AWS: "Specifies whether to block resource-based policies that allow broad access to the
    secret, for example those that use a wildcard for the principal."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
    """
    arn = create_secret()
    document = policy({**allow_anyone(), "Principal": principal})

    refused = error_code(
        secrets.put_resource_policy, SecretId=arn, ResourcePolicy=document, BlockPublicPolicy=True
    )

    assert refused == "PublicPolicyException"
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)


def test_a_policy_for_one_account_is_not_public(
    account: Account, secrets: Client, create_secret: CreateSecret
) -> None:
    arn = create_secret()
    own = {"StringEquals": {"aws:PrincipalAccount": account.account_id}}
    another = {"StringNotEquals": {"aws:PrincipalAccount": account.account_id}}
    document = policy(allow_anyone(**own), {**allow_anyone(**another), "Effect": "Deny"})

    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=document, BlockPublicPolicy=True)

    assert secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"]


def test_a_deny_in_the_policy_overrides_every_allow(
    secrets: Client, create_secret: CreateSecret, create_user: CreateUser
) -> None:
    """AWS: "An explicit deny in any of these policies overrides the allow."
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    arn = create_secret(SecretString="a")
    reader, other = (
        create_user(allow([READ, "secretsmanager:BatchGetSecretValue"], "*")) for _ in range(2)
    )
    identity = reader.client("sts").get_caller_identity()["Arn"]
    exclusive = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": READ,
        "Resource": "*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": identity}},
    }
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(exclusive))

    def read(user: Account) -> Client:
        return user.client("secretsmanager").get_secret_value

    assert eventual_code(read(reader), "", SecretId=arn) == ""
    assert eventual_code(read(other), "AccessDeniedException", SecretId=arn)
    batch = other.client("secretsmanager").batch_get_secret_value(SecretIdList=[arn])
    assert batch["SecretValues"] == []


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        pytest.param(20_480, "", id="20480-characters"),
        pytest.param(20_481, "ValidationException", id="20481-characters"),
    ],
)
def test_a_policy_has_at_most_20480_characters(
    account: Account, secrets: Client, create_secret: CreateSecret, length: int, expected: str
) -> None:
    """AWS: "Length Constraints: Minimum length of 1. Maximum length of 20480."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
    """
    arn = create_secret()
    document = policy({**allow(READ, "*"), "Principal": {"AWS": account.account_id}})
    padded = document.ljust(length)

    assert error_code(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=padded) == expected
