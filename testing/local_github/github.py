"""The state of the local GitHub, and the methods by which a test reads and changes it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import secrets
import string
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_ssh_private_key,
)

from testing.local_github import description
from testing.local_github.records import App, DeployKey, Installation, Repository, Token
from testing.local_github.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from testing.local_github.exchange import Response

_TOKEN_LIFE: Final = timedelta(hours=1)


class ContractBrokenError(AssertionError):
    """A request or response does not match GitHub's description."""

    def __init__(self, violations: Sequence[str]) -> None:
        super().__init__("GitHub's description does not allow:\n" + "\n".join(violations))


class NotAnRsaKeyError(TypeError):
    """The key of an App is not an RSA key."""


class NoTlsError(RuntimeError):
    """The local GitHub runs without TLS and has no certificate."""


class LocalGitHub:
    """A running local GitHub. A change applies from the next request."""

    def __init__(
        self,
        server_url: str,
        *,
        enterprise: bool,
        certificate: Path | None,
        private_key: Path | None,
    ) -> None:
        self.enterprise = enterprise
        self.server_url = server_url
        self.api_url = f"{server_url}/api/v3" if enterprise else server_url
        """The value for the option `api_url` of a strategy."""
        self.certificate = certificate
        """The certificate that a client must trust, e.g. by SSL_CERT_FILE; None without TLS."""
        self._private_key = private_key
        self.description = description.load(
            description.ENTERPRISE_SERVER if enterprise else description.GITHUB_COM
        )
        # GitHub Enterprise Server 3.19 issues tokens in the old format.
        self.switches = Switches(stateless_tokens=not enterprise)
        self.apps: list[App] = []
        self.installations: list[Installation] = []
        self.repositories: list[Repository] = []
        self.renamed: dict[str, Repository] = {}
        self.tokens: list[Token] = []
        """All tokens that are neither revoked nor deleted, including expired ones."""
        self.deploy_keys: list[DeployKey] = []
        self.requests: list[str] = []
        """All valid requests, each with the status of its response: `GET /app 200`."""
        self.violations: list[str] = []
        self.amend: Callable[[Response], Response] | None = None
        """A function that changes each response before it is validated."""
        self.lock = threading.RLock()
        self._lost: list[tuple[str, bool]] = []
        self._ahead = timedelta()
        self._ids = itertools.count(1001)

    # Apps, repositories, tokens and keys

    @property
    def trusted(self) -> tuple[Path, Path]:
        """The certificate and its key, for another server that the same clients trust.

        Raises:
            NoTlsError: The local GitHub runs without TLS.
        """
        if self.certificate is None or self._private_key is None:
            raise NoTlsError
        return self.certificate, self._private_key

    def add_app(self, public_key: RSAPublicKey | bytes | None, *, slug: str = "rotator") -> App:
        """Register an App with its public key, e.g. the DER that kms:GetPublicKey returns."""
        if isinstance(public_key, bytes):
            loaded = load_der_public_key(public_key)
            if not isinstance(loaded, RSAPublicKey):
                raise NotAnRsaKeyError
            public_key = loaded
        number = next(self._ids)
        app = App(id=number, client_id=f"Iv23li{number:014}", slug=slug, public_key=public_key)
        self.apps.append(app)
        return app

    def add_repository(self, full_name: str, *, private: bool = True) -> Repository:
        """Create a repository; its owner needs no record of its own."""
        owner, name = full_name.split("/")
        repository = Repository(id=next(self._ids), owner=owner, name=name, private=private)
        self.repositories.append(repository)
        return repository

    def install(
        self,
        app: App,
        account: str,
        *,
        permissions: dict[str, str],
        repositories: Sequence[Repository] | None = None,
    ) -> Installation:
        """Install an App on an account, for all of its repositories by default."""
        installation = Installation(
            id=next(self._ids),
            app=app,
            account=account,
            permissions={"metadata": "read", **permissions},
            repositories=None if repositories is None else list(repositories),
            created_at=self.now(),
        )
        self.installations.append(installation)
        return installation

    def add_personal_token(
        self, login: str, *, permissions: dict[str, str], repositories: Sequence[Repository]
    ) -> Token:
        """Create a fine-grained personal access token, which the API cannot do."""
        token = Token(
            value=f"github_pat_{_characters(82)}",
            login=login,
            permissions={"metadata": "read", **permissions},
            repositories=list(repositories),
        )
        self.tokens.append(token)
        return token

    def issue_token(
        self,
        installation: Installation,
        permissions: dict[str, str],
        repositories: Sequence[Repository] | None,
    ) -> Token:
        """Create an installation access token. A test does this through the API."""
        token = Token(
            value=self._installation_token(installation.app),
            login=f"{installation.app.slug}[bot]",
            permissions=permissions,
            repositories=None if repositories is None else list(repositories),
            installation=installation,
            expires_at=self.now() + _TOKEN_LIFE,
        )
        self.tokens.append(token)
        return token

    def add_deploy_key(
        self,
        repository: Repository,
        key: str,
        *,
        title: str = "",
        read_only: bool = True,
        token: Token | None = None,
    ) -> DeployKey:
        """Add a deploy key with a token, or without one, as a user does in the browser."""
        added = DeployKey(
            id=next(self._ids),
            repository=repository,
            # GitHub keeps the type and the key, and drops the comment.
            key=" ".join(key.split()[:2]),
            title=title,
            read_only=read_only,
            added_by=token.login if token else "octocat",
            created_at=self.now(),
            token=token,
        )
        self.deploy_keys.append(added)
        return added

    def keys_of(self, repository: Repository) -> list[DeployKey]:
        """Return a repository's deploy keys, the oldest first."""
        return [key for key in self.deploy_keys if key.repository is repository]

    def repositories_of(self, holder: Installation | Token) -> list[Repository]:
        """Return the repositories that a token or an installation can access."""
        if isinstance(holder, Installation):
            accessible = [each for each in self.repositories if each.owner == holder.account]
        else:
            installation = holder.installation
            accessible = self.repositories_of(installation) if installation else self.repositories
        chosen = holder.repositories
        return [each for each in accessible if chosen is None or each in chosen]

    def accepts(self, token: str) -> bool:
        """Return whether GitHub accepts a token."""
        return self.find_token(token) is not None

    def find_token(self, value: str) -> Token | None:
        """Find a token that is neither revoked nor expired."""
        return next(
            (
                token
                for token in self.tokens
                if token.value == value
                and (token.expires_at is None or token.expires_at > self.now())
            ),
            None,
        )

    def authenticates(self, private_key: str | bytes, repository: Repository) -> bool:
        """Return whether a deploy key gives access to a repository over SSH.

        Args:
            private_key: A key in OpenSSH format, without a passphrase.
            repository: The repository.
        """
        content = private_key.encode() if isinstance(private_key, str) else private_key
        public = load_ssh_private_key(content, password=None).public_key()
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        return line in {key.key for key in self.keys_of(repository)}

    # Changes

    def suspend(self, installation: Installation) -> None:
        """Suspend an installation, as an owner of the account can."""
        installation.suspended_at = self.now()

    def uninstall(self, installation: Installation) -> None:
        """Remove an App and its tokens from an account; the deploy keys that it added remain."""
        self.installations.remove(installation)
        self.tokens = [token for token in self.tokens if token.installation is not installation]

    def delete_token(self, token: Token) -> None:
        """Revoke a token. GitHub removes the deploy keys that a personal token added.

        https://docs.github.com/rest/deploy-keys/deploy-keys
        """
        self.tokens.remove(token)
        if token.installation is None:
            self.deploy_keys = [key for key in self.deploy_keys if key.token is not token]

    def rename(self, repository: Repository, full_name: str) -> None:
        """Rename or transfer a repository; the old name redirects to it."""
        self.renamed[repository.full_name.lower()] = repository
        repository.owner, repository.name = full_name.split("/")

    def now(self) -> datetime:
        """Return the time of the local GitHub's clock."""
        return datetime.fromtimestamp(time.time(), tz=UTC) + self._ahead

    def move_clock(self, seconds: float) -> None:
        """Move the local GitHub's clock forward."""
        self._ahead += timedelta(seconds=seconds)

    def set(self, **switches: object) -> None:
        """Set some switches."""
        self.switches = dataclasses.replace(self.switches, **switches)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def switched(self, **switches: object) -> Iterator[None]:
        """Set some switches for the length of the block."""
        before = self.switches
        self.set(**switches)
        try:
            yield
        finally:
            self.switches = before

    def lose_response(self, request: str, *, carried_out: bool) -> None:
        """Close the connection of the next such request instead of responding.

        Args:
            request: A method and the template of a path, e.g. `POST /repos/{owner}/{repo}/keys`.
            carried_out: Whether the request is carried out before.
        """
        self._lost.append((request, carried_out))

    def is_lost(self, request: str, *, carried_out: bool) -> bool:
        """Return whether the next such response is to be lost, and forget that."""
        if (request, carried_out) not in self._lost:
            return False
        self._lost.remove((request, carried_out))
        return True

    # Violations

    def check(self) -> None:
        """Report all violations so far, once.

        Raises:
            ContractBrokenError: A request or response did not match the description.
        """
        with self.lock:
            violations, self.violations = self.violations, []
        if violations:
            raise ContractBrokenError(violations)

    def _installation_token(self, app: App) -> str:
        # https://github.blog/changelog/2026-05-15-github-app-installation-tokens-per-request-override-header/
        if self.switches.stateless_tokens:
            parts = ".".join(secrets.token_urlsafe(size) for size in (45, 250, 86))
            return f"ghs_{app.id}_{parts}"
        return f"ghs_{_characters(36)}"


def _characters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))
