"""The queries of docs/queries for CloudWatch Logs Insights name fields and values that there are.

Nothing here can run them: neither MiniStack nor moto knows the command stats.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import botocore.session
import pytest

from rotation.engine import Outcome
from rotation.event import Step
from rotation.log import Key
from tests.queries.trail import QUARTER
from tests.readme.blocks import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUERIES = sorted((REPOSITORY / "docs" / "queries").glob("*.txt"))
_COMMANDS = {"fields", "filter", "limit", "sort", "stats"}
_WORDS = {"and", "or", "not", "in", "like", "as", "by", "asc", "desc", "count", "max"}
_LITERAL = re.compile(r'"([^"]*)"|/[^/]*/|\b\d+\b')
_NAME = re.compile(r"@?[A-Za-z_][\w.]*")


def _names(event: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in event.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")


_OF_TRAIL = {"@timestamp", *(name for event in QUARTER for name in _names(event))}
_OF_FUNCTION = {"@timestamp", *Key}


@pytest.mark.parametrize("query", _QUERIES, ids=lambda path: path.stem)
def test_each_field_is_in_the_log(query: Path) -> None:
    comment, *lines = query.read_text().splitlines()
    known = _OF_TRAIL if "of a trail" in comment else _OF_FUNCTION
    stages = [line.removeprefix("| ") for line in lines]
    assert {stage.split()[0] for stage in stages} <= _COMMANDS
    assert [line.startswith("| ") for line in lines] == [False, *[True] * (len(lines) - 1)]
    text = " ".join(stage.partition(" ")[2] for stage in stages)
    named = set(_NAME.findall(_LITERAL.sub("", text)))
    aliases = set(re.findall(r" as (\w+)", text))
    assert named - aliases - _WORDS
    assert named - aliases - _WORDS <= known


def test_each_value_of_a_field_of_the_function_is_written_by_it() -> None:
    written = {
        "event": {"rotation_step"},
        "step": {*Step},
        "outcome": {*Outcome, "failed"},
    }
    handler = (REPOSITORY / "lambda" / "handler.py").read_text()
    assert '"rotation_step"' in handler
    assert '"failed"' in handler
    for query in _QUERIES:
        for field, value in re.findall(r'\b(\w+) = "(\w+)"', query.read_text()):
            if field in set(Key):
                assert value in written[field], query.name


@pytest.mark.parametrize("name", ["changes.sql", "changes.txt"])
def test_changes_leave_out_only_calls_that_read(name: str) -> None:
    """botocore has AWS's list of operations."""
    text = (REPOSITORY / "docs" / "queries" / name).read_text()
    (left_out,) = re.findall(r"\^\([^)]+\)", text)
    service = botocore.session.get_session().get_service_model("secretsmanager")
    assert {one for one in service.operation_names if re.match(left_out, one)} == {
        "BatchGetSecretValue",
        "DescribeSecret",
        "GetRandomPassword",
        "GetResourcePolicy",
        "GetSecretValue",
        "ListSecretVersionIds",
        "ListSecrets",
        "ValidateResourcePolicy",
    }
