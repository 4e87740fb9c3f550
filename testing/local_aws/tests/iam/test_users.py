"""The lists that a client reads before it deletes a user.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

from testing.local_aws.tests.conftest import Client, CreateUser


def test_the_items_that_prevent_a_deletion_can_be_listed(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    """DeleteUser fails while the user has one of these items."""
    create_user()

    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []
