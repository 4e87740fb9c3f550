"""The delay after which a changed policy of a user or role is enforced.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

import contextlib

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    CreateUser,
    allow,
    error_code,
    eventual_code,
    policy,
)

DENIED = "AccessDeniedException"
LONG = 3600.0
READ = "secretsmanager:DescribeSecret"
MANAGED = "arn:aws:iam::aws:policy/AdministratorAccess"


def _role(account: Account, iam: Client, later: contextlib.ExitStack, name: str) -> Account:
    principal = {"AWS": account.account_id}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
    later.callback(iam.delete_role, RoleName=name)
    sts = account.client("sts")
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="contract")
    return account.with_key(session["Credentials"])


@pytest.mark.parametrize("kind", ["role", "user"])
def test_a_new_or_deleted_policy_is_not_enforced_at_once(
    local: LocalAws,
    account: Account,
    iam: Client,
    create_secret: CreateSecret,
    create_user: CreateUser,
    later: contextlib.ExitStack,
    name: str,
    kind: str,
) -> None:
    """AWS: "IAM achieves high availability by replicating data across multiple servers", and a
    change of a policy takes time to take effect.
    """
    arn = create_secret()
    principal = create_user() if kind == "user" else _role(account, iam, later, name)
    describe = principal.client("secretsmanager").describe_secret
    call = {
        verb: getattr(iam, f"{verb}_{kind}_policy")
        for verb in ("put", "delete", "attach", "detach")
    }
    which = {f"{kind.title()}Name": name}
    inline, attached = {**which, "PolicyName": "lag"}, {**which, "PolicyArn": MANAGED}
    document = {"PolicyDocument": policy(allow(READ, arn))}

    for grant, arguments, revoke, named in (
        ("put", {**inline, **document}, "delete", inline),
        ("attach", attached, "detach", attached),
    ):
        with local.switched(policy_propagation_seconds=LONG):
            call[grant](**arguments)
            assert error_code(describe, SecretId=arn) == DENIED
        assert error_code(describe, SecretId=arn) == ""
        with local.switched(policy_propagation_seconds=LONG):
            call[revoke](**named)
            assert error_code(describe, SecretId=arn) == ""
        assert error_code(describe, SecretId=arn) == DENIED


def test_a_new_policy_is_enforced_after_the_delay(
    local: LocalAws, iam: Client, create_secret: CreateSecret, create_user: CreateUser, name: str
) -> None:
    arn = create_secret()
    describe = create_user().client("secretsmanager").describe_secret
    inline = {"UserName": name, "PolicyName": "lag"}

    with local.switched(policy_propagation_seconds=0.2):
        iam.put_user_policy(**inline, PolicyDocument=policy(allow(READ, arn)))
        allowed = eventual_code(describe, "", SecretId=arn)

    iam.delete_user_policy(**inline)
    assert allowed == ""
