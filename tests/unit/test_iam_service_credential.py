"""An IAM user's credential for a service: its secret, its proof, its expiry."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    ForeignCredential,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.event import Step
from rotation.services.https import Reply
from rotation.services.tls import NoReplyError
from rotation_conformance.account import Side, client_error, lose_answer, refuse
from rotation_conformance.rotator import assert_converged
from tests.leaks.search import found, of_exception
from tests.readme.blocks import block
from tests.strategies.iam_service_credential import (
    credential_strategy,
    iam_service_credential,
)
from tests.unit.cloud import Cloud, FakeClients, FakeIam, Maker, credentials_of
from tests.unit.service_credentials import BEDROCK, CODECOMMIT, ServiceCredentials
from tests.unit.subject import USER
from tests.unit.subjects import prepared, renamed_user

if TYPE_CHECKING:
    from tests.unit.cloud import Key
    from tests.unit.rotator import Rotation

_SERVICES: Final = [pytest.param(name, id=name.partition(".")[0]) for name in (BEDROCK, CODECOMMIT)]
_ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"


def _steady(service_name: str = BEDROCK) -> Rotation:
    rotation = iam_service_credential(Cloud(), service_name)
    rotation.rotate()
    rotation.rotate()
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm()
    return rotation


def _service(rotation: Rotation) -> ServiceCredentials:
    assert isinstance(rotation.service, ServiceCredentials)
    return rotation.service


def _keys(rotation: Rotation) -> list[Key]:
    service = _service(rotation)
    return rotation.cloud.users[credentials_of(service.user, service.service)]


def test_the_secret_of_bedrock_has_the_fields_of_iam() -> None:
    rotation = iam_service_credential(Cloud())
    rotation.rotate()
    (key,) = _keys(rotation)
    assert key.expires == key.created + timedelta(days=90)
    assert rotation.secret.value() == {
        "ServiceSpecificCredentialId": key.key_id,
        "ServiceName": "bedrock.amazonaws.com",
        "UserName": USER,
        "ServiceCredentialAlias": f"{USER}-at-123456789012",
        "ServiceCredentialSecret": key.secret,
        "ExpirationDate": f"{key.expires:%Y-%m-%dT%H:%M:%SZ}",
        "bucket": "reports",
    }
    shown = json.loads(block("value", "iam_service_credential"))
    assert rotation.secret.value().keys() == {*shown, "bucket"}


def test_the_secret_of_codecommit_has_a_user_name_and_no_expiry() -> None:
    rotation = iam_service_credential(Cloud(), CODECOMMIT)
    rotation.rotate()
    (key,) = _keys(rotation)
    assert rotation.secret.value() == {
        "ServiceSpecificCredentialId": key.key_id,
        "ServiceName": "codecommit.amazonaws.com",
        "UserName": USER,
        "ServiceUserName": f"{USER}-at-123456789012",
        "ServicePassword": key.secret,
        "bucket": "reports",
    }


@pytest.mark.parametrize("service_name", _SERVICES)
@pytest.mark.parametrize("delay", [pytest.param(s, id=f"{s}s") for s in (0, 3, 30)])
def test_a_credential_becomes_current_only_after_it_was_accepted(
    service_name: str, delay: int
) -> None:
    rotation = _steady(service_name)
    rotation.cloud.not_accepted_yet = lambda age: age < delay
    rotation.steps(rotation.stage())
    current = rotation.cloud.key(rotation.secret.value()["ServiceSpecificCredentialId"])
    assert current is not None
    assert (rotation.cloud.time.now - current.created).total_seconds() >= delay + 2
    assert_converged(rotation)


def test_a_renamed_user_keeps_rotating() -> None:
    rotation = renamed_user(prepared("iam_service_credential", "steady"))
    renamed = ServiceCredentials(rotation.cloud, "courier", BEDROCK)
    vars(_service(rotation)).update(vars(renamed))
    for _ in range(3):
        rotation.rotate()
        assert rotation.secret.value()["UserName"] == "courier"
    versions = (rotation.secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS"))
    secrets = {key.secret for key in rotation.cloud.users["courier for bedrock.amazonaws.com"]}
    assert secrets == {version["ServiceCredentialSecret"] for version in versions}


def test_a_retry_does_not_give_up_a_new_credential() -> None:
    """It expires much later: if it is rejected now, it may be accepted soon."""
    rotation = _steady()
    rotation.cloud.not_accepted_yet = lambda age: age < 200
    token = rotation.stage()
    with pytest.raises(CredentialRejected):
        rotation.steps(token)
    issued = rotation.secret.value("AWSPENDING")
    rotation.retry(token)
    assert rotation.secret.value() == issued
    assert_converged(rotation)


def test_a_credential_that_expired_before_its_promotion_is_given_up() -> None:
    rotation = _steady()
    short = credential_strategy(_service(rotation), credential_age_days=1)
    rotation = rotation.changed(short)
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(timedelta(days=1).total_seconds())
    with pytest.raises(ProtocolError, match=r"expired before it became current. The rotation was"):
        rotation.step(Step.CREATE, token)
    assert "AWSPENDING" not in rotation.secret.labels
    rotation.rotate()
    assert_converged(rotation)


def _rejecting(rotation: Rotation, *, status: int) -> RotationError:
    """Return this reply to each log-in of testSecret; return the error."""
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    _service(rotation).wrong = lambda _, reply: dataclasses.replace(reply, status=status)
    with pytest.raises(RotationError) as caught:
        rotation.step(Step.TEST, token)
    _service(rotation).wrong = None
    rotation.retry(token)
    assert_converged(rotation)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("service_name", "needed"),
    [
        pytest.param(BEDROCK, "bedrock:CallWithBearerToken or bedrock:List", id="bedrock"),
        pytest.param(CODECOMMIT, "codecommit:GitPull", id="codecommit"),
    ],
)
def test_a_rejection_names_the_permission_that_the_user_needs(
    service_name: str, needed: str, status: int
) -> None:
    error = _rejecting(_steady(service_name), status=status)
    assert isinstance(error, CredentialRejected)
    assert f" of IAM user {USER} for {service_name}. " in str(error)
    assert f"deleted, and whether its owner has the permission {needed}" in str(error)


@pytest.mark.parametrize("service_name", _SERVICES)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_unusable_reply_is_retried(service_name: str, status: int) -> None:
    error = _rejecting(_steady(service_name), status=status)
    assert isinstance(error, ServiceUnavailable)
    assert "got no usable response. The retry of the rotation may succeed" in str(error)


@pytest.mark.parametrize("service_name", _SERVICES)
@pytest.mark.parametrize("status", [204, 302, 400, 418])
def test_an_undocumented_status_is_named(service_name: str, status: int) -> None:
    error = _rejecting(_steady(service_name), status=status)
    assert isinstance(error, ProtocolError)
    assert f"returned the error HTTP_{status}. " in str(error)


def test_a_repository_that_does_not_exist_is_named() -> None:
    error = _rejecting(_steady(CODECOMMIT), status=404)
    assert isinstance(error, ConfigurationError)
    assert str(error).startswith(
        "Repository reports at git-codecommit.eu-west-1.amazonaws.com does not exist. Create it"
    )


@pytest.mark.parametrize(
    ("service_name", "reply", "field"),
    [
        pytest.param(
            BEDROCK,
            Reply(status=200, headers={}, body=b"<html/>"),
            "as the response",
            id="bedrock-html",
        ),
        pytest.param(
            BEDROCK, Reply(status=200, headers={}, body=b"{}"), "modelSummaries", id="bedrock-json"
        ),
        pytest.param(
            CODECOMMIT,
            Reply(status=200, headers={"content-type": "text/html"}, body=b"<html/>"),
            "Content-Type",
            id="codecommit-html",
        ),
        pytest.param(
            CODECOMMIT, Reply(status=200, headers={}, body=b""), "Content-Type", id="codecommit"
        ),
    ],
)
def test_a_page_of_another_server_does_not_count_as_acceptance(
    service_name: str, reply: Reply, field: str
) -> None:
    rotation = _steady(service_name)
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    _service(rotation).wrong = lambda _, _reply: reply
    with pytest.raises(ProtocolError, match=f"{field}; expected .* a proxy or a VPC end"):
        rotation.step(Step.TEST, token)
    assert rotation.secret.labels["AWSCURRENT"] != token


def test_a_lost_reply_is_retried() -> None:
    rotation = _steady()
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm(lose_answer(3), refuse(4, "AccessDenied"))
    rotation.step(Step.TEST, token)
    assert rotation.cloud.fuse.calls.count("log_in") > 3


@pytest.mark.parametrize("service_name", _SERVICES)
def test_no_error_of_the_proof_quotes_the_credential(service_name: str) -> None:
    rotation = _steady(service_name)
    secrets = {key.secret for key in _keys(rotation)}
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    secrets |= {key.secret for key in _keys(rotation)}

    def quoting(_name: str, _reply: Reply) -> Reply:
        raise NoReplyError(lost=True) from ValueError(secrets)

    _service(rotation).wrong = quoting
    with pytest.raises(ServiceUnavailable) as caught:
        rotation.step(Step.TEST, token)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert found(secrets, of_exception(caught.value)) == set()


def test_a_denial_for_a_deleted_credential_is_a_success() -> None:
    """The grant is for one service, and IAM does not know the service of a deleted one."""
    rotation = _steady()

    def denied_the_second_time(_number: int, name: str, side: Side) -> None:
        # The SDK has sent the request again, because the first response was lost.
        if name == "delete_service_specific_credential" and side is Side.AFTER:
            raise client_error(name, "AccessDenied", status=403)

    rotation.cloud.fuse.arm(denied_the_second_time)
    rotation.steps(rotation.stage())
    # Before the record, after it, and after the denial.
    assert rotation.cloud.fuse.calls.count("list_service_specific_credentials") == 3
    assert_converged(rotation)


def test_a_denial_for_an_existing_credential_is_an_error() -> None:
    rotation = _steady()
    rotation.cloud.fuse.arm(refuse("delete_service_specific_credential", "AccessDenied"))
    with pytest.raises(PermissionDenied, match="iam:DeleteServiceSpecificCredential on arn:aws:"):
        rotation.step(Step.CREATE, rotation.stage())


def test_a_credential_that_an_operator_reset_is_replaced_by_the_next_rotation() -> None:
    """IAM does not show that it was reset. Only the operator saw its new password."""
    rotation = _steady()
    current = rotation.cloud.key(rotation.secret.value()["ServiceSpecificCredentialId"])
    assert current is not None
    current.secret = "shown-to-the-operator"  # noqa: S105 -- of no service
    assert not rotation.service.works(rotation.secret.value())
    rotation.rotate()
    assert_converged(rotation)


def test_two_services_of_one_user_have_slots_of_their_own() -> None:
    rotation = _steady(BEDROCK)
    other = ServiceCredentials(rotation.cloud, USER, CODECOMMIT)
    rotation.cloud.add_user(credentials_of(USER, CODECOMMIT))
    beside = dataclasses.replace(
        rotation,
        secret=rotation.cloud.add_secret("reports/git"),
        strategy=credential_strategy(other),
        service=other,
    )
    beside.rotate()
    beside.rotate()
    for one in (rotation, beside):
        one.rotate()
        assert_converged(one)


def test_a_secret_stays_with_its_service() -> None:
    rotation = _steady(BEDROCK)
    other = ServiceCredentials(rotation.cloud, USER, CODECOMMIT)
    rotation.cloud.add_user(credentials_of(USER, CODECOMMIT))
    token = rotation.stage()
    message = f"another owner than IAM user {USER} for {CODECOMMIT}"
    with pytest.raises(ConfigurationError, match=message):
        rotation.changed(credential_strategy(other)).step(Step.CREATE, token)


def test_a_foreign_credential_stops_the_rotation_until_it_is_adopted() -> None:
    rotation = iam_service_credential(Cloud())
    rotation.rotate()
    rotation.wait_out_the_overlap()
    service = _service(rotation)
    foreign = rotation.cloud.add_key(credentials_of(USER, BEDROCK), Maker.ADOPTED, prefix="ACCA")
    token = rotation.stage()
    with pytest.raises(
        ForeignCredential,
        match=f"did not issue {foreign.key_id}.* set rotation.iam_service_credential.adop",
    ):
        rotation.step(Step.CREATE, token)
    adopting = credential_strategy(service, adopted_credential_id=foreign.key_id)
    rotation.changed(adopting).retry(token)
    assert_converged(rotation)
    assert foreign in rotation.cloud.destroyed


def test_the_requests_name_the_user_and_the_service() -> None:
    rotation = prepared("iam_service_credential", "steady")
    rotation.cloud.users.pop(USER)
    with pytest.raises(ConfigurationError, match=r"arn:aws:iam::.*/apps/uploader does not exist"):
        rotation.step(Step.CREATE, rotation.stage())


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ("CreateServiceSpecificCredentialRequest", "CredentialAgeDays"),
        ("ServiceSpecificCredential", "ServiceCredentialAlias"),
        ("ServiceSpecificCredential", "ServiceCredentialSecret"),
    ],
)
def test_nothing_is_made_with_an_sdk_that_would_drop_the_secret(
    shape: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = _steady(BEDROCK)
    keys = list(_keys(rotation))
    model: Any = FakeIam.meta.service_model
    monkeypatch.delitem(model._service_description["shapes"][shape]["members"], field)  # noqa: SLF001
    with pytest.raises(ConfigurationError, match=f"know the field {field}.* newer boto3"):
        rotation.step(Step.CREATE, rotation.stage())
    assert _keys(rotation) == keys


def test_a_credential_without_expiry_is_accepted_if_none_was_requested() -> None:
    rotation = iam_service_credential(Cloud())
    rotation = rotation.changed(credential_strategy(_service(rotation), credential_age_days=None))
    rotation.rotate()
    value: Any = json.loads(rotation.secret.current_text() or "")
    assert "ExpirationDate" not in value
    assert_converged(rotation)


def test_a_service_credential_needs_as_many_calls_as_a_key() -> None:
    rotation = prepared("iam_service_credential", "steady")
    rotation.steps(rotation.stage())
    calls = rotation.cloud.fuse.calls
    # Each proof counts once: that of testSecret, and that of finishSecret.
    assert len(calls) - calls.count("log_in") + 2 <= 16


def test_a_step_with_nothing_to_do_makes_no_call_and_no_client() -> None:
    rotation = prepared("iam_service_credential", "steady")
    token = rotation.stage()
    clients = FakeClients(rotation.cloud)
    rotation.step(Step.SET, token, clients=clients)
    assert rotation.cloud.fuse.calls == []
    assert clients.made == []
