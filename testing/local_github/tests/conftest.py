"""A local GitHub with an App that is installed on one account, and an HTTP client."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import urllib3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from testing.local_github import LocalGitHub, local_github
from testing.local_github.records import App, Installation, Repository

Json: TypeAlias = Any  # The tests check the content of a response.


@dataclass(frozen=True)
class Reply:
    status: int
    body: Json
    headers: urllib3.HTTPHeaderDict


@dataclass(frozen=True)
class Client:
    """Sends the headers that the strategies send."""

    api_url: str
    pool: urllib3.PoolManager

    def ask(
        self, request: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Reply:
        method, _, path = request.partition(" ")
        url = path if path.startswith("http") else self.api_url + path
        all_headers = {"User-Agent": "tests", "Accept": "application/vnd.github+json", **headers}
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        response = self.pool.request(
            method,
            url,
            body=None if body is None else json.dumps(body),
            headers=all_headers,
            redirect=False,
            retries=False,
            timeout=5,
        )
        content = response.data
        parsed = json.loads(content) if content[:1] in {b"{", b"["} else content
        return Reply(response.status, parsed, response.headers)


@pytest.fixture(scope="session")
def app_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with local_github() as github:
        yield github


@pytest.fixture
def client(github: LocalGitHub) -> Iterator[Client]:
    with urllib3.PoolManager() as pool:
        yield Client(github.api_url, pool)


@pytest.fixture
def repository(github: LocalGitHub) -> Repository:
    return github.add_repository("octo-org/reports")


@pytest.fixture
def app(github: LocalGitHub, app_key: rsa.RSAPrivateKey) -> App:
    return github.add_app(app_key.public_key())


@pytest.fixture
def installation(github: LocalGitHub, app: App, repository: Repository) -> Installation:
    assert repository.owner == "octo-org"
    permissions = {"administration": "write", "contents": "write", "issues": "read"}
    return github.install(app, "octo-org", permissions=permissions)


Jwt: TypeAlias = Callable[..., str]


def part(content: object) -> str:
    encoded = base64.urlsafe_b64encode(
        content if isinstance(content, bytes) else json.dumps(content).encode()
    )
    return encoded.rstrip(b"=").decode()


@pytest.fixture
def jwt(github: LocalGitHub, app: App, app_key: rsa.RSAPrivateKey) -> Jwt:
    """Signs a valid token; an argument changes a claim, and None removes it."""

    def sign(key: rsa.RSAPrivateKey = app_key, alg: str = "RS256", **claims: object) -> str:
        now = int(github.now().timestamp())
        valid = {"iat": now - 60, "exp": now + 540, "iss": app.client_id}
        payload = {name: claim for name, claim in (valid | claims).items() if claim is not None}
        signed = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(payload)}"
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{part(signature)}"

    return sign


IssueToken: TypeAlias = Callable[..., Json]


@pytest.fixture
def issue_token(client: Client, installation: Installation, jwt: Jwt) -> IssueToken:
    """Creates an installation access token with the scope of the arguments."""

    def issue(**scope: object) -> Json:
        address = f"POST /app/installations/{installation.id}/access_tokens"
        response = client.ask(address, scope or None, token=jwt())
        assert response.status == 201
        return response.body

    return issue


@dataclass(frozen=True)
class KeyPair:
    public: str
    private: bytes


def key_pair() -> KeyPair:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(public.decode(), private)
