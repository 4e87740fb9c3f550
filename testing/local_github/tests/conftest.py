"""A local GitHub with an App on one account, and the little that a client of it needs."""

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

Json: TypeAlias = Any  # What an answer holds is what the tests look at.


@dataclass(frozen=True)
class Answered:
    status: int
    body: Json
    headers: urllib3.HTTPHeaderDict


@dataclass(frozen=True)
class Client:
    """Asks as the strategies do."""

    api_url: str
    pool: urllib3.PoolManager

    def ask(
        self, request: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Answered:
        method, _, path = request.partition(" ")
        address = path if path.startswith("http") else self.api_url + path
        sent = {"User-Agent": "tests", "Accept": "application/vnd.github+json", **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        answer = self.pool.request(
            method,
            address,
            body=None if body is None else json.dumps(body),
            headers=sent,
            redirect=False,
            retries=False,
            timeout=5,
        )
        held = json.loads(answer.data) if answer.data[:1] in {b"{", b"["} else answer.data
        return Answered(answer.status, held, answer.headers)


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


def part(held: object) -> str:
    encoded = base64.urlsafe_b64encode(
        held if isinstance(held, bytes) else json.dumps(held).encode()
    )
    return encoded.rstrip(b"=").decode()


@pytest.fixture
def jwt(github: LocalGitHub, app: App, app_key: rsa.RSAPrivateKey) -> Jwt:
    """Signs as GitHub's documentation says; an argument changes a claim, None takes it away."""

    def sign(key: rsa.RSAPrivateKey = app_key, alg: str = "RS256", **claims: object) -> str:
        now = int(github.now().timestamp())
        usual = {"iat": now - 60, "exp": now + 540, "iss": app.client_id}
        held = {name: claim for name, claim in (usual | claims).items() if claim is not None}
        signed = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(held)}"
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{part(signature)}"

    return sign


IssueToken: TypeAlias = Callable[..., Json]


@pytest.fixture
def issue_token(client: Client, installation: Installation, jwt: Jwt) -> IssueToken:
    """Asks for an installation's token, narrowed by the arguments."""

    def issue(**narrowed: object) -> Json:
        address = f"POST /app/installations/{installation.id}/access_tokens"
        answer = client.ask(address, narrowed or None, token=jwt())
        assert answer.status == 201
        return answer.body

    return issue


@dataclass(frozen=True)
class KeyPair:
    public: str
    private: bytes


def key_pair() -> KeyPair:
    made = ed25519.Ed25519PrivateKey.generate()
    public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(public.decode(), private)
