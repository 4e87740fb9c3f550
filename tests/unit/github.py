"""A small fake of GitHub in the cloud: its requests go through the same fuse as those to AWS.

`test_github_contract.py` runs the same requests on it and on the local GitHub. The local GitHub is
checked against the API description that GitHub publishes.
"""

from __future__ import annotations

import functools
import importlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError  # noqa: A004 -- its own
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from rotation.services.https import Reply
from rotation.services.tls import NoReplyError
from rotation.settings import OptionReader
from tests.unit.bad_input import ABSENT, HEADER, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from rotation.aws import Clients
    from rotation.strategy import Generator, Issuer
    from rotation_conformance.rotator import Content
    from tests.unit.cloud import Cloud

Json: TypeAlias = Any  # The body of a request or a response.

API_URL: Final = "https://api.github.com"
INSTALLATION: Final = 4711
KEY_ARN: Final = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OWNER: Final = "octo-org"
PERMISSIONS: Final = {"administration": "write", "contents": "read", "issues": "write"}
REPOSITORIES: Final = ("ledger", "reports")


@dataclass(slots=True, kw_only=True)
class HeldToken:
    expires: datetime
    repositories: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class HeldKey:
    number: int
    key: str
    title: str
    read_only: bool
    created: datetime
    # When it was created and deleted. The list shows both late.
    born: datetime
    gone: datetime | None = None


class _Refused(Exception):  # noqa: N818 -- a response like any other
    def __init__(self, status: int, message: str) -> None:
        super().__init__()
        self.reply = _reply(status, {"message": message})


@dataclass(frozen=True, slots=True)
class _Asked:
    bearer: str = field(repr=False)
    body: Json
    groups: tuple[str, ...]


class GitHub:
    """One account with two repositories, where the App is installed."""

    slots = None
    issues = "create_token"

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.tokens: dict[str, HeldToken] = {}
        # At GitHub one hour. Here it is longer, because hours are between two rotations.
        self.life = timedelta(days=30)
        # Changes the reply to one call.
        self.wrong: Callable[[str, Reply], Reply] | None = None

    # For the invariants and the suite

    def outage(self) -> AbstractContextManager[None]:
        return self.cloud.outage()

    def works(self, value: Content) -> bool:
        return (
            self._accepts(value["token"])
            and value["installation_id"] == INSTALLATION
            and value["api_url"] == API_URL
            and value["username"] == "x-access-token"
        )

    def identity(self, value: Content) -> str:
        return str(value["token"])

    def ours(self) -> set[str]:
        """Return nothing: tokens cannot be listed, and each one expires."""
        return set()

    def unlisted(self) -> set[str]:
        return {token for token in self.tokens if self._accepts(token)}

    def foreign_lost(self) -> list[str]:
        return []

    # For the strategies

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        assert url.startswith(API_URL)
        path = url.removeprefix(API_URL).partition("?")[0]
        for pattern, (name, operation) in _OPERATIONS.items():
            if match := re.fullmatch(pattern, f"{method} {path}"):
                bearer = headers["Authorization"].removeprefix("Bearer ")
                asked = _Asked(bearer, json.loads(body or b"{}"), match.groups())
                return self._answered(name, partial(operation, self, asked))
        raise AssertionError(path)

    def _answered(self, name: str, operation: Callable[[], Reply]) -> Reply:
        def effect() -> Reply:
            try:
                return operation()
            except _Refused as refused:
                return refused.reply

        return carried_out(self.cloud, name, effect, self.wrong)

    def _accepts(self, token: str) -> bool:
        return token in self.tokens and self.tokens[token].expires > self.cloud.time.now

    def _token(self, asked: _Asked) -> HeldToken:
        if not self._accepts(asked.bearer):
            raise _Refused(401, "Bad credentials")
        return self.tokens[asked.bearer]

    def _app(self, asked: _Asked) -> None:
        if asked.bearer.count(".") != 2:
            raise _Refused(401, "A JSON web token could not be decoded")
        if asked.groups != (str(INSTALLATION),):
            raise _Refused(404, "Not Found")

    def create_token(self, asked: _Asked) -> Reply:
        self._app(asked)
        names = asked.body["repositories"]
        if not set(names) <= set(REPOSITORIES):
            raise _Refused(422, "There is at least one repository that is not accessible.")
        value = f"ghs_{secrets.token_urlsafe(300)}"
        expires = (self.cloud.time.now + self.life).replace(microsecond=0)
        self.tokens[value] = HeldToken(expires=expires, repositories=tuple(names))
        answer = {
            "token": value,
            "expires_at": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            "permissions": {"metadata": "read", **asked.body["permissions"]},
            "repositories": [{"name": name} for name in names],
            "repository_selection": "selected",
        }
        return _reply(201, answer)

    def get_installation(self, asked: _Asked) -> Reply:
        self._app(asked)
        return _reply(200, {"permissions": PERMISSIONS, "suspended_at": None})

    def list_repositories(self, asked: _Asked) -> Reply:
        names = self._token(asked).repositories
        listed = [{"name": name} for name in names]
        return _reply(200, {"total_count": len(names), "repositories": listed})

    def end_token(self, asked: _Asked) -> Reply:
        self._token(asked)
        del self.tokens[asked.bearer]
        return Reply(status=204, headers={}, body=b"")


