"""The settings, as they should be; what is wrong with some stands in test_bad_input.py."""

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


def test_good_settings_are_read_whole() -> None:
    settings = Settings.from_environment({"ROTATION_SETTINGS": json.dumps(_GOOD)})
    assert settings.strategy == _GOOD["strategy"]
    assert settings.secret_arn_pattern == _GOOD["secret_arn_pattern"]
    assert settings.minimum_overlap == timedelta(hours=1)
    assert settings.constants == _GOOD["constants"]
