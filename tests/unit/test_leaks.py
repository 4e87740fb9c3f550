"""Promise 1, in Python: no credential in any repr, error, traceback or log line.

Which fields may be shown is listed here; every other field gets a mark, so that a new dataclass or
field stands under suspicion until somebody lists it.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import io
import json
import pkgutil
import traceback
import urllib.parse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.exceptions as sdk
import pytest

import rotation as package
from rotation import log
from rotation.errors import RotationError
from rotation.event import Step
from tests.unit.cloud import Killed, Side, client_error, kill
from tests.unit.subjects import SUBJECTS, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.rotator import Rotation

_MARK = "wJalrXUtnFEMI/K7MDENG+canary"

_SHOWN = {
    "Attempt": {"token", "owner", "started", "ended", "present"},
    "Clock": {"now", "sleep", "left"},
    "Credential": {"identity", "owner"},
    "Description": {"stages", "last_rotated", "attempt"},
    "Event": {"step", "secret_arn", "token"},
    "Issued": {"identity", "owner", "created"},
    "RandomValue": {"length", "classes", "json_key"},
    # Whole in every plan, and refused by their values: no setting is a credential.
    "Settings": {"strategy", "secret_arn_pattern", "minimum_overlap", "constants", "options"},
    "Version": {"version_id", "created"},
    "_Stored": set[str](),
}


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(package.__path__, "rotation."):
        yield importlib.import_module(found.name)


_DATACLASSES = {
    value.__name__: value
    for module in _modules()
    for value in vars(module).values()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
}


def _forms(mark: str) -> set[str]:
    """Spell a mark as what is emitted may spell it."""
    raw = mark.encode()
    # Base64 of a part of a longer text begins at any of three offsets; the ends depend on it.
    encoded = {base64.b64encode(raw[offset:])[: len(raw) - 4].decode() for offset in range(3)}
    return {
        *(mark, mark[::-1], repr(mark)[1:-1], json.dumps(mark)[1:-1]),
        *(urllib.parse.quote(mark, safe=""), urllib.parse.quote_plus(mark)),
        *encoded,
    }


def _found(marks: set[str], emitted: str) -> set[str]:
    return {form for mark in marks for form in _forms(mark) if form in emitted}


def _emitted(error: BaseException) -> str:
    """Write all that Lambda, a log or a person may print of an error."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    record: log.Fields = {"error": type(error).__name__, "message": str(error)}
    stream = io.StringIO()
    log.write(stream, record)
    texts = [f"{one} {one!r} {one.args} {getattr(one, '__notes__', '')}" for one in chain]
    return "".join([*traceback.format_exception(error), *texts, stream.getvalue()])


def _marked(dataclass: type[Any]) -> object:
    """Make one with the mark in each field that is not listed."""
    shown = _SHOWN.get(dataclass.__name__, set())
    names = [field.name for field in dataclasses.fields(dataclass)]
    return dataclass(**{name: "shown" if name in shown else _MARK for name in names})


def test_there_are_dataclasses_to_look_at() -> None:
    assert _DATACLASSES.keys() >= {"Credential", "Event", "Version"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=name) for name in sorted(_DATACLASSES) if name != "_Stored"]
)
def test_no_dataclass_shows_what_is_not_listed(name: str) -> None:
    marked = _marked(_DATACLASSES[name])
    assert _found({_MARK}, f"{marked} {marked!r} {[marked]}") == set()


def test_no_dataclass_shows_what_stands_in_another_one() -> None:
    parts = {"version": "Version", "credential": "Credential"}
    stored = _DATACLASSES["_Stored"](
        **{name: _marked(_DATACLASSES[part]) for name, part in parts.items()}
    )
    assert _found({_MARK}, f"{stored} {stored!r}") == set()


def _credentials(rotation: Rotation) -> set[str]:
    """Collect every credential that exists, current, pending or retired."""
    cloud = rotation.cloud
    keys = [key for keys in [*cloud.users.values(), cloud.destroyed] for key in keys]
    texts = [version.text for version in rotation.secret.versions.values() if version.text]
    values = [json.loads(text) for text in texts]
    fields = ("SecretAccessKey", "pepper", "password")
    held = {value[field] for value in values for field in fields if field in value}
    return {key.secret for key in keys} | held


