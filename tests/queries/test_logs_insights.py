"""The queries of docs/queries for CloudWatch Logs Insights, on the events of a quarter and a log.

Neither MiniStack nor moto knows the command stats. So each command becomes a SELECT of DuckDB:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import duckdb
import pytest

from rotation.engine import Outcome
from rotation.event import Step
from rotation.log import Key, write
from tests.queries.trail import QUARTER, arn
from tests.readme.blocks import REPOSITORY
from tests.strategies import SIMPLEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rotation.log import LogRecord

_QUERIES = sorted((REPOSITORY / "docs" / "queries").glob("*.txt"))
_COMMANDS = {"fields", "filter", "limit", "sort", "stats"}
_FUNCTIONS = {"count", "max", "strcontains", "sum", "toMillis"}
_WORDS = {"and", "or", "not", "in", "like", "as", "by", "asc", "desc", *_FUNCTIONS}
_LITERAL = re.compile(r'"([^"]*)"|/[^/]*/|\b\d+\b')
_NAME = re.compile(r"@?[A-Za-z_][\w.]*")


def _flat(event: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in event.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


_TRAIL: Final = [{**dict(_flat(event)), "@timestamp": event["eventTime"]} for event in QUARTER]
_OF_TRAIL = {name for event in _TRAIL for name in event}
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


def _step(day: int, name: str, step: Step, **fields: str) -> dict[str, Any]:
    """Return the record that the function writes for a step, at a time."""
    stream = io.StringIO()
    record: LogRecord = {
        Key.EVENT: "rotation_step",
        Key.STEP: step,
        Key.SECRET_ARN: arn(name),
        Key.STRATEGY: SIMPLEST.name,
        Key.OUTCOME: Outcome.DONE,
        Key.REQUEST_ID: "7a1f2c3d",
        **{Key(key): value for key, value in fields.items()},
    }
    write(stream, record)
    return {**json.loads(stream.getvalue()), "@timestamp": f"2026-07-{day:02}T08:00:00Z"}


_FAILED: Final = {"outcome": "failed", "error": "ForeignCredential", "message": "Delete a key."}
_LOG: Final = [
    *(_step(day, "reports/uploader", step) for day in (1, 31) for step in Step),
    *(_step(2, "reports/legacy", step) for step in Step),
    _step(3, "reports/signing", Step.CREATE, **_FAILED),
    _step(4, "reports/signing", Step.FINISH, **_FAILED),
    _step(5, "reports/leaked", Step.FINISH, outcome=Outcome.REVOKED),
]


def _statement(query: str) -> str:
    """Translate a query to SQL: each command reads what the one before it returns."""
    statement = "FROM log"
    for stage in query.splitlines()[1:]:
        command, _, rest = stage.removeprefix("| ").partition(" ")
        # Texts get single quotes, and names double ones.
        parts = re.split(r'("[^"]*"|/[^/]*/)', rest)
        written = "".join(
            f"'{part[1:-1]}'"
            if index % 2
            else _NAME.sub(lambda name: name[0] if name[0] in _WORDS else f'"{name[0]}"', part)
            for index, part in enumerate(parts)
        )
        written = re.sub(r'("\w+") (not )?like (\'[^\']*\')', r"\2regexp_matches(\1, \3)", written)
        written = re.sub(r"\[(.*?)\]", r"(\1)", written)
        rows = f"FROM ({statement})"
        if command == "stats":
            found, _, keys = written.partition(" by ")
            statement = f"SELECT {keys}, {found} {rows} GROUP BY {keys}"
        elif command == "fields":
            statement = f"SELECT *, {written} {rows}"
        else:
            clause = {"filter": "WHERE", "limit": "LIMIT", "sort": "ORDER BY"}[command]
            statement = f"{rows} {clause} {written}"
    return statement


def _ask(name: str, events: list[dict[str, Any]], tmp_path: Path) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    file = tmp_path / "log.json"
    file.write_text(json.dumps(events))
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute("CREATE MACRO strcontains(text, part) AS contains(text, part)::INT")
        database.execute("CREATE MACRO toMillis(moment) AS epoch_ms(moment::TIMESTAMP)")
        database.execute(f"CREATE TABLE log AS FROM read_json('{file}', sample_size = -1)")
        query = (REPOSITORY / "docs" / "queries" / f"{name}.txt").read_text()
        found = database.execute(_statement(query))
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_readers(tmp_path: Path) -> None:
    rows = _ask("readers", _TRAIL, tmp_path)
    named = [row for row in rows if row["requestParameters.secretId"] == "reports/uploader"]
    found = {row["userIdentity.arn"]: (row["requests"], row["refused"]) for row in named}
    assert {who.partition("/")[2]: counts for who, counts in found.items()} == {
        "application/session": (1, 0),
        "mona": (1, 1),
    }
    assert rows[0]["userIdentity.arn"].endswith(":assumed-role/rotate-reports-uploader/session")


def test_changes(tmp_path: Path) -> None:
    rows = _ask("changes", _TRAIL, tmp_path)
    mona = [row for row in rows if str(row["userIdentity.arn"]).endswith("/mona")]
    assert [(one["requestParameters.secretId"], one["errorCode"]) for one in mona] == [
        ("reports/legacy", None),
        ("reports/uploader", "AccessDenied"),
        ("reports/kept", "AccessDenied"),
    ]
    assert {row["eventName"] for row in mona} == {"CancelRotateSecret"}


def test_rotations(tmp_path: Path) -> None:
    rows = _ask("rotations", _LOG, tmp_path)
    assert [(row["secret_arn"], row["outcome"], row["message"]) for row in rows] == [
        (arn("reports/uploader"), "done", None),
        (arn("reports/legacy"), "done", None),
        (arn("reports/signing"), "failed", "Delete a key."),
        (arn("reports/signing"), "failed", "Delete a key."),
        (arn("reports/leaked"), "revoked", None),
        (arn("reports/uploader"), "done", None),
    ]


def test_overdue(tmp_path: Path) -> None:
    """A secret whose rotations all fail is the first one."""
    rows = _ask("overdue", _LOG, tmp_path)
    days = [datetime.fromtimestamp(row["last_rotation"] / 1000, UTC).date() for row in rows]
    found = [(row["secret_arn"], row["rotations"], row["failures"]) for row in rows]
    assert list(zip(map(str, days), found, strict=True)) == [
        ("1970-01-01", (arn("reports/signing"), 0, 2)),
        ("2026-07-02", (arn("reports/legacy"), 1, 0)),
        ("2026-07-05", (arn("reports/leaked"), 1, 0)),
        ("2026-07-31", (arn("reports/uploader"), 2, 0)),
    ]
