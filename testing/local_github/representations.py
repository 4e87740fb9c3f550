"""GitHub's JSON representations: the description's examples with the local records' values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from testing.local_github.description import Json
    from testing.local_github.github import LocalGitHub
    from testing.local_github.records import App, DeployKey, Installation, Repository, Token

# Properties that name other repositories or depend on the token.
_LEFT_OUT: Final = {"organization", "parent", "permissions", "source", "template_repository"}
# The description requires these properties, but the examples do not have them.
_ADDED: Final = {"has_discussions": False, "language": None}


def moment(time: datetime | None) -> str | None:
    """Return a time in GitHub's format."""
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def repository(github: LocalGitHub, record: Repository, schema: str) -> Json:
    """Return the representation of a repository in a schema."""
    example = _example_with(
        github, "full-repository", {"octocat": record.owner, "Hello-World": record.name}
    )
    known = github.description.properties(schema) - _LEFT_OUT
    values = {
        **_ADDED,
        **example,
        "id": record.id,
        "private": record.private,
        "visibility": "private" if record.private else "public",
    }
    return {name: each for name, each in values.items() if name in known}


def installation(github: LocalGitHub, record: Installation) -> Json:
    """Return the representation of an installation."""
    return {
        **_example_with(github, "installation", {"installations/1": f"installations/{record.id}"}),
        "id": record.id,
        "account": _account(github, record.account),
        "app_id": record.app.id,
        "app_slug": record.app.slug,
        "client_id": record.app.client_id,
        "permissions": record.permissions,
        "repository_selection": _selection(record),
        "created_at": moment(record.created_at),
        "updated_at": moment(record.created_at),
        "suspended_at": moment(record.suspended_at),
        "suspended_by": _account(github, record.account) if record.suspended_at else None,
    }


def app(github: LocalGitHub, record: App) -> Json:
    """Return the representation of an App."""
    return {
        **_example_with(github, "integration", {"octoapp": record.slug}),
        "id": record.id,
        "client_id": record.client_id,
        "name": record.slug,
        "slug": record.slug,
    }


def token(github: LocalGitHub, record: Token, granted_to: Installation) -> Json:
    """Return the representation of a new token, with its repositories if some were chosen."""
    content: Json = {
        "token": record.value,
        "expires_at": moment(record.expires_at),
        "permissions": record.permissions,
        "repository_selection": _selection(granted_to),
    }
    if record.repositories is not None:
        content["repository_selection"] = "selected"
        content["repositories"] = [
            repository(github, each, "repository") for each in record.repositories
        ]
    return content


def deploy_key(github: LocalGitHub, record: DeployKey) -> Json:
    """Return the representation of a deploy key."""
    of = record.repository.full_name
    return {
        "id": record.id,
        "key": record.key,
        "url": f"{github.api_url}/repos/{of}/keys/{record.id}",
        "title": record.title,
        # GitHub sets this for every key that is added through the API.
        "verified": True,
        "created_at": moment(record.created_at),
        "read_only": record.read_only,
        "added_by": record.added_by,
        "last_used": moment(record.last_used),
        "enabled": record.repository.deploy_keys_allowed,
    }


def _selection(record: Installation) -> str:
    return "all" if record.repositories is None else "selected"


def _account(github: LocalGitHub, login: str) -> Json:
    account: Json = _example_with(github, "installation", {"github": login})["account"]
    return {**account, "login": login}


def _example_with(github: LocalGitHub, example: str, names: dict[str, str]) -> Json:
    text = json.dumps(github.description.example(example))
    addresses = {"https://api.github.com": github.api_url, "https://github.com": github.server_url}
    for old, new in (addresses | names).items():
        text = text.replace(old, new)
    example_with_names: Json = json.loads(text)
    return example_with_names
