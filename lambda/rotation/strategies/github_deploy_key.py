"""A deploy key: an SSH key with which git can use one repository at GitHub.

Secret: `{"private_key": …, "public_key": …, "key_id": …, "read_only": true, "repository":
"octo-org/reports", "ssh_url": "git@github.com:octo-org/reports.git", "api_url": …}` beside the
constants. Both keys have OpenSSH's format.
Idempotency: issue makes another key when repeated, so it is sent once, with the mark in the key's
title; retire succeeds if the key is gone.
Privileges: kms:Sign on an App's key, or secretsmanager:GetSecretValue on a secret with a token. At
GitHub administration: write on the repository.
Promised by GitHub: a key never changes and belongs to one repository. A key that was added with a
personal access token is deleted with that token; a key that an App added stays
(https://docs.github.com/rest/deploy-keys/deploy-keys).
Verified at GitHub, which must have this public key, enabled, with these rights; the private key
must fit it. git over SSH would not verify more of the key. It takes an SSH client, which neither
the runtime nor cryptography has, and port 22, and a known host key of each server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from rotation.aws import ask
from rotation.errors import ConfigurationError, CredentialRejected, ProtocolError, RotationError
from rotation.response import parse_time
from rotation.services.github import api as github
from rotation.services.github import errors, ssh
from rotation.strategy import Credential, Issued, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.services.https import Reply, Send
    from rotation.settings import OptionReader

# A repository named . or .. would make another path.
_REPOSITORY: Final = r"[0-9A-Za-z_-]{1,100}/(?!\.{1,2}$)[0-9A-Za-z._-]{1,100}"
_SECRET_ARN: Final = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[!-~]{1,519}"  # noqa: S105 -- an ARN
_SSH_URL: Final = r"(?:ssh://)?[0-9A-Za-z][0-9A-Za-z._-]*@[0-9A-Za-z.-]+[:/][!-~]{1,512}"
# The title has the mark, so that people see it and inventory finds it.
_TITLE: Final = r"rotating-secret ([0-9a-f]{16}-[0-9A-Za-z-]{32,64})"
_PERMISSIONS: Final = {"administration": "write"}
_PAGE: Final = 100
_MOST_PAGES: Final = 100


class TokenOfApp:
    """Requests a token of a GitHub App, for this repository alone."""

    def __init__(self, installation: github.Installation, repository: str) -> None:
        """Take the App's installation; no request is sent."""
        self._installation = installation
        self._repository = repository.partition("/")[2]

    def token(self) -> str:
        """Request the token."""
        return self._installation.token(
            repositories=[self._repository], permissions=_PERMISSIONS
        ).value

    def rejection(self) -> RotationError:
        """Return an error that is retried: GitHub may not know such a new token everywhere yet."""
        return CredentialRejected(owner=self._installation.owner, identity="the token")


class TokenInSecret:
    """Reads a token from another secret, which has it as plain text or in JSON."""

    def __init__(self, clients: Clients, *, secret_arn: str, service: str) -> None:
        """Take the secret; it is not read yet."""
        self._clients = clients
        self._secret_arn = secret_arn
        self._service = service

    def rejection(self) -> RotationError:
        """Return an error that says where to put a valid token."""
        return ConfigurationError(
            f"{self._service} rejected the token in {self._secret_arn}: it has expired, was "
            "revoked, or belongs to another server. Put a valid token into that secret, or correct "
            "token_secret_arn or api_url in the variable rotation, then rotate again."
        )

    def token(self) -> str:
        """Read the token."""
        absent = ConfigurationError(
            f"{self._secret_arn} must have a token, as plain text or as the string token of a JSON "
            "object. Found: no token. Put one there, or correct token_secret_arn in the variable "
            "rotation, then rotate again."
        )
        response = ask(
            "secretsmanager:GetSecretValue",
            self._secret_arn,
            lambda: self._clients("secretsmanager").get_secret_value(SecretId=self._secret_arn),
            known={"ResourceNotFoundException": absent},
        )
        text = response.optional_text("SecretString") or ""
        token: object = text.strip()
        with suppress(ValueError, RecursionError):
            value = json.loads(text)
            token = value.get("token") if isinstance(value, dict) else None
        if isinstance(token, str) and re.fullmatch(github.TOKEN, token):
            return token
        raise absent


