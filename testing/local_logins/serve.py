"""Runs the three services with TLS; the local AWS decides which credentials they accept."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import socketserver
import ssl
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

from testing.local_aws import ACCOUNT_ID, REGION
from testing.local_logins import git, keyspaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testing.local_aws import LocalAws

# The type that socketserver declares; here it is always a socket.
_Connection: TypeAlias = socket.socket | tuple[bytes, socket.socket]

_CODECOMMIT_PATH: Final = "/v1/repos"
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelSummary.html
_MODELS: Final = {
    "modelSummaries": [
        {
            "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/amazon.nova-micro-v1:0",
            "modelId": "amazon.nova-micro-v1:0",
        }
    ]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLogins:
    """The running services."""

    endpoint: str
    """Host and port of Bedrock and CodeCommit."""
    keyspaces: str
    """Host and port of Keyspaces."""
    repositories: Path

    def create_repository(self, name: str) -> None:
        """Create an empty CodeCommit repository."""
        git.create(self.repositories, name)


class _Server(socketserver.ThreadingTCPServer):
    def __init__(self, handler: type[socketserver.BaseRequestHandler], tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._tls = tls
        self._connections: set[_Connection] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        plain, address = super().get_request()
        # The connection's own thread does the handshake, because a client may never start it.
        connection = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: _Connection) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def stop(self, thread: threading.Thread) -> None:
        """Stop the server and close the connections that clients keep open."""
        self.shutdown()
        thread.join()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                cast("socket.socket", connection).shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a test may close its connection at any time."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    aws: LocalAws
    repositories: Path

    def do_GET(self) -> None:
        """Serve Bedrock or CodeCommit, depending on the path."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if address.path.startswith(f"{_CODECOMMIT_PATH}/"):
            response = self._codecommit(scheme, credentials, body)
        elif address.path == "/foundation-models":
            response = self._bedrock(scheme, credentials)
        else:
            response = _json_response(404, {"message": "Not Found"})
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_POST = do_GET  # noqa: N815 -- http.server's name

    def _bedrock(self, scheme: str, api_key: str) -> git.Response:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html."""
        actions = {"bedrock:CallWithBearerToken": "*", "bedrock:ListFoundationModels": "*"}
        if scheme != "Bearer" or self.aws.log_in("bedrock.amazonaws.com", api_key, actions) is None:
            message = "Authentication failed: Please make sure your API Key is valid."
            return _json_response(403, {"__type": "AccessDeniedException", "Message": message})
        return _json_response(200, _MODELS)

    def _codecommit(self, scheme: str, credentials: str, body: bytes) -> git.Response:
        """https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-gc.html."""
        if scheme != "Basic":
            # git sends a password only after a challenge.
            challenge = {"WWW-Authenticate": 'Basic realm="CodeCommit"'}
            return git.Response(status=401, headers=challenge, body=b"")
        address = urlsplit(self.path)
        path = address.path.removeprefix(_CODECOMMIT_PATH)
        name = path.split("/")[1]
        user_name, _, password = base64.b64decode(credentials).decode().partition(":")
        actions = {"codecommit:GitPull": f"arn:aws:codecommit:{REGION}:{ACCOUNT_ID}:{name}"}
        if self.aws.log_in("codecommit.amazonaws.com", password, actions) != user_name:
            return git.Response(status=403, headers={}, body=b"")
        request = git.Request(
            method=self.command,
            path=path,
            query=address.query,
            content_type=self.headers.get("Content-Type", ""),
            body=body,
        )
        return git.serve(self.repositories, request)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Cassandra(socketserver.StreamRequestHandler):
    aws: LocalAws

    def handle(self) -> None:
        """Serve Keyspaces."""
        with self.request.makefile("rwb") as stream:
            keyspaces.serve(stream, self._log_in)

    def _log_in(self, user_name: str, password: str) -> bool:
        return self.aws.log_in("cassandra.amazonaws.com", password, {}) == user_name


def _json_response(status: int, content: Mapping[str, object]) -> git.Response:
    headers = {"Content-Type": "application/json"}
    return git.Response(status=status, headers=headers, body=json.dumps(content).encode())


@contextlib.contextmanager
def local_logins(aws: LocalAws, certificate: Path, private_key: Path) -> Iterator[LocalLogins]:
    """Run the services on free ports of the loopback interface.

    Args:
        aws: The account whose credentials the services accept.
        certificate: The servers' certificate, which clients must trust.
        private_key: The key of the certificate.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, private_key)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-logins-")))
        attributes = {"aws": aws, "repositories": folder}
        addresses = []
        for handler in (_Web, _Cassandra):
            serving = cast(
                "type[socketserver.BaseRequestHandler]", type("_", (handler,), attributes)
            )
            server = stack.enter_context(_Server(serving, tls))
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(server.stop, thread)
            addresses.append(server.address)
        yield LocalLogins(endpoint=addresses[0], keyspaces=addresses[1], repositories=folder)
