"""A rotator in a file of the user's own."""

from __future__ import annotations

import io
import json
import sys
import traceback
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

import handler
from rotation.aws import SdkClients
from rotation.errors import (
    ConfigurationError,
    InternalError,
    RotationError,
    ServiceUnavailable,
)
from rotation.settings import ENVIRONMENT_VARIABLE, OptionReader
from rotation.strategies import CUSTOM_MODULE, REGISTRY, build
from rotation.strategy import Generator, Issuer, Setter
from tests.unit.cloud import Cloud, FakeClients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation.aws import Clients

_GENERATOR: Final = """
from rotation.api import Credential

class Words:
    owner = "nobody"
    shape = "a word"
    def parse(self, value):
        return Credential(identity="the word", owner=self.owner, value=value)
    def generate(self, current):
        return self.parse("word")

def build(options, clients):
    options.text("list")
    return Words()
"""
_SETTER: Final = _GENERATOR.replace(
    "def build",
    """
    def apply(self, pending, current): ...
    def verify(self, credential): ...

def build""",
)
_ISSUER: Final = _SETTER.replace(
    "    def apply(self, pending, current): ...",
    """
    slots = 2
    adopted = None
    adopt_with = None
    settling_seconds = 0
    retires_demoted = False
    def inventory(self): ...
    def issue(self, mark): ...
    def retire(self, issued, credential): ...
""",
)

Load: TypeAlias = "Callable[..., Any]"


