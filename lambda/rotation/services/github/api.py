"""GitHub's REST API, and a GitHub App as its caller.

An App authenticates with a JSON web token (JWT) that KMS signs: nothing else has the App's private
key. In exchange GitHub issues a token of one installation, which expires after an hour
(https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation).
Errors become those of the core here. They are made from GitHub's statuses, headers and fields, and
never from its texts.
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
from rotation.errors import CredentialRejected, ProtocolError, RotationError, ServiceUnavailable
from rotation.response import Response, parse_time
from rotation.services.github import errors
from rotation.services.https import Https, parse_json
from rotation.services.tls import NoReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from mypy_boto3_kms import KMSClient

    from rotation.aws import Clients
    from rotation.services.https import Reply, Send
    from rotation.settings import OptionReader

API_URL: Final = r"https://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9._-]+)*"
TOKEN: Final = r"[!-~]{1,4096}"  # noqa: S105 -- the form of one
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
# How far GitHub's clock may be from ours. A Date header has whole seconds and arrives late.
_GOOD_BEHIND: Final = 10 - _BACK_SECONDS
_GOOD_AHEAD: Final = _AHEAD_SECONDS - 10
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
_PAUSE_SECONDS: Final = 60
_LONGEST_PAUSE_SECONDS: Final = 86400
# The largest number that every JSON parser keeps exact.
MOST: Final = 2**53 - 1
_KEY_ARN: Final = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9A-Za-z-]+"
# Every token has this permission, even if it was not requested.
_IMPLIED: Final = {"metadata": "read"}
# KMS returns these for a key that cannot sign with this algorithm, or not now:
# https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html#API_Sign_Errors
_CANNOT_SIGN: Final = (
    "DisabledException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
)


class Api:
    """The API of one server: github.com, or a GitHub Enterprise Server."""

    def __init__(self, url: str, *, send: Send, now: Callable[[], datetime]) -> None:
        """Take the address; no request is sent."""
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
        """Send one request, once, and translate GitHub's errors into ours.

        Args:
            request: the method and the path.
            resource: what it is about, for the message.
            bearer: the token of the caller.
            body: the JSON to send.
            handled: the statuses that the caller handles, unless a rate limit is the reason.

        Raises:
            ConfigurationError: The resource does not exist, or has moved.
            PermissionDenied: The caller has no permission.
            ServiceUnavailable: A rate limit, or no usable response.
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
        """Return the JSON object in a reply."""
        return Response(parse_json(reply), action=_action(request), resource=resource)

    def read_all(self, reply: Reply, request: str, resource: str) -> Sequence[Response]:
        """Return the objects of the JSON list in a reply."""
        whole = Response({"": parse_json(reply)}, action=_action(request), resource=resource)
        return whole.parts("")

    def ahead(self, reply: Reply) -> float | None:
        """Return how many seconds GitHub's clock is ahead of ours; None: the reply has no date."""
        from email.utils import parsedate_to_datetime

        with suppress(ArithmeticError, LookupError, TypeError, ValueError):
            date = parsedate_to_datetime(reply.headers["date"])
            return (date - self.now()).total_seconds()
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
                failure = errors.moved(resource=resource)
            case HTTPStatus.FORBIDDEN:
                failure = _denied(action, resource, reply)
            case HTTPStatus.NOT_FOUND:
                failure = errors.not_found(resource=resource)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                failure = ServiceUnavailable(action=action, resource=resource, answer_lost=True)
            case status:
                failure = ProtocolError.unexpected_code(
                    action=action, resource=resource, code=f"HTTP_{status}"
                )
        return failure

    def _pause(self, reply: Reply) -> float | None:
        """Return how many seconds a rate limit requires to wait; None: it isn't a rate limit.

        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
        """
        if reply.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
            return None
        after = reply.headers.get("retry-after", "")
        if re.fullmatch(_SECONDS, after):
            return max(1, int(after))
        reset = reply.headers.get("x-ratelimit-reset", "")
        if reply.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(_SECONDS, reset):
            github_now = self.now().timestamp() + (self.ahead(reply) or 0)
            return min(max(1, int(reset) - github_now), _LONGEST_PAUSE_SECONDS)
        # Without these headers, only the text distinguishes a secondary limit from a denial.
        limited = reply.status == HTTPStatus.TOO_MANY_REQUESTS or b"rate limit" in reply.body
        return _PAUSE_SECONDS if limited else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an installation. Its repr shows only when it expires."""

    value: str = field(repr=False)
    expires_at: str


class Installation:
    """One installation of a GitHub App, which can request tokens."""

    def __init__(
        self, api: Api, clients: Clients, *, client_id: str, installation_id: int, kms_key_arn: str
    ) -> None:
        """Take the App and its installation; no request is sent."""
        self._api = api
        self._clients = clients
        self._client_id = client_id
        self._key_arn = kms_key_arn
        self.number = installation_id
        self.owner = owner(api.url, installation_id)
        self.url = api.url

    def token(self, *, repositories: Iterable[str], permissions: Mapping[str, str]) -> Token:
        """Request a token with exactly these repositories and permissions.

        Raises:
            ConfigurationError: The App, its key, its installation or its permissions do not allow
                such a token.
            ProtocolError: GitHub issued a token with more or less; the token was revoked.
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
            raise self._reason(request, jwt, reply, permissions)
        response = self._api.read(reply, request, self.owner)
        token = Token(
            value=response.text("token", pattern=TOKEN, allowed="a token"),
            expires_at=response.text("expires_at"),
        )
        if parse_time(token.expires_at) is None:
            raise response.refusal(name="expires_at", given=token.expires_at, allowed="a UTC time")
        error = self._compare(response, repositories, permissions)
        if error is None:
            return token
        # A token that may do too much must not stay valid for an hour.
        with suppress(RotationError):
            self.revoke(token.value)
        raise error

    def get(self, path: str, token: str) -> Response:
        """Return what a token reads.

        Raises:
            CredentialRejected: GitHub rejects the token.
            ConfigurationError: The App or its installation does not allow it.
        """
        request = f"GET {path}"
        reply = self._api.ask(request, self.owner, bearer=token, handled={401, 403})
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise CredentialRejected(owner=self.owner, identity="the token")
        if reply.status == HTTPStatus.FORBIDDEN:
            raise self._reason(request, self._jwt(), reply, {})
        return self._api.read(reply, request, self.owner)

    def revoke(self, token: str) -> None:
        """Revoke a token; it is a success if the token has expired or was revoked before.

        https://docs.github.com/rest/apps/installations#revoke-an-installation-access-token
        """
        self._api.ask("DELETE /installation/token", self.owner, bearer=token, handled={401})

    def _jwt(self) -> str:
        now = int(self._api.now().timestamp())
        claims = {"iat": now - _BACK_SECONDS, "exp": now + _AHEAD_SECONDS, "iss": self._client_id}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        signed = ".".join(map(_base64, parts))

        def sign() -> bytes:
            kms: KMSClient = self._clients("kms")
            return kms.sign(
                KeyId=self._key_arn,
                Message=signed.encode(),
                MessageType="RAW",
                SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
            )["Signature"]

        known = dict.fromkeys(_CANNOT_SIGN, errors.key_cannot_sign(key=self._key_arn))
        signature = call("kms:Sign", self._key_arn, sign, known=known)
        return f"{signed}.{_base64(signature)}"

    def _unauthorized(self, reply: Reply) -> RotationError:
        """Distinguish a wrong clock from a wrong App or key."""
        ahead = self._api.ahead(reply)
        if ahead is not None and not _GOOD_BEHIND < ahead < _GOOD_AHEAD:
            return errors.wrong_clock(service=self._api.url, ahead=ahead)
        return errors.key_rejected(
            service=self._api.url, client_id=self._client_id, key=self._key_arn
        )

    def _reason(
        self, request: str, jwt: str, refused: Reply, permissions: Mapping[str, str]
    ) -> RotationError:
        """Find out why GitHub refused a request, by looking at the installation."""
        asking = f"GET /app/installations/{self.number}"
        reply = self._api.ask(asking, self.owner, bearer=jwt, handled={401, 404})
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorized(reply)
        if reply.status == HTTPStatus.NOT_FOUND:
            return errors.not_installed(owner=self.owner, client_id=self._client_id)
        response = self._api.read(reply, asking, self.owner)
        if response.optional_text("suspended_at"):
            return errors.installation_suspended(owner=self.owner)
        if refused.status == HTTPStatus.FORBIDDEN:
            return _denied(_action(request), self.owner, refused)
        granted = response.map_of_texts("permissions")
        missing = [
            f"{name}: {level}"
            for name, level in sorted(permissions.items())
            if _LEVELS.find(granted.get(name, "none")) < _LEVELS.find(level)
        ]
        return errors.not_granted(owner=self.owner, missing=missing)

    def _compare(
        self, response: Response, repositories: Iterable[str], permissions: Mapping[str, str]
    ) -> RotationError | None:
        """Return the error about a token that has another scope than the requested one."""
        requested = _scope_as_text(repositories, permissions)
        try:
            # GitHub leaves out both if the request did not name them.
            names = [one.text("name") for one in response.parts("repositories")]
            issued = _scope_as_text(names, response.map_of_texts("permissions"))
        except ProtocolError as error:
            return error
        if requested == issued:
            return None
        return errors.wrong_scope(
            owner=self.owner, extra=issued - requested, missing=requested - issued
        )


