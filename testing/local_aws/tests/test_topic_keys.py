"""A topic that is encrypted with a customer managed key.

https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import Account, CreateUser, allow, eventual_code


@pytest.mark.parametrize(
    ("actions", "topic", "code"),
    [
        pytest.param(["kms:GenerateDataKey", "kms:Decrypt"], "", "", id="both"),
        pytest.param(["kms:GenerateDataKey"], "", "KMSAccessDenied", id="generate"),
        pytest.param(["kms:Decrypt"], "", "KMSAccessDenied", id="decrypt"),
        pytest.param(
            ["kms:GenerateDataKey", "kms:Decrypt"], "-2", "KMSAccessDenied", id="another-topic"
        ),
    ],
)
def test_a_publisher_needs_two_permissions_for_the_key(
    account: Account,
    create_user: CreateUser,
    later: contextlib.ExitStack,
    name: str,
    actions: list[str],
    topic: str,
    code: str,
) -> None:
    """AWS: "The publisher must have kms:GenerateDataKey* and kms:Decrypt permissions for the AWS
    KMS key", and the encryption context is the ARN of the topic.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
    """
    keys, topics = account.client("kms"), account.client("sns")
    key = keys.create_key()["KeyMetadata"]
    later.callback(keys.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=7)
    arn = topics.create_topic(Name=name, Attributes={"KmsMasterKeyId": key["Arn"]})["TopicArn"]
    later.callback(topics.delete_topic, TopicArn=arn)
    context = {
        "kms:EncryptionContext:aws:sns:topicArn": f"{arn}{topic}",
        "kms:ViaService": f"sns.{account.region}.amazonaws.com",
    }
    user = create_user(allow("sns:Publish", arn), allow(actions, key["Arn"], StringEquals=context))

    publish = user.client("sns").publish

    assert eventual_code(publish, code, TopicArn=arn, Message="contract") == code
