"""The SQL of docs/queries, on the events of a quarter.

DuckDB runs what sqlglot reads as Trino's SQL, which Athena and CloudTrail Lake accept. The tables
have the columns of AWS's pages:
https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import botocore.session
import duckdb
import pytest
import sqlglot

from tests.queries.trail import ACCOUNT, QUARTER, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.queries.trail import Json

_Row: TypeAlias = tuple[Any, ...]

_TEXT: Final = "VARCHAR"
_IDENTITY: Final = """STRUCT(
  type VARCHAR, arn VARCHAR, accountid VARCHAR, invokedby VARCHAR, username VARCHAR,
  sessioncontext STRUCT(sessionissuer STRUCT(type VARCHAR, arn VARCHAR, username VARCHAR))
)"""
_MAP: Final = "MAP(VARCHAR, VARCHAR)"
# A call's parameters are a JSON text in Athena, and a map in Lake.
_COMMON: Final = {
    "useridentity": _IDENTITY,
    **dict.fromkeys(
        ["eventsource", "eventname", "awsregion", "errorcode", "errormessage", "eventtype"], _TEXT
    ),
    "recipientaccountid": _TEXT,
}
_STORES: Final = {
    "athena": (
        "cloudtrail_logs_pp",
        {
            **_COMMON,
            "eventtime": _TEXT,
            "requestparameters": _TEXT,
            "additionaleventdata": _TEXT,
            "timestamp": _TEXT,
        },
    ),
    "lake": (
        "event_data_store_ID",
        {
            **_COMMON,
            "eventtime": "TIMESTAMP",
            "requestparameters": _MAP,
            "additionaleventdata": _MAP,
        },
    ),
}


def _small(value: object) -> object:
    """Write names of fields small, as both stores read them."""
    if isinstance(value, dict):
        return {key.lower(): _small(one) for key, one in value.items()}
    return value


def _value(event: Json, column: str, kind: str) -> object:
    if column == "timestamp":
        return event["eventTime"][:10].replace("-", "/")
    value = next((event[key] for key in event if key.lower() == column), None)
    if not isinstance(value, dict):
        return value
    if column == "useridentity":
        return _small(value)
    if kind == _MAP:
        return {key: one if isinstance(one, str) else json.dumps(one) for key, one in value.items()}
    return json.dumps(value)


def _load(
    database: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], file: Path
) -> None:
    rows = [
        {name: _value(event, name, kind) for name, kind in columns.items()} for event in QUARTER
    ]
    file.write_text(json.dumps(rows))
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    database.execute(
        f"CREATE TABLE {table} AS SELECT * FROM read_json('{file}', columns = {{{types}}})"  # noqa: S608
    )


_Ask: TypeAlias = "Callable[[str], list[_Row]]"


@pytest.fixture(scope="module", params=sorted(_STORES))
def ask(
    request: pytest.FixtureRequest, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Ask]:
    """Returns the rows that a question has in one of the stores."""
    folder = repository / "docs" / "queries"
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("SET TimeZone = 'UTC'")
        table, columns = _STORES[request.param]
        _load(database, table, columns, tmp_path_factory.mktemp("trail") / "events.json")

        def rows(question: str) -> list[_Row]:
            text = (folder / f"{request.param}.sql").read_text() + (
                folder / f"{question}.sql"
            ).read_text()
            (statement,) = sqlglot.transpile(text, read="trino", write="duckdb")
            return database.execute(statement).fetchall()

        yield rows


def _role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


_MONA: Final = f"arn:aws:iam::{ACCOUNT}:user/mona"
_FUNCTION: Final = _role("rotate-reports-uploader")


def _day(month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second)  # noqa: DTZ001 -- SQL's timestamps have no zone


def test_readers(ask: _Ask) -> None:
    rows = [row for row in ask("readers") if row[2] in {"reports/uploader", None}]
    assert {row[:2] for row in rows} == {(ACCOUNT, REGION)}
    assert [row[2:] for row in rows if row[3] != _FUNCTION] == [
        ("reports/uploader", "999999999999", 1, 0, _day(7, 15), _day(7, 15)),
        ("reports/uploader", _role("application"), 3, 0, _day(7, 11), _day(7, 13)),
        ("reports/uploader", _role("deployer"), 1, 0, _day(9, 15, 10), _day(9, 15, 10)),
        ("reports/uploader", _MONA, 0, 1, _day(7, 14), _day(7, 14)),
        (None, _role("deployer"), 1, 0, _day(9, 15, 10, 0, 1), _day(9, 15, 10, 0, 1)),
    ]
    (of_function,) = (row for row in rows if row[3] == _FUNCTION)
    assert of_function[4:6] == (24, 0)


def test_changes(ask: _Ask) -> None:
    rows = ask("changes")
    assert {row[3] for row in rows if row[4] == "CreateSecret"} == {
        "reports/fixed",
        "reports/signing",
    }
    assert None not in {row[3] for row in rows}
    assert [row[4:] for row in rows if row[3] == "reports/uploader"] == [
        ("PutSecretValue", _FUNCTION, None),
        ("CancelRotateSecret", _MONA, "AccessDenied"),
        ("PutSecretValue", _FUNCTION, None),
        ("PutSecretValue", _FUNCTION, None),
        *(
            (name, _role("deployer"), None)
            for name in ("PutResourcePolicy", "TagResource", "PutSecretValue", "CancelRotateSecret")
        ),
    ]


def test_rotations(ask: _Ask) -> None:
    rows = [(row[3], row[0], *row[4:]) for row in ask("rotations")]
    assert [row[1:] for row in rows if row[0] == "reports/uploader"] == [
        (_day(7, 10, 8, 1), "RotationSucceeded", None, None),
        (_day(8, 9, 8, 1), "RotationSucceeded", None, 30),
        (_day(9, 8, 8, 1), "RotationSucceeded", None, 30),
    ]
    assert [row[1:] for row in rows if row[0] == "reports/signing"] == [
        (_day(8, 2, 8, 1), "RotationFailed", "Error when executing lambda", None)
    ]


def test_overdue(ask: _Ask) -> None:
    assert [row[2:] for row in ask("overdue")] == [
        ("reports/kept", _day(7, 5, 8, 1), None, None, 88),
        ("reports/legacy", _day(7, 5, 8, 1), None, _day(7, 20), 88),
        ("reports/signing", None, _day(8, 2, 8, 1), None, 61),
    ]


def test_each_call_of_the_quarter_has_parameters_of_its_operation() -> None:
    """botocore has AWS's description of each operation."""
    service = botocore.session.get_session().get_service_model("secretsmanager")
    calls = [
        event
        for event in QUARTER
        if (event["eventType"], event["eventSource"].split(".")[0])
        == ("AwsApiCall", "secretsmanager")
    ]
    assert calls
    for event in calls:
        shape = service.operation_model(event["eventName"]).input_shape
        assert shape is not None
        names = {name[0].lower() + name[1:] for name in shape.members}
        assert event["requestParameters"].keys() <= names, event["eventName"]
