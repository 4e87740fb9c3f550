"""GitHub Apps and their tokens: https://docs.github.com/rest/apps."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from testing.local_github import LocalGitHub, Narrowing, local_github
from testing.local_github.github import NotAnRsaKeyError
from testing.local_github.records import App, Installation, Repository
from testing.local_github.tests.conftest import Client, IssueToken, Jwt, part

EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires"
)
ISSUED_AT = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was "
    "issued"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
UNDECODED = "A JSON web token could not be decoded"


@pytest.fixture
def tokens(installation: Installation) -> str:
    return f"POST /app/installations/{installation.id}/access_tokens"


def test_a_jwt_identifies_its_app(client: Client, app: App, jwt: Jwt) -> None:
    response = client.ask("GET /app", token=jwt())
    assert response.status == 200
    assert response.body["client_id"] == app.client_id


def test_a_jwt_can_name_the_id_of_the_app(client: Client, app: App, jwt: Jwt) -> None:
    assert client.ask("GET /app", token=jwt(iss=str(app.id))).status == 200


@pytest.mark.parametrize(
    ("claim", "seconds", "message"),
    [
        pytest.param("exp", 601, TOO_FAR, id="expiry-too-far"),
        pytest.param("exp", 0, EXPIRY, id="expired"),
        pytest.param("exp", None, EXPIRY, id="no-expiry"),
        pytest.param("iat", 1, ISSUED_AT, id="issued-in-the-future"),
        pytest.param("iat", None, ISSUED_AT, id="no-issue-time"),
    ],
)
def test_the_times_of_a_jwt_are_compared_with_githubs_clock(
    github: LocalGitHub, client: Client, jwt: Jwt, claim: str, seconds: int | None, message: str
) -> None:
    when = None if seconds is None else int(github.now().timestamp()) + seconds + (seconds == 1)
    response = client.ask("GET /app", token=jwt(**{claim: when}))
    assert (response.status, response.body["message"]) == (401, message)


def test_a_rejected_jwt_returns_githubs_time(github: LocalGitHub, client: Client, jwt: Jwt) -> None:
    token = jwt()
    github.move_clock(7200)
    response = client.ask("GET /app", token=token)
    date = parsedate_to_datetime(response.headers["Date"])
    assert abs(date - github.now()) < timedelta(seconds=5)
    assert (response.status, response.body["message"]) == (401, EXPIRY)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda jwt, other: jwt(key=other), id="another-key"),
        pytest.param(lambda jwt, _: jwt(alg="HS256"), id="another-algorithm"),
        pytest.param(lambda jwt, _: jwt()[:-2], id="cut"),
        pytest.param(lambda jwt, _: jwt() + "==", id="padded"),
        pytest.param(lambda *_: f"{part([])}.{part([])}.{part(b'x')}", id="no-objects"),
        pytest.param(lambda *_: "ghs_0123456789", id="no-jwt"),
    ],
)
def test_a_forged_jwt_is_rejected(
    client: Client, jwt: Jwt, forge: Callable[[Jwt, rsa.RSAPrivateKey], str]
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    response = client.ask("GET /app", token=forge(jwt, other))
    assert (response.status, response.body["message"]) == (401, UNDECODED)


def test_an_unknown_app_is_not_found(client: Client, jwt: Jwt) -> None:
    response = client.ask("GET /app", token=jwt(iss="Iv23liUNKNOWN"))
    assert (response.status, response.body["message"]) == (404, "Integration not found")


def test_an_app_without_a_public_key_is_rejected(client: Client, app: App, jwt: Jwt) -> None:
    app.public_key = None
    response = client.ask("GET /app", token=jwt())
    message = "Integration must generate a public key"
    assert (response.status, response.body["message"]) == (401, message)


def test_an_app_accepts_the_public_key_that_kms_returns(
    github: LocalGitHub, app_key: rsa.RSAPrivateKey
) -> None:
    der = app_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert github.add_app(der).public_key == app_key.public_key()


def test_an_app_rejects_a_key_that_is_not_rsa(github: LocalGitHub) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(NotAnRsaKeyError):
        github.add_app(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def test_a_token_expires_after_an_hour(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    created = issue_token()
    expires = datetime.fromisoformat(created["expires_at"])
    assert timedelta(minutes=59) < expires - github.now() <= timedelta(hours=1)
    github.move_clock(3590)
    assert client.ask("GET /installation/repositories", token=created["token"]).status == 200
    github.move_clock(15)
    response = client.ask("GET /installation/repositories", token=created["token"])
    assert (response.status, response.body["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize(
    ("stateless", "shortest", "longest"),
    [pytest.param(True, 300, 700, id="stateless"), pytest.param(False, 40, 40, id="classic")],
)
def test_a_token_has_the_long_or_the_short_format(
    github: LocalGitHub, issue_token: IssueToken, *, stateless: bool, shortest: int, longest: int
) -> None:
    github.set(stateless_tokens=stateless)
    token = issue_token()["token"]
    assert token.startswith("ghs_")
    assert shortest <= len(token) <= longest


def test_by_default_a_token_has_the_scope_of_the_installation(
    issue_token: IssueToken, installation: Installation
) -> None:
    created = issue_token()
    assert created["permissions"] == installation.permissions
    assert created["repository_selection"] == "all"
    assert "repositories" not in created


def test_the_scope_of_a_token_can_be_limited(
    github: LocalGitHub, client: Client, issue_token: IssueToken, repository: Repository
) -> None:
    hidden = github.add_repository("octo-org/hidden")
    created = issue_token(repositories=["Reports"], permissions={"contents": "read"})
    assert created["permissions"] == {"contents": "read", "metadata": "read"}
    assert created["repository_selection"] == "selected"
    assert [each["full_name"] for each in created["repositories"]] == ["octo-org/reports"]
    listed = client.ask("GET /installation/repositories", token=created["token"]).body
    assert [each["id"] for each in listed["repositories"]] == [repository.id]
    statuses = {
        name: client.ask(f"GET /repos/octo-org/{name}", token=created["token"]).status
        for name in (repository.name, hidden.name)
    }
    assert statuses == {"reports": 200, "hidden": 404}


def test_the_scope_of_a_token_can_name_the_ids_of_repositories(
    issue_token: IssueToken, repository: Repository
) -> None:
    created = issue_token(repository_ids=[repository.id])
    assert [each["id"] for each in created["repositories"]] == [repository.id]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        pytest.param(
            {"permissions": {"issues": "write"}},
            "The permissions requested are not granted to this installation.",
            id="higher-level",
        ),
        pytest.param(
            {"permissions": {"secrets": "read"}},
            "The permissions requested are not granted to this installation.",
            id="another-permission",
        ),
        pytest.param(
            {"repositories": ["reports", "elsewhere"]},
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation.",
            id="another-repository",
        ),
        pytest.param(
            {"repositories": ["octo-org/reports"]},
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation.",
            id="full-name",
        ),
        pytest.param(
            {"repositories": [f"r{number}" for number in range(501)]},
            "Validation Failed",
            id="too-many",
        ),
    ],
)
def test_a_scope_beyond_the_installation_is_refused(
    client: Client, jwt: Jwt, tokens: str, scope: dict[str, object], message: str
) -> None:
    response = client.ask(tokens, scope, token=jwt())
    assert (response.status, response.body["message"]) == (422, message)


def test_an_installation_can_be_limited_to_some_repositories(
    github: LocalGitHub, client: Client, app: App, jwt: Jwt, repository: Repository
) -> None:
    github.add_repository("octo-org/other")
    installation = github.install(app, "octo-org", permissions={}, repositories=[repository])
    tokens = f"POST /app/installations/{installation.id}/access_tokens"
    assert client.ask(tokens, {"repositories": ["other"]}, token=jwt()).status == 422
    created = client.ask(tokens, token=jwt()).body
    assert created["repository_selection"] == "selected"
    listed = client.ask("GET /installation/repositories", token=created["token"]).body
    assert listed["total_count"] == 1


@pytest.mark.parametrize(
    ("narrowing", "permissions", "names"),
    [
        pytest.param(
            Narrowing.WIDENED,
            {"administration", "contents", "issues", "metadata"},
            ["archive", "reports"],
            id="widened",
        ),
        pytest.param(Narrowing.SHORTENED, {"contents", "metadata"}, ["archive"], id="shortened"),
    ],
)
def test_a_switch_gives_a_token_another_scope_than_requested(
    github: LocalGitHub,
    client: Client,
    issue_token: IssueToken,
    narrowing: Narrowing,
    permissions: set[str],
    names: list[str],
) -> None:
    github.add_repository("octo-org/archive")
    github.repositories.sort(key=lambda each: each.name)
    github.set(narrowing=narrowing)
    created = issue_token(
        repositories=["archive", "reports"], permissions={"contents": "read", "issues": "read"}
    )
    assert set(created["permissions"]) == permissions
    listed = client.ask("GET /installation/repositories", token=created["token"]).body
    assert [each["name"] for each in listed["repositories"]] == names


def test_a_token_can_revoke_itself(client: Client, issue_token: IssueToken) -> None:
    first, second = issue_token()["token"], issue_token()["token"]
    assert client.ask("DELETE /installation/token", token=first).status == 204
    again = client.ask("DELETE /installation/token", token=first)
    assert (again.status, again.body["message"]) == (401, "Bad credentials")
    assert client.ask("GET /installation/repositories", token=second).status == 200


def test_a_suspended_installation_is_refused(
    github: LocalGitHub, client: Client, installation: Installation, jwt: Jwt, tokens: str
) -> None:
    created = client.ask(tokens, token=jwt()).body
    github.suspend(installation)
    responses = [
        client.ask(tokens, token=jwt()),
        client.ask("GET /installation/repositories", token=created["token"]),
    ]
    error = (403, "This installation has been suspended")
    assert [(each.status, each.body["message"]) for each in responses] == [error, error]
    described = client.ask(f"GET /app/installations/{installation.id}", token=jwt()).body
    assert described["suspended_at"] is not None


def test_an_uninstalled_app_has_no_installation_and_no_tokens(
    github: LocalGitHub, client: Client, installation: Installation, jwt: Jwt, tokens: str
) -> None:
    created = client.ask(tokens, token=jwt()).body
    github.uninstall(installation)
    response = client.ask(tokens, token=jwt())
    assert (response.status, response.body["message"]) == (404, "Not Found")
    assert client.ask("GET /installation/repositories", token=created["token"]).status == 401


def test_an_installation_of_another_app_is_not_found(
    github: LocalGitHub, client: Client, app_key: rsa.RSAPrivateKey, jwt: Jwt, tokens: str
) -> None:
    other = github.add_app(app_key.public_key(), slug="other")
    assert client.ask(tokens, token=jwt(iss=other.client_id)).status == 404


def test_an_app_can_read_its_installation(
    client: Client, installation: Installation, jwt: Jwt
) -> None:
    described = client.ask(f"GET /app/installations/{installation.id}", token=jwt()).body
    assert described["id"] == installation.id
    assert described["account"]["login"] == "octo-org"
    assert described["permissions"] == installation.permissions
    assert described["suspended_at"] is None


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        pytest.param({}, "Requires authentication", id="none"),
        pytest.param({"Authorization": "Basic eDp5"}, "Bad credentials", id="basic"),
        pytest.param({"Authorization": "Bearer ghs_unknown"}, "Bad credentials", id="unknown"),
    ],
)
def test_a_request_without_valid_credentials_is_rejected(
    client: Client, authorization: dict[str, str], message: str
) -> None:
    response = client.ask("GET /installation/repositories", **authorization)
    assert (response.status, response.body["message"]) == (401, message)


def test_a_personal_token_cannot_call_the_api_of_installations(
    github: LocalGitHub, client: Client, repository: Repository
) -> None:
    personal = github.add_personal_token("mona", permissions={}, repositories=[repository])
    response = client.ask("GET /installation/repositories", token=personal.value)
    message = "Resource not accessible by personal access token"
    assert (response.status, response.body["message"]) == (403, message)


def test_repr_never_shows_a_token(github: LocalGitHub, issue_token: IssueToken) -> None:
    token = issue_token()["token"]
    assert token in {each.value for each in github.tokens}
    assert token not in repr(github.tokens)
    assert token not in repr(github.requests)


def test_switches_can_be_set_at_the_start_and_for_a_block() -> None:
    with local_github(limit_status=429) as github:
        with github.switched(limit_status=403):
            assert github.switches.limit_status == 403
        assert github.switches.limit_status == 429
