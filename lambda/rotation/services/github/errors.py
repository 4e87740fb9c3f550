"""The errors of GitHub that stop a rotation. Each function returns one of the core's classes.

No text of GitHub's is repeated, since it may quote anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.errors import ConfigurationError, PermissionDenied, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable


def denied(*, action: str, resource: str, permission: str) -> PermissionDenied:
    """Refuse an App or a token without a permission; empty if GitHub does not name it."""
    return PermissionDenied(
        action=action,
        resource=resource,
        cure=f"Grant the App or the token {permission or 'the permission for it'} and have an "
        "owner of the account approve it. If it is already granted, check the account's IP allow "
        "list.",
    )


def installation_suspended(*, owner: str) -> ConfigurationError:
    """Refuse an installation that an owner of the account has suspended."""
    return ConfigurationError(
        f"{owner} is suspended. Have an owner of the account unsuspend it under Settings, GitHub "
        "Apps, then rotate again."
    )


def key_cannot_sign(*, key: str) -> ConfigurationError:
    """Refuse a KMS key that cannot sign for an App, or not now."""
    return ConfigurationError(
        f"{key} cannot sign with RSASSA_PKCS1_V1_5_SHA_256. Enable it, import the App's private "
        "key into it with tools/import_github_app_key.py, or correct kms_key_arn in the variable "
        "rotation, then rotate again."
    )


def key_rejected(*, service: str, client_id: str, key: str) -> ConfigurationError:
    """Refuse a KMS key whose signature GitHub does not accept for this App."""
    return ConfigurationError(
        f"{service} rejected the token signed with {key}: it isn't a private key of GitHub App "
        f"{client_id}. Correct client_id or api_url in the variable rotation. Or import a private "
        "key of the App into KMS and set kms_key_arn to it. Then rotate again."
    )


def moved(*, resource: str) -> ConfigurationError:
    """Refuse a resource that has a new name. No redirect is followed."""
    return ConfigurationError(
        f"{resource} has moved to another name or address, which may belong to someone else; the "
        "redirect was not followed. Correct the variable rotation and use a new secret name, "
        "because a secret stays with one owner, then rotate again."
    )


def not_found(*, resource: str) -> ConfigurationError:
    """Refuse a resource that GitHub does not show to the App or the token."""
    return ConfigurationError(
        f"{resource} does not exist, or the App or the token has no access to it. Correct its name "
        "in the variable rotation, or give the App's installation or the token access to it, then "
        "rotate again."
    )


def not_granted(*, owner: str, missing: Iterable[str]) -> ConfigurationError:
    """Refuse a token with more than the installation has."""
    return ConfigurationError(
        f"{owner} does not have {', '.join(sorted(missing)) or 'one of the repositories'}. Add it "
        "to the App's permissions or to the installation's repositories, and have an owner of the "
        "account approve it. Or remove it from the variable rotation. Then rotate again."
    )


def not_installed(*, owner: str, client_id: str) -> ConfigurationError:
    """Refuse an installation that the App does not have."""
    return ConfigurationError(
        f"GitHub App {client_id} has no {owner}: the App was uninstalled, or client_id or "
        "installation_id is wrong. Install the App and set installation_id to the number at the "
        "end of the installation's URL, or correct client_id, then rotate again."
    )


def wrong_clock(*, service: str, ahead: float) -> ConfigurationError:
    """Refuse a server whose clock is so wrong that it rejects every new token."""
    side, reason = ("ahead of", "expired") if ahead > 0 else ("behind", "not valid yet")
    return ConfigurationError(
        f"{service}'s clock is {abs(ahead):.0f} s {side} AWS time, so it rejects new tokens as "
        f"{reason}. Synchronize that server with NTP, then rotate again."
    )


def wrong_scope(*, owner: str, extra: Iterable[str], missing: Iterable[str]) -> ProtocolError:
    """Refuse a token that allows more or less than it was requested for."""
    return ProtocolError(
        f"GitHub issued a token with the wrong scope for {owner}. "
        f"Extra: {', '.join(sorted(extra)) or 'nothing'}. "
        f"Missing: {', '.join(sorted(missing)) or 'nothing'}. No application received the "
        "token. Check the App's permissions and the installation's repositories, then rotate again."
    )
