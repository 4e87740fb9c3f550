"""The server process: MiniStack with the behaviours of this package, on one socket.

It stops on SIGINT, on SIGTERM, and when its standard input closes, which happens when its parent
process ends.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, Final

import hypercorn.asyncio
import hypercorn.asyncio.run
import hypercorn.config
import ministack.app
from hypercorn.asyncio.tcp_server import TCPServer
from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id
from ministack.services import iam

from testing.local_aws import service_events, workers
from testing.local_aws.behaviours import BEHAVIOURS
from testing.local_aws.server_config import (
    EVENTS_PATH,
    ISSUED_PATH,
    LOGIN_PATH,
    SWITCHES_PATH,
    ServerConfig,
)
from testing.local_aws.switches import LONGEST_SLEEP, Current

_GRACE_SECONDS: Final = 2
_IDLE_SECONDS: Final = 600
_ROUND_TRIP_SECONDS: Final = 0.02


class _Server(TCPServer):
    """Closes a connection as soon as the client has, and not only after the idle time.

    A worker's pipe must have a number below 1024, because MiniStack waits for it with select().
    """

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def _create_administrator(access_key_id: str, secret_access_key: str) -> None:
    name = "local-aws-administrator"
    iam._IAM_HANDLERS["CreateUser"]({"UserName": name})
    iam._IAM_HANDLERS["AttachUserPolicy"](
        {"UserName": name, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    )
    key = {
        "UserName": name,
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret_access_key,
        "Status": "Active",
        "CreateDate": iam._now(),
    }
    # set_scoped skips the propagation delay: the administrator's key counts as an old one.
    iam._access_keys.set_scoped(get_account_id(), None, access_key_id, key)


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _serve_switches(receive: Any, send: Any) -> None:
    try:
        Current.switches = Current.switches.changed(json.loads(await _body(receive) or b"{}"))
        file = Path(os.environ["TMPDIR"]) / LONGEST_SLEEP
        longest = Current.switches.functions_longest_sleep
        if longest is None:
            file.unlink(missing_ok=True)
        else:
            new = file.with_suffix(".new")
            new.write_text(str(longest))
            new.replace(file)
        status, text = 200, json.dumps(dataclasses.asdict(Current.switches))
    except ValueError as error:
        status, text = 400, str(error)
    await _respond(send, status, text)


async def _respond(send: Any, status: int, text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


def _delayed_for_the_go_sdk(scope: Any, send: Any) -> Any:
    """Respond to the AWS SDK for Go only after the time of a network round trip.

    The SDK closes the request body as soon as the response begins. On a busy machine, Go's HTTP
    client has not seen the end of the body yet. It treats that as a failed request and drops the
    connection, and the SDK repeats an action that succeeded (RotateSecret, AddPermission).
    https://github.com/aws/smithy-go/blob/main/transport/http/client.go
    """
    headers = dict(scope.get("headers", ()))
    if b"aws-sdk-go" not in headers.get(b"user-agent", b"") or scope["method"] == "GET":
        return send

    async def send_later(message: Any) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(_ROUND_TRIP_SECONDS)
        await send(message)

    return send_later


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope.get("path") == SWITCHES_PATH:
        await _serve_switches(receive, send)
    elif scope.get("path") == ISSUED_PATH:
        issued = [*iam._access_keys.issued, *iam._service_credentials.issued]
        await _respond(send, 200, json.dumps(issued))
    elif scope.get("path") == EVENTS_PATH:
        service_events.send(**json.loads(await _body(receive)))
        await _respond(send, 200, "null")
    elif scope.get("path") == LOGIN_PATH:
        user_name = iam._log_in(**json.loads(await _body(receive)))
        await _respond(send, 200, json.dumps(user_name))
    else:
        await ministack.app.app(scope, receive, _delayed_for_the_go_sdk(scope, send))


async def _serve(socket: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def wait_for_parent() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_parent, daemon=True).start()
    hypercorn.asyncio.run.TCPServer = _Server  # type: ignore[attr-defined]
    config = hypercorn.config.Config()
    config.bind = [f"fd://{socket}"]
    # If the server closed an idle connection while a request arrives, the response would be lost
    # and the client's SDK would repeat the request.
    config.keep_alive_max_requests = sys.maxsize
    config.keep_alive_timeout = _IDLE_SECONDS
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    stopped = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(hypercorn.asyncio.serve(_app, config, shutdown_trigger=stop.wait))
    await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    # A function that still runs must not delay the shutdown.
    done, _ = await asyncio.wait([serving], timeout=_GRACE_SECONDS)
    for task in done:
        task.result()


async def _serve_and_exit(config: ServerConfig) -> None:
    """Serve, then kill all function workers, including those that a rotation has just started."""
    try:
        await _serve(config.socket)
    except Exception:
        traceback.print_exc()
        raise
    finally:
        lambda_runtime.reset()
        shutil.rmtree(config.folder, ignore_errors=True)
        # launch.py started this process in a session of its own.
        os.killpg(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serve until stopped, and leave no process and no file behind."""
    config = ServerConfig.pop_from(os.environ)
    # Only this import needs it: a function must not find this project.
    os.environ.pop("PYTHONPATH", None)
    if not config.plain:
        for behaviour in BEHAVIOURS:
            importlib.import_module(f"testing.local_aws.{behaviour}")
        workers.start_by_fork()
    _create_administrator(config.access_key_id, config.secret_access_key)
    asyncio.run(_serve_and_exit(config))


if __name__ == "__main__":
    main()
