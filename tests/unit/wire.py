"""The fake cloud over AWS's protocols on loopback, so that the SDK really parses its responses.

A test can change the fields of a response before it is written, or its bytes afterwards. The call
has taken effect by then, which is the harder case.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore import xform_name
from botocore.exceptions import ClientError

from rotation_conformance.account import Answer, FakeSecretsManager
from tests.unit.cloud import Cloud, FakeIam, FakeSts

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = "application/x-amz-json-1.1"
XML = "text/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response over the wire."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


ChangeFields: TypeAlias = Callable[[Answer], Answer]
ChangeBytes: TypeAlias = Callable[[Reply], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A change to all responses of one operation, given by the name of its client's method."""

    operation: str
    fields: ChangeFields = lambda answer: answer
    reply: ChangeBytes = lambda reply: reply


class Wire:
    """Serves one cloud at a time."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.wrong: Wrong | None = None
        # The state after the first wrong response, and all failures of this server.
        self.then: object = None
        self.defects: list[Exception] = []
        self.url = ""

    def serve(self, cloud: Cloud, wrong: Wrong | None = None) -> None:
        """Serve this cloud."""
        self.cloud, self.wrong, self.then, self.defects = cloud, wrong, None, []

    def pass_time(self, seconds: float) -> None:
        """Sleep, for the SDK."""
        self.cloud.time.advance(seconds)

    def answer(self, target: str | None, authorization: str, body: bytes) -> Reply:
        """Carry out a request, and write the response."""
        if target is None:
            form = dict(parse_qsl(body.decode()))
            operation, request = form.pop("Action"), form
            del request["Version"]
        else:
            operation, request = target.rpartition(".")[2], json.loads(body)
        method = xform_name(operation)
        client = self._client(method, authorization)
        try:
            answer: Answer = getattr(client, method)(**request)
        except ClientError as error:
            return _refused(error, as_json=target is not None)
        if self.wrong is None or self.wrong.operation != method:
            return _written(operation, answer, as_json=target is not None)
        if self.then is None:
            self.then = self.cloud.snapshot()
        changed = _written(operation, self.wrong.fields(answer), as_json=target is not None)
        return self.wrong.reply(changed)

    def _client(self, method: str, authorization: str) -> object:
        if hasattr(FakeSecretsManager, method):
            return FakeSecretsManager(self.cloud)
        if hasattr(FakeIam, method):
            return FakeIam(self.cloud)
        # The signature is not checked: a caller that names a key has its secret.
        (key_id,) = re.findall("Credential=([A-Z0-9]+)/", authorization)
        key = self.cloud.key(key_id)
        return FakeSts(self.cloud, key_id=key_id, secret=key.secret if key else "")


def _written(operation: str, answer: object, *, as_json: bool) -> Reply:
    if as_json:
        return Reply(body=json.dumps(answer, default=_epoch).encode(), content_type=JSON)
    result = f"<{operation}Result>{_xml(answer)}</{operation}Result>"
    text = f"<{operation}Response>{result}<ResponseMetadata/></{operation}Response>"
    return Reply(body=text.encode(), content_type=XML)


def _refused(error: ClientError, *, as_json: bool) -> Reply:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if as_json:
        body = json.dumps({"__type": code, "message": message})
        return Reply(body=body.encode(), content_type=JSON, status=status)
    text = f"<ErrorResponse><Error>{_xml({'Code': code, 'Message': message})}</Error>"
    return Reply(body=f"{text}</ErrorResponse>".encode(), content_type=XML, status=status)


def _epoch(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()


def _xml(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(part)}</member>" for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(value.isoformat() if isinstance(value, datetime) else str(value))


@contextmanager
def serving() -> Iterator[Wire]:
    """Listen on a free port of the loopback interface."""
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                target = self.headers.get("X-Amz-Target")
                reply = wire.answer(target, self.headers["Authorization"], body)
            except Exception as error:
                # The client sees a closed connection, which looks like the failure under test.
                wire.defects.append(error)
                raise
            self.send_response(reply.status)
            headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        wire.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown()
            thread.join()


def set_field(path: str, value: object) -> ChangeFields:
    """Replace the value of a field, in each item of a list on the path."""
    *way, name = path.split(".")

    def change(answer: Answer) -> Answer:
        for part in _reached(answer, way):
            part[name] = value
        return answer

    return change


def drop_field(path: str) -> ChangeFields:
    """Remove a field, in each item of a list on the path."""
    *way, name = path.split(".")

    def change(answer: Answer) -> Answer:
        for part in _reached(answer, way):
            del part[name]
        return answer

    return change


def _reached(part: Any, way: Iterable[str]) -> list[Answer]:  # noqa: ANN401 -- any part of an answer
    for name in way:
        part = [one[name] for one in part] if isinstance(part, list) else part[name]
    return part if isinstance(part, list) else [part]
