"""The rotator of `examples/custom` passes the module's suite, on a real Redis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from examples.custom.rotate import RedisUser
from examples.custom.test_rotate import TestRotate
from rotation_conformance.account import Account, FakeClients
from testing.certificate import write_certificate
from testing.local_redis import LocalRedis, local_redis
from tests.readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRedis]:
    certificate, key = write_certificate(tmp_path_factory.mktemp("redis"))
    with local_redis(certificate, key) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        yield server


def test_its_value_is_the_one_in_the_readme() -> None:
    strategy = RedisUser(FakeClients(Account()), "cache.internal", "6379", "cache", "arn")
    value = strategy.generate(None).value
    shown = json.loads(block("value", "custom"))
    assert value == {**shown, "password": cast("Any", value)["password"]}


class TestSomePoints(TestRotate):
    most = 1


@pytest.mark.slow
class TestAllPoints(TestRotate):
    pass


# Collected by the names above alone.
del TestRotate
