"""The values and staging labels of a secret's versions.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
"""

import uuid

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Client, CreateSecret, error_code


def token() -> str:
    return str(uuid.uuid4())


def stages(secrets: Client, arn: str) -> dict[str, set[str]]:
    described = secrets.describe_secret(SecretId=arn).get("VersionIdsToStages", {})
    return {version: set(labels) for version, labels in described.items()}


def test_a_secret_created_without_a_value_has_no_version(
    secrets: Client, create_secret: CreateSecret
) -> None:
    """AWS: "If you include SecretString or SecretBinary, then Secrets Manager creates an initial
    version for the secret". Without a value it creates none.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    arn = create_secret()

    assert stages(secrets, arn) == {}
    assert error_code(secrets.get_secret_value, SecretId=arn) == "ResourceNotFoundException"


def test_the_token_becomes_the_version_id(secrets: Client, create_secret: CreateSecret) -> None:
    """AWS: "This value becomes the VersionId of the new version." (CreateSecret, PutSecretValue)"""

    first, second, third = token(), token(), token()
    arn = create_secret(SecretString="a", ClientRequestToken=first)
    secrets.put_secret_value(SecretId=arn, SecretString="b", ClientRequestToken=second)
    secrets.update_secret(SecretId=arn, SecretString="c", ClientRequestToken=third)

    assert stages(secrets, arn) == {third: {"AWSCURRENT"}, second: {"AWSPREVIOUS"}}
    assert secrets.get_secret_value(SecretId=arn, VersionId=first)["SecretString"] == "a"


def test_the_first_value_becomes_current(secrets: Client, create_secret: CreateSecret) -> None:
    """AWS: "If this operation creates the first version for the secret, then Secrets Manager
    automatically attaches the staging label AWSCURRENT to it."
    """
    arn, version = create_secret(), token()

    secrets.put_secret_value(
        SecretId=arn, ClientRequestToken=version, SecretString="a", VersionStages=["AWSPENDING"]
    )

    assert stages(secrets, arn) == {version: {"AWSPENDING", "AWSCURRENT"}}


def test_a_switch_keeps_the_first_value_from_becoming_current(
    local: LocalAws, secrets: Client, create_secret: CreateSecret
) -> None:
    arn, version = create_secret(), token()

    with local.switched(first_value_becomes_current=False):
        secrets.put_secret_value(
            SecretId=arn, ClientRequestToken=version, SecretString="a", VersionStages=["AWSPENDING"]
        )

    assert stages(secrets, arn) == {version: {"AWSPENDING"}}


def test_a_token_can_have_only_one_value(secrets: Client, create_secret: CreateSecret) -> None:
    """AWS: "If you call this operation with a ClientRequestToken that matches an existing
    version's VersionId, and you specify the same secret data, the operation succeeds but does
    nothing. However, if the secret data is different, then the operation fails."
    """
    arn, version = create_secret(SecretString="a"), token()
    again = {"SecretId": arn, "ClientRequestToken": version}
    secrets.put_secret_value(**again, SecretString="b", VersionStages=["AWSPENDING"])

    secrets.put_secret_value(**again, SecretString="b")
    refused = error_code(secrets.put_secret_value, **again, SecretString="c")

    assert refused == "ResourceExistsException"
    assert stages(secrets, arn)[version] == {"AWSPENDING"}
    assert secrets.get_secret_value(SecretId=arn, VersionId=version)["SecretString"] == "b"


def test_only_one_version_is_pending(secrets: Client, create_secret: CreateSecret) -> None:
    """AWS: "If you specify a staging label that's already associated with a different version of
    the same secret, then Secrets Manager removes the label from the other version."
    """
    arn, first, second = create_secret(SecretString="a"), token(), token()
    for version in (first, second):
        secrets.put_secret_value(
            SecretId=arn,
            ClientRequestToken=version,
            SecretString=version,
            VersionStages=["AWSPENDING"],
        )

    pending = [one for one, labels in stages(secrets, arn).items() if "AWSPENDING" in labels]
    assert pending == [second]
    assert secrets.get_secret_value(SecretId=arn, VersionId=first)["SecretString"] == first


def test_versions_without_labels_are_listed_only_on_request(
    secrets: Client, create_secret: CreateSecret
) -> None:
    """AWS: "By default, versions without staging labels aren't included."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
    """

    first = token()
    arn = create_secret(SecretString="a", ClientRequestToken=first)
    for value in ("b", "c"):
        secrets.put_secret_value(SecretId=arn, SecretString=value)

    def listed(**options: bool) -> set[str]:
        page = secrets.list_secret_version_ids(SecretId=arn, **options)
        return {version["VersionId"] for version in page["Versions"]}

    assert listed() == set(stages(secrets, arn))
    assert listed(IncludeDeprecated=True) - listed() == {first}


def test_the_version_that_was_current_becomes_previous(
    secrets: Client, create_secret: CreateSecret
) -> None:
    """AWS: "Whenever you move AWSCURRENT, Secrets Manager automatically moves the label
    AWSPREVIOUS to the version that AWSCURRENT was removed from."
    """

    first, second = token(), token()
    arn = create_secret(SecretString="a", ClientRequestToken=first)
    secrets.put_secret_value(
        SecretId=arn, ClientRequestToken=second, SecretString="b", VersionStages=["AWSPENDING"]
    )

    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first
    )

    assert stages(secrets, arn) == {second: {"AWSPENDING", "AWSCURRENT"}, first: {"AWSPREVIOUS"}}


def test_a_rollback_swaps_current_and_previous(
    secrets: Client, create_secret: CreateSecret
) -> None:
    first, second = token(), token()
    arn = create_secret(SecretString="a", ClientRequestToken=first)
    secrets.put_secret_value(SecretId=arn, ClientRequestToken=second, SecretString="b")

    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second
    )

    assert stages(secrets, arn) == {first: {"AWSCURRENT"}, second: {"AWSPREVIOUS"}}


@pytest.mark.parametrize(
    ("remove_from", "code"),
    [
        pytest.param(None, "InvalidParameterException", id="nothing"),
        pytest.param("second", "InvalidParameterException", id="another version"),
        pytest.param("none", "ResourceNotFoundException", id="no version"),
    ],
)
def test_moving_a_label_must_name_the_version_that_has_it(
    secrets: Client, create_secret: CreateSecret, remove_from: str | None, code: str
) -> None:
    """AWS: "If the label is attached and you either do not specify this parameter, or the
    version ID does not match, then the operation fails."
    """

    versions = {"first": token(), "second": token(), "none": token()}
    arn = create_secret(SecretString="a", ClientRequestToken=versions["first"])
    secrets.put_secret_value(
        SecretId=arn,
        ClientRequestToken=versions["second"],
        SecretString="b",
        VersionStages=["AWSPENDING"],
    )
    remove = {} if remove_from is None else {"RemoveFromVersionId": versions[remove_from]}

    refused = error_code(
        secrets.update_secret_version_stage,
        SecretId=arn,
        VersionStage="AWSCURRENT",
        MoveToVersionId=versions["second"],
        **remove,
    )

    assert refused == code


def test_awscurrent_can_be_moved_but_not_removed(
    secrets: Client, create_secret: CreateSecret
) -> None:
    """AWS: "To remove a label from a version, then do not specify this parameter". For AWSCURRENT
    this returns InvalidParameterException.
    """

    version = token()
    arn = create_secret(SecretString="a", ClientRequestToken=version)

    refused = error_code(
        secrets.update_secret_version_stage,
        SecretId=arn,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=version,
    )

    assert refused == "InvalidParameterException"


def test_label_and_version_id_must_match(secrets: Client, create_secret: CreateSecret) -> None:
    """AWS: "If you include both this parameter and VersionStage, the two parameters must refer
    to the same secret version."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """

    version = token()
    arn = create_secret(SecretString="a", ClientRequestToken=version)

    refused = error_code(
        secrets.get_secret_value, SecretId=arn, VersionId=version, VersionStage="AWSPENDING"
    )

    assert refused in {"InvalidRequestException", "ResourceNotFoundException"}


def test_the_name_of_a_secret_scheduled_for_deletion_cannot_be_reused(
    secrets: Client, create_secret: CreateSecret, name: str
) -> None:
    """A secret that is scheduled for deletion can be restored, and keeps its name until then.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
    """
    arn = create_secret(SecretString="a")
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)

    assert error_code(secrets.create_secret, Name=name) == "InvalidRequestException"