def api(options: OptionReader, send: Send | None) -> Api:
    """Read the option with the address of the API.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    url = options.text(
        "api_url",
        pattern=API_URL,
        allowed="a URL such as https://api.github.com or https://HOST/api/v3",
    )
    return Api(url, send=send or Https(), now=lambda: datetime.now(UTC))


def installation(options: OptionReader, clients: Clients, api: Api) -> Installation:
    """Read the options that name an App and its installation.

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
    """Name an installation. Its number belongs to one App alone."""
    return f"installation {installation_id} at {url}"


def _denied(action: str, resource: str, reply: Reply) -> RotationError:
    """Return the error about a missing permission, which GitHub names in a header."""
    named = reply.headers.get("x-accepted-github-permissions", "")
    permission = named if re.fullmatch(r"[a-z_=,; ]{1,200}", named) else ""
    return errors.denied(action=action, resource=resource, permission=permission)


def _action(request: str) -> str:
    return f"GitHub's {request.partition('?')[0]}"


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _scope_as_text(repositories: Iterable[str], permissions: Mapping[str, str]) -> set[str]:
    """Describe the scope of a token in texts that are safe to show."""
    texts = [f"repository {name.lower()}" for name in repositories]
    texts += [f"{name}: {level}" for name, level in {**_IMPLIED, **permissions}.items()]
    return {text if _SHOWABLE.fullmatch(text) else "an invalid name" for text in texts}
