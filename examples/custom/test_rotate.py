"""Runs the module's checks on the rotator. `server` is a fixture that starts Redis."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rotation_conformance import Account, Conformance, ServiceUnderTest


class Cache(ServiceUnderTest):
    def __init__(self, server: Any) -> None:
        self._server = server

    def reset(self, account: Account) -> Mapping[str, object]:
        self._server.add_user("cache")
        secret = account.add_secret("redis/administrator", json.dumps(self._server.administrator))
        place = {"host": "127.0.0.1", "port": str(self._server.port)}
        return {"administrator_secret_arn": secret.arn, "user": "cache", **place}

    def works(self, value: Mapping[str, str]) -> bool:
        return bool(self._server.accepts(value["username"], value["password"]))

    def identity(self, value: Mapping[str, str]) -> str:
        return hashlib.sha256(value["password"].encode()).hexdigest()

    def ours(self) -> set[str]:
        return set(self._server.passwords("cache"))

    def outage(self) -> AbstractContextManager[None]:
        stopped: AbstractContextManager[None] = self._server.outage()
        return stopped


class TestRotate(Conformance):
    source_file = Path(__file__).with_name("rotate.py")

    @pytest.fixture
    def service(self, server: Any) -> Cache:
        return Cache(server)
