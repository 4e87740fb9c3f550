"""Member accounts of an organization.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
"""

from testing.local_aws.tests.conftest import Account


def test_a_member_account_has_resources_of_its_own(account: Account, another: Account) -> None:
    """AWS: "When you create a member account in your organization, AWS Organizations
    automatically creates an IAM role in the member account".
    """
    identity = another.client("sts").get_caller_identity()

    assert identity["Account"] == another.account_id != account.account_id
    assert another.client("secretsmanager").list_secrets()["SecretList"] == []
