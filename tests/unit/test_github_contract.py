"""The fake GitHub responds like the local GitHub, which GitHub's API description checks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.services.github.api import api as read_api
from rotation.services.github.api import installation
from rotation.services.https import Https, Reply
from rotation.settings import OptionReader
from testing.local_github import local_github
from tests.unit.cloud import Cloud, FakeClients
from tests.unit.github import (
    API_URL,
    APP,
    OPERATIONS,
    OWNER,
    PERMISSIONS,
    REPOSITORIES,
    ClientsWithKms,
    DeployKeys,
)
from tests.unit.kms import Kms, private_key
from tests.unit.test_ssh import PAIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotation.services.https import Send

APPS: Final = "jwt"
TOKENS: Final = "token"
_KEYS: Final = f"/repos/{OWNER}/reports/keys"
_TOKEN: Final = "POST /app/installations/{installation}/access_tokens"  # noqa: S105 -- an address
_NARROWED: Final = {"permissions": {"contents": "read"}, "repositories": ["reports"]}
_KEY: Final = {"key": PAIR.public_key, "read_only": True, "title": "rotating-secret mark"}


@dataclass(kw_only=True)
class Side:
    """A GitHub with an App on one account, and the values in its responses."""

    url: str
    send: Send
    known: dict[str, str] = field(default_factory=dict)

    def ask(self, request: str, *, by: str, body: object = None) -> tuple[int, Any]:
        method, _, path = request.format(**self.known).partition(" ")
        reply = self.send(
            method,
            self.url + path,
            headers={
                "Authorization": f"Bearer {self.known.get(by, by)}",
                "Content-Type": "application/json",
                "User-Agent": "tests",
            },
            body=None if body is None else json.dumps(body).encode(),
        )
        return reply.status, json.loads(reply.body or b"null")


@dataclass(kw_only=True)
class Overhearing:
    """Sends requests, and keeps the token of the first one, which the App has signed."""

    send: Send
    bearers: list[str] = field(default_factory=list)

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        self.bearers.append(headers["Authorization"].removeprefix("Bearer "))
        return self.send(method, url, headers=headers, body=body)


def _side(url: str, send: Send, clients: Any, **app: object) -> Side:  # noqa: ANN401 -- one of the two
    heard = Overhearing(send=send)
    options = OptionReader({**APP, **app, "api_url": "https://not.asked"}, path="options")
    asked = read_api(options, heard)
    asked.url = url
    token = installation(options, clients, asked).token(
        repositories=REPOSITORIES, permissions=PERMISSIONS
    )
    number = str({**APP, **app}["installation_id"])
    known = {APPS: heard.bearers[0], TOKENS: token.value, "installation": number}
    return Side(url=url, send=send, known=known)


def _fake(cloud: Cloud) -> Side:
    github = DeployKeys(cloud)
    return _side(API_URL, github.send, ClientsWithKms(FakeClients(cloud), cloud))


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    with local_github(tls=True) as github:
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        for name in REPOSITORIES:
            github.add_repository(f"{OWNER}/{name}")
        app = github.add_app(private_key("app").public_key())
        there = github.install(app, OWNER, permissions=dict(PERMISSIONS))
        yield _side(
            github.api_url,
            Https(),
            Kms(private_key("app")),
            client_id=app.client_id,
            installation_id=there.id,
        )


# For each exchange: the request, the caller and the body.
EXCHANGES: Final[Mapping[str, list[tuple[str, str, object]]]] = {
    "an-app-is-asked-for": [
        ("GET /app/installations/{installation}", APPS, None),
        ("GET /app/installations/{installation}", "a.b", None),
        ("GET /app/installations/1", APPS, None),
    ],
    "a-token-is-made-used-and-ended": [
        (_TOKEN, APPS, _NARROWED),
        (_TOKEN, APPS, {**_NARROWED, "repositories": ["elsewhere"]}),
        (_TOKEN, "nobody", _NARROWED),
        (_TOKEN.replace("{installation}", "1"), APPS, _NARROWED),
        ("GET /installation/repositories?per_page=100&page=1", TOKENS, None),
        ("DELETE /installation/token", TOKENS, None),
        ("DELETE /installation/token", TOKENS, None),
        ("GET /installation/repositories?per_page=100&page=1", TOKENS, None),
    ],
    "a-key-is-added-shown-and-removed": [
        (f"GET /repos/{OWNER}/reports", TOKENS, None),
        (f"GET {_KEYS}?per_page=100&page=1", TOKENS, None),
        (f"POST {_KEYS}", TOKENS, _KEY),
        (f"GET {_KEYS}?per_page=100&page=1", TOKENS, None),
        (f"GET {_KEYS}/{{id}}", TOKENS, None),
        (f"DELETE {_KEYS}/{{id}}", TOKENS, None),
        (f"GET {_KEYS}/{{id}}", TOKENS, None),
        (f"DELETE {_KEYS}/{{id}}", TOKENS, None),
        (f"GET {_KEYS}?per_page=100&page=1", TOKENS, None),
    ],
    "a-key-is-asked-for-by-nobody": [
        (f"GET {_KEYS}", "nobody", None),
        (f"POST {_KEYS}", "nobody", _KEY),
        (f"DELETE {_KEYS}/1", "nobody", None),
    ],
    "another-repository-does-not-exist": [
        (f"GET /repos/{OWNER}/elsewhere", TOKENS, None),
        (f"GET /repos/{OWNER}/elsewhere/keys", TOKENS, None),
        (f"POST /repos/{OWNER}/elsewhere/keys", TOKENS, _KEY),
        ("GET /repos/mona/reports/keys/1", TOKENS, None),
    ],
}
# New in each response.
_THEIR_OWN: Final = {"created_at", "expires_at", "id", "message", "ssh_url", "token"}


def _same(said: Any, described: Any, path: str) -> None:  # noqa: ANN401 -- JSON
    """Compare each field of the fake with that of the local GitHub."""
    assert type(said) is type(described), path
    if isinstance(said, dict):
        for name, part in said.items():
            assert name in described, f"{path}.{name}"
            _same(part, described[name], f"{path}.{name}")
    elif isinstance(said, list):
        assert len(said) == len(described), path
        for part, other in zip(said, described, strict=True):
            _same(part, other, path)
    elif path.rpartition(".")[2] not in _THEIR_OWN:
        assert said == described, path


@pytest.mark.parametrize("name", EXCHANGES)
def test_both_respond_the_same(name: str, local: Side) -> None:
    fake = _fake(Cloud())
    for request, by, body in EXCHANGES[name]:
        (status, said), (expected, described) = (
            side.ask(request, by=by, body=body) for side in (fake, local)
        )
        assert status == expected, request
        _same(said, described, request)
        for side, answer in ((fake, said), (local, described)):
            if isinstance(answer, dict) and "id" in answer:
                side.known["id"] = str(answer["id"])


def test_every_operation_of_the_fake_is_compared() -> None:
    cloud = Cloud()
    for exchanges in EXCHANGES.values():
        side = _fake(cloud)
        side.known["id"] = "1"
        for request, by, body in exchanges:
            side.ask(request, by=by, body=body)
    assert set(cloud.fuse.calls) == OPERATIONS
