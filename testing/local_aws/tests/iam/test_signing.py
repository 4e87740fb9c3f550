"""The condition keys of kms:Sign.

https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-signing-algorithm
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import Account, CreateUser, allow, error_code, eventual_code

_ALGORITHM = "RSASSA_PKCS1_V1_5_SHA_256"
_NARROW = {"kms:MessageType": "RAW", "kms:SigningAlgorithm": _ALGORITHM}


@pytest.fixture
def key(account: Account, later: contextlib.ExitStack) -> str:
    kms = account.client("kms")
    arn: str = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    later.callback(kms.schedule_key_deletion, KeyId=arn, PendingWindowInDays=7)
    return arn


def test_a_permission_can_be_limited_to_one_algorithm_and_message_type(
    create_user: CreateUser, key: str
) -> None:
    """AWS: "You can use the kms:SigningAlgorithm condition key to control access to the Sign and
    Verify operations based on the value of the SigningAlgorithm parameter in the request."
    """
    sign = create_user(allow("kms:Sign", key, StringEquals=_NARROW)).client("kms").sign
    request = {"KeyId": key, "Message": b"0" * 32, "SigningAlgorithm": _ALGORITHM}
    assert eventual_code(sign, "", **request) == ""
    assert error_code(sign, **request, MessageType="DIGEST") == "AccessDeniedException"
    other = request | {"SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    assert error_code(sign, **other) == "AccessDeniedException"
