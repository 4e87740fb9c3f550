"""A service-specific credential of an IAM user."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from rotation_conformance.rotator import MakeStrategy
from testing.harness.account import Aws, Secret, eventually
from tests.e2e.bedrock import accepts
from tests.e2e.scenarios import RECORD, REVOKE, SEARCH, Grants, a_clean_rotation
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, denied, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject, user_calls
from tests.strategies import (
    NOT_SHOWN,
    PASTED,
    Change,
    Effect,
    Refusal,
    RotatorUnderTest,
    Rule,
)
from tests.unit.bad_input import A_USER, ABSENT, HEADER, SECONDS, UNKNOWN, BadInput
from tests.unit.cloud import Cloud, credentials_of
from tests.unit.rotator import Rotation
from tests.unit.service_credentials import BEDROCK, CODECOMMIT, ServiceCredentials
from tests.unit.service_credentials import strategy as built_with
from tests.unit.subject import CONSTANTS, USER, Kind, Unit, held_by_users, user_arn


def _list_models(_aws: Aws, outputs: Json, value: Mapping[str, str]) -> None:
    if not accepts(outputs["endpoint"], value["ServiceCredentialSecret"]):
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


class _Walk(Walk):
    """The value is a user's key for Bedrock; Bedrock says which keys work."""

    guarded_by = "tests/e2e/test_iam_service_credential.py"

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        del aws
        if self.logins is not None:
            self.variables["endpoint"] = self.logins.endpoint
        yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        keys = [json.loads(text) for text in self.values]
        retired, living = keys[:-2], keys[-2:]
        eventually("The rejection", lambda: not any(self._is_accepted(aws, key) for key in retired))
        assert all(self._is_accepted(aws, key) for key in living)
        answer = aws.client("iam").list_service_specific_credentials(
            UserName=keys[-1]["UserName"], ServiceName=keys[-1]["ServiceName"]
        )
        identities = [key["ServiceSpecificCredentialId"] for key in living]
        held = answer["ServiceSpecificCredentials"]
        assert {one["ServiceSpecificCredentialId"] for one in held} == {*identities}

    def _is_accepted(self, aws: Aws, key: dict[str, str]) -> bool:
        if self.logins is not None:
            api_key, trusted = key["ServiceCredentialSecret"], self.github.certificate
            return accepts(self.logins.endpoint, api_key, trusted)
        region = aws.client("secretsmanager").meta.region_name
        return accepts(f"bedrock.{region}.amazonaws.com", key["ServiceCredentialSecret"])


_RULES = (
    Rule(
        id="user_name",
        text="rotation.iam_service_credential.user_name must have 1 to 64 letters",
        refused={"user_name": "apps/assistant"},
        found='"apps/assistant".',
        accepted={"user_name": "as.sistant_+=,@-1"},
    ),
    Rule(
        id="former_user_names",
        text="rotation.iam_service_credential.former_user_names must have names of the user before",
        refused={"former_user_names": ["assistant"]},
        found='["assistant"].',
        accepted={"former_user_names": ["former"]},
    ),
    Rule(
        id="user_path",
        text="rotation.iam_service_credential.user_path must begin and end with a slash",
        refused={"user_path": f"/{'p' * 511}/"},
        found=f'"/{"p" * 511}/".',
        accepted={"user_path": f"/{'p' * 510}/"},
    ),
    Rule(
        id="service_name",
        text="rotation.iam_service_credential.service_name must be one of",
        refused={"service_name": "keyspaces.amazonaws.com"},
        found='"keyspaces.amazonaws.com".',
        accepted={"service_name": "cassandra.amazonaws.com"},
    ),
    Rule(
        id="repository",
        text="rotation.iam_service_credential.repository must be the name of a CodeCommit",
        refused={"service_name": "codecommit.amazonaws.com"},
        found="null.",
        accepted={"service_name": "codecommit.amazonaws.com", "repository": "reports"},
    ),
    Rule(
        id="credential_age_days",
        text="rotation.iam_service_credential.credential_age_days must be a whole number from 1",
        refused={"service_name": "cassandra.amazonaws.com", "credential_age_days": 90},
        found="90.",
        accepted={"credential_age_days": 36600},
    ),
    Rule(
        id="endpoint",
        text="rotation.iam_service_credential.endpoint must be a host without https://",
        refused={"endpoint": "https://bedrock.eu-west-1.amazonaws.com"},
        found='"https://bedrock.eu-west-1.amazonaws.com".',
        accepted={"endpoint": "vpce-1.bedrock.eu-west-1.vpce.amazonaws.com:8443"},
    ),
    Rule(
        id="adopted_credential_id",
        text="rotation.iam_service_credential.adopted_credential_id must be the ID of a credential",
        refused={"adopted_credential_id": PASTED},
        found=NOT_SHOWN,
        accepted={"adopted_credential_id": "ACCA1EXAMPLE1EXAMPLE1"},
    ),
    Rule(
        id="settling_seconds",
        text="rotation.iam_service_credential.settling_seconds must be a whole number from 0 to 60",
        refused={"settling_seconds": 61},
        found="61.",
        accepted={"settling_seconds": 0},
    ),
    Rule(
        id="constants",
        text="rotation.iam_service_credential.constants must not have a key that the credential",
        refused={"constants": {"ServiceName": "x"}},
        found='["ServiceName"].',
        accepted={"constants": {"region": "eu-west-1"}},
    ),
    Rule(
        id="constants-null",
        text="rotation.iam_service_credential.constants must not have a null",
        refused={"constants": {"a": None}},
        found='["a"].',
        accepted={"constants": {"a": ""}},
    ),
)


