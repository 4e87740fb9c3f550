"""GitHub's REST API as an App uses it: errors made ours where it is asked.

An App proves itself by a JSON web token that KMS signs: the App's private key is nowhere else. For
that GitHub gives a token of one installation, which ends by itself within the hour
(https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation).
No text of GitHub's is repeated; what it says is read from its statuses, headers and fields.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rotation.aws import call
from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.response import Response, parsed_time
from rotation.services import NoReplyError
from rotation.services.https import Https, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from mypy_boto3_kms import KMSClient

    from rotation.aws import Clients
    from rotation.services.https import Reply, Send
    from rotation.settings import OptionReader

API_URL: Final = r"https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._-]+)*"
TOKEN: Final = r"[!-~]{1,4096}"  # noqa: S105 -- what one looks like
_SECONDS: Final = r"[0-9]{1,11}"
_SHOWABLE: Final = re.compile(r"[A-Za-z0-9 :._-]{1,120}")
_SUCCESS: Final = range(200, 300)
_LEVELS: Final = "none read write admin"

# https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api
_HEADERS: Final = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "terraform-aws-rotating-secret",
    "X-GitHub-Api-Version": "2022-11-28",
}
# Sixty seconds back and less than ten minutes ahead, both by GitHub's clock:
# https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
_BACK_SECONDS: Final = 60
_AHEAD_SECONDS: Final = 540
# How far GitHub's clock may be from ours; a date tells whole seconds, and is some old on arrival.
_GOOD_BEHIND: Final = 10 - _BACK_SECONDS
_GOOD_AHEAD: Final = _AHEAD_SECONDS - 10
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
_PAUSE_SECONDS: Final = 60
_LONGEST_PAUSE_SECONDS: Final = 86400
_PAGE: Final = 100
# What JSON's readers hold exactly.
MOST: Final = 2**53 - 1
_KEY_ARN: Final = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9A-Za-z-]+"
# What comes with every permission, whether it was asked for or not.
_IMPLIED: Final = {"metadata": "read"}
# What KMS says of a key that cannot sign with this algorithm, or not now:
# https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html#API_Sign_Errors
_UNFIT: Final = (
    "DisabledException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
)


class Api:
    """One GitHub: github.com, or an Enterprise Server."""

    def __init__(self, url: str, *, send: Send, now: Callable[[], datetime]) -> None:
        """Take the address; nothing is asked."""
        self.url = url
        self.now = now
        self._send = send

    def ask(
        self,
        request: str,
        resource: str,
        *,
        bearer: str,
        body: Mapping[str, object] | None = None,
        handled: Collection[int] = (),
    ) -> Reply:
        """Make one request, once, and turn what GitHub refuses into our errors.

        Args:
            request: the method and the path.
            resource: on what, for the message.
            bearer: the token of who asks.
            body: what is sent.
            handled: the statuses that the caller looks at itself, where no limit is the reason.

        Raises:
            ConfigurationError: There is no such thing, or not there any more.
            PermissionDenied: The asker may not do that.
            ServiceUnavailable: A limit, or no usable answer.
            ProtocolError: Any other status.
        """
        action = _action(request)
        method, _, path = request.partition(" ")
        headers = {**_HEADERS, "Authorization": f"Bearer {bearer}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        try:
            reply = self._send(method, self.url + path, headers=headers, body=content)
        except NoReplyError as error:
            lost = error.lost
        else:
            refusal = self._refusal(action, resource, reply, handled)
            if refusal is None:
                return reply
            raise refusal
        raise ServiceUnavailable(action=action, resource=resource, answer_lost=lost)

    def read(self, reply: Reply, request: str, resource: str) -> Response:
        """Read the object that a reply holds."""
        return Response(parsed(reply), action=_action(request), resource=resource)

    def read_all(self, reply: Reply, request: str, resource: str) -> Sequence[Response]:
        """Read the objects of the list that a reply holds."""
        whole = Response({"": parsed(reply)}, action=_action(request), resource=resource)
        return whole.parts("")

    def ahead(self, reply: Reply) -> float | None:
        """Say how many seconds GitHub's clock is ahead of ours; None: it does not tell the time."""
        from email.utils import parsedate_to_datetime

        with suppress(ArithmeticError, LookupError, TypeError, ValueError):
            told = parsedate_to_datetime(reply.headers["date"])
            return (told - self.now()).total_seconds()
        return None

    def _refusal(
        self, action: str, resource: str, reply: Reply, handled: Collection[int]
    ) -> RotationError | None:
        failure: RotationError
        if reply.status in _SUCCESS:
            return None
        pause = self._pause(reply)
        if pause is not None:
            return ServiceUnavailable(
                action=action,
                resource=resource,
                answer_lost=False,
                pause=pause,
                until=self.now() + timedelta(seconds=pause),
            )
        if reply.status in handled:
            return None
        match reply.status:
            case 301 | 302 | 307 | 308:
                failure = ConfigurationError.moved(resource=resource)
            case HTTPStatus.FORBIDDEN:
                failure = denied(action, resource, reply)
            case HTTPStatus.NOT_FOUND:
                failure = ConfigurationError.not_there(resource=resource)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                failure = ServiceUnavailable(action=action, resource=resource, answer_lost=True)
            case status:
                failure = ProtocolError.answer(
                    action=action, resource=resource, code=f"HTTP_{status}"
                )
        return failure

    def _pause(self, reply: Reply) -> float | None:
        """Say how long a limit asks to wait; None: no limit is the reason.

        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
        """
        if reply.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
            return None
        after = reply.headers.get("retry-after", "")
        if re.fullmatch(_SECONDS, after):
            return max(1, int(after))
        reset = reply.headers.get("x-ratelimit-reset", "")
        if reply.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(_SECONDS, reset):
            there = self.now().timestamp() + (self.ahead(reply) or 0)
            return min(max(1, int(reset) - there), _LONGEST_PAUSE_SECONDS)
        # Without these headers only the text tells a secondary limit from a right that lacks.
        limited = reply.status == HTTPStatus.TOO_MANY_REQUESTS or b"rate limit" in reply.body
        return _PAUSE_SECONDS if limited else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An installation's token. Its repr shows how long it lives."""

    value: str = field(repr=False)
    expires_at: str


