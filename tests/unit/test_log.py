"""The log has listed keys only."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import cast

import pytest

from rotation import log
from rotation.log import Key


def _written(fields: log.LogRecord) -> str:
    stream = io.StringIO()
    log.write(stream, fields)
    return stream.getvalue()


def test_a_record_is_one_line_of_json_with_the_current_time() -> None:
    line = _written({Key.EVENT: "rotation_step", Key.MESSAGE: "two\nlines\u2028and more"})
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    record = json.loads(line)
    time = datetime.fromisoformat(record.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert record == {"event": "rotation_step", "message": "two\nlines\u2028and more"}


def test_a_key_that_is_not_listed_is_dropped() -> None:
    assert "hunter2" not in _written(
        {Key.EVENT: "rotation_step", cast("Key", "SecretString"): "hunter2"}
    )


@pytest.mark.parametrize("key", [pytest.param(key, id=key) for key in Key])
def test_each_listed_key_is_written(key: Key) -> None:
    assert json.loads(_written({key: "x"}))[key] == "x"


def test_log_keys_have_a_fixed_order() -> None:
    line = _written(dict.fromkeys(reversed(Key), "x"))
    assert list(json.loads(line)) == [*Key, "_aws"]
