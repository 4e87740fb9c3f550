"""The windows that docs/design.md names are as it describes them: the rotation stops safely."""

from __future__ import annotations

import re

import pytest

from rotation.errors import ForeignCredential
from rotation.event import Step
from rotation_conformance.account import Killed, Side, interpose, kill
from tests.readme.blocks import PAGES, REPOSITORY
from tests.unit.subject import USER
from tests.unit.subjects import FEW_SLOTS, prepared


def test_the_key_of_a_second_delivery_that_dies_stops_the_next_rotation() -> None:
    rotation = prepared(FEW_SLOTS, "empty")
    token = rotation.stage()

    def deliver_again() -> None:
        rotation.cloud.fuse.arm(kill("create_access_key", Side.AFTER))
        with pytest.raises(Killed):
            rotation.step(Step.CREATE, token)
        rotation.cloud.fuse.arm()
        rotation.cloud.fuse.revive()

    rotation.cloud.fuse.arm(interpose("tag_resource", deliver_again))
    rotation.steps(token)
    leftover, current = rotation.cloud.users[USER]
    assert rotation.secret.value()["AccessKeyId"] == current.key_id
    rotation.cloud.time.advance(24 * 3600)
    with pytest.raises(ForeignCredential, match=leftover.key_id):
        rotation.step(Step.CREATE, rotation.stage())
    assert rotation.cloud.destroyed == []


def test_an_orphan_that_the_list_hides_for_long_stops_the_next_rotation() -> None:
    rotation = prepared(FEW_SLOTS, "empty")
    token = rotation.stage()
    rotation.cloud.list_lag = 300
    rotation.cloud.fuse.arm(kill("create_access_key", Side.AFTER))
    with pytest.raises(Killed):
        rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm()
    rotation.cloud.time.advance(1)
    rotation.retry(token)
    orphan, current = rotation.cloud.users[USER]
    assert rotation.secret.value()["AccessKeyId"] == current.key_id
    rotation.cloud.time.advance(24 * 3600)
    with pytest.raises(ForeignCredential, match=orphan.key_id):
        rotation.step(Step.CREATE, rotation.stage())


def test_every_test_that_a_page_names_by_its_function_exists() -> None:
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    for page in PAGES:
        for name in re.findall(r"`(test_\w+)`", page.read_text()):
            assert f"def {name}(" in tests, name
