"""Promise 1, in a process: nothing that a custom rotator prints or raises reaches the log.

Lambda's own runtime runs the function, in one of two ways: with a descriptor of its own for its
lines, as in Lambda, and without one, as in AWS's emulator.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.strategies import CUSTOM
from tests.unit.imports import LAMBDA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_INVOCATIONS: Final = 2

# Takes the place of the Runtime API alone.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
_RUNTIME: Final = f"""
import pathlib, sys, time
from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import InvocationRequest
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

handler, event, answers = sys.argv[1:]

class Api:
    marshaller = LambdaMarshaller()
    left = {_INVOCATIONS}

    def wait_next_invocation(self):
        if self.left < {_INVOCATIONS} and "custom_strategy" in sys.modules:
            sys.modules["custom_strategy"].between()
        if not self.left:
            sys.exit()
        self.left -= 1
        return InvocationRequest(
            invoke_id="r", event_body=event, content_type="application/json",
            client_context=None, cognito_identity=None, invoked_function_arn="arn",
            deadline_time_in_ms=(time.time() + 60) * 1000, x_amzn_trace_id=None,
            tenant_id=None, invocation_id=None,
        )

    def answer(self, *answer):
        with pathlib.Path(answers).open("a") as file:
            print(answer, file=file)

    post_invocation_result = post_invocation_error = post_init_error = answer

bootstrap.run(handler, Api())
"""

_MARK: Final = "planted-mark"

# The function that handles an invocation without our handler shows that a way does leak.
_ROTATOR: Final = """
import atexit, logging, os, sys, threading, warnings
from rotation.api import Credential, ServiceUnavailable

# Not in the source, whose lines a traceback shows.
MARK = "-".join(("planted", "mark"))
released = threading.Event()
threads = []

def between():
    released.set()
    for thread in threads:
        thread.join()

class Words:
    owner = "nobody"
    shape = "a word"
    def parse(self, value):
        return Credential(identity="the word", owner=self.owner, value=value)
    def generate(self, current):
        return self.parse("word")

def fail(*_):
    raise ValueError(MARK)

class Dying:
    def __init__(self, die):
        self.__class__ = type("Dying", (), {"__del__": die})

def start(work):
    threads.append(threading.Thread(target=work))
    threads[-1].start()

def unavailable(kind=ServiceUnavailable):
    return kind(action="a", resource="r", answer_lost=False)

def build(options, clients):
    leak()
    return Words()

def lambda_handler(event, context):
    build(None, None)

