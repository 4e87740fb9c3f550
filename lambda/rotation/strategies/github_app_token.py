"""A token of a GitHub App installation, for git and the REST API.

Secret: `{"token": …, "expires_at": "2030-01-01T13:00:00Z", "installation_id": …, "api_url": …,
"username": "x-access-token"}` beside the constants. git uses the username, and the token as the
password
(https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation#about-authentication-as-a-github-app-installation).
Idempotency: issue makes another token when repeated, which does no harm; retire succeeds if the
token has expired or was revoked.
Privileges: kms:Sign on the App's key. At GitHub the App's permissions, of which a token gets only
the configured ones.
Promised by GitHub: a token expires after an hour, or as soon as it revokes itself; no call lists
tokens, so none is an orphan or foreign
(https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rotation.response import parse_time
from rotation.services.github import api as github
from rotation.services.github import errors
from rotation.strategy import Credential, Issued, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.aws import Clients
    from rotation.services.https import Send
    from rotation.settings import OptionReader

_USERNAME = "x-access-token"
_LEVEL = "read|write|admin"
_PAGE = 100
_NAME = "[0-9A-Za-z._-]{1,100}"


class GithubAppToken:
    """Issues tokens of one installation, and revokes them if configured."""

    own_fields = frozenset({"api_url", "expires_at", "installation_id", "token", "username"})
    slots = None
    adopted = None
    adopt_with = None
    settling_seconds = 0

    def __init__(
        self,
        installation: github.Installation,
        *,
        permissions: Mapping[str, str],
        repositories: frozenset[str],
        retires_demoted: bool,
    ) -> None:
        """Take the installation and the scope of a token; no call is made."""
        self._installation = installation
        self._permissions = permissions
        self._repositories = frozenset(name.lower() for name in repositories)
        self.owner = installation.owner
        self.retires_demoted = retires_demoted
        self.shape = (
            "a JSON object with the strings token, expires_at and api_url and the number "
            "installation_id"
        )

    def parse(self, value: Value) -> Credential | None:
        """Recognise a token of any installation."""
        if not isinstance(value, Mapping):
            return None
        token, expires_at, url, number = (
            value.get(name) for name in ("token", "expires_at", "api_url", "installation_id")
        )
        if (
            not (isinstance(token, str) and re.fullmatch(github.TOKEN, token))
            or not (isinstance(expires_at, str) and parse_time(expires_at))
            or not (isinstance(url, str) and re.fullmatch(github.API_URL, url))
            or not isinstance(number, int)
            or isinstance(number, bool)
        ):
            return None
        return _credential(github.owner(url, number), expires_at, value)

    def inventory(self) -> Sequence[Issued]:
        """Return nothing: GitHub does not list tokens."""
        return []

    def issue(self, mark: str) -> Credential:  # noqa: ARG002 -- a token has no name
        """Request a token."""
        token = self._installation.token(
            repositories=self._repositories, permissions=self._permissions
        )
        value = {
            "token": token.value,
            "expires_at": token.expires_at,
            "installation_id": self._installation.number,
            "api_url": self._installation.url,
            "username": _USERNAME,
        }
        return _credential(self.owner, token.expires_at, value)

    def verify(self, credential: Credential) -> None:
        """List the repositories of the token.

        Raises:
            CredentialRejected: The token has expired, or is too new.
            ProtocolError: It has other repositories than the configured ones.
        """
        wanted = self._repositories
        found = self._list_repositories(_token(credential), most=len(wanted))
        if found != wanted:
            raise errors.wrong_scope(
                owner=self.owner,
                extra=["more repositories"] if found is None else found - wanted,
                missing=[] if found is None else wanted - found,
            )

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """Revoke a token. That takes the token itself."""
        if credential is not None:
            self._installation.revoke(_token(credential))

    def _list_repositories(self, token: str, *, most: int) -> frozenset[str] | None:
        """List the repositories of a token, in lower case; None: it has more than `most`.

        https://docs.github.com/rest/apps/installations#list-repositories-accessible-to-the-app-installation
        """
        found: set[str] = set()
        for page in range(1, most // _PAGE + 2):
            path = f"/installation/repositories?per_page={_PAGE}&page={page}"
            response = self._installation.get(path, token)
            if response.number("total_count") > most:
                return None
            names = [one.text("name").lower() for one in response.parts("repositories")]
            found.update(names)
            if len(names) < _PAGE:
                break
        return frozenset(found)


def _credential(owner: str, expires_at: str, value: Mapping[str, object]) -> Credential:
    return Credential(
        identity=f"the token until {expires_at}",
        owner=owner,
        value=value,
        expires=parse_time(expires_at),
    )


def _token(credential: Credential) -> str:
    return str(cast("Mapping[str, str]", credential.value)["token"])


def build(options: OptionReader, clients: Clients, send: Send | None = None) -> GithubAppToken:
    """Read the options.

    Args:
        options: the strategy's settings.
        clients: makes the client of KMS.
        send: sends the requests to GitHub; None: Https does.

    Raises:
        ConfigurationError: An option is missing or wrong.
    """
    permissions = options.text_map("permissions")
    # Without any, a token has all permissions of the installation.
    if not permissions or not all(re.fullmatch(_LEVEL, one) for one in permissions.values()):
        options.refuse("permissions", permissions, "an object of permissions: read, write or admin")
    repositories = options.texts("repositories")
    if not repositories or not all(re.fullmatch(_NAME, one) for one in repositories):
        options.refuse("repositories", [*repositories], "names of repositories, without the owner")
    return GithubAppToken(
        github.installation(options, clients, github.api(options, send)),
        permissions=permissions,
        repositories=repositories,
        retires_demoted=options.flag("revoke_previous"),
    )
