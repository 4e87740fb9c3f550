"""The fake cloud is verified: the same tests run on it, on moto and on the local AWS.

CONTRACT_ENDPOINT names another cloud in place of the local AWS; its credentials and its region
come from the environment. `testing/local_aws/tests` test the behaviours that the local AWS adds
to MiniStack.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from rotation_conformance.account import Answer, FakeSecretsManager
from testing.local_aws import local_aws
from tests.unit.cloud import Cloud, FakeIam, FakeSts, credentials_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Client: TypeAlias = Any  # boto3 makes its methods at run time.

_BEDROCK = "bedrock.amazonaws.com"

# The cases that other clouds fail, so they are not run there.
_NOT_KEPT = {
    "moto": {
        "the_same_value_may_be_put_again": "its labels are set again",
        "another_value_under_the_same_token_is_refused": "it is overwritten",
        "a_version_without_a_label_is_not_described": "it is described with no labels",
        "a_deleted_key_is_refused": "STS accepts any key",
        "a_deactivated_key_is_refused": "STS accepts any key",
        "a_wrong_secret_is_refused": "STS checks no signature",
        "keys_are_listed_with_the_second_of_their_making": "it shows microseconds",
        "the_last_use_of_a_key_is_known": "it shows microseconds",
        "a_third_credential_for_a_service_is_refused": "it knows no such credentials",
        "credentials_are_listed_for_their_service": "it knows no such credentials",
        "a_credential_ends_after_the_days_asked_for": "it knows no such credentials",
        "an_unknown_user_or_credential_is_no_such_entity": "it knows no such credentials",
    },
}


@dataclass
class Target:
    """A cloud with a secret without a value, and a user without a key."""

    secrets: Client
    iam: Client
    as_key: Callable[[str, str], Client]
    arn: str
    user: str

    def update_key(self, key_id: str, status: str) -> None:
        self.iam.update_access_key(UserName=self.user, AccessKeyId=key_id, Status=status)

    def put(self, text: str, *labels: str, token: str | None = None) -> str:
        token = token or str(uuid.uuid4())
        self.secrets.put_secret_value(
            SecretId=self.arn,
            ClientRequestToken=token,
            SecretString=text,
            VersionStages=list(labels or ["AWSPENDING"]),
        )
        return token

    def move(self, label: str, **versions: str) -> None:
        self.secrets.update_secret_version_stage(SecretId=self.arn, VersionStage=label, **versions)

    def labels(self) -> dict[str, set[str]]:
        described = self.secrets.describe_secret(SecretId=self.arn)
        stages = described.get("VersionIdsToStages", {})
        return {version: set(labels) for version, labels in stages.items()}

    def create_key(self) -> dict[str, str]:
        key: dict[str, str] = self.iam.create_access_key(UserName=self.user)["AccessKey"]
        return key

    def create_credential(self, service: str = _BEDROCK, **more: int) -> Answer:
        made = self.iam.create_service_specific_credential(
            UserName=self.user, ServiceName=service, **more
        )
        credential: Answer = made["ServiceSpecificCredential"]
        return credential

    def credentials(self, service: str = _BEDROCK) -> list[Answer]:
        answer = self.iam.list_service_specific_credentials(UserName=self.user, ServiceName=service)
        credentials: list[Answer] = answer["ServiceSpecificCredentials"]
        return credentials

    def identity(self, key: dict[str, str]) -> str:
        sts = self.as_key(key["AccessKeyId"], key["SecretAccessKey"])
        return str(sts.get_caller_identity()["Arn"])


def _refused(code: str, call: Callable[..., object], **arguments: object) -> None:
    with pytest.raises(ClientError, match=code):
        call(**arguments)


def the_first_value_becomes_current(cloud: Target) -> None:
    version = cloud.put("a")
    assert cloud.labels() == {version: {"AWSCURRENT", "AWSPENDING"}}


def a_later_value_is_pending_alone(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    assert cloud.labels() == {first: {"AWSCURRENT"}, second: {"AWSPENDING"}}


def a_secret_without_a_value_has_none_to_read(cloud: Target) -> None:
    assert cloud.labels() == {}
    _refused("ResourceNotFoundException", cloud.secrets.get_secret_value, SecretId=cloud.arn)


def an_unknown_version_is_not_found(cloud: Target) -> None:
    cloud.put("a")
    _refused(
        "ResourceNotFoundException",
        cloud.secrets.get_secret_value,
        SecretId=cloud.arn,
        VersionId=str(uuid.uuid4()),
    )


def the_same_value_may_be_put_again(cloud: Target) -> None:
    version = cloud.put("a")
    before = cloud.labels()
    cloud.put("a", token=version)
    assert cloud.labels() == before


def another_value_under_the_same_token_is_refused(cloud: Target) -> None:
    cloud.put("a")
    version = cloud.put("b")
    _refused("ResourceExistsException", cloud.put, text="c", token=version)
    answer = cloud.secrets.get_secret_value(SecretId=cloud.arn, VersionId=version)
    assert answer["SecretString"] == "b"


def a_promotion_moves_the_previous_label_too(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    cloud.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first)
    assert cloud.labels() == {first: {"AWSPREVIOUS"}, second: {"AWSCURRENT", "AWSPENDING"}}
    third = cloud.put("c")
    cloud.move("AWSCURRENT", MoveToVersionId=third, RemoveFromVersionId=second)
    labelled = {version: labels for version, labels in cloud.labels().items() if labels}
    assert labelled == {second: {"AWSPREVIOUS"}, third: {"AWSCURRENT", "AWSPENDING"}}


def a_promotion_from_a_version_that_is_not_current_is_refused(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    cloud.move("AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first)
    before = cloud.labels()
    _refused(
        "InvalidParameterException",
        cloud.move,
        label="AWSCURRENT",
        MoveToVersionId=second,
        RemoveFromVersionId=first,
    )
    assert cloud.labels() == before


def a_promotion_that_names_no_current_version_is_refused(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    _refused("InvalidParameterException", cloud.move, label="AWSCURRENT", MoveToVersionId=second)
    assert cloud.labels()[first] == {"AWSCURRENT"}


def the_pending_label_can_be_removed(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    cloud.move("AWSPENDING", RemoveFromVersionId=second)
    labelled = {version: labels for version, labels in cloud.labels().items() if labels}
    assert labelled == {first: {"AWSCURRENT"}}


def a_version_without_a_label_is_not_described(cloud: Target) -> None:
    first, second = cloud.put("a"), cloud.put("b")
    cloud.move("AWSPENDING", RemoveFromVersionId=second)
    assert list(cloud.labels()) == [first]


def a_version_without_a_label_is_listed_and_read(cloud: Target) -> None:
    cloud.put("a")
    second = cloud.put("b")
    cloud.move("AWSPENDING", RemoveFromVersionId=second)
    listed = cloud.secrets.list_secret_version_ids(SecretId=cloud.arn, IncludeDeprecated=True)
    assert second in {version["VersionId"] for version in listed["Versions"]}
    answer = cloud.secrets.get_secret_value(SecretId=cloud.arn, VersionId=second)
    assert answer["SecretString"] == "b"


def a_tag_is_overwritten(cloud: Target) -> None:
    for value in ("a", "b"):
        cloud.secrets.tag_resource(SecretId=cloud.arn, Tags=[{"Key": "k", "Value": value}])
    described = cloud.secrets.describe_secret(SecretId=cloud.arn)
    assert described["Tags"] == [{"Key": "k", "Value": "b"}]


def a_third_key_is_refused(cloud: Target) -> None:
    cloud.create_key()
    cloud.update_key(cloud.create_key()["AccessKeyId"], "Inactive")
    _refused("LimitExceeded", cloud.create_key)


def an_unknown_user_is_no_such_entity(cloud: Target) -> None:
    for call in (cloud.iam.list_access_keys, cloud.iam.create_access_key):
        _refused("NoSuchEntity", call, UserName="nobody-here")


def an_unknown_key_is_no_such_entity(cloud: Target) -> None:
    unknown = {"UserName": cloud.user, "AccessKeyId": "AKIAUNKNOWN000000000"}
    _refused("NoSuchEntity", cloud.iam.delete_access_key, **unknown)


def keys_are_listed_with_the_second_of_their_making(cloud: Target) -> None:
    keys = [cloud.create_key(), cloud.create_key()]
    cloud.update_key(keys[1]["AccessKeyId"], "Inactive")
    listed = cloud.iam.list_access_keys(UserName=cloud.user)["AccessKeyMetadata"]
    found = {key["AccessKeyId"]: key["Status"] for key in listed}
    assert found == {keys[0]["AccessKeyId"]: "Active", keys[1]["AccessKeyId"]: "Inactive"}
    for key in listed:
        assert key["CreateDate"].astimezone(UTC).microsecond == 0


def a_third_credential_for_a_service_is_refused(cloud: Target) -> None:
    cloud.create_credential()
    cloud.create_credential()
    _refused("LimitExceeded", cloud.create_credential)
    cloud.create_credential("codecommit.amazonaws.com")


def credentials_are_listed_for_their_service(cloud: Target) -> None:
    made = [cloud.create_credential(), cloud.create_credential()]
    other = cloud.create_credential("codecommit.amazonaws.com")
    held = cloud.credentials()
    assert {one["ServiceSpecificCredentialId"] for one in held} == {
        one["ServiceSpecificCredentialId"] for one in made
    }
    assert {one["Status"] for one in held} == {"Active"}
    assert all("ServiceCredentialSecret" not in one for one in held)
    assert cloud.credentials("codecommit.amazonaws.com") == [
        {name: value for name, value in other.items() if name != "ServicePassword"}
    ]


def a_credential_ends_after_the_days_asked_for(cloud: Target) -> None:
    made = cloud.create_credential(CredentialAgeDays=7)
    assert made["ExpirationDate"] - made["CreateDate"] == timedelta(days=7)
    assert "ExpirationDate" not in cloud.create_credential()


def an_unknown_user_or_credential_is_no_such_entity(cloud: Target) -> None:
    service = {"ServiceName": _BEDROCK, "UserName": "nobody-here"}
    for call in (
        cloud.iam.list_service_specific_credentials,
        cloud.iam.create_service_specific_credential,
    ):
        _refused("NoSuchEntity", call, **service)
    made = cloud.create_credential()["ServiceSpecificCredentialId"]
    which = {"UserName": cloud.user, "ServiceSpecificCredentialId": made}
    cloud.iam.delete_service_specific_credential(**which)
    _refused("NoSuchEntity", cloud.iam.delete_service_specific_credential, **which)
    assert cloud.credentials() == []


def a_key_tells_whose_it_is(cloud: Target) -> None:
    assert cloud.identity(cloud.create_key()).endswith(f":user/apps/{cloud.user}")


def a_deleted_key_is_refused(cloud: Target) -> None:
    key = cloud.create_key()
    cloud.iam.delete_access_key(UserName=cloud.user, AccessKeyId=key["AccessKeyId"])
    _refused("InvalidClientTokenId", cloud.identity, key=key)


def a_deactivated_key_is_refused(cloud: Target) -> None:
    key = cloud.create_key()
    cloud.update_key(key["AccessKeyId"], "Inactive")
    _refused("InvalidClientTokenId", cloud.identity, key=key)


def a_reactivated_key_is_accepted(cloud: Target) -> None:
    key = cloud.create_key()
    for status in ("Inactive", "Active"):
        cloud.update_key(key["AccessKeyId"], status)
    assert cloud.identity(key=key)


def a_key_that_nobody_has_used_has_no_last_use(cloud: Target) -> None:
    response = cloud.iam.get_access_key_last_used(AccessKeyId=cloud.create_key()["AccessKeyId"])
    found = response["AccessKeyLastUsed"]
    assert response["UserName"] == cloud.user
    assert found.get("LastUsedDate") is None
    assert (found["ServiceName"], found["Region"]) == ("N/A", "N/A")


def the_last_use_of_a_key_is_known(cloud: Target) -> None:
    key = cloud.create_key()
    cloud.identity(key=key)
    response = cloud.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    found = response["AccessKeyLastUsed"]
    assert found["LastUsedDate"].astimezone(UTC).microsecond == 0
    assert found["ServiceName"] != "N/A"


def a_wrong_secret_is_refused(cloud: Target) -> None:
    key = cloud.create_key()
    _refused("SignatureDoesNotMatch", cloud.identity, key={**key, "SecretAccessKey": "x" * 40})


_CONTRACT = (
    the_first_value_becomes_current,
    a_later_value_is_pending_alone,
    a_secret_without_a_value_has_none_to_read,
    an_unknown_version_is_not_found,
    the_same_value_may_be_put_again,
    another_value_under_the_same_token_is_refused,
    a_promotion_moves_the_previous_label_too,
    a_promotion_from_a_version_that_is_not_current_is_refused,
    a_promotion_that_names_no_current_version_is_refused,
    the_pending_label_can_be_removed,
    a_version_without_a_label_is_not_described,
    a_version_without_a_label_is_listed_and_read,
    a_tag_is_overwritten,
    a_third_key_is_refused,
    an_unknown_user_is_no_such_entity,
    an_unknown_key_is_no_such_entity,
    keys_are_listed_with_the_second_of_their_making,
    a_third_credential_for_a_service_is_refused,
    credentials_are_listed_for_their_service,
    a_credential_ends_after_the_days_asked_for,
    an_unknown_user_or_credential_is_no_such_entity,
    a_key_tells_whose_it_is,
    a_deleted_key_is_refused,
    a_deactivated_key_is_refused,
    a_reactivated_key_is_accepted,
    a_key_that_nobody_has_used_has_no_last_use,
    the_last_use_of_a_key_is_known,
    a_wrong_secret_is_refused,
)


@contextmanager
def _fake() -> Iterator[Target]:
    cloud = Cloud()
    cloud.add_user("uploader")
    for service in (_BEDROCK, "codecommit.amazonaws.com"):
        cloud.add_user(credentials_of("uploader", service))

    yield Target(
        secrets=FakeSecretsManager(cloud),
        iam=FakeIam(cloud),
        as_key=lambda key_id, secret: FakeSts(cloud, key_id=key_id, secret=secret),
        arn=cloud.add_secret("contract").arn,
        user="uploader",
    )


@contextmanager
def _boto3(*, has_credentials: bool, **options: Any) -> Iterator[Target]:  # noqa: ANN401 -- a client's
    """Create a secret and a user, and delete both."""
    name = f"contract-{uuid.uuid4().hex[:12]}"
    make: Callable[..., Client] = boto3.client
    secrets, iam = make("secretsmanager", **options), make("iam", **options)

    def as_key(key_id: str, secret: str) -> Client:
        key = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
        return make("sts", **{**options, **key})

    def delete_keys() -> None:
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])

    def delete_credentials() -> None:
        answer = iam.list_service_specific_credentials(UserName=name)
        for one in answer["ServiceSpecificCredentials"]:
            identity = one["ServiceSpecificCredentialId"]
            iam.delete_service_specific_credential(
                UserName=name, ServiceSpecificCredentialId=identity
            )

    with ExitStack() as later:
        arn = secrets.create_secret(Name=name)["ARN"]
        later.callback(secrets.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
        iam.create_user(UserName=name, Path="/apps/")
        later.callback(iam.delete_user, UserName=name)
        later.callback(delete_keys)
        if has_credentials:
            later.callback(delete_credentials)
        yield Target(secrets, iam, as_key, arn, name)


@contextmanager
def _moto() -> Iterator[Target]:
    with mock_aws(), _boto3(has_credentials=False, region_name="eu-west-1") as target:
        yield target


@pytest.fixture(scope="module")
def endpoint() -> Iterator[dict[str, str]]:
    given = os.environ.get("CONTRACT_ENDPOINT")
    with nullcontext() if given else local_aws() as local:
        if local is None:
            yield {"endpoint_url": str(given)}
        else:
            yield {
                "endpoint_url": local.endpoint_url,
                "region_name": local.environment["AWS_REGION"],
                "aws_access_key_id": local.environment["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": local.environment["AWS_SECRET_ACCESS_KEY"],
            }


def _cases(target: str) -> list[Any]:
    not_kept = _NOT_KEPT.get(target, {})
    names = {case.__name__ for case in _CONTRACT}
    assert not_kept.keys() <= names
    kept = [case for case in _CONTRACT if case.__name__ not in not_kept]
    return [pytest.param(case, id=case.__name__) for case in kept]


@pytest.mark.parametrize("case", _cases("fake"))
def test_the_fake_cloud_keeps_the_contract(case: Callable[[Target], None]) -> None:
    with _fake() as target:
        case(target)


@pytest.mark.parametrize("case", _cases("moto"))
def test_moto_keeps_the_contract(case: Callable[[Target], None]) -> None:
    with _moto() as target:
        case(target)


@pytest.mark.xdist_group("cloud_contract")
@pytest.mark.parametrize("case", _cases("local"))
def test_the_local_aws_keeps_the_contract(
    case: Callable[[Target], None], endpoint: dict[str, str]
) -> None:
    with _boto3(has_credentials=True, **endpoint) as target:
        case(target)
