"""The operations of GitHub's API that the strategies use, by their operation IDs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from testing.local_github import app_jwt, representations
from testing.local_github.exchange import Response, invalid_key, refusal
from testing.local_github.records import allows
from testing.local_github.switches import Narrowing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from testing.local_github.description import Json, Operation
    from testing.local_github.exchange import RefusedError, Request
    from testing.local_github.github import LocalGitHub
    from testing.local_github.records import App, DeployKey, Installation, Repository, Token

T = TypeVar("T")

_MOST_REPOSITORIES: Final = 500
_LONGEST_PAGE: Final = 100
_PAGE: Final = 30


@dataclass(frozen=True, slots=True)
class Call:
    """A valid request and its operation."""

    github: LocalGitHub
    request: Request
    operation: Operation

    @property
    def see(self) -> str:
        """The documentation page that GitHub's errors link to."""
        page: str = self.operation.described["externalDocs"]["url"]
        return page

    def body(self) -> Json:
        """Return the parsed JSON body, empty if there is none."""
        parsed: Json = json.loads(self.request.body or b"{}")
        return parsed


def respond(call: Call) -> Response:
    """Carry out a request.

    Raises:
        RefusedError: GitHub would return an error.
    """
    return _OPERATIONS[call.operation.described["operationId"]](call)


def implements(operation: Operation) -> bool:
    """Return whether the local GitHub implements an operation."""
    return operation.described["operationId"] in _OPERATIONS


# Authentication


def _bearer(call: Call) -> str:
    kind, _, value = call.request.headers.get("authorization", "").partition(" ")
    if not value:
        raise refusal(401, "Requires authentication", see=call.see)
    if kind.lower() not in {"bearer", "token"}:
        raise refusal(401, "Bad credentials")
    return value


def _app(call: Call) -> App:
    return app_jwt.signer(_bearer(call), call.github.apps, call.github.now())


def _token(call: Call) -> Token:
    token = call.github.find_token(_bearer(call))
    if token is None:
        raise refusal(401, "Bad credentials")
    if token.installation and token.installation.suspended_at:
        raise refusal(403, "This installation has been suspended", see=call.see)
    return token


def _installation_token(call: Call) -> tuple[Token, Installation]:
    token = _token(call)
    if token.installation is None:
        raise _not_allowed(call, token, {})
    return token, token.installation


def _installation(call: Call) -> Installation:
    app, number = _app(call), int(call.operation.values["installation_id"])
    for installation in call.github.installations:
        if installation.id == number and installation.app is app:
            return installation
    raise refusal(404, "Not Found", see=call.see)


def _repository(call: Call, **required: str) -> tuple[Repository, Token]:
    token = _token(call)
    full_name = f"{call.operation.values['owner']}/{call.operation.values['repo']}".lower()
    for repository in call.github.repositories_of(token):
        if repository.full_name.lower() == full_name:
            if all(allows(token.permissions, *permission) for permission in required.items()):
                return repository, token
            raise _not_allowed(call, token, required)
        if call.github.renamed.get(full_name) is repository:
            raise _moved(call, repository)
    # GitHub hides a repository that the token cannot access.
    raise refusal(404, "Not Found", see=call.see)


def _moved(call: Call, repository: Repository) -> RefusedError:
    _, _, _, _, *rest = call.request.path.split("/")
    location = "/".join([call.github.api_url, "repositories", str(repository.id), *rest])
    status = 301 if call.request.method == "GET" else 307
    return refusal(status, "Moved Permanently", headers={"Location": location})


def _not_allowed(call: Call, token: Token, required: Mapping[str, str]) -> RefusedError:
    kind = "integration" if token.installation else "personal access token"
    accepted = ",".join(f"{name}={level}" for name, level in required.items())
    return refusal(
        403,
        f"Resource not accessible by {kind}",
        see=call.see,
        headers={"X-Accepted-GitHub-Permissions": accepted},
    )


# Apps and their tokens


def _get_app(call: Call) -> Response:
    return Response(status=200, body=representations.app(call.github, _app(call)))


def _get_installation(call: Call) -> Response:
    return Response(status=200, body=representations.installation(call.github, _installation(call)))


def _create_token(call: Call) -> Response:
    installation = _installation(call)
    if installation.suspended_at:
        raise refusal(403, "This installation has been suspended", see=call.see)
    repositories = _chosen_repositories(call, installation)
    permissions = _chosen_permissions(call, installation)
    match call.github.switches.narrowing:
        case Narrowing.WIDENED:
            repositories, permissions = None, installation.permissions
        case Narrowing.SHORTENED:
            repositories = repositories and repositories[:-1]
            last = max(permissions.keys() - {"metadata"}, default="")
            permissions = {name: level for name, level in permissions.items() if name != last}
        case Narrowing.HONOURED:
            pass
    token = call.github.issue_token(installation, permissions, repositories)
    return Response(status=201, body=representations.token(call.github, token, installation))


def _chosen_repositories(call: Call, installation: Installation) -> list[Repository] | None:
    body = call.body()
    names = {name.lower() for name in body.get("repositories", [])}
    numbers = set(body.get("repository_ids", []))
    if not names and not numbers:
        return None
    if len(names) + len(numbers) > _MOST_REPOSITORIES:
        raise refusal(422, "Validation Failed", see=call.see)
    accessible = call.github.repositories_of(installation)
    chosen = [each for each in accessible if each.name.lower() in names or each.id in numbers]
    if (names | numbers) - {each.name.lower() for each in chosen} - {each.id for each in chosen}:
        raise refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation.",
            see=call.see,
        )
    return chosen


