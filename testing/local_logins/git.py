"""Serves repositories over HTTP with git's own server program.

https://git-scm.com/docs/git-http-backend
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request for a repository."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def create(folder: Path, name: str) -> None:
    """Create an empty repository."""
    subprocess.run(["git", "init", "--quiet", "--bare", folder / name], check=True)


def serve(folder: Path, request: Request) -> Response:
    """Let git handle a request for a repository in the folder."""
    output = subprocess.run(
        ["git", "http-backend"],
        check=True,
        capture_output=True,
        input=request.body,
        env={
            "PATH": os.environ["PATH"],
            "CONTENT_LENGTH": str(len(request.body)),
            "CONTENT_TYPE": request.content_type,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(folder),
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "REQUEST_METHOD": request.method,
        },
    ).stdout
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200").split(" ")[0])
    return Response(status=status, headers=headers, body=content)
