"""A deploy key: an SSH key that opens one repository of GitHub's to git.

Secret: `{"private_key": …, "public_key": …, "key_id": …, "read_only": true, "repository":
"octo-org/reports", "ssh_url": "git@github.com:octo-org/reports.git", "api_url": …}` beside the
constants; both halves are as OpenSSH writes them.
Idempotency: issue makes another key when repeated, so it is sent once, with the mark in the key's
title; retire succeeds where the key is gone.
Privileges: kms:Sign on an App's key, or secretsmanager:GetSecretValue on a secret with a token; at
GitHub administration: write on the repository.
Promised by GitHub: a key never changes and serves one repository; what a personal token made ends
with that token, what an App made outlives it (https://docs.github.com/rest/deploy-keys/deploy-keys).
Proven by GitHub's own list, which has to hold this public half, enabled, with these rights, and by
the private half fitting it. git over SSH would prove no more of the key: that takes an SSH client,
which neither the runtime nor cryptography has, and port 22 and a known host key of each server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol, cast

from rotation.aws import ask
from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
)
from rotation.response import parsed_time
from rotation.services.github import api as github
from rotation.services.github import ssh
from rotation.strategy import Credential, Issued, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rotation.aws import Clients
    from rotation.response import Response
    from rotation.services.https import Reply, Send
    from rotation.settings import OptionReader

# A dot or two would lead to another path.
_REPOSITORY: Final = r"[0-9A-Za-z_-]{1,100}/(?!\.{1,2}$)[0-9A-Za-z._-]{1,100}"
_SECRET_ARN: Final = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[!-~]{1,519}"  # noqa: S105 -- an ARN
_SSH_URL: Final = r"(?:ssh://)?[0-9A-Za-z][0-9A-Za-z._-]*@[0-9A-Za-z.-]+[:/][!-~]{1,512}"
# The mark stands where a person reads it, and where it is found again.
_TITLE: Final = r"rotating-secret ([0-9a-f]{16}-[0-9A-Za-z-]{32,64})"
_PERMISSIONS: Final = {"administration": "write"}
_PAGE: Final = 100
_MOST_PAGES: Final = 100


class Authority(Protocol):
    """What may add and remove the keys of the repository."""

    def token(self) -> str:
        """Return a token that GitHub accepts."""

    def refusal(self) -> RotationError:
        """Make the error for when GitHub does not accept it."""


class AppsToken:
    """A token of a GitHub App, for this repository alone."""

    def __init__(self, installation: github.Installation, repository: str) -> None:
        """Take the App; nothing is asked."""
        self._installation = installation
        self._repository = repository.partition("/")[2]
        self._token: str | None = None

    def token(self) -> str:
        """Ask for one, once in a step."""
        if self._token is None:
            self._token = self._installation.token(
                repositories=[self._repository], permissions=_PERMISSIONS
            ).value
        return self._token

    def refusal(self) -> RotationError:
        """A token that new is not known everywhere yet."""
        return CredentialRejected(owner=self._installation.owner, identity="the token")


class TokenInSecret:
    """A token that stands in another secret, as a text or in JSON."""

    def __init__(self, clients: Clients, *, secret_arn: str, service: str) -> None:
        """Take the secret; it is not read yet."""
        self._clients = clients
        self._secret_arn = secret_arn
        self._service = service
        self._token: str | None = None

    def token(self) -> str:
        """Read it, once in a step, since it is rotated as well."""
        if self._token is None:
            self._token = self._read()
        return self._token

    def refusal(self) -> RotationError:
        """Say where a good one has to be put."""
        return ConfigurationError.token_not_accepted(service=self._service, secret=self._secret_arn)

    def _read(self) -> str:
        absent = ConfigurationError.no_token(secret=self._secret_arn)
        answer = ask(
            "secretsmanager:GetSecretValue",
            self._secret_arn,
            self._asked,
            known={"ResourceNotFoundException": absent},
        )
        text = answer.optional_text("SecretString") or ""
        token: object = text.strip()
        with suppress(ValueError, RecursionError):
            value = json.loads(text)
            token = value.get("token") if isinstance(value, dict) else None
        if isinstance(token, str) and re.fullmatch(github.TOKEN, token):
            return token
        raise absent

    def _asked(self) -> object:
        client: SecretsManagerClient = self._clients("secretsmanager")
        return client.get_secret_value(SecretId=self._secret_arn)


class GithubDeployKey:
    """Adds keys to one repository, and removes them."""

    slots = None
    adopted = None
    settling_seconds = 0
    retires_demoted = False
    shape = (
        "a JSON object with the texts private_key and public_key, which fit, repository, ssh_url "
        "and api_url, the number key_id and the boolean read_only"
    )

    def __init__(
        self,
        api: github.Api,
        authority: Authority,
        *,
        key_type: str,
        read_only: bool,
        repository: str,
    ) -> None:
        """Take the repository, and who may change its keys; nothing is asked."""
        self._api = api
        self._authority = authority
        self._key_type = key_type
        self._read_only = read_only
        self._repository = repository
        self.owner = _owner(api.url, repository)

    def parse(self, value: Value) -> Credential | None:
        """Recognise a key pair, of whatever repository."""
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
        """List the keys that bear a mark, of whichever secret; those of people are not looked at.

        https://docs.github.com/rest/deploy-keys/deploy-keys#list-deploy-keys
        """
        found: list[Issued] = []
        for page in range(1, _MOST_PAGES + 1):
            request = f"GET {self._path()}?per_page={_PAGE}&page={page}"
            keys = self._api.read_all(self._ask(request), request, self.owner)
            found += [
                self._issued(key, match[1])
                for key in keys
                if (match := re.fullmatch(_TITLE, key.text("title")))
            ]
            if len(keys) < _PAGE:
                return found
        raise ProtocolError.endless(
            action=f"GitHub's GET {self._path()}", resource=self.owner, pages=_MOST_PAGES
        )

    def issue(self, mark: str) -> Credential:
        """Make a key pair, and add its public half.

        Raises:
            ConfigurationError: The repository takes no deploy key.

        https://docs.github.com/rest/deploy-keys/deploy-keys#create-a-deploy-key
        """
        ssh_url = self._ssh_url()
        pair = ssh.generate(self._key_type)
        request = f"POST {self._path()}"
        title = f"rotating-secret {mark}"
        body = {"key": pair.public_key, "read_only": self._read_only, "title": title}
        reply = self._ask(request, body=body, handled={422})
        if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigurationError.no_deploy_keys(owner=self.owner)
        answer = self._api.read(reply, request, self.owner)
        value: dict[str, str | int] = {
            "private_key": pair.private_key,
            "public_key": pair.public_key,
            "key_id": _key_id(answer),
            "read_only": self._read_only,
            "repository": self._repository,
            "ssh_url": ssh_url,
            "api_url": self._api.url,
        }
        made = Credential(identity=_identity(_key_id(answer)), owner=self.owner, value=value)
        try:
            self._compare(answer, made)
        except RotationError as error:
            refusal = error
        else:
            return made
        # What may do more than it was meant to must not stay until the next try.
        with suppress(RotationError):
            self._ask(f"DELETE {self._path(made.identity)}", handled={404})
        raise refusal

    def verify(self, credential: Credential) -> None:
        """See that GitHub holds the key as it was added.

        Raises:
            CredentialRejected: It does not, or not everywhere yet.
            ConfigurationError: Deploy keys are forbidden by now.
            ProtocolError: It holds another one, or one with other rights.

        https://docs.github.com/rest/deploy-keys/deploy-keys#get-a-deploy-key
        """
        request = f"GET {self._path(credential.identity)}"
        reply = self._ask(request, handled={404})
        if reply.status == HTTPStatus.NOT_FOUND:
            # A repository that is out of sight has another error.
            self._ssh_url()
            raise CredentialRejected(owner=self.owner, identity=credential.identity)
        self._compare(self._api.read(reply, request, self.owner), credential)

    def retire(self, issued: Issued, credential: Credential | None) -> None:  # noqa: ARG002 -- the Protocol's
        """Remove a key; one that is gone already is a success.

        https://docs.github.com/rest/deploy-keys/deploy-keys#delete-a-deploy-key
        """
        path = self._path(issued.identity)
        removed = self._ask(f"DELETE {path}", handled={404})
        # Who may only look is told that there is nothing to remove, too.
        if removed.status == HTTPStatus.NOT_FOUND:
            found = self._ask(f"GET {path}", handled={404})
            if found.status != HTTPStatus.NOT_FOUND:
                raise PermissionDenied(
                    action=f"GitHub's DELETE {path}",
                    resource=self.owner,
                    needed="administration=write",
                )

    def _ask(
        self,
        request: str,
        *,
        body: Mapping[str, object] | None = None,
        handled: Collection[int] = (),
    ) -> Reply:
        reply = self._api.ask(
            request,
            self.owner,
            bearer=self._authority.token(),
            body=body,
            handled={HTTPStatus.UNAUTHORIZED, *handled},
        )
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise self._authority.refusal()
        return reply

    def _path(self, identity: str = "") -> str:
        number = identity.rpartition(" ")[2]
        return "/".join(filter(None, [f"/repos/{self._repository}/keys", number]))

    def _ssh_url(self) -> str:
        """Ask for the address that git takes, which differs from server to server."""
        request = f"GET /repos/{self._repository}"
        answer = self._api.read(self._ask(request), request, self.owner)
        return answer.text("ssh_url", pattern=_SSH_URL, allowed="an address for git over SSH")

    def _issued(self, key: Response, mark: str) -> Issued:
        created = key.text("created_at")
        time = parsed_time(created)
        if time is None:
            raise key.refusal(name="created_at", given=created, allowed="a time in UTC")
        return Issued(identity=_identity(_key_id(key)), owner=self.owner, created=time, mark=mark)

    def _compare(self, answer: Response, credential: Credential) -> None:
        wanted = cast("Mapping[str, str | bool]", credential.value)
        public_key = re.escape(str(wanted["public_key"]))
        answer.text("key", pattern=public_key, allowed="the public key that was added")
        read_only = answer.flag("read_only")
        if read_only is not wanted["read_only"]:
            allowed = f"{str(wanted['read_only']).lower()}, as was asked for"
            raise answer.refusal(name="read_only", given=read_only, allowed=allowed)
        # Described as optional.
        if answer.optional_flag("enabled") is False:
            raise ConfigurationError.no_deploy_keys(owner=self.owner)
        if not answer.flag("verified"):
            raise CredentialRejected(owner=self.owner, identity=credential.identity)


def _owner(api_url: str, repository: str) -> str:
    """Name a repository as GitHub compares names."""
    return f"repository {repository.lower()} at {api_url}"


def _identity(key_id: int) -> str:
    return f"deploy key {key_id}"


def _key_id(answer: Response) -> int:
    key_id = answer.number("id")
    if not 0 < key_id < github.MOST:
        raise answer.refusal(name="id", given=key_id, allowed="a number above zero")
    return key_id


def build(options: OptionReader, clients: Clients, send: Send | None = None) -> GithubDeployKey:
    """Read the options.

    Args:
        options: as the module gives them: an App's three, or token_secret_arn.
        clients: where KMS and Secrets Manager come from.
        send: what reaches GitHub; None: urllib3.

    Raises:
        ConfigurationError: An option is missing or wrong, or the function lacks the library.
    """
    ssh.require_library()
    api = github.api(options, send)
    repository = options.text(
        "repository",
        pattern=_REPOSITORY,
        allowed="a repository with its owner such as octo-org/reports",
    )
    secret_arn = options.optional_text(
        "token_secret_arn", pattern=_SECRET_ARN, allowed="the ARN of a secret, or null"
    )
    authority: Authority
    if secret_arn is None:
        authority = AppsToken(github.installation(options, clients, api), repository)
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
