"""The principals that the resource policy of a secret names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import contextlib
import json

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    Json,
    allow,
    error_code,
    eventual_code,
    policy,
)

REFUSED = "MalformedPolicyDocumentException"


def _allow(principal: object) -> str:
    return policy({**allow("secretsmanager:GetSecretValue", "*"), "Principal": {"AWS": principal}})


def _named(secrets: Client, arn: str) -> object:
    document: Json = json.loads(secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"])
    return document["Statement"][0]["Principal"]["AWS"]


def _create(account: Account, iam: Client, kind: str, name: str) -> Json:
    if kind == "user":
        user: Json = iam.create_user(UserName=name, Path="/contract/")["User"]
        return user
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": account.account_id},
    }
    role: Json = iam.create_role(
        RoleName=name, Path="/contract/", AssumeRolePolicyDocument=policy(trust)
    )["Role"]
    return role


@pytest.mark.parametrize("resource", ["role/contract-missing", "user/contract-missing", "role/*"])
def test_a_policy_that_names_no_existing_principal_is_refused(
    account: Account, secrets: Client, create_secret: CreateSecret, resource: str
) -> None:
    """AWS: "You can't use a wildcard to match part of a principal name or ARN."
    AWS's example of this error names a user that does not exist:
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ValidateResourcePolicy.html
    """
    arn = create_secret()
    known, unknown = account.account_id, account.arn("iam", resource)

    for principal in (unknown, [known, unknown]):
        document = _allow(principal)
        assert error_code(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=document) == (
            REFUSED
        )


@pytest.mark.parametrize("kind", ["role", "user"])
def test_a_deleted_principal_turns_into_its_unique_id(
    account: Account,
    iam: Client,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
    kind: str,
) -> None:
    """AWS: "if you delete the role, you break the relationship. The policy no longer applies, even
    if you recreate the role because the new role has a new principal ID", and then the policy
    shows the ID.
    """
    arn = create_secret()
    named, delete = {f"{kind.title()}Name": name}, getattr(iam, f"delete_{kind}")
    first = _create(account, iam, kind, name)
    with contextlib.ExitStack() as undo:
        undo.callback(delete, **named)
        put = {"SecretId": arn, "ResourcePolicy": _allow([first["Arn"], account.account_id])}
        assert eventual_code(secrets.put_resource_policy, "", **put) == ""
        before = _named(secrets, arn)

    _create(account, iam, kind, name)
    later.callback(delete, **named)
    after = _named(secrets, arn)

    assert isinstance(before, list)
    assert isinstance(after, list)
    assert first["Arn"] in before
    assert first["Arn"] not in after
    assert first[f"{kind.title()}Id"] in after
    assert error_code(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=_allow(after)) == (
        REFUSED
    )


@pytest.mark.parametrize(("session", "code"), [("mona", ""), ("other", "AccessDeniedException")])
def test_a_policy_can_name_one_session_of_a_role(
    account: Account,
    iam: Client,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
    session: str,
    code: str,
) -> None:
    """AWS: "When you specify an assumed-role session in a Principal element", permissions "are
    limited to that session".
    """
    arn = create_secret(SecretString="a")
    role = _create(account, iam, "role", name)
    later.callback(iam.delete_role, RoleName=name)
    principal = f"arn:aws:sts::{account.account_id}:assumed-role/{name}/mona"
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=_allow(principal))
    found: list[Json] = []

    def assume() -> None:
        assumed = account.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=session)
        found.append(assumed["Credentials"])

    assert eventual_code(assume, "") == ""
    reader = account.client(
        "secretsmanager",
        aws_access_key_id=found[0]["AccessKeyId"],
        aws_secret_access_key=found[0]["SecretAccessKey"],
        aws_session_token=found[0]["SessionToken"],
    )

    assert eventual_code(reader.get_secret_value, code, SecretId=arn) == code
