"""The one environment variable: every field, with each kind of wrongness that fits it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from rotation.errors import ConfigurationError
from rotation.settings import Settings

_GOOD: dict[str, object] = {
    "strategy": "random_value",
    "secret_arn_pattern": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-??????",
    "minimum_overlap_minutes": 60,
    "constants": {"bucket": "reports"},
    "options": {},
}
_ABSENT = object()


def _parsed(**change: object) -> Settings:
    fields = {name: value for name, value in {**_GOOD, **change}.items() if value is not _ABSENT}
    return Settings.from_environment({"ROTATION_SETTINGS": json.dumps(fields)})


def test_good_settings_are_read_whole() -> None:
    settings = _parsed()
    assert settings.strategy == _GOOD["strategy"]
    assert settings.secret_arn_pattern == _GOOD["secret_arn_pattern"]
    assert settings.minimum_overlap == timedelta(hours=1)
    assert settings.constants == _GOOD["constants"]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        pytest.param("strategy", _ABSENT, "a text that is not empty", id="strategy-absent"),
        pytest.param("strategy", None, "a text that is not empty", id="strategy-null"),
        pytest.param("strategy", "", "a text that is not empty", id="strategy-empty"),
        pytest.param("strategy", 1, "a text that is not empty", id="strategy-number"),
        pytest.param("secret_arn_pattern", _ABSENT, "a text that is not empty", id="arn-absent"),
        pytest.param("secret_arn_pattern", ["a"], "a text that is not empty", id="arn-list"),
        pytest.param("minimum_overlap_minutes", _ABSENT, "number from 0", id="overlap-absent"),
        pytest.param("minimum_overlap_minutes", -1, "number from 0", id="overlap-negative"),
        pytest.param("minimum_overlap_minutes", "60", "number from 0", id="overlap-text"),
        pytest.param("minimum_overlap_minutes", True, "number from 0", id="overlap-boolean"),
        pytest.param("minimum_overlap_minutes", 0.5, "number from 0", id="overlap-half"),
        pytest.param("constants", _ABSENT, "an object of texts", id="constants-absent"),
        pytest.param("constants", {"a": 1}, "an object of texts", id="constants-number"),
        pytest.param("constants", ["a"], "an object of texts", id="constants-list"),
        pytest.param("options", _ABSENT, "a JSON object", id="options-absent"),
        pytest.param("options", "a", "a JSON object", id="options-text"),
        pytest.param("optoins", {}, "no such setting exists", id="misspelt"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object, allowed: str) -> None:
    match = rf"Setting ROTATION_SETTINGS\.{field} is .*{allowed}.*module's variables"
    with pytest.raises(ConfigurationError, match=match):
        _parsed(**{field: value})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="truncated"),
        pytest.param("[]", id="list"),
        pytest.param("null", id="null"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed is a JSON object"):
        Settings.from_environment({"ROTATION_SETTINGS": text})


def test_a_function_without_settings_says_so() -> None:
    with pytest.raises(ConfigurationError, match="Setting ROTATION_SETTINGS is None"):
        Settings.from_environment({})
