"""An IAM user's access key: the proof, the settling time, the options and the secret."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    OutOfTime,
    PermissionDenied,
    RotationError,
    ServiceUnavailable,
)
from rotation.event import Step
from rotation.settings import OptionReader
from rotation.strategies import build
from rotation.strategies.iam_access_key import smtp_password
from rotation_conformance.account import lose_answer, refuse
from rotation_conformance.rotator import assert_converged
from tests.strategies.iam_access_key import iam_strategy
from tests.unit.cloud import Cloud, FakeClients
from tests.unit.subject import USER, strategy, user_arn
from tests.unit.subjects import prepared, renamed_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.rotator import Rotation

_STATES = [pytest.param(state, id=state) for state in ("empty", "steady")]


def _settling(state: str, seconds: int) -> Rotation:
    return prepared("iam_access_key", state).changed(iam_strategy(settling=seconds))


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("delay", [pytest.param(s, id=f"{s}s") for s in (0, 1, 10, 30)])
def test_a_key_becomes_current_only_after_it_was_accepted(state: str, delay: int) -> None:
    rotation = _settling(state, 10)
    rotation.cloud.not_accepted_yet = lambda age: age < delay
    token = rotation.stage()
    rotation.steps(token)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert _age_of_current(rotation) >= delay + 10
    assert_converged(rotation)


def _age_of_current(rotation: Rotation) -> float:
    key = rotation.cloud.key(rotation.secret.value()["AccessKeyId"])
    assert key is not None
    return (rotation.cloud.time.now - key.created).total_seconds()


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda age: age < 3 or 5 <= age < 9, id="twice"),
        # Each time is longer than the longest pause between two tries.
        pytest.param(lambda age: 3 <= age < 7.5 or 9 <= age < 13.5, id="in-turns"),
    ],
)
def test_a_rejection_restarts_the_settling_time(
    state: str, refused: Callable[[float], bool]
) -> None:
    rotation = _settling(state, 10)
    seen: list[float] = []

    def refused_and_seen(age: float) -> bool:
        seen.extend([age] if refused(age) else [])
        return refused(age)

    rotation.cloud.not_accepted_yet = refused_and_seen
    rotation.steps(rotation.stage())
    assert max(seen) > 4
    assert _age_of_current(rotation) >= max(seen) + 10


def test_without_a_settling_time_one_acceptance_is_enough() -> None:
    rotation = _settling("steady", 0)
    token = rotation.stage()
    for step in (Step.CREATE, Step.SET, Step.TEST):
        rotation.step(step, token)
    assert rotation.cloud.fuse.calls.count("get_caller_identity") == 1


def test_a_key_that_is_never_accepted_is_not_promoted() -> None:
    rotation = _settling("steady", 10)
    current = rotation.secret.labels["AWSCURRENT"]
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    new = rotation.secret.value("AWSPENDING")["AccessKeyId"]
    rotation.cloud.not_accepted_yet = lambda age: age < 1000
    with pytest.raises(CredentialRejected, match=f"{new} of IAM user {USER}.* the retry waits for"):
        rotation.step(Step.TEST, token)
    assert rotation.secret.labels["AWSCURRENT"] == current
    rotation.cloud.not_accepted_yet = lambda _age: False
    rotation.retry(token)
    assert_converged(rotation)


def test_a_first_key_that_is_never_accepted_is_not_stored() -> None:
    rotation = _settling("empty", 10)
    rotation.cloud.not_accepted_yet = lambda age: age < 1000
    token = rotation.stage()
    with pytest.raises(CredentialRejected, match="the retry waits for"):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.current_text() is None
    rotation.cloud.not_accepted_yet = lambda _age: False
    rotation.retry(token)
    assert_converged(rotation)


def test_a_key_that_settles_too_late_is_out_of_time() -> None:
    rotation = dataclasses.replace(_settling("steady", 60), timeout=60)
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(OutOfTime, match=r"needs 60 s.* lower settling_seconds"):
        rotation.step(Step.TEST, token)


def test_the_proof_waits_for_the_end_of_an_outage() -> None:
    rotation = prepared("iam_access_key", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm(refuse(3, "ServiceUnavailable", status=503), lose_answer(4))
    rotation.step(Step.TEST, token)
    assert rotation.cloud.fuse.calls.count("get_caller_identity") > 3


def test_the_proof_stops_if_an_outage_lasts() -> None:
    rotation = prepared("iam_access_key", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm(refuse("get_caller_identity", "ServiceUnavailable", status=503))
    with pytest.raises(ServiceUnavailable, match="sts:GetCallerIdentity on AKIA"):
        rotation.step(Step.TEST, token)


@pytest.mark.parametrize("attribute", ["active", "secret"])
def test_a_key_that_an_operator_disabled_is_named(attribute: str) -> None:
    rotation = prepared("iam_access_key", "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    key = rotation.cloud.users[USER][-1]
    setattr(key, attribute, False)
    with pytest.raises(CredentialRejected, match=f"{key.key_id} .* disabled or deleted"):
        rotation.step(Step.TEST, token)


def test_a_key_of_a_user_with_another_path_is_refused() -> None:
    """The path is part of a user's ARN, so user_path was wrong."""
    rotation = prepared("iam_access_key", "steady")
    other_path = strategy(
        "iam_access_key",
        user_arn=user_arn(USER).replace("/apps/", "/"),
        adopted_access_key_id=None,
        settling_seconds=0,
    )
    token = rotation.stage()
    rotation = rotation.changed(other_path)
    rotation.step(Step.CREATE, token)
    with pytest.raises(ConfigurationError, match=r"belongs to .*/apps/uploader, not to .*Correct"):
        rotation.step(Step.TEST, token)


