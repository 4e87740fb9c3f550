"""What the local GitHub remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LEVELS = ("read", "write", "admin")


def allows(permissions: Mapping[str, str], name: str, level: str) -> bool:
    """Say whether a permission is held, at this level or a higher one."""
    held = permissions.get(name)
    return held is not None and _LEVELS.index(held) >= _LEVELS.index(level)


@dataclass(slots=True, kw_only=True)
class Repository:
    """A repository, private unless a test says otherwise."""

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
    """A GitHub App. Its public key may be replaced, as by a person who makes a new one."""

    id: int
    client_id: str
    slug: str
    public_key: RSAPublicKey | None


@dataclass(slots=True, kw_only=True)
class Installation:
    """An App on an account."""

    id: int
    app: App
    account: str
    permissions: dict[str, str]
    repositories: list[Repository] | None
    """None: all of the account's."""
    created_at: datetime
    suspended_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Token:
    """An installation's token, or a person's. Its repr shows whose, never what."""

    value: str = field(repr=False)
    login: str
    permissions: Mapping[str, str]
    repositories: list[Repository] | None
    """None: all that the installation has."""
    installation: Installation | None = None
    expires_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class DeployKey:
    """A deploy key. It is of one repository, wherever that moves."""

    id: int
    repository: Repository
    key: str
    title: str
    read_only: bool
    added_by: str
    created_at: datetime
    last_used: datetime | None = None
    token: Token | None = None
    """What it was added with; without one, by hand."""