def _gossiping(
    number: int, rotation: Rotation, error: Callable[[str], Exception]
) -> Callable[[int, str, Side], None]:
    """Let one call be answered with an error that quotes every credential."""

    def trouble(called: int, _name: str, side: Side) -> None:
        if called == number and side is Side.AFTER:
            raise error(" ".join(_credentials(rotation)))

    return trouble


_GOSSIP: dict[str, Callable[[str], Exception]] = {
    "refused": lambda text: client_error("O", "SomethingNew", text=text),
    "code": lambda text: client_error("O", f"quoting {text}", text=text),
    "denied": lambda text: client_error("O", "AccessDenied", text=text),
    "throttled": lambda text: client_error("O", "Throttling", text=text),
    "broken": lambda text: client_error("O", "InternalFailure", text=text, status=500),
    "exists": lambda text: client_error("O", "ResourceExistsException", text=text),
    "rejected": lambda text: client_error("O", "SignatureDoesNotMatch", text=text),
    "parameter": lambda text: sdk.ParamValidationError(report=text),
    "unanswered": lambda text: sdk.ReadTimeoutError(endpoint_url=text),
    "unreachable": lambda text: sdk.EndpointConnectionError(endpoint_url=text),
}


@pytest.mark.parametrize("gossip", [pytest.param(_GOSSIP[name], id=name) for name in _GOSSIP])
@pytest.mark.parametrize("state", ["empty", "steady", "given_up"])
@pytest.mark.parametrize("subject", [pytest.param(name, id=name) for name in SUBJECTS])
def test_no_failure_quotes_a_credential(
    subject: str, state: str, gossip: Callable[[str], Exception]
) -> None:
    rehearsal = prepared(subject, state)
    rehearsal.steps(rehearsal.stage())
    failures = 0
    for number in range(1, len(rehearsal.cloud.fuse.calls) + 1):
        rotation = prepared(subject, state)
        rotation.cloud.fuse.arm(_gossiping(number, rotation, gossip))
        failure = _failure(rotation)
        if failure is not None:
            failures += 1
            assert _found(_credentials(rotation), _emitted(failure)) == set()
            assert failure.__cause__ is None
            assert failure.__context__ is None
    assert failures > 0


def _failure(rotation: Rotation) -> RotationError | None:
    """Rotate; what was answered to a poll of a new key is waited out."""
    try:
        rotation.steps(rotation.stage())
    except RotationError as error:
        return error
    return None


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
@pytest.mark.parametrize("subject", ["iam_access_key", "random_value"])
def test_no_refusal_quotes_what_a_person_has_put(subject: str, text: str) -> None:
    rotation = prepared(subject, "one_current")
    rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]].text = text
    with pytest.raises(RotationError, match="it was left as it is") as caught:
        rotation.step(Step.CREATE, rotation.stage())
    assert _found({_MARK}, _emitted(caught.value)) == set()


def test_a_death_shows_no_credential_either() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.cloud.fuse.arm(kill("put_secret_value", Side.AFTER))
    with pytest.raises(Killed) as caught:
        rotation.step(Step.CREATE, rotation.stage())
    assert _found(_credentials(rotation), _emitted(caught.value)) == set()


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
def test_a_mark_that_is_planted_is_found(plant: Callable[[Exception], None]) -> None:
    """The search works: it is not clean because it looks at nothing."""
    error = RotationError("nothing to see")
    plant(error)
    assert _found({_MARK}, _emitted(error)) != set()


def test_a_mark_in_a_dataclass_is_found() -> None:
    @dataclasses.dataclass
    class Leaky:
        created: datetime
        password: str

    leaky = Leaky(datetime(2030, 1, 1, tzinfo=UTC), _MARK)
    assert _found({_MARK}, repr(leaky)) != set()
