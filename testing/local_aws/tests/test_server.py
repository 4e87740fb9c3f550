"""The server listens on the loopback interface only, and leaves nothing behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from testing.local_aws.tests.conftest import eventually, package, policy

pytestmark = [
    pytest.mark.local_only("It tests the local AWS itself."),
    pytest.mark.skipif(
        not Path("/proc/self/net/tcp").exists(),
        reason="The test reads listening sockets from /proc.",
    ),
]

_LISTENS = "0A"
_LOOPBACK = "0100007F"
_HANDLER = """
import time

def handler(event, context):
    time.sleep(event)
    return event
"""


@dataclass(frozen=True)
class Started:
    """A process of `python -m testing.local_aws`, and the environment that it printed."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    folder: Path


def descendants(process: int) -> set[int]:
    """Return a process and all its descendants; a process that has ended has none."""
    found = {process}
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text().split():
                found |= descendants(int(child))
    return found


def alive(processes: set[int]) -> set[int]:
    """Return the processes that run, without zombies."""

    def state(process: int) -> str:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return "X"

    return {process for process in processes if state(process) not in "XZ"}


def listening(processes: set[int]) -> set[str]:
    """Return the addresses that these processes listen on, in the kernel's notation."""
    inodes = set()
    for process in processes:
        for file in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(FileNotFoundError):
                inodes.add(str(file.readlink()))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and f"socket:[{fields[9]}]" in inodes:
                addresses.add(fields[1].partition(":")[0])
    return addresses


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    process = subprocess.Popen(
        [sys.executable, "-m", "testing.local_aws"],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().split() for _ in range(6)]
    environment = dict(words[1].split("=", 1) for words in lines)
    try:
        yield Started(process, environment, tmp_path)
    finally:
        process.kill()
        process.communicate()


def invoke_a_function(environment: dict[str, str]) -> None:
    """Invoke a function twice, so that there are files and workers; one worker stays busy."""
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    endpoint = environment["AWS_ENDPOINT_URL"]
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    role = session.client("iam", endpoint_url=endpoint).create_role(
        RoleName="contract", AssumeRolePolicyDocument=policy(trust)
    )
    functions = session.client("lambda", endpoint_url=endpoint)
    functions.create_function(
        FunctionName="contract",
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="index.handler",
        Timeout=300,
        Code={"ZipFile": package(_HANDLER)},
    )
    functions.invoke(FunctionName="contract", InvocationType="Event", Payload=b"300")
    response = functions.invoke(FunctionName="contract", Payload=b"0")
    assert response["Payload"].read() == b"0"


def test_nothing_listens_beyond_loopback(started: Started) -> None:
    invoke_a_function(started.environment)

    assert listening(descendants(started.process.pid)) == {_LOOPBACK}


def test_a_connection_ends_when_the_client_closes_it(started: Started) -> None:
    server = urlsplit(started.environment["AWS_ENDPOINT_URL"])
    with contextlib.closing(HTTPConnection(server.netloc, timeout=30)) as connection:
        connection.request("GET", "/_ministack/health")
        connection.getresponse().read()
        connection.sock.shutdown(socket.SHUT_WR)
        # Otherwise the server would keep it for its idle time, which is longer than this timeout.
        assert connection.sock.recv(1) == b""


@pytest.mark.parametrize(
    "end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name
)
def test_no_process_and_no_file_is_left(started: Started, end: signal.Signals) -> None:
    invoke_a_function(started.environment)
    processes = eventually(
        "the server, its zygote and both workers",
        lambda: descendants(started.process.pid),
        lambda found: len(found) > 4,
    )
    assert list(started.folder.iterdir())

    started.process.send_signal(end)
    started.process.wait(timeout=30)

    assert eventually("the end", lambda: alive(processes), lambda left: not left) == set()
    eventually("an empty folder", lambda: list(started.folder.iterdir()), lambda left: not left)