_OF_SERVICE: Final[Mapping[str, Mapping[str, object]]] = {
    BEDROCK: {"endpoint": "bedrock.eu-west-1.amazonaws.com", "credential_age_days": 90},
    CODECOMMIT: {"endpoint": "git-codecommit.eu-west-1.amazonaws.com", "repository": "reports"},
}


def credential_strategy(service: ServiceCredentials, **changed: object) -> MakeStrategy:
    options = {
        "adopted_credential_id": None,
        "service_name": service.service,
        "settling_seconds": 2,
        "user_arn": user_arn(service.user),
        **_OF_SERVICE[service.service],
        **changed,
    }
    return partial(built_with, "iam_service_credential", options, service)


def iam_service_credential(cloud: Cloud, service_name: str = BEDROCK) -> Rotation:
    cloud.add_user(USER)
    cloud.add_user(credentials_of(USER, service_name))
    service = ServiceCredentials(cloud, USER, service_name)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/api-key"),
        strategy=credential_strategy(service),
        service=service,
        constants=CONSTANTS,
    )


_NO_CREDENTIAL = (
    "must be a JSON object with the strings ServiceSpecificCredentialId, ServiceName, UserName"
)
_A_SERVICE = "bedrock.amazonaws.com or codecommit.amazonaws.com or cassandra.amazonaws.com"
_A_HOST = "a host, such as bedrock.eu-west-1.amazonaws.com, with or without a port"
_A_CREDENTIAL = "the id of a credential, such as ACCA1EXAMPLE1EXAMPLE1, or null"
_DAYS = "a whole number from 1 to 36600"