def _chosen_permissions(call: Call, installation: Installation) -> dict[str, str]:
    chosen: dict[str, str] = call.body().get("permissions") or installation.permissions
    if not all(allows(installation.permissions, *permission) for permission in chosen.items()):
        raise refusal(
            422, "The permissions requested are not granted to this installation.", see=call.see
        )
    # Every other permission includes this one.
    return {"metadata": "read", **chosen}


def _revoke_token(call: Call) -> Response:
    token, _ = _installation_token(call)
    call.github.delete_token(token)
    return Response(status=204)


def _list_repositories(call: Call) -> Response:
    token, _ = _installation_token(call)
    accessible = call.github.repositories_of(token)
    page, headers = _page(call, accessible, call.request.path)
    listed = [representations.repository(call.github, each, "repository") for each in page]
    body = {"total_count": len(accessible), "repositories": listed}
    return Response(status=200, body=body, headers=headers)


# Repositories and their deploy keys


def _get_repository(call: Call) -> Response:
    repository, _ = _repository(call, metadata="read")
    return Response(
        status=200, body=representations.repository(call.github, repository, "full-repository")
    )


def _list_keys(call: Call) -> Response:
    repository, _ = _repository(call, administration="read")
    keys = call.github.keys_of(repository)
    page, headers = _page(call, keys, f"/repositories/{repository.id}/keys")
    listed = [representations.deploy_key(call.github, each) for each in page]
    return Response(status=200, body=listed, headers=headers)


def _create_key(call: Call) -> Response:
    repository, token = _repository(call, administration="write")
    body = call.body()
    try:
        load_ssh_public_key(body["key"].encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        message = "key is invalid. You must supply a key in OpenSSH public key format"
        raise invalid_key(message, see=call.see) from error
    if not repository.deploy_keys_allowed:
        message = "Deploy keys are disabled for this repository"
        raise invalid_key(message, see=call.see, field_name=None)
    if body["key"].split()[:2] in [key.key.split() for key in call.github.deploy_keys]:
        message = "key is already in use"
        raise invalid_key(message, see=call.see)
    key = call.github.add_deploy_key(
        repository,
        body["key"],
        title=body.get("title", ""),
        read_only=body.get("read_only", False),
        token=token,
    )
    created = representations.deploy_key(call.github, key)
    return Response(status=201, body=created, headers={"Location": created["url"]})


def _get_key(call: Call) -> Response:
    repository, _ = _repository(call, administration="read")
    return Response(
        status=200, body=representations.deploy_key(call.github, _key(call, repository))
    )


def _delete_key(call: Call) -> Response:
    repository, _ = _repository(call, administration="write")
    call.github.deploy_keys.remove(_key(call, repository))
    return Response(status=204)


def _key(call: Call, repository: Repository) -> DeployKey:
    number = int(call.operation.values["key_id"])
    for key in call.github.keys_of(repository):
        if key.id == number:
            return key
    raise refusal(404, "Not Found", see=call.see)


# Limits and pages


def _get_rate_limit(call: Call) -> Response:
    if call.github.enterprise:
        raise refusal(404, "Rate limiting is not enabled.", see=call.see)
    core = rate_limit(call.github)
    resources = {**call.github.description.example("rate-limit-overview")["resources"]}
    return Response(status=200, body={"resources": resources | {"core": core}, "rate": core})


def rate_limit(github: LocalGitHub) -> dict[str, int]:
    """Return the state of the primary rate limit."""
    limit, remaining = 5000, github.switches.primary_remaining
    remaining = limit if remaining is None else remaining
    reset = int(github.now().timestamp()) + github.switches.primary_reset_seconds
    return {"limit": limit, "remaining": remaining, "reset": reset, "used": limit - remaining}


def _page(call: Call, listed: Sequence[T], path: str) -> tuple[Sequence[T], dict[str, str]]:
    # https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    length = min(int(call.request.query.get("per_page", _PAGE)) or _PAGE, _LONGEST_PAGE)
    number = int(call.request.query.get("page", 1)) or 1
    last = -(-len(listed) // length)
    numbers = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    relations = ["prev", "first"] if number >= last else ["next", "last"]
    if 1 < number < last:
        relations = list(numbers)
    link = ", ".join(
        f'<{call.github.api_url}{path}?per_page={length}&page={numbers[each]}>; rel="{each}"'
        for each in relations
    )
    page = listed[(number - 1) * length : number * length]
    return page, {"Link": link} if last > 1 else {}


_OPERATIONS: Final[dict[str, Callable[[Call], Response]]] = {
    "apps/create-installation-access-token": _create_token,
    "apps/get-authenticated": _get_app,
    "apps/get-installation": _get_installation,
    "apps/list-repos-accessible-to-installation": _list_repositories,
    "apps/revoke-installation-access-token": _revoke_token,
    "rate-limit/get": _get_rate_limit,
    "repos/create-deploy-key": _create_key,
    "repos/delete-deploy-key": _delete_key,
    "repos/get": _get_repository,
    "repos/get-deploy-key": _get_key,
    "repos/list-deploy-keys": _list_keys,
}