@functools.cache  # The invariants are checked after each call.
def _public_key(private_key: str) -> str:
    """Return the public half of a key pair, as OpenSSH writes it."""
    private = load_ssh_private_key(private_key.encode(), password=None)
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class DeployKeys(GitHub):
    """The deploy keys of one of the repositories. Operators have keys there, too."""

    issues = "create_key"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.keys: list[HeldKey] = []
        self.removed: list[HeldKey] = []
        self._numbers = 0

    def works(self, value: Content) -> bool:
        held = {one.number: one for one in self.keys}.get(value["key_id"])
        return (
            held is not None
            and held.key == value["public_key"] == _public_key(value["private_key"])
            and held.read_only is value["read_only"] is True
            and value["ssh_url"] == "git@github.com:octo-org/reports.git"
        )

    def identity(self, value: Content) -> str:
        return str(value["key_id"])

    def unlisted(self) -> set[str]:
        """Return none: the App's own tokens are not credentials of the secret."""
        return set()

    def ours(self) -> set[str]:
        return {str(one.number) for one in self.keys if one.title != _BY_HAND}

    def foreign_lost(self) -> list[str]:
        return [str(one.number) for one in self.removed if one.title == _BY_HAND]

    def add_foreign(self) -> str:
        return str(self.add(f"ssh-ed25519 {secrets.token_hex(8)}", title=_BY_HAND).number)

    def remove_foreign(self, identity: str) -> None:
        self.keys = [one for one in self.keys if str(one.number) != identity]

    def add(self, key: str, *, title: str, read_only: bool = True) -> HeldKey:
        self._numbers += 1
        created = self.cloud.time.now.replace(microsecond=0)
        made = HeldKey(
            number=self._numbers,
            key=key,
            title=title,
            read_only=read_only,
            created=created,
            born=self.cloud.time.now,
        )
        self.keys.append(made)
        return made

    def _keys(self, asked: _Asked) -> list[HeldKey]:
        owner, name, *_ = asked.groups
        if owner != OWNER or name not in self._token(asked).repositories:
            raise _Refused(404, "Not Found")
        return self.keys

    def _key(self, asked: _Asked) -> HeldKey:
        for one in self._keys(asked):
            if str(one.number) == asked.groups[2]:
                return one
        raise _Refused(404, "Not Found")

    def get_repository(self, asked: _Asked) -> Reply:
        self._keys(asked)
        owner, name = asked.groups
        return _reply(200, {"ssh_url": f"git@github.com:{owner}/{name}.git"})

    def list_keys(self, asked: _Asked) -> Reply:
        then = self.cloud.time.now - timedelta(seconds=self.cloud.read_lag)
        keys = sorted([*self._keys(asked), *self.removed], key=lambda key: key.number)
        seen = [key for key in keys if key.born <= then and (not key.gone or key.gone > then)]
        return _reply(200, [_shown(one) for one in seen])

    def create_key(self, asked: _Asked) -> Reply:
        self._keys(asked)
        return _reply(201, _shown(self.add(**asked.body)))

    def get_key(self, asked: _Asked) -> Reply:
        return _reply(200, _shown(self._key(asked)))

    def delete_key(self, asked: _Asked) -> Reply:
        gone = self._key(asked)
        self.keys.remove(gone)
        gone.gone = self.cloud.time.now
        self.removed.append(gone)
        return Reply(status=204, headers={}, body=b"")


_BY_HAND: Final = "laptop"


def _shown(key: HeldKey) -> Json:
    return {
        "id": key.number,
        "key": key.key,
        "title": key.title,
        "read_only": key.read_only,
        "created_at": f"{key.created:%Y-%m-%dT%H:%M:%SZ}",
        "verified": True,
    }


_REPOSITORY: Final = r"/repos/([^/]+)/([^/]+)"
_OPERATIONS: Final[Mapping[str, tuple[str, Callable[[Any, _Asked], Reply]]]] = {
    r"POST /app/installations/(\d+)/access_tokens": ("create_token", GitHub.create_token),
    r"GET /app/installations/(\d+)": ("get_installation", GitHub.get_installation),
    r"GET /installation/repositories": ("list_repositories", GitHub.list_repositories),
    r"DELETE /installation/token": ("end_token", GitHub.end_token),
    rf"GET {_REPOSITORY}": ("get_repository", DeployKeys.get_repository),
    rf"GET {_REPOSITORY}/keys": ("list_keys", DeployKeys.list_keys),
    rf"POST {_REPOSITORY}/keys": ("create_key", DeployKeys.create_key),
    rf"GET {_REPOSITORY}/keys/(\d+)": ("get_key", DeployKeys.get_key),
    rf"DELETE {_REPOSITORY}/keys/(\d+)": ("delete_key", DeployKeys.delete_key),
}
# Beside those of AWS. The tests of the strategies have the possible responses.
OPERATIONS: Final = {"sign", *(name for name, _ in _OPERATIONS.values())}