_BAD_INPUT = BadInput(
    options=[
        ("former_user_names", "null", None, "a list of strings"),
        ("former_user_names", "text", "former", "a list of strings"),
        ("former_user_names", "path", ["apps/former"], "a list of names of IAM users"),
        ("user_arn", "absent", ABSENT, A_USER),
        ("user_arn", "name", USER, A_USER),
        ("user_arn", "wildcard", user_arn("*"), A_USER),
        ("user_arn", "header", f"{user_arn(USER)}{HEADER}", A_USER),
        ("service_name", "absent", ABSENT, _A_SERVICE),
        ("service_name", "null", None, _A_SERVICE),
        ("service_name", "number", 7, _A_SERVICE),
        ("service_name", "other-service", "logs.amazonaws.com", _A_SERVICE),
        ("service_name", "pattern", "bedrockXamazonawsXcom", _A_SERVICE),
        ("service_name", "line-end", "bedrock.amazonaws.com\n", _A_SERVICE),
        ("endpoint", "absent", ABSENT, _A_HOST),
        ("endpoint", "null", None, _A_HOST),
        ("endpoint", "plaintext", "http://bedrock.eu-west-1.amazonaws.com", _A_HOST),
        ("endpoint", "path", "bedrock.eu-west-1.amazonaws.com/x", _A_HOST),
        ("endpoint", "user", "user:word@bedrock.eu-west-1.amazonaws.com", _A_HOST),
        ("endpoint", "long-label", f"{'b' * 64}.amazonaws.com", _A_HOST),
        ("endpoint", "header", f"bedrock.eu-west-1.amazonaws.com{HEADER}", _A_HOST),
        ("endpoint", "other-letters", "b\u0435drock.eu-west-1.amazonaws.com", _A_HOST),
        ("repository", "of-another-service", "reports", UNKNOWN),
        ("credential_age_days", "none", 0, _DAYS),
        ("credential_age_days", "long", 36601, _DAYS),
        ("credential_age_days", "half", 0.5, _DAYS),
        ("credential_age_days", "text", "90", _DAYS),
        ("credential_age_days", "boolean", True, _DAYS),
        ("adopted_credential_id", "empty", "", _A_CREDENTIAL),
        ("adopted_credential_id", "short", "ACCA", _A_CREDENTIAL),
        ("adopted_credential_id", "long", "A" * 129, _A_CREDENTIAL),
        ("adopted_credential_id", "header", f"ACCA{'1' * 17}{HEADER}", _A_CREDENTIAL),
        ("settling_seconds", "absent", ABSENT, SECONDS),
        ("settling_seconds", "long", 61, SECONDS),
    ],
    fields=[
        ("ServiceSpecificCredentialId", "absent", ABSENT, _NO_CREDENTIAL),
        ("ServiceSpecificCredentialId", "number", 7, _NO_CREDENTIAL),
        ("ServiceSpecificCredentialId", "short", "ACCA", _NO_CREDENTIAL),
        ("ServiceSpecificCredentialId", "long", "A" * 129, _NO_CREDENTIAL),
        ("ServiceSpecificCredentialId", "query", f"{'A' * 20}&a=b", _NO_CREDENTIAL),
        ("ServiceSpecificCredentialId", "line-end", f"{'A' * 20}\n", _NO_CREDENTIAL),
        ("ServiceName", "absent", ABSENT, _NO_CREDENTIAL),
        ("ServiceName", "list", ["bedrock.amazonaws.com"], _NO_CREDENTIAL),
        ("ServiceName", "other-case", "Bedrock.amazonaws.com", _NO_CREDENTIAL),
        ("ServiceName", "without-its-fields", "codecommit.amazonaws.com", _NO_CREDENTIAL),
        ("UserName", "absent", ABSENT, _NO_CREDENTIAL),
        ("UserName", "path", f"apps/{USER}", _NO_CREDENTIAL),
        ("UserName", "header", f"{USER}{HEADER}", _NO_CREDENTIAL),
        ("UserName", "other-user", "other", "has a credential of another owner than"),
        ("ServiceCredentialAlias", "absent", ABSENT, _NO_CREDENTIAL),
        ("ServiceCredentialAlias", "empty", "", _NO_CREDENTIAL),
        ("ServiceCredentialAlias", "number", 7, _NO_CREDENTIAL),
        ("ServiceCredentialAlias", "colon", "uploader:word", _NO_CREDENTIAL),
        ("ServiceCredentialAlias", "long", "u" * 201, _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "absent", ABSENT, _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "empty", "", _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "number", 7, _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "space", "ABSK a", _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "header", f"ABSKa{HEADER}", _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "other-letters", "ABSK\u00e4", _NO_CREDENTIAL),
        ("ServiceCredentialSecret", "long", "A" * 4097, _NO_CREDENTIAL),
        ("ExpirationDate", "number", 1893456000, _NO_CREDENTIAL),
        ("ExpirationDate", "no-zone", "2030-01-01T12:00:00", _NO_CREDENTIAL),
        ("ExpirationDate", "month-13", "2030-13-01T12:00:00Z", _NO_CREDENTIAL),
        ("ExpirationDate", "line-end", "2030-01-01T12:00:00Z\n", _NO_CREDENTIAL),
    ],
)


_OPTIONS = {"service_name": "bedrock.amazonaws.com", "user_name": "assistant"}
_TOO_YOUNG = "A credential of the strategy iam_service_credential must be valid for"


def _valid_for(days: int, schedule_expression: str | None = None) -> dict[str, object]:
    """Return the variables of a credential that expires after some days."""
    schedule = {"schedule_expression": schedule_expression} if schedule_expression else {}
    rotation = {"iam_service_credential": {**_OPTIONS, "credential_age_days": days}}
    return {"rotation": rotation, **schedule}


