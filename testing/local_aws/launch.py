"""Starts the server as a child process and gives tests a handle on it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from testing.local_aws.server_config import (
    EVENTS_PATH,
    ISSUED_PATH,
    LOGIN_PATH,
    SWITCHES_PATH,
    ServerConfig,
)
from testing.local_aws.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REGION: Final = "eu-west-1"
ACCOUNT_ID: Final = "123456789012"

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 20


class NotStartedError(RuntimeError):
    """The server exited or did not respond."""

    def __init__(self, log: str) -> None:
        super().__init__(f"The local AWS did not start. Its log:\n{log}")


@dataclass(frozen=True, slots=True)
class LocalAws:
    """A running local AWS."""

    endpoint_url: str
    environment: dict[str, str]
    """The environment variables of a process that acts as the administrator."""
    folder: Path
    """The temporary folder of the server and of all functions."""
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client, by default the administrator's, which is made once per service.

        To make a client takes the processor time of ten calls.
        """
        if options:
            return self._made(service, **options)
        if service not in self._clients:
            self._clients[service] = self._made(service)
        return self._clients[service]

    def _made(self, service: str, **options: Any) -> Any:
        session = _session(
            self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]
        )
        create: Callable[..., Any] = session.client
        # https://docs.aws.amazon.com/boto3/latest/guide/session.html#multithreading-or-multiprocessing-with-sessions
        with _CREATING:
            return create(service, endpoint_url=self.endpoint_url, **options)

    def set(self, **switches: object) -> Switches:
        """Set some switches and return the current value of each switch."""
        return Switches(**self._post(SWITCHES_PATH, switches))

    def log_in(self, service_name: str, secret: str, actions: Mapping[str, str]) -> str | None:
        """Return the user name of a service-specific credential, if the service accepts it.

        Return None if the credential is unknown, or if its user is not allowed one of the actions.

        Args:
            service_name: For example, bedrock.amazonaws.com.
            secret: The password or API key.
            actions: The resource of each action that the service requires of the user.
        """
        request = {"service_name": service_name, "secret": secret, "actions": actions}
        user_name: str | None = self._post(LOGIN_PATH, request)
        return user_name

    def send_event(self, source: str, detail_type: str, detail: Mapping[str, object]) -> None:
        """Send an event to EventBridge as a service of AWS."""
        self._post(EVENTS_PATH, {"source": source, "detail_type": detail_type, "detail": detail})

    def workers(self, function_name: str) -> frozenset[int]:
        """Return the IDs of a function's processes, which run in the folder of its code."""
        prefix, ours, found = f"ministack-lambda-{function_name}", self.folder.resolve(), []
        for process in Path("/proc").glob("[0-9]*"):
            # A process can end, or belong to another user.
            with contextlib.suppress(OSError):
                folder = (process / "cwd").readlink().parent
                if folder.parent == ours and folder.name.rpartition("-")[0] == prefix:
                    found.append(int(process.name))
        return frozenset(found)

    def _post(self, path: str, content: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.endpoint_url + path, data=json.dumps(content).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=_START_SECONDS) as response:  # noqa: S310
            return json.load(response)

    def issued(self) -> frozenset[str]:
        """Return the secret part of every key and credential ever created.

        The administrator's key is not included.
        """
        with urllib.request.urlopen(  # noqa: S310 - our own address
            self.endpoint_url + ISSUED_PATH, timeout=_START_SECONDS
        ) as response:
            return frozenset(json.load(response))

    @contextlib.contextmanager
    def switched(self, **switches: object) -> Iterator[None]:
        """Set some switches for the length of the block."""
        before = self.set()
        self.set(**switches)
        try:
            yield
        finally:
            self.set(**{name: getattr(before, name) for name in switches})


_CREATING: Final = threading.Lock()


@functools.cache
def _session(key_id: str, secret: str) -> boto3.Session:
    """Create a session once: its first client of a service takes a tenth of a second."""
    return boto3.Session(aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=REGION)


def _server_environment(folder: str, port: int) -> dict[str, str]:
    return {
        # Functions inherit this environment, so it holds no AWS setting of the developer.
        "HOME": folder,
        "PATH": os.environ["PATH"],
        "AUTH": "true",
        # MiniStack treats this key as the root user's. Discard it, so that no client can use it.
        "AWS_ACCESS_KEY_ID": f"AKIA{secrets.token_hex(8).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_REGION": REGION,
        "PYTHONPATH": str(_ROOT),
        "S3_DATA_DIR": f"{folder}/s3",
        "SFTP_ENABLED": "0",
        "STATE_DIR": f"{folder}/state",
        "TMPDIR": folder,
    }


def _wait_until_it_serves(aws: LocalAws, log: Path) -> None:
    # The socket listens before the server runs, so this request waits for the server.
    try:
        aws.set()
    except (OSError, ValueError) as error:
        raise NotStartedError(log.read_text(errors="replace")) from error


@contextlib.contextmanager
def local_aws(
    *, plain: bool = False, trusted: Path | None = None, **switches: object
) -> Iterator[LocalAws]:
    """Run a local AWS on a free port of the loopback interface.

    Args:
        plain: Run MiniStack without the behaviours of this package.
        trusted: The only certificate that functions trust, for a server that the test runs.
        switches: See Switches.

    Raises:
        NotStartedError: The server could not be started.
    """
    folder = tempfile.mkdtemp(prefix="local-aws-")
    log = Path(folder, "server.log")
    key_id, secret = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        config = ServerConfig(
            socket=listener.fileno(),
            folder=folder,
            access_key_id=key_id,
            secret_access_key=secret,
            plain=plain,
        )
        trust = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
        with log.open("wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", "testing.local_aws.server"],
                cwd=folder,
                env={**_server_environment(folder, port), **trust, **config.to_environment()},
                pass_fds=[listener.fileno()],
                # Ctrl-C must not reach the server: its user has to clean up first.
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        listener.close()
        stack.callback(_stop, server, folder)
        endpoint = f"http://127.0.0.1:{port}"
        aws = LocalAws(
            endpoint,
            {
                "AWS_ACCESS_KEY_ID": key_id,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            Path(folder),
        )
        _wait_until_it_serves(aws, log)
        aws.set(**switches)
        yield aws


def _stop(server: subprocess.Popen[bytes], folder: str) -> None:
    server.terminate()
    try:
        server.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
    shutil.rmtree(folder, ignore_errors=True)
