"""The log level that Lambda's Python runtime sets before it imports a function, its sleep and log.

It sets the level of the root logger, so DEBUG also applies to the function's libraries.
https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
"""

from __future__ import annotations

import select
import time
from typing import Any, Final

from ministack.core import lambda_runtime

from testing.local_aws.patching import Function, Json, around
from testing.local_aws.switches import LONGEST_SLEEP

_LEVEL: Final = "AWS_LAMBDA_LOG_LEVEL"
_LONGEST_SECONDS: Final = 5

lambda_runtime._PYTHON_WORKER_SCRIPT = (
    f"""
import logging, os, time
logging.basicConfig(level=os.environ.get("{_LEVEL}"))

def _sleep(seconds, *, _sleep=time.sleep, _path=os.environ["TMPDIR"] + "/{LONGEST_SLEEP}"):
    try:
        with open(_path) as file:
            seconds = min(seconds, float(file.read()))
    except FileNotFoundError:
        pass
    _sleep(seconds)

time.sleep = _sleep
"""
    + lambda_runtime._PYTHON_WORKER_SCRIPT
)


@around(lambda_runtime, "execution_credentials")
def execution_credentials(original: Function, config: Json) -> dict[str, str]:
    """Pass the log level to the runtime together with the role's credentials.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    level = (config.get("LoggingConfig") or {}).get("ApplicationLogLevel")
    environment: dict[str, str] = original(config)
    if not level:
        return environment
    return {**environment, _LEVEL: "DEBUG" if level == "TRACE" else level}


_drain = lambda_runtime.Worker._drain_stderr_bounded


def _whole_log(worker: Any, **_waits: float) -> str:
    """Return what an invocation has written, however busy the machine is.

    The function writes its log before its response, so all of it is in the pipe by now. MiniStack
    waits 50 milliseconds for the thread that reads the pipe, and loses what comes later.
    """
    process, end = worker._proc, time.monotonic() + _LONGEST_SECONDS
    while process and process.poll() is None and time.monotonic() < end:
        if not select.select([process.stderr], [], [], 0)[0]:
            break
        time.sleep(0.001)
    log: str = _drain(worker, first_line_wait=0.2, idle_confirm=0.02, hard_cap=_LONGEST_SECONDS)
    return log


lambda_runtime.Worker._drain_stderr_bounded = _whole_log
