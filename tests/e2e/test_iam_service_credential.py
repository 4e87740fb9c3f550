"""The grants of an IAM user's service-specific credentials."""

from collections.abc import Mapping

import pytest

from testing.harness.account import Aws
from tests.e2e.estate import Estate
from tests.e2e.roles import Clients, error_code
from tests.strategies.iam_service_credential import STRATEGY

pytestmark = [pytest.mark.xdist_group("grants"), pytest.mark.campaign("Grants")]


@pytest.mark.parametrize(
    ("service_name", "is_own", "expected"),
    [
        pytest.param("bedrock.amazonaws.com", True, "", id="this"),
        pytest.param("bedrock.amazonaws.com", False, "AccessDenied", id="another-user"),
        pytest.param("codecommit.amazonaws.com", True, "AccessDenied", id="another-service"),
    ],
)
def test_only_a_credential_of_this_user_and_this_service_is_deleted(
    service_name: str,
    expected: str,
    aws: Aws,
    estate: Estate,
    roles: Mapping[str, Clients],
    *,
    is_own: bool,
) -> None:
    iam, ours = aws.client("iam"), roles[STRATEGY.name]("iam")
    name = {"UserName": estate.user if is_own else estate.outsider}
    deployed = estate.secrets[STRATEGY.name]
    if not expected:
        # The next rotation would delete this one.
        held = deployed.secret.value("AWSPREVIOUS")
    else:
        answer = iam.create_service_specific_credential(**name, ServiceName=service_name)
        held = answer["ServiceSpecificCredential"]
    which = {**name, "ServiceSpecificCredentialId": held["ServiceSpecificCredentialId"]}
    assert error_code(ours.delete_service_specific_credential, **which) == expected
    if expected:
        iam.delete_service_specific_credential(**which)
        make = ours.create_service_specific_credential
        assert error_code(make, **name, ServiceName=service_name) == expected
