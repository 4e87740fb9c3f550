"""Throttled calls of functions.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""

import contextlib
import json

import pytest
from botocore.config import Config

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Account, Client, allow, error_code, eventually

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def function(account: Account, iam: Client, later: contextlib.ExitStack, name: str) -> Account:
    """The account as a role sees it; the local AWS treats a role's calls as a function's."""
    trusted = {"AWS": f"arn:aws:iam::{account.account_id}:root"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    later.callback(iam.delete_role, RoleName=name)
    grants = [allow(["secretsmanager:ListSecrets", "iam:ListUsers"], "*")]
    grant = json.dumps({"Version": "2012-10-17", "Statement": grants})
    iam.put_role_policy(RoleName=name, PolicyName="list", PolicyDocument=grant)
    later.callback(iam.delete_role_policy, RoleName=name, PolicyName="list")
    assumed = account.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)
    return account.with_key(assumed["Credentials"])


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        pytest.param("secretsmanager", "list_secrets", id="secretsmanager"),
        pytest.param("iam", "list_users", id="iam"),
    ],
)
def test_a_switch_throttles_a_share_of_the_calls_of_functions(
    service: str,
    operation: str,
    local: LocalAws,
    account: Account,
    function: Account,
) -> None:
    """Both services list "ThrottlingException" as a common error: "The request was denied due to
    request throttling", with status 400.
    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """

    def call(principal: Account) -> str:
        client = principal.client(service, config=ONE_ATTEMPT)
        return error_code(getattr(client, operation))

    eventually("the grant's propagation", lambda: call(function) == "")

    with local.switched(throttled_share=1):
        all_of_them = call(function)
        administrator = call(account)
    with local.switched(throttled_share=0.5):
        half = [call(function) for _ in range(40)]

    assert all_of_them == "ThrottlingException"
    assert administrator == ""
    assert set(half) == {"", "ThrottlingException"}
    assert call(function) == ""
