"""Serves HTTP and validates each request and response against the description."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from testing.certificate import write_certificate
from testing.local_github import api
from testing.local_github.description import API_VERSION
from testing.local_github.exchange import REST, RefusedError, Request, Response, refusal
from testing.local_github.github import LocalGitHub

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMITS_PAGE: Final = f"{REST}/using-the-rest-api/rate-limits-for-the-rest-api"
_HTML: Final = "<html><body>Unicorn!</body></html>"


# The type that http.server declares; here it is always a socket.
_Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]


class _ViolationError(Exception):
    """A request or response does not match the description."""

    def __init__(self, violations: list[str]) -> None:
        super().__init__("\n".join(violations))
        self.violations = violations


class _LostError(Exception):
    """A test requires this response to be lost."""


def _exchange(github: LocalGitHub, request: Request) -> Response:
    if github.switches.outage:
        return Response(status=github.switches.outage, body=_HTML)
    call = _validated(github, request)
    name = f"{call.operation.method} {call.operation.template}"
    if github.is_lost(name, carried_out=False):
        raise _LostError
    try:
        _refuse_by_rule(github, call.request)
        response = api.respond(call)
    except RefusedError as refused:
        response = refused.response
    if github.is_lost(name, carried_out=True):
        raise _LostError
    response = github.amend(response) if github.amend else response
    violations = github.description.violations_of_response(
        call.operation, response.status, _content_type(response), _content(response)
    )
    if violations:
        raise _ViolationError(violations)
    github.requests.append(f"{name} {response.status}")
    return replace(response, headers={**_limit_headers(github), **response.headers})


def _validated(github: LocalGitHub, request: Request) -> api.Call:
    base = urlsplit(github.api_url).path
    if not request.path.startswith(f"{base}/"):
        raise _ViolationError([f"{request.method} {request.path}: not below {base}"])
    request = _by_name(github, replace(request, path=request.path.removeprefix(base)))
    operation = github.description.operation(request.method, request.path)
    if operation is None:
        raise _ViolationError([f"{request.method} {request.path}: not described"])
    violations = github.description.violations_of_request(
        operation, request.query, request.headers.get("content-type", ""), request.body
    )
    if request.headers.get("x-github-api-version", API_VERSION) != API_VERSION:
        violations.append(f"request: the description is for version {API_VERSION}")
    if not api.implements(operation):
        violations.append(f"{request.method} {operation.template}: not implemented here")
    if violations:
        raise _ViolationError(violations)
    return api.Call(github, request, operation)


def _by_name(github: LocalGitHub, request: Request) -> Request:
    # Links and redirects use the ID of a repository. The description has no such paths.
    _, first, number, *rest = [*request.path.split("/"), ""]
    for repository in github.repositories:
        if (first, number) == ("repositories", str(repository.id)):
            path = "/".join(["", "repos", repository.full_name, *rest[:-1]])
            return replace(request, path=path)
    return request


def _refuse_by_rule(github: LocalGitHub, request: Request) -> None:
    switches = github.switches
    if not request.headers.get("user-agent"):
        raise refusal(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a "
            "User-Agent header",
        )
    if switches.secondary_limit:
        after = switches.secondary_retry_after
        raise refusal(
            switches.limit_status,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
            "again.",
            see=f"{_LIMITS_PAGE}#about-secondary-rate-limits",
            headers={} if after is None else {"Retry-After": str(after)},
        )
    if switches.primary_remaining is None or request.path == "/rate_limit":
        return
    if switches.primary_remaining == 0:
        raise refusal(switches.limit_status, "API rate limit exceeded", see=_LIMITS_PAGE)
    github.set(primary_remaining=switches.primary_remaining - 1)


def _limit_headers(github: LocalGitHub) -> dict[str, str]:
    # https://docs.github.com/en/enterprise-server/rest/using-the-rest-api/rate-limits-for-the-rest-api
    if github.enterprise:
        return {}
    limit = {f"X-RateLimit-{name}": str(value) for name, value in api.rate_limit(github).items()}
    return {**limit, "X-RateLimit-Resource": "core"}


def _content_type(response: Response) -> str:
    if response.body is None:
        return ""
    return "text/html" if isinstance(response.body, str) else "application/json; charset=utf-8"


def _content(response: Response) -> bytes:
    if response.body is None:
        return b""
    return (response.body if isinstance(response.body, str) else json.dumps(response.body)).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = context
        self.connections: set[_Connection] = set()
        self.github: LocalGitHub

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.context:
            # The connection's own thread does the handshake, because a client may never start it.
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: _Connection) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a test may close its connection at any time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Send head and body together. Otherwise each response would be delayed.
    server_version = "github.com"
    sys_version = ""
    server: _Server

    def _serve(self) -> None:
        github = self.server.github
        address = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        with github.lock:
            try:
                response = _exchange(github, request)
            except _LostError:
                self.close_connection = True
                return
            except _ViolationError as error:
                github.violations += error.violations
                response = Response(status=500, body={"message": str(error)})
            except Exception as error:  # noqa: BLE001 - the test must report every error
                github.violations.append(f"{request.method} {request.path}: {error!r}")
                response = Response(status=500, body={"message": "The local GitHub has a bug."})
        self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _send(self, response: Response) -> None:
        content = _content(response)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if content:
            self.send_header("Content-Type", _content_type(response))
        if response.status != 204:  # noqa: PLR2004 - No Content has no length
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the local GitHub's time for the header Date."""
        now = self.server.github.now().timestamp() if timestamp is None else timestamp
        return super().date_time_string(cast("int", now))

    def log_message(self, *_: object) -> None:
        """Print nothing: a test reads `requests`."""


@contextlib.contextmanager
def local_github(
    *, enterprise: bool = False, tls: bool = False, **switches: object
) -> Iterator[LocalGitHub]:
    """Run a local GitHub on a free port of the loopback interface.

    Args:
        enterprise: Act as a GitHub Enterprise Server, with its path, description and behaviour.
        tls: Serve HTTPS with a certificate that clients must trust.
        switches: See Switches.

    Raises:
        ContractBrokenError: At the end, if a request or response did not match the description.
    """
    with contextlib.ExitStack() as stack:
        certificate, key, context = None, None, None
        if tls:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-github-")))
            certificate, key = write_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
        server = stack.enter_context(_Server(context))
        server_url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        github = LocalGitHub(
            server_url, enterprise=enterprise, certificate=certificate, private_key=key
        )
        github.set(**switches)
        server.github = github
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        stack.callback(_stop, server, thread)
        try:
            yield github
        except BaseException as error:
            for violation in github.violations:
                error.add_note(f"The local GitHub: {violation}")
            raise
        github.check()


def _stop(server: _Server, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()
    # Clients keep connections open. Closing them ends their threads.
    for connection in list(server.connections):
        with contextlib.suppress(OSError):
            cast("socket.socket", connection).shutdown(socket.SHUT_RDWR)