class Installation:
    """An App where it is installed, which may ask for tokens."""

    def __init__(
        self, api: Api, clients: Clients, *, client_id: str, installation_id: int, kms_key_arn: str
    ) -> None:
        """Take who it is; nothing is asked."""
        self._api = api
        self._clients = clients
        self._client_id = client_id
        self._key_arn = kms_key_arn
        self.number = installation_id
        self.owner = owner(api.url, installation_id)
        self.url = api.url

    def token(self, *, repositories: Iterable[str], permissions: Mapping[str, str]) -> Token:
        """Ask for a token with these repositories and permissions, and exactly these.

        Raises:
            ConfigurationError: The App, its key, its installation or what it was granted does not
                allow it.
            ProtocolError: GitHub gave more or less than it was asked for; the token was ended.
        """
        request = f"POST /app/installations/{self.number}/access_tokens"
        jwt = self._jwt()
        reply = self._api.ask(
            request,
            self.owner,
            bearer=jwt,
            body={"permissions": dict(permissions), "repositories": sorted(repositories)},
            handled={401, 403, 404, 422},
        )
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise self._unauthorized(reply)
        if reply.status not in _SUCCESS:
            raise self._explained(request, jwt, reply, permissions)
        answer = self._api.read(reply, request, self.owner)
        token = Token(
            value=answer.text("token", pattern=TOKEN, allowed="a token"),
            expires_at=answer.text("expires_at"),
        )
        if parsed_time(token.expires_at) is None:
            raise answer.refusal(name="expires_at", given=token.expires_at, allowed="a time in UTC")
        differing = self._differing(answer, repositories, permissions)
        if differing is None:
            return token
        # What may do more than it was meant to must not lie about for an hour.
        with suppress(RotationError):
            self.end(token.value)
        raise differing

    def reached(self, token: str, *, most: int) -> frozenset[str] | None:
        """List the names of what a token reaches, in lower case; None: more than so many.

        Raises:
            CredentialRejected: GitHub does not accept the token.
        """
        path = "/installation/repositories"
        found: set[str] = set()
        for page in range(1, most // _PAGE + 2):
            request = f"GET {path}?per_page={_PAGE}&page={page}"
            reply = self._api.ask(request, self.owner, bearer=token, handled={401, 403})
            if reply.status == HTTPStatus.UNAUTHORIZED:
                raise CredentialRejected(owner=self.owner, identity="the token")
            if reply.status == HTTPStatus.FORBIDDEN:
                raise self._explained(request, self._jwt(), reply, {})
            answer = self._api.read(reply, request, self.owner)
            if answer.number("total_count") > most:
                return None
            names = [one.text("name").lower() for one in answer.parts("repositories")]
            found.update(names)
            if len(names) < _PAGE:
                break
        return frozenset(found)

    def end(self, token: str) -> None:
        """End a token; one that has ended already is a success.

        https://docs.github.com/rest/apps/installations#revoke-an-installation-access-token
        """
        self._api.ask("DELETE /installation/token", self.owner, bearer=token, handled={401})

    def _jwt(self) -> str:
        now = int(self._api.now().timestamp())
        claims = {"iat": now - _BACK_SECONDS, "exp": now + _AHEAD_SECONDS, "iss": self._client_id}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        signed = ".".join(map(_base64, parts))
        unfit = ConfigurationError.key_does_not_sign(key=self._key_arn)

        def sign() -> bytes:
            kms: KMSClient = self._clients("kms")
            return kms.sign(
                KeyId=self._key_arn,
                Message=signed.encode(),
                MessageType="RAW",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )["Signature"]

        signature = call("kms:Sign", self._key_arn, sign, known=dict.fromkeys(_UNFIT, unfit))
        return f"{signed}.{_base64(signature)}"

    def _unauthorized(self, reply: Reply) -> RotationError:
        """Tell a clock that is wrong from an App or a key that is not the right one."""
        ahead = self._api.ahead(reply)
        if ahead is not None and not _GOOD_BEHIND < ahead < _GOOD_AHEAD:
            return ConfigurationError.clocks(service=self._api.url, ahead=ahead)
        return ConfigurationError.app_not_accepted(
            service=self._api.url, client_id=self._client_id, key=self._key_arn
        )

    def _explained(
        self, request: str, jwt: str, refused: Reply, permissions: Mapping[str, str]
    ) -> RotationError:
        """Find out why GitHub refuses, by what it says of the installation."""
        asking = f"GET /app/installations/{self.number}"
        reply = self._api.ask(asking, self.owner, bearer=jwt, handled={401, 404})
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorized(reply)
        if reply.status == HTTPStatus.NOT_FOUND:
            return ConfigurationError.not_installed(owner=self.owner, client_id=self._client_id)
        answer = self._api.read(reply, asking, self.owner)
        if answer.optional_text("suspended_at"):
            return ConfigurationError.suspended(owner=self.owner)
        if refused.status == HTTPStatus.FORBIDDEN:
            return denied(_action(request), self.owner, refused)
        granted = answer.map_of_texts("permissions")
        lacking = [
            f"{name}: {level}"
            for name, level in sorted(permissions.items())
            if _LEVELS.find(granted.get(name, "none")) < _LEVELS.find(level)
        ]
        return ConfigurationError.not_granted(owner=self.owner, lacking=lacking)

    def _differing(
        self, answer: Response, repositories: Iterable[str], permissions: Mapping[str, str]
    ) -> RotationError | None:
        wanted = _spelt(repositories, permissions)
        try:
            # Neither is answered where nothing was chosen.
            names = [one.text("name") for one in answer.parts("repositories")]
            given = _spelt(names, answer.map_of_texts("permissions"))
        except ProtocolError as error:
            return error
        if wanted == given:
            return None
        return ProtocolError.narrowed_otherwise(
            owner=self.owner, beyond=given - wanted, lacking=wanted - given
        )


def api(options: OptionReader, send: Send | None) -> Api:
    """Read the option that says which GitHub.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    url = options.text(
        "api_url",
        pattern=API_URL,
        allowed="an address such as https://api.github.com or https://HOST/api/v3",
    )
    return Api(url, send=send or Https(), now=lambda: datetime.now(UTC))


def installation(options: OptionReader, clients: Clients, api: Api) -> Installation:
    """Read the options that name an App.

    Raises:
        ConfigurationError: One is missing or wrong.
    """
    return Installation(
        api,
        clients,
        client_id=options.text(
            "client_id", pattern=r"[0-9A-Za-z.-]{1,64}", allowed="the client ID of a GitHub App"
        ),
        installation_id=options.number("installation_id", least=1, most=MOST),
        kms_key_arn=options.text("kms_key_arn", pattern=_KEY_ARN, allowed="the ARN of a KMS key"),
    )


def owner(url: str, installation_id: int) -> str:
    """Name an installation; its number is of one App alone."""
    return f"installation {installation_id} at {url}"


def denied(action: str, resource: str, reply: Reply) -> PermissionDenied:
    """Make the error about a right that lacks, which GitHub names in a header."""
    needed = reply.headers.get("x-accepted-github-permissions", "")
    needed = needed if re.fullmatch(r"[a-z_=,; ]{1,200}", needed) else ""
    return PermissionDenied(action=action, resource=resource, needed=needed)


def _action(request: str) -> str:
    return f"GitHub's {request.partition('?')[0]}"


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _spelt(repositories: Iterable[str], permissions: Mapping[str, str]) -> set[str]:
    """Write what a token may as texts that can be shown; what is no name is not."""
    texts = [f"repository {name.lower()}" for name in repositories]
    texts += [f"{name}: {level}" for name, level in {**_IMPLIED, **permissions}.items()]
    return {text if _SHOWABLE.fullmatch(text) else "what is no name" for text in texts}