class GithubDeployKey:
    """Adds keys to one repository, and deletes them."""

    own_fields = frozenset(
        {
            *("api_url", "key_id", "private_key", "public_key"),
            *("read_only", "repository", "ssh_url"),
        }
    )
    slots = None
    adopted = None
    adopt_with = None
    settling_seconds = 0
    retires_demoted = False
    shape = (
        "a JSON object with the strings private_key and public_key, which fit, repository, ssh_url "
        "and api_url, the number key_id and the boolean read_only"
    )

    def __init__(
        self,
        api: github.Api,
        authority: TokenOfApp | TokenInSecret,
        *,
        key_type: str,
        read_only: bool,
        repository: str,
    ) -> None:
        """Take the repository, and what gives the token to add and delete its keys; no request."""
        self._api = api
        self._authority = authority
        self._key_type = key_type
        self._read_only = read_only
        self._repository = repository
        self.owner = _owner(api.url, repository)
        self._token = ""

    def parse(self, value: Value) -> Credential | None:
        """Recognise a key pair of any repository."""
        if not isinstance(value, Mapping):
            return None
        private, public, repository, ssh_url, api_url = (
            str(value[name]) if isinstance(value.get(name), str) else ""
            for name in ("private_key", "public_key", "repository", "ssh_url", "api_url")
        )
        key_id = value.get("key_id")
        if (
            not isinstance(key_id, int)
            or isinstance(key_id, bool)
            or not 0 < key_id < github.MOST
            or not isinstance(value.get("read_only"), bool)
            or not re.fullmatch(_REPOSITORY, repository)
            or not re.fullmatch(_SSH_URL, ssh_url)
            or not re.fullmatch(github.API_URL, api_url)
            or not ssh.fit(private, public)
        ):
            return None
        return Credential(
            identity=_identity(key_id), owner=_owner(api_url, repository), value=value
        )

    def inventory(self) -> Sequence[Issued]:
        """List the keys with a mark, of any secret. Keys that people added are left out.

        https://docs.github.com/rest/deploy-keys/deploy-keys#list-deploy-keys
        """
        found: list[Issued] = []
        for page in range(1, _MOST_PAGES + 1):
            request = f"GET {self._path()}?per_page={_PAGE}&page={page}"
            keys = self._api.read_all(self._ask(request), request, self.owner)
            found += [
                self._parse_key(key, match[1])
                for key in keys
                if (match := re.fullmatch(_TITLE, key.text("title")))
            ]
            if len(keys) < _PAGE:
                return found
        raise ProtocolError.endless(
            action=f"GitHub's GET {self._path()}", resource=self.owner, pages=_MOST_PAGES
        )

    def issue(self, mark: str) -> Credential:
        """Make a key pair, and add its public key.

        Raises:
            ConfigurationError: Deploy keys are disabled for the repository.

        https://docs.github.com/rest/deploy-keys/deploy-keys#create-a-deploy-key
        """
        ssh_url = self._ssh_url()
        pair = ssh.generate(self._key_type)
        request = f"POST {self._path()}"
        title = f"rotating-secret {mark}"
        body = {"key": pair.public_key, "read_only": self._read_only, "title": title}
        reply = self._ask(request, body=body, handled={422})
        if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise _disabled(self.owner)
        response = self._api.read(reply, request, self.owner)
        value: dict[str, object] = {
            "private_key": pair.private_key,
            "public_key": pair.public_key,
            "key_id": _key_id(response),
            "read_only": self._read_only,
            "repository": self._repository,
            "ssh_url": ssh_url,
            "api_url": self._api.url,
        }
        key = Credential(identity=_identity(_key_id(response)), owner=self.owner, value=value)
        try:
            self._compare(response, key)
        except RotationError as error:
            failure = error
        else:
            return key
        # A key that may do too much must not stay until the next try.
        with suppress(RotationError):
            self._ask(f"DELETE {self._path(key.identity)}", handled={404})
        raise failure

    def verify(self, credential: Credential) -> None:
        """Check that GitHub has the key as it was added.

        Raises:
            CredentialRejected: GitHub does not have it, or not everywhere yet.
            ConfigurationError: Deploy keys are disabled by now.
            ProtocolError: GitHub has another key, or one with other rights.

        https://docs.github.com/rest/deploy-keys/deploy-keys#get-a-deploy-key
        """
        request = f"GET {self._path(credential.identity)}"
        reply = self._ask(request, handled={404})
        if reply.status == HTTPStatus.NOT_FOUND:
            # Raises another error if the repository itself is not found.
            self._ssh_url()
            raise CredentialRejected(owner=self.owner, identity=credential.identity)
        self._compare(self._api.read(reply, request, self.owner), credential)

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """Delete a key; it is a success if the key is already gone.

        https://docs.github.com/rest/deploy-keys/deploy-keys#delete-a-deploy-key
        """
        path = self._path(issued.identity)
        deleted = self._ask(f"DELETE {path}", handled={404})
        # GitHub also returns 404 to a caller that may read the key, but not delete it.
        if deleted.status == HTTPStatus.NOT_FOUND:
            found = self._ask(f"GET {path}", handled={404})
            if found.status != HTTPStatus.NOT_FOUND:
                raise errors.denied(
                    action=f"GitHub's DELETE {path}",
                    resource=self.owner,
                    permission="administration=write",
                )

    def _ask(
        self,
        request: str,
        *,
        body: Mapping[str, object] | None = None,
        handled: Collection[int] = (),
    ) -> Reply:
        # Once in a step: the token in a secret is rotated as well.
        self._token = self._token or self._authority.token()
        reply = self._api.ask(
            request,
            self.owner,
            bearer=self._token,
            body=body,
            handled={HTTPStatus.UNAUTHORIZED, *handled},
        )
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise self._authority.rejection()
        return reply

    def _path(self, identity: str = "") -> str:
        number = identity.rpartition(" ")[2]
        return "/".join(filter(None, [f"/repos/{self._repository}/keys", number]))

    def _ssh_url(self) -> str:
        """Get the URL for git over SSH, which differs from server to server."""
        request = f"GET /repos/{self._repository}"
        response = self._api.read(self._ask(request), request, self.owner)
        return response.text("ssh_url", pattern=_SSH_URL, allowed="a URL for git over SSH")

    def _parse_key(self, key: Response, mark: str) -> Issued:
        created = key.text("created_at")
        time = parse_time(created)
        if time is None:
            raise key.refusal(name="created_at", given=created, allowed="a UTC time")
        return Issued(identity=_identity(_key_id(key)), owner=self.owner, created=time, mark=mark)

    def _compare(self, response: Response, credential: Credential) -> None:
        wanted = cast("Mapping[str, str | bool]", credential.value)
        public_key = re.escape(str(wanted["public_key"]))
        response.text("key", pattern=public_key, allowed="the public key that was added")
        read_only = response.flag("read_only")
        if read_only is not wanted["read_only"]:
            allowed = f"{str(wanted['read_only']).lower()}, as requested"
            raise response.refusal(name="read_only", given=read_only, allowed=allowed)
        # GitHub documents this field as optional.
        if response.optional_flag("enabled") is False:
            raise _disabled(self.owner)
        if not response.flag("verified"):
            raise CredentialRejected(owner=self.owner, identity=credential.identity)


