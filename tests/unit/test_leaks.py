"""Promise 1, in Python: no credential in any repr, error, traceback or log line.

This file lists the fields that may be shown. Every other field gets a mark, so a new dataclass or
field must be hidden or listed.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import importlib
import itertools
import json
import os
import pkgutil
import sys
import urllib.parse
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.exceptions as sdk
import pytest

import rotation as package
from rotation.errors import RotationError
from rotation.event import Step
from rotation.ownership import Claims, Facts, Marked, Stored
from rotation.secret import Version
from rotation.strategy import Credential
from rotation_conformance.account import (
    Killed,
    Side,
    client_error,
    interpose,
    kill,
    lose_answer,
    refuse,
)
from rotation_conformance.rotator import RETRY_SECONDS, TRIES
from rotation_conformance.suite import Shared
from tests.leaks.search import found, of_exception
from tests.unit.subject import CONSTANTS
from tests.unit.subjects import (
    BEGINNINGS,
    EACH_SUBJECT,
    FEW_SLOTS,
    GENERATOR,
    UNITS,
    prepared,
    represents_kind,
    subject_case,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Leaks")

_MARK: Final = "wJalrXUtnFEMI/K7MDENG+canary"

_SHOWN: Final = {
    "Account": {"user", "host"},
    # Neither has a password, and neither keeps one.
    "Administrator": {"clients", "arn"},
    "AuditSettings": {"secret_arn", "topic_arn", "rotates"},
    "Attempt": {"token", "owner", "started", "ended", "lease", "present"},
    "Clock": {"now", "sleep", "left"},
    "Credential": {"identity", "owner", "expires"},
    "Database": {
        *("title", "engines", "host", "port", "dbname", "first_dbname"),
        *("user", "admin_arn", "passwords"),
    },
    # No password and no hash is kept in it.
    "Definition": {"mariadb", "plugin", "default_roles", "clauses", "limits"},
    "Description": {"stages", "last_rotated", "record", "revocation", "previous"},
    "Event": {"step", "secret_arn", "token"},
    # It is written to be read.
    "Finding": {"kind", "message"},
    "Grants": {"privileges", "roles", "default_roles"},
    "Greeting": {"plugin", "number"},
    "KeyPair": {"public_key"},
    # It is written into a tag.
    "Note": {"identity", "active", "since", "reported"},
    "Issued": {"identity", "owner", "created", "mark", "active"},
    "Limits": {"seconds", "most_bytes"},
    # How they are drawn.
    "Passwords": {"length", "classes"},
    "Place": {"host", "port", "database", "ca_certificates"},
    "RandomValue": {"length", "classes", "json_key"},
    "Reply": {"status"},
    "Request": {"version_id", "time"},
    "Retirement": {"after", "verifies"},
    "Role": {"is_superuser", "connection_limit", "valid_until", "settings"},
    "Rollback": {"version_id", "seen"},
    "_Server": {"place", "database", "hashed", "log_in"},
    "Service": {"name", "age_days", "log_in"},
    # A plan shows all of them, and so do errors: no setting is a credential.
    "Settings": {
        *("audit", "constants", "metrics", "minimum_overlap", "options", "revocable"),
        *("give_up_after", "previous", "secret_arn_pattern", "strategy"),
    },
    "Token": {"expires_at"},
    "Use": {"time", "service", "region"},
    "User": {"arn", "former_names"},
    # Of a secret, and of a server.
    "Version": {"version_id", "created", "stages", "mariadb", "number"},
    "Marked": {"prefix"},
    "Recorded": {"attempt"},
    # These have others as fields, and a test of their own.
    "Claims": {"kept", "ours", "orphans", "foreign"},
    "Facts": {"held", "current", "adopted", "evidence", "versions"},
    "Stored": {"version", "credential"},
}


def _modules() -> Iterator[Any]:
    for module in pkgutil.walk_packages(package.__path__, "rotation."):
        yield importlib.import_module(module.name)


_DATACLASSES = {
    value.__name__: value
    for module in _modules()
    for value in vars(module).values()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
}


def _marked(dataclass: type[Any]) -> object:
    """Make an object with the mark in each field that is not listed."""
    shown = _SHOWN.get(dataclass.__name__, set())
    names = [field.name for field in dataclasses.fields(dataclass)]
    return dataclass(**{name: "shown" if name in shown else _MARK for name in names})


def test_the_dataclasses_are_found() -> None:
    assert _DATACLASSES.keys() >= {"Credential", "Event", "Version"}


@pytest.mark.parametrize("name", sorted(_DATACLASSES))
def test_no_dataclass_shows_what_is_not_listed(name: str) -> None:
    marked = _marked(_DATACLASSES[name])
    assert found({_MARK}, f"{marked} {marked!r} {[marked]}") == set()


def test_no_dataclass_shows_what_another_one_hides() -> None:
    version, credential = cast("Version", _marked(Version)), cast("Credential", _marked(Credential))
    stored = Stored(version=version, credential=credential)
    facts = Facts(
        held=[],
        current=stored,
        adopted=None,
        evidence=Marked(prefix="p"),
        versions={"v": credential},
    )
    none = frozenset[str]()
    claims = Claims(kept=none, ours={"v": credential}, orphans=none, foreign=none)
    for made in (stored, facts, claims):
        assert found({_MARK}, f"{made} {made!r}") == set()


def _credentials(subject: str, rotation: Rotation) -> set[str]:
    """Collect all credentials: current, pending, retired or lost."""
    versions = rotation.secret.versions.values()
    return set(UNITS[subject].held(rotation)).union(
        *(_secret_fields(subject, version.text) for version in versions if version.text)
    )


@functools.cache
def _secret_fields(subject: str, text: str) -> frozenset[str]:
    printable = UNITS[subject].printable | CONSTANTS.keys()
    return frozenset(value for name, value in json.loads(text).items() if name not in printable)


def _quoting(
    error: Callable[[str], Exception], number: int, rotation: Rotation, _token: str
) -> Trouble:
    """Make one call return an error that quotes all credentials."""

    def trouble(called: int, _name: str, side: Side) -> None:
        if called == number and side is Side.AFTER:
            raise error(rotation.cloud.error_message)

    return trouble


def _told_of(code: str, status: int = 400) -> Callable[[str], Exception]:
    return lambda text: client_error("O", code, text=text, status=status)


_QUOTING_ERRORS: Final[Mapping[str, Callable[[str], Exception]]] = {
    "refused": _told_of("SomethingNew"),
    "code": lambda text: client_error("O", f"quoting {text}", text=text),
    "denied": _told_of("AccessDenied"),
    "throttled": _told_of("Throttling"),
    "broken": _told_of("InternalFailure", 500),
    "exists": _told_of("ResourceExistsException"),
    "rejected": _told_of("SignatureDoesNotMatch"),
    "parameter": lambda text: sdk.ParamValidationError(report=text),
    "unanswered": lambda text: sdk.ReadTimeoutError(endpoint_url=text),
    "unreachable": lambda text: sdk.EndpointConnectionError(endpoint_url=text),
}


_EACH_STRATEGY_MEETS: Final = {"refused", "denied", "rejected", "unanswered"}


def _add_foreign(rotation: Rotation) -> None:
    if isinstance(rotation.service, Shared):
        rotation.service.add_foreign()


# The failures of the kill matrix, each at one call.
_FAILURES: Final[Mapping[str, Callable[[int, Rotation, str], Trouble]]] = {
    "killed-before": lambda number, _rotation, _token: kill(number, Side.BEFORE),
    "killed-after": lambda number, _rotation, _token: kill(number, Side.AFTER),
    "lost": lambda number, _rotation, _token: lose_answer(number),
    "refused-before": lambda number, _rotation, _token: refuse(number, "AccessDenied"),
    "late": lambda number, rotation, _token: interpose(
        number, lambda: rotation.cloud.time.advance(rotation.timeout - 1)
    ),
    "foreign": lambda number, rotation, _token: interpose(number, lambda: _add_foreign(rotation)),
    "overtaken": lambda number, rotation, token: interpose(number, lambda: rotation.steps(token)),
    "given-up": lambda number, rotation, _token: interpose(number, rotation.give_up),
}
_EACH_TROUBLE: Final = {
    **{name: partial(_quoting, error) for name, error in _QUOTING_ERRORS.items()},
    **_FAILURES,
}


def _quote_all_credentials(subject: str, rotation: Rotation) -> Trouble:
    """Make the errors of the services quote all credentials that exist by then."""

    def trouble(_number: int, _name: str, _side: Side) -> None:
        rotation.cloud.error_message = " ".join(_credentials(subject, rotation))

    return trouble


def _failures(rotation: Rotation, token: str) -> Iterator[RotationError]:
    """Rotate until it is done, or for a number of tries. A killed process raises nothing."""
    for _ in range(TRIES):
        with suppress(Killed):
            try:
                rotation.steps(token)
            except RotationError as error:
                yield error
            else:
                return
        rotation.cloud.time.advance(RETRY_SECONDS)


def _is_fast(subject: str, state: str, trouble: str) -> bool:
    """Say whether `make test` runs a case.

    Each strategy meets some errors of its services. One subject of each kind meets all of them,
    and the other troubles, also after a rotation that was given up.
    """
    if not represents_kind(subject):
        return state == "steady" and trouble in _EACH_STRATEGY_MEETS
    return state in {"steady", "empty" if trouble in _QUOTING_ERRORS else "given_up"}


@pytest.mark.parametrize(
    ("subject", "state", "trouble"),
    [
        subject_case(
            *beginning,
            _EACH_TROUBLE[name],
            id=f"{'-'.join(beginning)}-{name}",
            marks=[] if _is_fast(*beginning, name) else [pytest.mark.slow],
        )
        for beginning, name in itertools.product(BEGINNINGS, _EACH_TROUBLE)
    ],
)
def test_no_failure_quotes_a_credential(
    subject: str,
    state: str,
    trouble: Callable[[int, Rotation, str], Trouble],
    cases: CountCases,
) -> None:
    rehearsal = prepared(subject, state)
    rehearsal.steps(rehearsal.stage())
    calls = len(rehearsal.cloud.fuse.calls)
    cases(calls)
    for number in range(1, calls + 1):
        rotation = prepared(subject, state)
        token = rotation.stage()
        learn = _quote_all_credentials(subject, rotation)
        rotation.cloud.fuse.arm(learn, trouble(number, rotation, token))
        for failure in _failures(rotation, token):
            assert found(_credentials(subject, rotation), of_exception(failure)) == set()
            assert failure.__cause__ is None
            assert failure.__context__ is None


@pytest.mark.parametrize(
    "error", [pytest.param(_QUOTING_ERRORS[name], id=name) for name in _QUOTING_ERRORS]
)
@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_errors_never_quote_a_service_message(
    subject: str, error: Callable[[str], Exception]
) -> None:
    """The search above works: rotations fail, and the services do quote credentials."""
    rotation = prepared(subject, "steady")
    token = rotation.stage()
    learn = _quote_all_credentials(subject, rotation)
    rotation.cloud.fuse.arm(learn, _quoting(error, 1, rotation, token))
    assert list(_failures(rotation, token)) != []
    assert found(_credentials(subject, rotation), rotation.cloud.error_message) != set()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_MARK, id="text"),
        pytest.param(f'"{_MARK}"', id="json-text"),
        pytest.param(f'{{"password": "{_MARK}"', id="truncated"),
        pytest.param(json.dumps([_MARK]), id="list"),
        pytest.param(json.dumps({_MARK: _MARK}), id="name"),
        pytest.param(json.dumps({"AccessKeyId": _MARK, "SecretAccessKey": _MARK}), id="key-id"),
        pytest.param(
            json.dumps(
                {"AccessKeyId": "A" * 20, "SecretAccessKey": _MARK, "UserName": f"u {_MARK}"}
            ),
            id="user-name",
        ),
        pytest.param(
            json.dumps({"AccessKeyId": "A" * 20, "SecretAccessKey": _MARK, "UserName": "other"}),
            id="other-user",
        ),
    ],
)
@pytest.mark.parametrize("subject", [FEW_SLOTS, GENERATOR])
def test_no_error_quotes_a_value_that_an_operator_put(subject: str, text: str) -> None:
    rotation = prepared(subject, "one_current")
    rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]].text = text
    with pytest.raises(RotationError, match="The version was not changed") as caught:
        rotation.step(Step.CREATE, rotation.stage())
    assert found({_MARK}, of_exception(caught.value)) == set()


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(lambda error: error.add_note(_MARK), id="note"),
        pytest.param(lambda error: setattr(error, "__cause__", ValueError(_MARK)), id="cause"),
        pytest.param(lambda error: setattr(error, "__context__", KeyError(_MARK)), id="context"),
        pytest.param(lambda error: setattr(error, "args", (_MARK[::-1],)), id="reversed"),
        pytest.param(
            lambda error: error.add_note(base64.b64encode(f"x={_MARK}".encode()).decode()),
            id="base64",
        ),
        pytest.param(
            lambda error: error.add_note(urllib.parse.quote(_MARK, safe="")), id="url-quoted"
        ),
    ],
)
def test_a_planted_mark_is_found(plant: Callable[[Exception], None]) -> None:
    """The search finds a mark if there is one."""
    error = RotationError("nothing to see")
    plant(error)
    assert found({_MARK}, of_exception(error)) != set()


def test_a_mark_in_a_dataclass_is_found() -> None:
    @dataclasses.dataclass
    class Leaky:
        created: datetime
        password: str

    leaky = Leaky(datetime(2030, 1, 1, tzinfo=UTC), _MARK)
    assert found({_MARK}, repr(leaky)) != set()


# The events by which a process may write files, or change its own settings.
# https://docs.python.org/3/library/audit_events.html
_CHANGES: Final = {
    *("os.exec", "os.fork", "os.posix_spawn", "os.putenv", "os.system", "subprocess.Popen"),
    *("os.mkdir", "os.rename", "resource.setrlimit", "shutil.copyfile", "syslog.syslog"),
    *("tempfile.mkdtemp", "tempfile.mkstemp"),
}


class _Watch:
    """Records these events; Python has no way to remove an audit hook."""

    noted: list[str] | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.noted is None:
            return
        if event in _CHANGES:
            self.noted.append(event)
        elif event == "open" and _writes(*arguments):
            self.noted.append(f"open {arguments[0]}")


def _writes(_path: object, mode: str | None, flags: int) -> bool:
    return bool(set(mode or "") & set("wax+")) or bool(flags & (os.O_WRONLY | os.O_RDWR))


@pytest.fixture(scope="session")
def watch() -> _Watch:
    made = _Watch()
    sys.addaudithook(made)
    return made


@contextmanager
def _noting(watch: _Watch) -> Iterator[list[str]]:
    noted: list[str] = []
    watch.noted = noted
    try:
        yield noted
    finally:
        watch.noted = None


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_rotation_writes_no_file_and_changes_no_setting_of_its_process(
    subject: str, watch: _Watch
) -> None:
    """No file in /tmp, and no setting of core dumps; tests/leaks has the real clients."""
    rotation = prepared(subject, "steady")
    with _noting(watch) as noted:
        rotation.rotate()
    assert noted == []


def test_a_file_that_is_written_on_purpose_is_recorded(watch: _Watch, tmp_path: Path) -> None:
    with _noting(watch) as noted:
        (tmp_path / "dump").write_text(_MARK, encoding="utf-8")
        os.environ["PLANTED"] = _MARK
        del os.environ["PLANTED"]
    assert noted == [f"open {tmp_path / 'dump'}", "os.putenv"]