@pytest.fixture(autouse=True)
def _file_of_other_tests() -> Iterator[None]:
    """Give the other tests of this process their file back."""
    before = sys.modules.get(CUSTOM_MODULE)
    yield
    sys.modules.pop(CUSTOM_MODULE, None)
    if before is not None:
        sys.modules[CUSTOM_MODULE] = before


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Writes the user's file as in the package, and builds the strategy."""

    def loaded(
        source: str,
        *,
        issuer: bool = False,
        slots: int | None = None,
        clients: Clients | None = None,
        **more: Any,  # noqa: ANN401 -- options of all kinds
    ) -> Any:  # noqa: ANN401 -- an object of theirs
        (tmp_path / f"{CUSTOM_MODULE}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop(CUSTOM_MODULE, None)
        options = {"issuer": issuer, "slots": slots, "options": {"list": "words"}, **more}
        return build(
            "custom", OptionReader(options, path="options"), clients or FakeClients(Cloud())
        )

    yield loaded
    sys.modules.pop(CUSTOM_MODULE, None)


def test_the_file_may_build_a_strategy_of_any_family(load: Load) -> None:
    assert "custom" in REGISTRY
    assert isinstance(load(_GENERATOR), Generator)
    assert isinstance(load(_SETTER), Setter)
    assert isinstance(load(_ISSUER, issuer=True, slots=2), Issuer)


def test_the_file_gets_the_clients_of_boto3(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients = SdkClients()
    assert not hasattr(clients("s3"), "upload_file")

    load(_GENERATOR, clients=clients)
    assert clients("s3", attempts=1).upload_file


@pytest.mark.parametrize(
    ("source", "declared", "words"),
    [
        pytest.param(
            "", {}, r"must define build\(options, clients\), which each file has", id="no-build"
        ),
        pytest.param(
            _GENERATOR.replace("generate", "make"),
            {},
            "must define generate, which each Gen",
            id="generate",
        ),
        pytest.param(
            _SETTER.replace("apply", "set"), {}, "must define apply, which each Set", id="apply"
        ),
        pytest.param(
            _ISSUER.replace("adopted", "adapted").replace("retire(", "delete("),
            {"issuer": True, "slots": 2},
            "must define adopted, retire, which each Issuer has",
            id="retire",
        ),
        pytest.param(
            "def build(options, clients):\n    return options.text('list')",
            {},
            "must define generate, owner, parse, shape, which each Generator has",
            id="no-strategy",
        ),
        pytest.param(
            "\n\ndef build(options clients): ...", {}, "syntax error on line 3", id="no-python"
        ),
        pytest.param(
            _ISSUER,
            {"slots": 2},
            "Setting options.issuer must be true, because the family is Issuer. Found: False",
            id="an-issuer-is-not-declared",
        ),
        pytest.param(
            _SETTER,
            {"issuer": True},
            "Setting options.issuer must be false, because the family is Setter. Found: True",
            id="an-issuer-is-declared",
        ),
        pytest.param(
            _ISSUER,
            {"issuer": True, "slots": 3},
            "Setting options.slots must be 2, because the strategy says so. Found: 3",
            id="other-slots",
        ),
        pytest.param(
            _ISSUER.replace("slots = 2", "slots = None"),
            {"issuer": True, "slots": 2},
            "Setting options.slots must be null, because the strategy says so. Found: 2",
            id="no-slots",
        ),
        pytest.param(
            _GENERATOR,
            {"options": {"list": "words", "langauge": "en"}},
            "Setting options.options.langauge does not exist. Found: 'en'",
            id="an-option-that-is-not-read",
        ),
        pytest.param(
            _GENERATOR,
            {"options": {}},
            "Setting options.options.list must be a non-empty string. Found: None",
            id="no-option",
        ),
    ],
)
def test_a_file_without_the_configured_strategy_is_refused(
    source: str, declared: dict[str, Any], words: str, load: Load
) -> None:
    with pytest.raises(ConfigurationError, match=words) as refusal:
        load(source, **declared)
    assert refusal.value.__context__ is None


class _Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


def _invoke(
    source: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[RotationError, str]:
    """Invoke the function with a file that fails; return the error and the output."""
    (folder / f"{CUSTOM_MODULE}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    # In Lambda it is in the folder of handler.py.
    monkeypatch.setattr(handler, "_HERE", f"{folder}/")
    sys.modules.pop(CUSTOM_MODULE, None)
    cloud = Cloud()
    secret = cloud.add_secret("reports/word")
    token = cloud.new_token()
    secret.attach("AWSPENDING", token)
    settings = {
        "strategy": "custom",
        "secret_arn_pattern": f"{secret.arn[:-6]}??????",
        "minimum_overlap_minutes": 60,
        "constants": {},
        "options": {"issuer": False, "slots": None, "options": {"list": "words"}},
    }
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, json.dumps(settings))
    monkeypatch.setattr(handler, "_clients", FakeClients(cloud))
    event = {"Step": "createSecret", "SecretId": secret.arn, "ClientRequestToken": token}
    written = io.StringIO()
    with redirect_stdout(written), pytest.raises(RotationError) as failure:
        handler.lambda_handler(event, _Context())
    sys.modules.pop(CUSTOM_MODULE)
    return failure.value, written.getvalue()


# tests/leaks/test_output.py has more ways, each in a process of its own.
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        pytest.param("raise ValueError('hunter2')", "ValueError", id="error"),
        pytest.param("sys.exit('hunter2')", "SystemExit", id="exit"),
        pytest.param("raise BaseException('hunter2')", "BaseException", id="base"),
        pytest.param("raise type('hunter2', (KeyError,), {})", "KeyError", id="name"),
        pytest.param("print('hunter2'); raise ValueError", "ValueError", id="print"),
    ],
)
def test_an_error_in_the_file_is_shown_by_its_class_and_line_only(
    statement: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text may quote a credential."""
    source = f"import sys\n{_SETTER}".replace('return self.parse("word")', statement)
    line = source.splitlines().index(f"        {statement}") + 1
    failure, written = _invoke(source, tmp_path, monkeypatch)
    assert isinstance(failure, InternalError)
    assert str(failure).startswith(
        f"Unexpected {kind} at {CUSTOM_MODULE}.py:{line}. This is a bug in the file of "
        "rotation.custom.source_file: fix it, or raise an error class"
    )
    record = json.loads(written)
    assert (record["strategy"], record["error"], record["level"]) == (
        "custom",
        "InternalError",
        "ERROR",
    )
    assert "hunter2" not in written + "".join(traceback.format_exception(failure))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("raise error from ValueError('hunter2')", id="cause"),
        pytest.param("error.add_note('hunter2'); raise error", id="note"),
        pytest.param("error.__class__ = Loud; raise error", id="text-of-its-own"),
    ],
)
def test_only_the_message_of_an_error_of_ours_is_shown(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"""
from rotation.api import ServiceUnavailable
class Loud(ServiceUnavailable):
    def __str__(self):
        return "hunter2"
{_SETTER}
""".replace(
        'return self.parse("word")',
        "error = ServiceUnavailable(action='a', resource='r', answer_lost=False)\n        "
        + statement,
    )
    failure, written = _invoke(source, tmp_path, monkeypatch)
    assert type(failure) is ServiceUnavailable
    assert json.loads(written)["message"].startswith("a on r got no usable response")
    assert "hunter2" not in written + "".join(traceback.format_exception(failure))
