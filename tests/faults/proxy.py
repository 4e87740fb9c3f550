"""A proxy between a function and AWS that makes one call fail, in all attempts of the SDK.

A library would have to know AWS's two protocols and the SDK's attempts; Python has the rest in
`http.server` and `http.client`.
"""

import contextlib
import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

# A slow response, within the SDK's timeout.
LATE_SECONDS: Final = 2.5
_HOP: Final = {"connection", "content-length", "transfer-encoding"}


class Fault(StrEnum):
    """How a call fails."""

    # The call is rejected, and has no effect.
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    SKEWED = "skewed"
    # The call takes effect.
    BROKEN = "broken"
    """The response is an error of the service."""
    RESET = "reset"
    """The connection is reset during the response."""
    TRUNCATED = "truncated"
    """The response ends too early."""
    SILENT = "silent"
    """There is no response before the SDK's timeout."""
    LATE = "late"
    """The response is late."""


# https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html,
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
_ERRORS: Final = {
    Fault.THROTTLED: (HTTPStatus.BAD_REQUEST, "ThrottlingException", "Throttling"),
    Fault.UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "ServiceUnavailable"),
    Fault.SKEWED: (HTTPStatus.FORBIDDEN, "InvalidSignatureException", "SignatureDoesNotMatch"),
    Fault.BROKEN: (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalServiceError", "ServiceFailure"),
}


class Proxy:
    """Which calls were made, and which call must fail."""

    def __init__(self, upstream: str) -> None:
        self.url = ""
        """The address for a function."""
        self.upstream = urlsplit(upstream).netloc
        self.calls: list[str] = []
        """The operations in order, without repeated attempts of the SDK."""
        self.struck = 0
        """How many attempts failed."""
        self._seen: set[str] = set()
        self._failing: set[str] = set()
        self._which: int | str | None = None
        self._fault = Fault.LATE
        self._lock = threading.Lock()

    def strike(self, which: int | str | None, fault: Fault = Fault.LATE) -> None:
        """Make one call fail, by its number from 1 or by its operation; None: no call."""
        with self._lock:
            self.calls, self.struck, self._which, self._fault = [], 0, which, fault

    def strike_all(self, fault: Fault) -> None:
        """Make every call fail."""
        self.strike("*", fault)

    def meets(self, invocation: str, operation: str) -> Fault | None:
        """Record an attempt, and return how it fails."""
        with self._lock:
            if invocation not in self._seen:
                self._seen.add(invocation)
                self.calls.append(operation)
                if self._which in {len(self.calls), operation, "*"}:
                    self._failing.add(invocation)
                    # Only one call of that name.
                    self._which = "*" if self._which == "*" else None
            if invocation not in self._failing:
                return None
            self.struck += 1
            return self._fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def handle(self) -> None:
        """Serve a connection until the client closes it in any way."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:  # http.server's name
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target")
        named = (
            target.rpartition(".")[2] if target else re.findall(r"Action=(\w+)", body.decode())[0]
        )
        fault = self.proxy.meets(self.headers["amz-sdk-invocation-id"], named)
        if fault in _ERRORS and fault is not Fault.BROKEN:
            self._refuse(fault, as_json=target is not None)
            return
        answer, content = self._forward(body)
        if fault is Fault.BROKEN:
            self._refuse(fault, as_json=target is not None)
        elif fault is Fault.SILENT:
            self.connection.recv(1)  # Until the client closes the connection.
            self.close_connection = True
        elif fault in {Fault.RESET, Fault.TRUNCATED}:
            self._break_off(answer, content, reset=fault is Fault.RESET)
        else:
            if fault is Fault.LATE:
                time.sleep(LATE_SECONDS)
            self._send(answer.status, dict(answer.getheaders()), content)

    def _forward(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        # The signature covers the host name that the function knows.
        connection = http.client.HTTPConnection(self.proxy.upstream)
        connection.putrequest("POST", self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _refuse(self, fault: Fault, *, as_json: bool) -> None:
        status, in_json, in_xml = _ERRORS[fault]
        if as_json:
            text = json.dumps({"__type": in_json, "message": "A test did this."})
        else:
            error = f"<Error><Code>{in_xml}</Code><Message>A test did this.</Message></Error>"
            text = f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
        kind = "application/x-amz-json-1.1" if as_json else "text/xml"
        self._send(status, {"Content-Type": kind}, text.encode())

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, answer: http.client.HTTPResponse, content: bytes, *, reset: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", ""))
        self.send_header("Content-Length", str(len(content) + 1))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Log nothing."""


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """Serve on a free port of the loopback interface."""
    made = Proxy(upstream)
    handler = type("Handler", (_Handler,), {"proxy": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
