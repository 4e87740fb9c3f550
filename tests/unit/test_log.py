"""The log takes listed keys, and nothing else."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta

import pytest

from rotation import log


def _written(fields: log.LogRecord) -> str:
    stream = io.StringIO()
    log.write(stream, fields)
    return stream.getvalue()


def test_a_record_is_one_line_of_json_under_the_time_of_now() -> None:
    line = _written({"event": "rotation_step", "message": "two\nlines\u2028and more"})
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    record = json.loads(line)
    time = datetime.fromisoformat(record.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert record == {"event": "rotation_step", "message": "two\nlines\u2028and more"}


def test_a_key_that_is_not_listed_is_dropped() -> None:
    assert "hunter2" not in _written({"event": "rotation_step", "SecretString": "hunter2"})


@pytest.mark.parametrize("key", [pytest.param(key, id=key) for key in log.KEYS])
def test_each_listed_key_is_written(key: str) -> None:
    assert json.loads(_written({key: "x"}))[key] == "x"


def test_keys_stand_in_one_order() -> None:
    line = _written(dict.fromkeys(reversed(log.KEYS), "x"))
    assert list(json.loads(line)) == list(log.KEYS)
