"""How GitHub shows things: its own examples, with what we hold in the place of what they hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from testing.local_github.description import Json
    from testing.local_github.github import LocalGitHub
    from testing.local_github.records import App, DeployKey, Installation, Repository, Token

# Other repositories, and what would depend on who looks.
_LEFT_OUT: Final = {"organization", "parent", "permissions", "source", "template_repository"}
# Described as required, and not in the examples.
_ADDED: Final = {"has_discussions": False, "language": None}


def moment(time: datetime | None) -> str | None:
    """Write a time as GitHub does."""
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def repository(github: LocalGitHub, shown: Repository, schema: str) -> Json:
    """Show a repository."""
    example = _with_our_names(
        github, "full-repository", {"octocat": shown.owner, "Hello-World": shown.name}
    )
    known = github.description.properties(schema) - _LEFT_OUT
    held = {
        **_ADDED,
        **example,
        "id": shown.id,
        "private": shown.private,
        "visibility": "private" if shown.private else "public",
    }
    return {name: each for name, each in held.items() if name in known}


def installation(github: LocalGitHub, shown: Installation) -> Json:
    """Show an installation."""
    return {
        **_with_our_names(github, "installation", {"installations/1": f"installations/{shown.id}"}),
        "id": shown.id,
        "account": _account(github, shown.account),
        "app_id": shown.app.id,
        "app_slug": shown.app.slug,
        "client_id": shown.app.client_id,
        "permissions": shown.permissions,
        "repository_selection": _selection(shown),
        "created_at": moment(shown.created_at),
        "updated_at": moment(shown.created_at),
        "suspended_at": moment(shown.suspended_at),
        "suspended_by": _account(github, shown.account) if shown.suspended_at else None,
    }


def app(github: LocalGitHub, shown: App) -> Json:
    """Show an App."""
    return {
        **_with_our_names(github, "integration", {"octoapp": shown.slug}),
        "id": shown.id,
        "client_id": shown.client_id,
        "name": shown.slug,
        "slug": shown.slug,
    }


def token(github: LocalGitHub, shown: Token, granted_to: Installation) -> Json:
    """Show a new installation token, this once; its repositories, where they were chosen."""
    held: Json = {
        "token": shown.value,
        "expires_at": moment(shown.expires_at),
        "permissions": shown.permissions,
        "repository_selection": _selection(granted_to),
    }
    if shown.repositories is not None:
        held["repository_selection"] = "selected"
        held["repositories"] = [
            repository(github, each, "repository") for each in shown.repositories
        ]
    return held


def deploy_key(github: LocalGitHub, shown: DeployKey) -> Json:
    """Show a deploy key."""
    of = shown.repository.full_name
    return {
        "id": shown.id,
        "key": shown.key,
        "url": f"{github.api_url}/repos/{of}/keys/{shown.id}",
        "title": shown.title,
        # A key that was added through the API is; it says nothing of the private half.
        "verified": True,
        "created_at": moment(shown.created_at),
        "read_only": shown.read_only,
        "added_by": shown.added_by,
        "last_used": moment(shown.last_used),
        "enabled": shown.repository.deploy_keys_allowed,
    }


def _selection(shown: Installation) -> str:
    return "all" if shown.repositories is None else "selected"


def _account(github: LocalGitHub, login: str) -> Json:
    account: Json = _with_our_names(github, "installation", {"github": login})["account"]
    return {**account, "login": login}


def _with_our_names(github: LocalGitHub, example: str, names: dict[str, str]) -> Json:
    text = json.dumps(github.description.example(example))
    addresses = {"https://api.github.com": github.api_url, "https://github.com": github.server_url}
    for theirs, ours in (addresses | names).items():
        text = text.replace(theirs, ours)
    held: Json = json.loads(text)
    return held
