"""A valid rotation event; test_bad_input.py has the invalid ones."""

from __future__ import annotations

from uuid import UUID

import pytest

from rotation.event import Event, Step, WatcherRequest

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


def test_a_request_of_the_watcher_is_read() -> None:
    event = _parsed({**_GOOD, "Step": "giveUp"})
    assert event.step is WatcherRequest.GIVE_UP
    assert event.token == _TOKEN


def test_a_rotation_token_is_read_and_never_shown() -> None:
    sensitive = f"sensitive-{UUID(int=2)}"
    event = _parsed({**_GOOD, "RotationToken": sensitive})
    assert event.rotation_token == sensitive
    assert sensitive not in f"{event} {event!r}"


def test_a_field_that_aws_adds_later_is_ignored() -> None:
    assert _parsed({**_GOOD, "Purpose": "rotation"}).step is Step.CREATE
