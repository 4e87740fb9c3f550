"""A forked worker is like a new interpreter, and ends like one."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from testing.local_aws import LocalAws, local_aws
from testing.local_aws.tests.conftest import eventually, policy
from testing.local_aws.tests.test_server import alive, descendants

pytestmark = pytest.mark.local_only("It tests the local AWS itself.")

_FUNCTION: Final = "observed"
_VARIABLES: Final = {"TZ": "Asia/Kathmandu"}
# Only a new interpreter reads such a variable.
_ONLY_NEW: Final = "PYTHON_UNKNOWN"
_SOURCE: Final = """
import sys

is_forked = "boto3" in sys.modules

import os, random, signal, time
import boto3

drawn = random.random()

def handler(event, context):
    streams = (sys.stdin, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)
    return {
        "is_forked": is_forked,
        "boto3": boto3.__file__,
        "drawn": drawn,
        "process": os.getpid(),
        "server": os.getppid(),
        "state": {
            "arguments": sys.argv,
            "descriptors": os.listdir("/proc/self/fd"),
            "environment": dict(os.environ),
            "flags": str(sys.flags),
            "folder": os.getcwd(),
            "group": os.getpgrp(),
            "main": sys.modules["__main__"].__file__,
            "path": sys.path,
            "session": str(boto3.DEFAULT_SESSION),
            "signals": [str(signal.getsignal(number)) for number in range(1, 32)],
            "streams": [
                (one.fileno(), one.mode, one.encoding, one.errors)
                + (one.line_buffering, one.seekable())
                for one in streams
            ],
            "time_zone": time.tzname,
        },
    }
"""


def _package(**sources: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, source in sources.items():
            archive.writestr(f"{path}.py", source)
    return buffer.getvalue()


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """A local AWS with a function."""
    with local_aws() as aws:
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
        role = aws.client("iam").create_role(
            RoleName=_FUNCTION, AssumeRolePolicyDocument=policy(trust)
        )
        aws.client("lambda").create_function(
            FunctionName=_FUNCTION,
            Role=role["Role"]["Arn"],
            Runtime="python3.13",
            Handler="index.handler",
            Timeout=60,
            Code={"ZipFile": _package(index=_SOURCE)},
            Environment={"Variables": _VARIABLES},
        )
        yield aws


def _invoke(aws: LocalAws) -> dict[str, Any]:
    payload = aws.client("lambda").invoke(FunctionName=_FUNCTION)["Payload"]
    result: dict[str, Any] = json.load(payload)
    return result


def _comparable(result: dict[str, Any]) -> dict[str, Any]:
    """Remove what differs between any two workers."""
    environment = result["state"]["environment"]
    folder = str(Path(environment["LAMBDA_TASK_ROOT"]).parent)
    for name in ("AWS_LAMBDA_LOG_STREAM_NAME", _ONLY_NEW):
        environment.pop(name, None)
    state: dict[str, Any] = json.loads(json.dumps(result["state"]).replace(folder, ""))
    return state


def test_a_forked_worker_has_the_state_of_a_new_interpreter(aws: LocalAws) -> None:
    forked = _invoke(aws)
    os.kill(forked["process"], signal.SIGKILL)
    eventually("the death", lambda: not aws.workers(_FUNCTION))
    another = _invoke(aws)
    aws.client("lambda").update_function_configuration(
        FunctionName=_FUNCTION, Environment={"Variables": {**_VARIABLES, _ONLY_NEW: ""}}
    )
    new = _invoke(aws)

    assert [one["is_forked"] for one in (forked, another, new)] == [True, True, False]
    assert forked["server"] == another["server"] == new["server"]
    assert not Path(f"/proc/{forked['process']}").exists()
    assert forked["drawn"] != another["drawn"]
    assert _comparable(forked) == _comparable(another) == _comparable(new)


def test_a_function_uses_its_own_sdk(aws: LocalAws) -> None:
    functions = aws.client("lambda")
    functions.update_function_code(
        FunctionName=_FUNCTION, ZipFile=_package(index=_SOURCE, boto3="DEFAULT_SESSION = None")
    )
    in_package = _invoke(aws)
    functions.update_function_code(FunctionName=_FUNCTION, ZipFile=_package(index=_SOURCE))
    layer = functions.publish_layer_version(
        LayerName="sdk", Content={"ZipFile": _package(**{"python/boto3": "DEFAULT_SESSION = None"})}
    )
    functions.update_function_configuration(
        FunctionName=_FUNCTION, Layers=[layer["LayerVersionArn"]]
    )
    in_layer = _invoke(aws)

    assert in_package["boto3"].endswith("/code/boto3.py")
    assert in_layer["boto3"].endswith("/python/boto3.py")


def test_no_process_is_left_when_the_server_is_killed(aws: LocalAws) -> None:
    result = _invoke(aws)
    # The list misses a process whose parent, a thread of the server, ends just now.
    processes = eventually(
        "the server, its zygote and the worker",
        lambda: descendants(result["server"]),
        lambda found: len(found) == 3,
    )
    assert aws.workers(_FUNCTION) == {result["process"]}

    os.kill(result["server"], signal.SIGKILL)

    assert eventually("the end", lambda: alive(processes), lambda left: not left) == set()
