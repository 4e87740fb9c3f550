"""A random value: its characters, its form, its options."""

from __future__ import annotations

import dataclasses
import json
import math
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.errors import ConfigurationError
from rotation.event import Step
from rotation.settings import OptionReader
from rotation.strategies import build
from rotation.strategy import Credential, Generator, Value
from tests.strategies.random_value import random_strategy
from tests.unit.cloud import Cloud, FakeClients
from tests.unit.subjects import FEW_SLOTS, GENERATOR, prepared

_CLASSES = {
    "lowercase": string.ascii_lowercase,
    "numbers": string.digits,
    "punctuation": string.punctuation,
    "uppercase": string.ascii_uppercase,
}
_GOOD: dict[str, object] = {
    "length": 32,
    "exclude_characters": "",
    "character_classes": list(_CLASSES),
    "json_key": None,
}


def _built(**options: object) -> Generator:
    made = build(
        "random_value", OptionReader({**_GOOD, **options}, path="options"), FakeClients(Cloud())
    )
    assert isinstance(made, Generator)
    return made


def _drawn(**options: object) -> str:
    value = _built(**options).generate(None).value
    assert isinstance(value, str)
    return value


@given(
    names=st.sets(st.sampled_from(sorted(_CLASSES)), min_size=1),
    excluded=st.text(string.printable, max_size=8),
    length=st.integers(64, 96),
)
def test_each_value_has_each_class_and_nothing_else(
    names: set[str], excluded: str, length: int
) -> None:
    drawn = _drawn(length=length, exclude_characters=excluded, character_classes=sorted(names))
    allowed = set("".join(_CLASSES[name] for name in names)) - set(excluded)
    assert len(drawn) == length
    assert set(drawn) <= allowed
    assert all(set(drawn) & set(_CLASSES[name]) for name in names)


def test_no_character_is_more_likely_than_another() -> None:
    drawn = "".join(_drawn(length=4000, character_classes=["lowercase"]) for _ in range(5))
    expected = len(drawn) / 26
    for character, times in Counter(drawn).items():
        assert abs(times - expected) < 7 * math.sqrt(expected), character


def test_two_values_differ() -> None:
    assert _drawn() != _drawn()


def test_a_value_has_at_least_64_bits() -> None:
    assert len(_drawn(length=20, character_classes=["numbers"])) == 20
    with pytest.raises(ConfigurationError, match="19 of 10 characters give 63"):
        _built(length=19, character_classes=["numbers"])
    with pytest.raises(ConfigurationError, match="4096 of 1 characters give 0"):
        _built(length=4096, character_classes=["numbers"], exclude_characters="012345678")


@pytest.mark.parametrize(
    ("json_key", "value", "recognised"),
    [
        pytest.param(None, "text", True, id="text"),
        pytest.param(None, {"pepper": "text"}, True, id="object-from-before-json_key-was-removed"),
        pytest.param(None, {"pepper": "text", "host": "a"}, False, id="object-for-text"),
        pytest.param(None, {"pepper": 1}, False, id="number-for-text"),
        pytest.param(None, {}, False, id="empty-object-for-text"),
        pytest.param("pepper", {"pepper": "text", "bucket": "b"}, True, id="object"),
        pytest.param("pepper", {"salt": "text"}, False, id="other-key"),
        pytest.param("pepper", {"pepper": 1}, False, id="number"),
        pytest.param("pepper", "x" * 32, True, id="text-from-before-json_key-was-set"),
        pytest.param("pepper", f"{{{'x' * 30}}}", True, id="text-in-braces"),
        pytest.param("pepper", "x" * 31, False, id="text-of-another-length"),
        pytest.param("pepper", "x" * 31 + " ", False, id="text-of-other-characters"),
        pytest.param("pepper", f'{{"pepper":{"1" * 21}}}', False, id="text-like-an-object"),
    ],
)
def test_a_value_is_recognised_by_its_form(
    json_key: str | None, value: Value, *, recognised: bool
) -> None:
    found = _built(json_key=json_key).parse(value)
    assert isinstance(found, Credential) == recognised


def test_with_a_key_the_value_is_an_object() -> None:
    value = _built(json_key="pepper", length=10).generate(None).value
    assert isinstance(value, dict)
    assert [(key, len(text)) for key, text in value.items()] == [("pepper", 10)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, "pepper", id="set"),
        pytest.param("pepper", None, id="removed"),
    ],
)
def test_a_changed_json_key_carries_the_value_over(before: str | None, after: str | None) -> None:
    rotation = prepared(GENERATOR, "empty").changed(random_strategy(json_key=before))
    rotation = dataclasses.replace(rotation, constants={})
    rotation.rotate()
    old = rotation.secret.current_text()
    rotation = rotation.changed(random_strategy(json_key=after))
    for _ in range(2):
        rotation.rotate()
        text = str(rotation.secret.current_text())
        assert len(json.loads(text)[after] if after else text) == 32
    assert old in [version.text for version in rotation.secret.versions.values()]


@pytest.mark.parametrize(
    ("options", "form"),
    [
        pytest.param({}, "the string pepper", id="field"),
        pytest.param({"json_key": None}, "plain text", id="text"),
    ],
)
def test_a_strategy_changed_to_a_random_value_needs_a_new_secret(
    options: dict[str, object], form: str
) -> None:
    rotation = prepared(FEW_SLOTS, "steady").changed(random_strategy(**options))
    token, before = rotation.stage(), rotation.cloud.snapshot()
    with pytest.raises(ConfigurationError, match=f"{form}, .* Use a new secret name"):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before
