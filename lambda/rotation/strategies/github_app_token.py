"""A token of a GitHub App's installation, for git and the REST API.

Secret: `{"token": …, "expires_at": "2030-01-01T13:00:00Z", "installation_id": …, "api_url": …,
"username": "x-access-token"}` beside the constants. git takes the username and, as the password,
the token
(https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation#about-authentication-as-a-github-app-installation).
Idempotency: issue makes another token when repeated, which harms nobody; retire succeeds where the
token has ended.
Privileges: kms:Sign on the App's key; at GitHub those of the App, of which the token gets no more
than is named.
Promised by GitHub: a token ends by itself after an hour, or at once where it revokes itself; no
call lists tokens, so that nothing is an orphan or foreign
(https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rotation.errors import ProtocolError
from rotation.response import parsed_time
from rotation.services.github import api as github
from rotation.strategy import Credential, Issued, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.aws import Clients
    from rotation.services.https import Send
    from rotation.settings import OptionReader

_USERNAME = "x-access-token"
_LEVEL = "read|write|admin"
_NAME = "[0-9A-Za-z._-]{1,100}"


class GithubAppToken:
    """Issues tokens of one installation, and ends one where it is told to."""

    slots = None
    adopted = None
    settling_seconds = 0

    def __init__(
        self,
        installation: github.Installation,
        *,
        permissions: Mapping[str, str],
        repositories: frozenset[str],
        retires_demoted: bool,
    ) -> None:
        """Take the installation, and what of it a token is for; no call is made."""
        self._installation = installation
        self._permissions = permissions
        self._repositories = frozenset(name.lower() for name in repositories)
        self.owner = installation.owner
        self.retires_demoted = retires_demoted
        self.shape = (
            "a JSON object with the texts token, expires_at and api_url and the number "
            "installation_id"
        )

    def parse(self, value: Value) -> Credential | None:
        """Recognise a token, of whatever installation."""
        if not isinstance(value, Mapping):
            return None
        token, expires_at, url, number = (
            value.get(name) for name in ("token", "expires_at", "api_url", "installation_id")
        )
        if (
            not (isinstance(token, str) and re.fullmatch(github.TOKEN, token))
            or not (isinstance(expires_at, str) and parsed_time(expires_at))
            or not (isinstance(url, str) and re.fullmatch(github.API_URL, url))
            or not isinstance(number, int)
            or isinstance(number, bool)
        ):
            return None
        return _credential(github.owner(url, number), expires_at, value)

    def inventory(self) -> Sequence[Issued]:
        """List nothing: GitHub does not tell which tokens there are."""
        return []

    def issue(self, mark: str) -> Credential:  # noqa: ARG002 -- a token has no name
        """Ask for a token."""
        made = self._installation.token(
            repositories=self._repositories, permissions=self._permissions
        )
        value: dict[str, str | int] = {
            "token": made.value,
            "expires_at": made.expires_at,
            "installation_id": self._installation.number,
            "api_url": self._installation.url,
            "username": _USERNAME,
        }
        return _credential(self.owner, made.expires_at, value)

    def verify(self, credential: Credential) -> None:
        """Ask GitHub what the token reaches.

        Raises:
            CredentialRejected: The token has ended, or is not known everywhere yet.
            ProtocolError: It reaches other repositories than the configured ones.
        """
        found = self._installation.reached(_token(credential), most=len(self._repositories))
        if found != self._repositories:
            raise ProtocolError.narrowed_otherwise(
                owner=self.owner,
                beyond=["more repositories"] if found is None else found - self._repositories,
                lacking=[] if found is None else self._repositories - found,
            )

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """End a token, which only it can do itself."""
        if credential is not None:
            self._installation.end(_token(credential))


def _credential(owner: str, expires_at: str, value: Mapping[str, str | int]) -> Credential:
    return Credential(
        identity=f"the token until {expires_at}",
        owner=owner,
        value=value,
        expires=parsed_time(expires_at),
    )


def _token(credential: Credential) -> str:
    return str(cast("Mapping[str, str]", credential.value)["token"])


def build(options: OptionReader, clients: Clients, send: Send | None = None) -> GithubAppToken:
    """Read the options.

    Args:
        options: as the module gives them.
        clients: where KMS comes from.
        send: what reaches GitHub; None: urllib3.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    permissions = options.text_map("permissions")
    # Without any, a token may all that the installation may.
    if not permissions or not all(re.fullmatch(_LEVEL, one) for one in permissions.values()):
        options.refuse("permissions", permissions, "levels of permissions: read, write or admin")
    repositories = options.texts("repositories")
    if not repositories or not all(re.fullmatch(_NAME, one) for one in repositories):
        options.refuse("repositories", [*repositories], "names of repositories without the owner")
    return GithubAppToken(
        github.installation(options, clients, github.api(options, send)),
        permissions=permissions,
        repositories=repositories,
        retires_demoted=options.flag("revoke_previous"),
    )