@pytest.mark.parametrize("state", [pytest.param(s, id=s) for s in ("one_current", "steady")])
def test_a_renamed_user_keeps_rotating(state: str) -> None:
    rotation = renamed_user(prepared("iam_access_key", state))
    for _ in range(3):
        rotation.rotate()
        assert rotation.secret.value()["UserName"] == "courier"
    versions = (rotation.secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS"))
    secrets = {key.secret for key in rotation.cloud.users["courier"]}
    assert secrets == {version["SecretAccessKey"] for version in versions}


def test_a_renamed_user_whose_former_name_is_not_configured_is_refused() -> None:
    rotation = renamed_user(prepared("iam_access_key", "steady"), former_names=["reporter"])
    token, before = rotation.stage(), rotation.cloud.snapshot()
    with pytest.raises(ConfigurationError, match="another owner than IAM user courier"):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before


def test_a_user_that_was_created_again_gets_a_key_at_the_next_rotation() -> None:
    rotation = prepared("iam_access_key", "steady")
    for key in [*rotation.cloud.users[USER]]:
        rotation.cloud.remove_key(key)
    token = rotation.stage()
    rotation.steps(token)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert_converged(rotation)


def test_a_denied_list_names_user_path() -> None:
    """A user below a path has another ARN than the role is granted."""
    rotation = prepared("iam_access_key", "empty")
    rotation.cloud.fuse.arm(refuse("list_access_keys", "AccessDenied"))
    with pytest.raises(
        PermissionDenied, match=r"is denied\. If the user has a path, set user_path"
    ):
        rotation.step(Step.CREATE, rotation.stage())


def test_the_secret_has_the_form_of_a_credential_process() -> None:
    rotation = prepared("iam_access_key", "one_current")
    key = rotation.cloud.users[USER][0]
    assert rotation.secret.value() == {
        "Version": 1,
        "AccessKeyId": key.key_id,
        "SecretAccessKey": key.secret,
        "UserName": USER,
        "bucket": "reports",
    }


_GOOD: dict[str, object] = {
    "user_arn": user_arn(USER),
    "adopted_access_key_id": None,
    "settling_seconds": 10,
}


@pytest.mark.parametrize(
    "arn",
    [
        pytest.param("arn:aws:iam::123456789012:user/u", id="no-path"),
        pytest.param("arn:aws-cn:iam::123456789012:user/a/b/u", id="china"),
        pytest.param("arn:aws-us-gov:iam::123456789012:user/u+=,.@-_9", id="signs"),
    ],
)
def test_each_form_of_a_user_arn_is_accepted(arn: str) -> None:
    made = build(
        "iam_access_key", OptionReader({**_GOOD, "user_arn": arn}, path="o"), FakeClients(Cloud())
    )
    assert made.owner == f"IAM user {arn.rpartition('/')[2]}"


def test_an_unknown_error_is_named_by_its_code() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.cloud.fuse.arm(refuse("list_access_keys", "SomethingNew"))
    with pytest.raises(
        RotationError, match=r"iam:ListAccessKeys .* returned the error SomethingNew"
    ):
        rotation.step(Step.CREATE, rotation.stage())


# From the tests of the Terraform AWS provider for ses_smtp_password_v4 of aws_iam_access_key,
# which is an independent implementation.
@pytest.mark.parametrize(
    ("secret", "region", "password"),
    [
        ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
        ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
        ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
        ("another+secret+key", "us-west-1", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
    ],
)
def test_the_smtp_password_is_that_of_other_implementations(
    secret: str, region: str, password: str
) -> None:
    assert smtp_password(secret, region) == password


@pytest.mark.parametrize("state", _STATES)
def test_the_secret_has_smtp_credentials_from_the_next_rotation_on(state: str) -> None:
    rotation = prepared("iam_access_key", state)
    rotation = rotation.changed(iam_strategy(ses_smtp_region="eu-central-1"))
    rotation.rotate()
    value = rotation.secret.value()
    assert value["SmtpUserName"] == value["AccessKeyId"]
    assert value["SmtpPassword"] == smtp_password(value["SecretAccessKey"], "eu-central-1")
    assert_converged(rotation)


def test_without_the_option_new_values_have_no_smtp_credentials() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.changed(iam_strategy(ses_smtp_region="eu-central-1")).rotate()
    rotation.rotate()
    assert not {"SmtpUserName", "SmtpPassword"} & rotation.secret.value().keys()
    assert_converged(rotation)
