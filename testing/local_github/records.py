"""The records of the local GitHub."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LEVELS = ("read", "write", "admin")


def allows(permissions: Mapping[str, str], name: str, level: str) -> bool:
    """Return whether the permissions include one, at this level or a higher one."""
    granted = permissions.get(name)
    return granted is not None and _LEVELS.index(granted) >= _LEVELS.index(level)


@dataclass(slots=True, kw_only=True)
class Repository:
    """A repository, private by default."""

    id: int
    owner: str
    name: str
    deploy_keys_allowed: bool = True
    private: bool = True

    @property
    def full_name(self) -> str:
        """The owner and the name."""
        return f"{self.owner}/{self.name}"


@dataclass(slots=True, kw_only=True)
class App:
    """A GitHub App. A test can replace its public key."""

    id: int
    client_id: str
    slug: str
    public_key: RSAPublicKey | None


@dataclass(slots=True, kw_only=True)
class Installation:
    """An installation of an App on an account."""

    id: int
    app: App
    account: str
    permissions: dict[str, str]
    repositories: list[Repository] | None
    """None for all repositories of the account."""
    created_at: datetime
    suspended_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Token:
    """An installation access token or a personal access token. Its repr never shows the value."""

    value: str = field(repr=False)
    login: str
    permissions: Mapping[str, str]
    repositories: list[Repository] | None
    """None for all repositories of the installation."""
    installation: Installation | None = None
    expires_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class DeployKey:
    """A deploy key of one repository, even if that is renamed."""

    id: int
    repository: Repository
    key: str
    title: str
    read_only: bool
    added_by: str
    created_at: datetime
    last_used: datetime | None = None
    token: Token | None = None
    """The token that added the key; None if a user added it in the browser."""
