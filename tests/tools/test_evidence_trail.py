"""Events become entries of a report: those of the module's secrets in the period, each once."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from rotating_secret.errors import UsageError
from rotating_secret.evidence import Period
from rotating_secret.trail import (
    Records,
    count,
    longest_gap,
    read_files,
    require_ended,
    select,
)
from tests.queries.trail import QUARTER, arn, call, user

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.queries.trail import Json

_PERIOD: Final = Period.parse("2026Q3")
_NAMES: Final = ["fixed", "gone", "kept", "legacy", "signing", "uploader"]
_SECRETS: Final = [arn(f"reports/{name}") for name in _NAMES]
_MONA: Final = user("mona")


_EVENTS: Final = [one for one in QUARTER if one["eventSource"].startswith("secretsmanager.")]


def selected(events: Sequence[Json], *names: str) -> list[Json]:
    secrets = [arn(f"reports/{name}") for name in names or _NAMES]
    return select(Records(events=events, source={}), secrets, _PERIOD)


@pytest.fixture(scope="module")
def events() -> list[Json]:
    return selected(_EVENTS)


@pytest.mark.parametrize(
    ("name", "counts", "gap"),
    [
        # The function reads eight times and writes once in each rotation.
        ("uploader", {"reads": 29, "changes": 7, "refused": 2, "rotations": 3}, 30),
        ("signing", {"reads": 8, "changes": 3, "failed_rotations": 1}, 61),
        ("legacy", {"reads": 8, "changes": 2, "rotations": 1}, 87),
        ("gone", {"reads": 8, "changes": 2, "rotations": 1}, 87),
        ("kept", {"reads": 8, "changes": 3, "refused": 1, "rotations": 1}, 87),
        ("fixed", {"changes": 1}, 92),
    ],
)
def test_the_events_of_a_secret_are_counted(
    events: list[Json], name: str, counts: dict[str, int], gap: int
) -> None:
    none = dict.fromkeys(["reads", "changes", "refused", "rotations", "failed_rotations"], 0)
    assert count(events, f"reports/{name}") == {**none, **counts}
    assert longest_gap(events, f"reports/{name}", _PERIOD) == gap


def test_a_secret_that_could_not_be_created_again_has_its_old_age() -> None:
    parameters = {"Name": "reports/legacy"}
    refused = call("CreateSecret", "2026-09-29T00:00:00Z", _MONA, parameters, refused=True)
    assert longest_gap(selected([*_EVENTS, refused]), "reports/legacy", _PERIOD) == 87


def test_an_entry_says_who_did_what(events: list[Json]) -> None:
    refused = [one for one in events if one["error"] and one["event"] == "GetSecretValue"]
    assert [{**one, "id": ""} for one in refused] == [
        {
            "time": "2026-07-14T00:00:00Z",
            "event": "GetSecretValue",
            "kind": "read",
            "secrets": ["reports/uploader"],
            "principal": _MONA["arn"],
            "session": None,
            "error": "AccessDenied",
            "id": "",
        }
    ]
    (foreign,) = (one for one in events if one["principal"] == "999999999999")
    assert foreign["kind"] == "read"
    application = next(one for one in events if "application" in one["principal"])
    assert application["principal"].endswith(":role/application")
    assert application["session"].endswith(":assumed-role/application/session")


def test_events_are_in_order_and_each_once() -> None:
    events = selected([*reversed(_EVENTS), *_EVENTS])
    assert events == selected(_EVENTS)
    assert events == sorted(events, key=lambda one: (one["time"], one["id"]))


@pytest.mark.parametrize(
    "change",
    [{"awsRegion": "us-east-1"}, {"recipientAccountId": "999999999999"}],
    ids=["region", "account"],
)
def test_an_event_of_another_account_or_region_is_left_out(change: Json) -> None:
    assert selected([{**one, **change} for one in _EVENTS]) == []


def test_an_event_of_another_secret_is_left_out() -> None:
    assert {name for one in selected(_EVENTS, "kept") for name in one["secrets"]} == {
        "reports/kept"
    }
    assert selected(_EVENTS)[0]["secrets"]
    assert select(Records(events=_EVENTS, source={}), [], _PERIOD) == []


@pytest.mark.parametrize(
    ("parameters", "secrets"),
    [
        ({"SecretIdList": ["reports/kept", arn("reports/gone")]}, ["reports/gone", "reports/kept"]),
        ({"Filters": [{"Key": "name", "Values": ["reports"]}]}, []),
    ],
    ids=["list", "filter"],
)
def test_a_batch_is_attributed_to_what_it_names(parameters: Json, secrets: list[str]) -> None:
    batch = call("BatchGetSecretValue", "2026-07-01T00:00:00Z", _MONA, parameters)
    assert [one["secrets"] for one in selected([batch])] == [secrets]


@pytest.mark.parametrize("refused", [False, True], ids=["read", "refused"])
def test_a_secret_in_a_batch_is_counted_once(*, refused: bool) -> None:
    """CloudTrail has the batch and each secret in it, or only the batch that was refused."""
    at, each = "2026-07-01T00:00:00Z", {"SecretId": arn("reports/kept")}
    batch = call(
        "BatchGetSecretValue", at, _MONA, {"SecretIdList": ["reports/kept"]}, refused=refused
    )
    events = [batch] if refused else [batch, call("GetSecretValue", at, _MONA, each)]
    counted = count(selected(events), "reports/kept")
    assert (counted["reads"], counted["refused"]) == (int(not refused), int(refused))


def test_a_batch_of_other_secrets_is_left_out() -> None:
    parameters = {"SecretIdList": ["another"]}
    batch = call("BatchGetSecretValue", "2026-07-01T00:00:00Z", _MONA, parameters)
    assert selected([batch]) == []


def test_the_files_of_a_trail_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "AWSLogs" / "2026"
    folder.mkdir(parents=True)
    half = len(QUARTER) // 2
    first, second = json.dumps({"Records": QUARTER[:half]}), {"Records": QUARTER[half:]}
    (folder / "one.json.gz").write_bytes(gzip.compress(first.encode(), mtime=0))
    (folder / "two.json").write_text(json.dumps(second))
    (folder / "digest.json").write_text('{"digestStartTime": "2026-07-01T00:00:00Z"}')
    records = read_files([tmp_path, folder / "two.json"])
    assert {
        name: records.source[name] for name in ("kind", "files", "first_event", "last_event")
    } == {
        "kind": "files",
        "files": 3,
        "first_event": "2026-06-30T23:59:59Z",
        "last_event": "2026-10-01T00:00:00Z",
    }
    assert len(records.events) == len(QUARTER) - 1  # One is of another service.
    assert select(records, _SECRETS, _PERIOD) == selected(_EVENTS)
    before = records.source["sha256"]
    (folder / "two.json").write_text(json.dumps({"Records": QUARTER[half:-1]}))
    assert read_files([tmp_path]).source["sha256"] != before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.json", b"no JSON"),
        ("list.json", b"[]"),
        ("other.json", b'{"Events": []}'),
        ("no-events.json", b'{"Records": [1]}'),
        ("plain.json.gz", b'{"Records": []}'),
        ("cut.json.gz", gzip.compress(b'{"Records": []}', mtime=0)[:-9]),
    ],
    ids=["text", "list", "other", "no-events", "plain", "cut"],
)
def test_another_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"--events must .* Found: .*{name}"):
        read_files([tmp_path / name])


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="that exist"):
        read_files([tmp_path / "missing"])


def test_a_period_must_have_ended() -> None:
    end = datetime(2026, 10, 1, tzinfo=UTC)
    require_ended(_PERIOD, end + timedelta(minutes=15))
    with pytest.raises(UsageError, match="--period must have ended 15 minutes ago"):
        require_ended(_PERIOD, end + timedelta(minutes=14))
