"""A service-specific credential of an IAM user."""

from collections.abc import Mapping
from functools import partial

from testing.harness.account import Aws, Secret, eventually
from tests.e2e.bedrock import takes
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject, user_calls
from tests.strategies import RotatorUnderTest


def _list_models(_aws: Aws, outputs: Json, value: Mapping[str, str]) -> None:
    if not takes(outputs["endpoint"], value["ServiceCredentialSecret"]):
        raise NotWorkingError


def _require_two_credentials(aws: Aws, secret: Secret) -> None:
    named = [secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    of = {name: named[0][name] for name in ("ServiceName", "UserName")}
    listed = partial(aws.client("iam").list_service_specific_credentials, **of)
    identity = "ServiceSpecificCredentialId"
    eventually(
        "The list of both",
        lambda: {one[identity] for one in listed()["ServiceSpecificCredentials"]},
        lambda found: found == {one[identity] for one in named},
    )


STRATEGY = RotatorUnderTest(
    name="iam_service_credential",
    options={"service_name": "bedrock.amazonaws.com", "user_name": "assistant"},
    load=Subject(
        word="assistant",
        variables={
            "minimum_overlap_minutes": "0",
            "recovery_window_in_days": "0",
            "settling_seconds": "0",
        },
        further=partial(user_calls, "assistant"),
        use=_list_models,
        require_bounded=_require_two_credentials,
        services=lambda services: services.logins,
    ),
    faults={
        "CreateServiceSpecificCredential": Fault.RESET,
        "DeleteServiceSpecificCredential": Fault.BROKEN,
    },
)