def leak():
"""

_WAYS: Final[Mapping[str, str]] = {
    "print": "print(MARK)",
    "print-to-stderr": "print(MARK, file=sys.stderr)",
    "a-buffer": "sys.__stdout__.write(MARK)",
    "a-binary-buffer": "sys.__stdout__.buffer.write(MARK.encode())",
    "descriptor-1": "os.write(1, MARK.encode())",
    "descriptor-2": "os.write(2, MARK.encode())",
    "device": "open('/dev/stderr', 'w').write(MARK)",
    "buffer-of-c": "import ctypes\n    ctypes.CDLL(None).printf(MARK.encode())",
    "child": "import subprocess\n    subprocess.run(['echo', MARK])",
    "shell": "os.system(f'echo {MARK} >&2')",
    "fork": "child = os.fork()\n    if not child:\n        os.write(1, MARK.encode())\n"
    "        os._exit(0)\n    os.waitpid(child, 0)",
    "warning": "warnings.warn(MARK)",
    "log": "logging.disable(logging.NOTSET)\n    logging.error(MARK)",
    "log-above-critical": "logging.log(logging.CRITICAL + 1, MARK)",
    "log-of-its-own": "logging.disable(logging.NOTSET)\n"
    "    logging.basicConfig(force=True, stream=sys.__stdout__)\n    logging.error(MARK)",
    "thread": "start(lambda: print(MARK))\n    between()",
    "failing-thread": "start(fail)\n    between()",
    "later-thread": "start(lambda: released.wait() and print(MARK, flush=True))",
    "later-descriptor": "start(lambda: released.wait() and os.write(1, MARK.encode()))",
    "later-log": "logging.disable(logging.NOTSET)\n"
    "    start(lambda: released.wait() and logging.error(MARK))",
    "del": "Dying(lambda self: print(MARK))",
    "failing-del": "Dying(fail)",
    "del-at-exit": "sys.modules[__name__].kept = Dying(fail)",
    "exit-hook": "atexit.register(print, MARK)",
    "failing-exit-hook": "atexit.register(fail)",
    "debugging-http": "import http.client, types\n"
    "    connection = http.client.HTTPConnection('localhost')\n"
    "    connection.set_debuglevel(1)\n"
    "    connection.sock = types.SimpleNamespace(sendall=len, close=list)\n"
    "    connection.request('GET', '/', headers={'Authorization': MARK})",
    "traceback": "import traceback\n"
    "    try:\n        fail()\n    except ValueError:\n        traceback.print_exc()",
    "faulthandler": "import faulthandler\n"
    "    exec(compile('faulthandler.dump_traceback()', MARK, 'exec'))",
    "hook": "sys.excepthook(ValueError, ValueError(MARK), None)",
    "asyncio": "import asyncio\n    loop = asyncio.new_event_loop()\n"
    "    loop.call_soon(fail)\n    loop.call_soon(loop.stop)\n    loop.run_forever()",
    "exit": "sys.exit(MARK)",
    "interrupt": "raise KeyboardInterrupt(MARK)",
    "base": "raise BaseException(MARK)",
    "error": "fail()",
    "group": "raise ExceptionGroup(MARK, [ValueError(MARK)])",
    "name": "raise type(MARK, (Exception,), {})",
    "text-of-its-own": "raise unavailable(type('E', (ServiceUnavailable,), "
    "{'__str__': lambda self: MARK}))",
}
# One for each thing that the function restores after an invocation.
_WITHOUT_FRAMES: Final = ("print", "a-buffer", "descriptor-1", "descriptor-2", "log", "exit")


@dataclass(frozen=True, kw_only=True)
class Output:
    """The output of a process of the function, and its answers to the Runtime API."""

    standard: str
    framed: str
    answers: str

    def __contains__(self, mark: str) -> bool:
        return mark in self.standard + self.framed + self.answers


def _run(folder: Path, body: str, handler: str, *, framed: bool) -> Output:
    """Run the function until it has handled two invocations, and end it as Python ends."""
    (folder / "custom_strategy.py").write_text(f"{_ROTATOR}    {body}\n", encoding="utf-8")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-Ab12Cd"
    event = {"Step": "testSecret", "SecretId": arn, "ClientRequestToken": "a" * 36}
    settings = {
        "strategy": CUSTOM.name,
        "secret_arn_pattern": arn.replace("Ab12Cd", "??????"),
        "minimum_overlap_minutes": 60,
        "constants": {},
        "options": {"issuer": False, "slots": None, "options": {}},
    }
    wheels = (LAMBDA.parent / ".cache" / "reference").glob("[as]*.whl")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, [LAMBDA, folder, *wheels])),
        "ROTATION_SETTINGS": json.dumps(settings),
    }
    reading, writing = os.pipe()
    if framed:
        environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(writing)
    answers = folder / "answers"
    process = subprocess.Popen(
        [sys.executable, "-S", "-B", "-c", _RUNTIME, handler, json.dumps(event), answers],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=[writing],
    )
    os.close(writing)
    frames = bytearray()
    with os.fdopen(reading, "rb") as pipe:
        reader = threading.Thread(target=lambda: frames.extend(pipe.read()))
        reader.start()
        standard, _ = process.communicate()
        reader.join()
    return Output(
        standard=standard.decode(),
        framed=frames.decode(errors="replace"),
        answers=answers.read_text(encoding="utf-8") if answers.exists() else "",
    )


def _records(output: Output) -> list[dict[str, Any]]:
    """Return the records of the function, which must be whole lines."""
    return [json.loads(line) for line in output.standard.splitlines() if line[:1] == "{"]


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=[] if way in _WITHOUT_FRAMES else [pytest.mark.slow])
        for way in _WAYS
    ],
)
def test_each_way_leaks_without_our_handler(way: str, tmp_path: Path) -> None:
    assert _MARK in _run(tmp_path, _WAYS[way], "custom_strategy.lambda_handler", framed=True)


@pytest.mark.parametrize("way", _WAYS)
def test_no_way_leaks_where_the_runtime_has_its_own_descriptor(way: str, tmp_path: Path) -> None:
    output = _run(tmp_path, _WAYS[way], "handler.lambda_handler", framed=True)
    assert _MARK not in output
    assert [record["event"] for record in _records(output)] == ["rotation_step"] * _INVOCATIONS
    # Nothing else.
    assert output.standard.count("\n") == _INVOCATIONS


@pytest.mark.parametrize("way", _WITHOUT_FRAMES)
def test_no_way_leaks_where_the_runtime_writes_to_standard_output(way: str, tmp_path: Path) -> None:
    output = _run(tmp_path, _WAYS[way], "handler.lambda_handler", framed=False)
    assert _MARK not in output
    assert [record["event"] for record in _records(output)] == ["rotation_step"] * _INVOCATIONS


@pytest.mark.parametrize("framed", [True, False], ids=["framed", "standard"])
def test_the_runtime_still_reports_the_error(tmp_path: Path, *, framed: bool) -> None:
    output = _run(tmp_path, _WAYS["exit"], "handler.lambda_handler", framed=framed)
    lines = output.framed if framed else output.standard
    assert lines.count("[ERROR] InternalError: Unexpected SystemExit at ") == _INVOCATIONS
    # In the error, and in the segment for X-Ray.
    assert output.answers.count("Unexpected SystemExit at ") == 2 * _INVOCATIONS
    assert {record["error"] for record in _records(output)} == {"InternalError"}
