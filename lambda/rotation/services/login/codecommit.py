"""AWS CodeCommit's git server, which accepts a user name and a password over HTTPS."""

from __future__ import annotations

import base64
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rotation.errors import ConfigurationError, ProtocolError
from rotation.services import login

if TYPE_CHECKING:
    from rotation.services.https import Send

_ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"


def log_in(send: Send, endpoint: str, *, repository: str, user_name: str, password: str) -> None:
    """Make the first request of a `git fetch`.

    https://git-scm.com/docs/http-protocol#_discovering_references

    Raises:
        RejectedError: CodeCommit rejects the user name and the password.
        ConfigurationError: The repository does not exist.
        ServiceUnavailable: No usable reply arrived.
        ProtocolError: The reply is not as documented.
    """
    action, resource = "CodeCommit's GET info/refs", f"Repository {repository} at {endpoint}"
    url = f"https://{endpoint}/v1/repos/{repository}/info/refs?service=git-upload-pack"
    basic = base64.b64encode(f"{user_name}:{password}".encode()).decode()
    # A server knows git by this name.
    headers = {"Authorization": f"Basic {basic}", "User-Agent": "git/2 rotating-secret"}
    send_request = partial(send, "GET", url, headers=headers, body=None)
    reply = login.request(action, resource, send_request, handled={HTTPStatus.NOT_FOUND})
    if reply.status == HTTPStatus.NOT_FOUND:
        raise _not_found(resource)
    kind = reply.headers.get("content-type")
    if kind != _ADVERTISEMENT:
        raise ProtocolError.malformed(
            action=action,
            resource=resource,
            field="Content-Type",
            given=kind,
            allowed=_ADVERTISEMENT,
        )


def _not_found(resource: str) -> ConfigurationError:
    return ConfigurationError(
        f"{resource} does not exist. Create it, or correct repository in the variable rotation, "
        "then rotate again."
    )
