"""The local GitHub as a test sees it: what there is, what changes, what went wrong."""

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

    from testing.local_github.exchange import Answer

_TOKEN_LIFE: Final = timedelta(hours=1)


class ContractBrokenError(AssertionError):
    """An exchange was not as GitHub describes it."""

    def __init__(self, violations: Sequence[str]) -> None:
        super().__init__("GitHub's description does not allow:\n" + "\n".join(violations))


class NotAnRsaKeyError(TypeError):
    """An App's key is not RSA."""


class NoTlsError(RuntimeError):
    """There is no certificate, as nothing is encrypted."""


class LocalGitHub:
    """A running local GitHub. What a test reads and changes here holds for the next request."""

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
        """What the setting `api_url` of a strategy is to hold."""
        self.certificate = certificate
        """What a client has to trust, e.g. by SSL_CERT_FILE; None without TLS."""
        self._private_key = private_key
        self.description = description.load(
            description.ENTERPRISE_SERVER if enterprise else description.GITHUB_COM
        )
        # GitHub Enterprise Server 3.19 issues the format that it always has.
        self.switches = Switches(stateless_tokens=not enterprise)
        self.apps: list[App] = []
        self.installations: list[Installation] = []
        self.repositories: list[Repository] = []
        self.renamed: dict[str, Repository] = {}
        self.tokens: list[Token] = []
        """Those that are neither revoked nor deleted; the expired ones stay."""
        self.deploy_keys: list[DeployKey] = []
        self.requests: list[str] = []
        """What was asked and answered, e.g. `DELETE /installation/token 204`."""
        self.violations: list[str] = []
        self.amend: Callable[[Answer], Answer] | None = None
        """Changes each answer before it is held against the description."""
        self.lock = threading.RLock()
        self._lost: list[tuple[str, bool]] = []
        self._ahead = timedelta()
        self._ids = itertools.count(1001)

    # What there is

    @property
    def trusted(self) -> tuple[Path, Path]:
        """The certificate and its key, for another server that the same clients trust.

        Raises:
            NoTlsError: It was started without.
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
        """Make a repository; its owner need not be made before."""
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
        """Install an App on an account, for some repositories or for all of them."""
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
        """Make a fine-grained personal access token, as only a person can."""
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
        """Make an installation's token; a test asks for it through the API."""
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
        """Add a deploy key with a token, or as a person would by hand."""
        made = DeployKey(
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
        self.deploy_keys.append(made)
        return made

    def keys_of(self, repository: Repository) -> list[DeployKey]:
        """Return a repository's deploy keys, the oldest first."""
        return [key for key in self.deploy_keys if key.repository is repository]

    def repositories_of(self, holder: Installation | Token) -> list[Repository]:
        """Return what a token, or any token of an installation, can reach."""
        if isinstance(holder, Installation):
            mine = [each for each in self.repositories if each.owner == holder.account]
            chosen = holder.repositories
        else:
            installation = holder.installation
            mine = self.repositories_of(installation) if installation else self.repositories
            chosen = holder.repositories
        return [each for each in mine if chosen is None or each in chosen]

    def accepts(self, token: str) -> bool:
        """Say whether GitHub takes a token."""
        return self.find_token(token) is not None

    def find_token(self, value: str) -> Token | None:
        """Find a token that was neither revoked nor has expired."""
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
        """Say whether git over SSH would let a deploy key in, as `ssh -T git@github.com` asks.

        Args:
            private_key: In the format of OpenSSH, without a passphrase.
            repository: What the key is to open.
        """
        held = private_key.encode() if isinstance(private_key, str) else private_key
        public = load_ssh_private_key(held, password=None).public_key()
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        return line in {key.key for key in self.keys_of(repository)}

    # What changes

    def suspend(self, installation: Installation) -> None:
        """Suspend an App's installation, as an owner of the account can."""
        installation.suspended_at = self.now()

    def uninstall(self, installation: Installation) -> None:
        """Remove an App from an account; its tokens go, the deploy keys that it made stay."""
        self.installations.remove(installation)
        self.tokens = [token for token in self.tokens if token.installation is not installation]

    def delete_token(self, token: Token) -> None:
        """Revoke a token. The deploy keys that a personal token made go with it.

        https://docs.github.com/rest/deploy-keys/deploy-keys
        """
        self.tokens.remove(token)
        if token.installation is None:
            self.deploy_keys = [key for key in self.deploy_keys if key.token is not token]

    def rename(self, repository: Repository, full_name: str) -> None:
        """Rename or transfer a repository: its old name redirects."""
        self.renamed[repository.full_name.lower()] = repository
        repository.owner, repository.name = full_name.split("/")

    def now(self) -> datetime:
        """Tell the time here."""
        return datetime.fromtimestamp(time.time(), tz=UTC) + self._ahead

    def move_clock(self, seconds: float) -> None:
        """Let so much time pass here, for the tokens and for the clocks of others."""
        self._ahead += timedelta(seconds=seconds)

    def set(self, **switches: object) -> None:
        """Set some switches."""
        self.switches = dataclasses.replace(self.switches, **switches)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def switched(self, **switches: object) -> Iterator[None]:
        """Set some switches, and set them back."""
        before = self.switches
        self.set(**switches)
        try:
            yield
        finally:
            self.switches = before

    def lose_answer(self, request: str, *, carried_out: bool) -> None:
        """Close the connection instead of answering, once.

        Args:
            request: A method and a described path, e.g. `POST /repos/{owner}/{repo}/keys`.
            carried_out: Whether what was asked for is done before.
        """
        self._lost.append((request, carried_out))

    def is_lost(self, request: str, *, carried_out: bool) -> bool:
        """Say whether an answer is to be lost here, and forget it."""
        if (request, carried_out) not in self._lost:
            return False
        self._lost.remove((request, carried_out))
        return True

    # What went wrong

    def check(self) -> None:
        """Fail if an exchange so far was not as described, and forget it.

        Raises:
            ContractBrokenError: There was one.
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
