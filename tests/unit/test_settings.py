"""Valid settings; test_bad_input.py has the invalid ones."""

from __future__ import annotations

import json
from datetime import timedelta

from rotation.settings import Settings
from rotation.strategies import REGISTRY

_GOOD: dict[str, object] = {
    "strategy": REGISTRY[0],
    "secret_arn_pattern": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-??????",
    "minimum_overlap_minutes": 60,
    "constants": {"bucket": "reports"},
    "options": {},
}


def test_a_time_after_which_rotations_are_given_up_is_read() -> None:
    text = json.dumps({**_GOOD, "give_up_after_hours": 26})
    assert Settings.from_environment({"ROTATION_SETTINGS": text}).give_up_after == timedelta(
        hours=26
    )


def test_all_valid_settings_are_read() -> None:
    settings = Settings.from_environment({"ROTATION_SETTINGS": json.dumps(_GOOD)})
    assert settings.strategy == _GOOD["strategy"]
    assert settings.secret_arn_pattern == _GOOD["secret_arn_pattern"]
    assert settings.minimum_overlap == timedelta(hours=1)
    assert settings.constants == _GOOD["constants"]
