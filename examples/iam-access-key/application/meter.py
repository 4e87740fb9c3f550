"""Counts every attempt of every request, including those that the SDK retries."""

import json
import re
import threading
from typing import Any, TextIO

import boto3

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
_KEY_ID = re.compile(r"Credential=(\w+)/")


class Meter:
    """Counts requests and failures, and remembers the last key of each thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._failed = 0
        self._last_failure: str | None = None
        self._keys: dict[int, str] = {}

    def watch(self, session: boto3.Session, service: str) -> None:
        """Count the requests of every client that this session creates from now on."""
        session.events.register(f"before-send.{service}", self._sent)
        session.events.register(f"response-received.{service}", self._answered)

    def report(self, output: TextIO) -> None:
        """Write one line of JSON."""
        with self._lock:
            numbers = {
                "requests": self._requests,
                "failed": self._failed,
                "last_failure": self._last_failure,
                "in_use": sorted(set(self._keys.values())),
            }
        output.write(json.dumps(numbers) + "\n")
        output.flush()

    # botocore calls both methods in the thread that sends the request, once per attempt.

    def _sent(self, **event: Any) -> None:  # noqa: ANN401 -- botocore doesn't document the types
        header = event["request"].headers["Authorization"]
        text = header.decode() if isinstance(header, bytes) else header
        with self._lock:
            self._keys[threading.get_ident()] = _KEY_ID.findall(text)[0]

    def _answered(self, **event: Any) -> None:  # noqa: ANN401
        answer = event["response_dict"]
        if answer and answer["status_code"] // 100 == 2:  # noqa: PLR2004 -- 2xx
            failure = None
        elif answer:
            code = event["parsed_response"].get("Error", {}).get("Code", "")
            failure = f"{answer['status_code']} {code}"
        else:
            failure = type(event["exception"]).__name__
        with self._lock:
            self._requests += 1
            if failure is not None:
                self._failed += 1
                self._last_failure = failure