STRATEGY = RotatorUnderTest(
    name="iam_service_credential",
    files=(
        "lambda/rotation/services/login/*",
        "testing/local_logins/*",
        "tests/e2e/bedrock.py",
        "tests/services/test_service_logins.py",
        "tests/unit/service_credentials.py",
    ),
    rules=_RULES,
    root_rules=(
        Rule(
            id="minimum_overlap_minutes-beyond-the-age",
            text="A credential of ",
            refused=_valid_for(31),
            found="31 days.",
            accepted=_valid_for(32),
        ),
    ),
    root_refusals=tuple(
        Refusal(id=id_, text=_TOO_YOUNG, refused=refused)
        for id_, refused in {
            "age-within-the-overlap": _valid_for(34, "rate(30 days)")
            | {"minimum_overlap_minutes": 3 * 1440 + 1},
            "age-within-a-year": _valid_for(90, "cron(0 8 1 1 ? *)"),
            "age-within-two-months": _valid_for(63, "cron(0 8 31 * ? *)"),
            "age-within-a-month-of-weeks": _valid_for(36, "cron(0 8 ? * MONL *)"),
            "age-within-fifth-mondays": _valid_for(101, "cron(0 8 ? * MON#5 *)"),
            "age-within-a-day": _valid_for(2, "cron(0 8 * * ? *)"),
        }.items()
    ),
    changes={
        "adopted_credential_id": Change(effect=Effect.CARRIED, after="ACCA1EXAMPLE1EXAMPLE1"),
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
        "credential_age_days": Change(effect=Effect.CARRIED, after=365),
        "endpoint": Change(effect=Effect.ROTATES, after="bedrock.example.com"),
        "former_user_names": Change(effect=Effect.CARRIED, after=["reporter"]),
        "repository": Change(
            effect=Effect.ROTATES,
            after="others",
            before="reports",
            more={"service_name": "codecommit.amazonaws.com"},
        ),
        "service_name": Change(effect=Effect.REFUSED, after="cassandra.amazonaws.com"),
        "settling_seconds": Change(effect=Effect.CARRIED, after=0),
        "user_name": Change(effect=Effect.REFUSED, after="reporter"),
        "user_path": Change(effect=Effect.ROTATES, after="/apps/"),
    },
    options=_OPTIONS,
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
    # Bedrock's keys are in botocore since 1.39.0. The strategy checks that before a key is made.
    newer_than_the_oldest_sdk={
        "create_service_specific_credential(CredentialAgeDays)",
        "ExpirationDate",
        "ServiceCredentialAlias",
        "ServiceCredentialSecret",
    },
    secret_fields=frozenset({"ServiceCredentialSecret"}),
    walks={"iam-service-credential": _Walk},
    grants=Grants(
        planned={
            "service_name": "bedrock.amazonaws.com",
            "user_name": "assistant",
            "user_path": "/apps/",
        },
        rotation={
            "endpoint": "${var.endpoint}",
            "service_name": "bedrock.amazonaws.com",
            "settling_seconds": 0,
            "user_name": "${aws_iam_user_policy.rotated.user}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        scenarios={
            **SEARCH,
            **RECORD,
            **REVOKE,
            (
                "RotateCredentialsForThisService",
                "iam:CreateServiceSpecificCredential",
            ): a_clean_rotation,
            (
                "RotateCredentialsForThisService",
                "iam:DeleteServiceSpecificCredential",
            ): a_clean_rotation,
            ("ListCredentialsOfThisUser", "iam:ListServiceSpecificCredentials"): a_clean_rotation,
        },
        arguments={
            "iam:CreateServiceSpecificCredential": {"ServiceName": "bedrock.amazonaws.com"},
            "iam:ListServiceSpecificCredentials": {},
        },
    ),
    leaks=Leaks(
        rotation={
            "endpoint": "${var.endpoint}",
            "service_name": "bedrock.amazonaws.com",
            "settling_seconds": 0,
            "user_name": "${aws_iam_user_policy.rotated.user}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        failures={
            "wrong-content": wrong_content(
                lambda mark: json.dumps({"ServiceCredentialSecret": mark})
            ),
        },
        slow_failures={
            "create-denied": denied("iam:CreateServiceSpecificCredential"),
            "delete-denied": denied("iam:DeleteServiceSpecificCredential"),
            "list-denied": denied("iam:ListServiceSpecificCredentials"),
            "record-denied": denied("secretsmanager:TagResource"),
            "text": wrong_content(lambda mark: mark),
        },
        issued=lambda aws, _: aws.issued(),
    ),
    unit=Unit(
        bad_input=_BAD_INPUT,
        make=iam_service_credential,
        kind=Kind.FEW_SLOTS,
        held=held_by_users,
        printable=frozenset(
            {
                *("ExpirationDate", "ServiceCredentialAlias", "ServiceName"),
                *("ServiceSpecificCredentialId", "UserName"),
            }
        ),
    ),
)