def _reply(status: int, body: Json) -> Reply:
    return Reply(status=status, headers={}, body=json.dumps(body).encode())


def carried_out(
    cloud: Cloud,
    name: str,
    effect: Callable[[], Reply],
    wrong: Callable[[str, Reply], Reply] | None = None,
) -> Reply:
    """Send a request through the fuse, as HTTP."""
    try:
        reply = cloud.request(name, effect)
        return wrong(name, reply) if wrong else reply
    except ClientError as error:
        return _troubled(error)
    except BotoCoreError as error:
        lost = not isinstance(error, ConnectionError)
    raise NoReplyError(lost=lost)


def _troubled(error: ClientError) -> Reply:
    """Translate an error of the fuse, which is one of AWS, into an HTTP reply."""
    code, text = error.response["Error"]["Code"], error.response["Error"]["Message"]
    known = {"AccessDenied": 403, "SignatureDoesNotMatch": 401, "Throttling": 429}
    found = [status for name, status in known.items() if code.startswith(name)]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return _reply(found[0] if found else status, {"message": text})


class FakeKms:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def sign(self, **request: object) -> dict[str, bytes]:
        assert request["KeyId"] == KEY_ARN
        return self._cloud.request("sign", lambda: {"Signature": b"signed"})


class ClientsWithKms:
    """The clients of one process, and KMS."""

    def __init__(self, clients: Clients, cloud: Cloud) -> None:
        self._clients = clients
        self._cloud = cloud

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        return (
            FakeKms(self._cloud) if service == "kms" else self._clients(service, attempts=attempts)
        )

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the Protocol's
        return self._clients.of(service, key_id=key_id, secret=secret)


APP: Final[Mapping[str, object]] = {
    "api_url": API_URL,
    "client_id": "Iv23liExample",
    "installation_id": INSTALLATION,
    "kms_key_arn": KEY_ARN,
}
APP_TOKEN: Final[Mapping[str, object]] = {
    **APP,
    "permissions": PERMISSIONS,
    "repositories": [*REPOSITORIES],
    "revoke_previous": False,
}
_KEY: Final[Mapping[str, object]] = {
    "key_type": "ed25519",
    "read_only": True,
    "repository": f"{OWNER}/reports",
}
DEPLOY_KEY: Final[Mapping[str, object]] = {**APP, **_KEY}


def deploy_key_by(token_secret_arn: str) -> Mapping[str, object]:
    """Return the options for a token in another secret."""
    return {"api_url": API_URL, **_KEY, "token_secret_arn": token_secret_arn}


def strategy(
    name: str, options: Mapping[str, object], github: GitHub, clients: Clients
) -> Generator | Issuer:
    """Build a strategy of the registry that uses this GitHub."""
    module = importlib.import_module(f"rotation.strategies.{name}")
    fields = OptionReader(options, path="options")
    built: Generator | Issuer = module.build(
        fields, ClientsWithKms(clients, github.cloud), github.send
    )
    fields.end()
    return built


_AN_API: Final = "a URL such as https://api.github.com or https://HOST/api/v3"
_AN_APP: Final = "the client ID of a GitHub App"
_A_KMS_KEY: Final = "the ARN of a KMS key"
_A_NUMBER: Final = f"a whole number from 1 to {2**53 - 1}"
# The options of a GitHub App.
APP_ROWS: Final[Sequence[Row]] = [
    ("api_url", "absent", ABSENT, _AN_API),
    ("api_url", "null", None, _AN_API),
    ("api_url", "number", 7, _AN_API),
    ("api_url", "plaintext", "http://api.github.com", _AN_API),
    ("api_url", "slash", "https://api.github.com/", _AN_API),
    ("api_url", "user", "https://user:word@api.github.com", _AN_API),
    ("api_url", "query", "https://api.github.com?x=y", _AN_API),
    ("api_url", "header", f"https://api.github.com{HEADER}", _AN_API),
    ("api_url", "other-letters", "https://api.gith\u00fcb.com", _AN_API),
    ("client_id", "absent", ABSENT, _AN_APP),
    ("client_id", "empty", "", _AN_APP),
    ("client_id", "number", 7, _AN_APP),
    ("client_id", "space", "my app", _AN_APP),
    ("client_id", "line-end", "Iv23li\n", _AN_APP),
    ("installation_id", "absent", ABSENT, _A_NUMBER),
    ("installation_id", "text", "4711", _A_NUMBER),
    ("installation_id", "none", 0, _A_NUMBER),
    ("installation_id", "boolean", True, _A_NUMBER),
    ("installation_id", "half", 0.5, _A_NUMBER),
    ("installation_id", "beyond-json", 2**53, _A_NUMBER),
    ("kms_key_arn", "absent", ABSENT, _A_KMS_KEY),
    ("kms_key_arn", "id", "1234abcd-12ab-34cd-56ef-1234567890ab", _A_KMS_KEY),
    ("kms_key_arn", "alias", "arn:aws:kms:eu-west-1:123456789012:alias/app", _A_KMS_KEY),
    ("kms_key_arn", "list", ["arn:aws:kms:eu-west-1:123456789012:key/1"], _A_KMS_KEY),
]