def _owner(api_url: str, repository: str) -> str:
    """Name a repository in lower case, as GitHub compares names."""
    return f"repository {repository.lower()} at {api_url}"


def _identity(key_id: int) -> str:
    return f"deploy key {key_id}"


def _key_id(response: Response) -> int:
    key_id = response.number("id")
    if not 0 < key_id < github.MOST:
        raise response.refusal(name="id", given=key_id, allowed="a number above zero")
    return key_id


def _disabled(owner: str) -> ConfigurationError:
    return ConfigurationError(
        f"{owner} does not accept deploy keys. Have an owner of the organization allow them under "
        "Settings, Member privileges, Deploy keys, then rotate again. New organizations disable "
        "them."
    )


def build(options: OptionReader, clients: Clients, send: Send | None = None) -> GithubDeployKey:
    """Read the options.

    Args:
        options: the strategy's settings, with the three of an App or token_secret_arn.
        clients: makes the clients of KMS and Secrets Manager.
        send: sends the requests to GitHub; None: Https does.

    Raises:
        ConfigurationError: An option is missing or wrong, or the library is missing.
    """
    ssh.require_library()
    api = github.api(options, send)
    repository = options.text(
        "repository",
        pattern=_REPOSITORY,
        allowed="a repository with its owner, such as octo-org/reports",
    )
    secret_arn = options.optional_text(
        "token_secret_arn", pattern=_SECRET_ARN, allowed="the ARN of a secret, or null"
    )
    authority: TokenOfApp | TokenInSecret
    if secret_arn is None:
        authority = TokenOfApp(github.installation(options, clients, api), repository)
    else:
        authority = TokenInSecret(clients, secret_arn=secret_arn, service=api.url)
    return GithubDeployKey(
        api,
        authority,
        key_type=options.text(
            "key_type", pattern="|".join(ssh.KEY_TYPES), allowed=" or ".join(ssh.KEY_TYPES)
        ),
        read_only=options.flag("read_only"),
        repository=repository,
    )
