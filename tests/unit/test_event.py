"""The rotation event: every field, with each kind of wrongness that fits it."""

from __future__ import annotations

from uuid import UUID

import pytest

from rotation.errors import ProtocolError
from rotation.event import Event, Step

_PATTERN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/a.b-??????"
_ARN = _PATTERN.replace("??????", "Ab12Cd")
_TOKEN = str(UUID(int=1))
_GOOD: dict[str, object] = {"Step": "createSecret", "SecretId": _ARN, "ClientRequestToken": _TOKEN}


def _parsed(event: object) -> Event:
    return Event.parse(event, secret_arn_pattern=_PATTERN)


@pytest.mark.parametrize("step", [pytest.param(step, id=step.value) for step in Step])
def test_each_step_is_read(step: Step) -> None:
    event = _parsed({**_GOOD, "Step": step.value})
    assert event == Event(step=step, secret_arn=_ARN, token=_TOKEN, rotation_token=None)


def test_a_rotation_token_is_read_and_never_shown() -> None:
    sensitive = "sensitive"
    event = _parsed({**_GOOD, "RotationToken": sensitive})
    assert event.rotation_token == sensitive
    assert sensitive not in f"{event} {event!r}"


def test_a_field_that_aws_may_add_later_is_no_error() -> None:
    assert _parsed({**_GOOD, "Purpose": "rotation"}).step is Step.CREATE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("Step", None, id="step-absent"),
        pytest.param("Step", "CreateSecret", id="step-case"),
        pytest.param("Step", "createSecret\n", id="step-line-end"),
        pytest.param("Step", ["createSecret"], id="step-list"),
        pytest.param("SecretId", None, id="arn-absent"),
        pytest.param("SecretId", "reports/a.b", id="arn-name"),
        pytest.param("SecretId", _ARN.replace("a.b", "axb"), id="arn-other-secret"),
        pytest.param("SecretId", _ARN.replace("123456789012", "210987654321"), id="arn-account"),
        pytest.param("SecretId", _ARN.replace("eu-west-1", "eu-west-2"), id="arn-region"),
        pytest.param("SecretId", f"{_ARN}x", id="arn-longer"),
        pytest.param("SecretId", f"{_ARN}\n", id="arn-line-end"),
        pytest.param("SecretId", _PATTERN, id="arn-pattern"),
        pytest.param("SecretId", 7, id="arn-number"),
        pytest.param("ClientRequestToken", None, id="token-absent"),
        pytest.param("ClientRequestToken", "a" * 31, id="token-short"),
        pytest.param("ClientRequestToken", "a" * 65, id="token-long"),
        pytest.param("ClientRequestToken", "a b" * 11, id="token-space"),
        pytest.param("ClientRequestToken", b"a" * 36, id="token-bytes"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ProtocolError, match=f"Field {field} of the event is .* by RotateSecret"):
        _parsed({**_GOOD, field: value})


@pytest.mark.parametrize("value", [pytest.param(7, id="number"), pytest.param({}, id="object")])
def test_a_rotation_token_of_another_type_is_refused_unseen(value: object) -> None:
    with pytest.raises(ProtocolError, match="Field RotationToken of the event is a list"):
        _parsed({**_GOOD, "RotationToken": value})


@pytest.mark.parametrize(
    "event",
    [pytest.param(None, id="null"), pytest.param([], id="list"), pytest.param("{}", id="text")],
)
def test_what_is_no_object_is_refused(event: object) -> None:
    with pytest.raises(ProtocolError, match="allowed is an object"):
        _parsed(event)


def test_an_oversized_field_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ProtocolError, match="Field Step of the event is a str; ") as caught:
        _parsed({**_GOOD, "Step": "x" * 100_000})
    assert len(str(caught.value)) < 300
