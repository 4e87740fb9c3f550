"""The module's own strategies pass the suite that it has for yours."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotation_conformance import Conformance
from tests.unit.cloud import Cloud
from tests.unit.subjects import EACH_SUBJECT, SUBJECTS

if TYPE_CHECKING:
    from rotation_conformance import Begin


class _Own(Conformance):
    """All subjects, each with the file of its strategy."""

    subject: str
    public = frozenset(
        {
            "AccessKeyId",
            "ExpirationDate",
            "ServiceSpecificCredentialId",
            "expires_at",
            "public_key",
            "username",
        }
    )

    @pytest.fixture(autouse=True, params=EACH_SUBJECT)
    def _subject(self, request: pytest.FixtureRequest) -> None:
        self.subject = request.param

    @pytest.fixture
    def begin(self) -> Begin:
        return lambda: SUBJECTS[self.subject](Cloud())

    def _file(self) -> Path:
        rotation = SUBJECTS[self.subject](Cloud())
        return Path(inspect.getfile(type(rotation.strategy(rotation.cloud.clients()))))


class TestSomePoints(_Own):
    most = 3


@pytest.mark.slow
class TestAllPoints(_Own):
    pass
