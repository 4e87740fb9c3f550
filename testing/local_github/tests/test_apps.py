"""An App's tokens, by https://docs.github.com/rest/apps."""

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


def test_an_app_is_known_by_its_token(client: Client, app: App, jwt: Jwt) -> None:
    answer = client.ask("GET /app", token=jwt())
    assert answer.status == 200
    assert answer.body["client_id"] == app.client_id


def test_an_app_is_known_by_its_number_too(client: Client, app: App, jwt: Jwt) -> None:
    assert client.ask("GET /app", token=jwt(iss=str(app.id))).status == 200


@pytest.mark.parametrize(
    ("claim", "seconds", "said"),
    [
        pytest.param("exp", 601, TOO_FAR, id="expiry-too-far"),
        pytest.param("exp", 0, EXPIRY, id="expired"),
        pytest.param("exp", None, EXPIRY, id="no-expiry"),
        pytest.param("iat", 1, ISSUED_AT, id="issued-in-the-future"),
        pytest.param("iat", None, ISSUED_AT, id="no-issue-time"),
    ],
)
def test_the_times_of_a_jwt_are_held_against_githubs_clock(
    github: LocalGitHub, client: Client, jwt: Jwt, claim: str, seconds: int | None, said: str
) -> None:
    when = None if seconds is None else int(github.now().timestamp()) + seconds + (seconds == 1)
    answer = client.ask("GET /app", token=jwt(**{claim: when}))
    assert (answer.status, answer.body["message"]) == (401, said)


def test_a_refused_jwt_comes_with_githubs_time(
    github: LocalGitHub, client: Client, jwt: Jwt
) -> None:
    token = jwt()
    github.move_clock(7200)
    answer = client.ask("GET /app", token=token)
    told = parsedate_to_datetime(answer.headers["Date"])
    assert abs(told - github.now()) < timedelta(seconds=5)
    assert (answer.status, answer.body["message"]) == (401, EXPIRY)


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
def test_a_forged_jwt_is_not_decoded(
    client: Client, jwt: Jwt, forge: Callable[[Jwt, rsa.RSAPrivateKey], str]
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    answer = client.ask("GET /app", token=forge(jwt, other))
    assert (answer.status, answer.body["message"]) == (401, UNDECODED)


def test_an_app_that_is_unknown_is_not_found(client: Client, jwt: Jwt) -> None:
    answer = client.ask("GET /app", token=jwt(iss="Iv23liUNKNOWN"))
    assert (answer.status, answer.body["message"]) == (404, "Integration not found")


def test_an_app_whose_key_was_deleted_is_refused(client: Client, app: App, jwt: Jwt) -> None:
    app.public_key = None
    answer = client.ask("GET /app", token=jwt())
    said = "Integration must generate a public key"
    assert (answer.status, answer.body["message"]) == (401, said)


def test_an_app_takes_the_public_key_that_kms_returns(
    github: LocalGitHub, app_key: rsa.RSAPrivateKey
) -> None:
    der = app_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert github.add_app(der).public_key == app_key.public_key()


def test_an_app_takes_no_other_kind_of_key(github: LocalGitHub) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(NotAnRsaKeyError):
        github.add_app(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def test_a_token_lives_for_an_hour(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    made = issue_token()
    expires = datetime.fromisoformat(made["expires_at"])
    assert timedelta(minutes=59) < expires - github.now() <= timedelta(hours=1)
    github.move_clock(3590)
    assert client.ask("GET /installation/repositories", token=made["token"]).status == 200
    github.move_clock(15)
    answer = client.ask("GET /installation/repositories", token=made["token"])
    assert (answer.status, answer.body["message"]) == (401, "Bad credentials")


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


def test_a_token_that_is_not_narrowed_has_all_that_the_installation_has(
    issue_token: IssueToken, installation: Installation
) -> None:
    made = issue_token()
    assert made["permissions"] == installation.permissions
    assert made["repository_selection"] == "all"
    assert "repositories" not in made


def test_a_token_is_narrowed(
    github: LocalGitHub, client: Client, issue_token: IssueToken, repository: Repository
) -> None:
    hidden = github.add_repository("octo-org/hidden")
    made = issue_token(repositories=["Reports"], permissions={"contents": "read"})
    assert made["permissions"] == {"contents": "read", "metadata": "read"}
    assert made["repository_selection"] == "selected"
    assert [each["full_name"] for each in made["repositories"]] == ["octo-org/reports"]
    listed = client.ask("GET /installation/repositories", token=made["token"]).body
    assert [each["id"] for each in listed["repositories"]] == [repository.id]
    asked = {
        name: client.ask(f"GET /repos/octo-org/{name}", token=made["token"]).status
        for name in (repository.name, hidden.name)
    }
    assert asked == {"reports": 200, "hidden": 404}


def test_a_token_is_narrowed_by_numbers_too(
    issue_token: IssueToken, repository: Repository
) -> None:
    made = issue_token(repository_ids=[repository.id])
    assert [each["id"] for each in made["repositories"]] == [repository.id]


@pytest.mark.parametrize(
    ("narrowed", "said"),
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
def test_a_token_is_not_narrowed_to_what_the_installation_has_not(
    client: Client, jwt: Jwt, tokens: str, narrowed: dict[str, object], said: str
) -> None:
    answer = client.ask(tokens, narrowed, token=jwt())
    assert (answer.status, answer.body["message"]) == (422, said)


def test_a_repository_that_the_installation_was_not_given_is_out_of_reach(
    github: LocalGitHub, client: Client, app: App, jwt: Jwt, repository: Repository
) -> None:
    github.add_repository("octo-org/other")
    installation = github.install(app, "octo-org", permissions={}, repositories=[repository])
    tokens = f"POST /app/installations/{installation.id}/access_tokens"
    assert client.ask(tokens, {"repositories": ["other"]}, token=jwt()).status == 422
    made = client.ask(tokens, token=jwt()).body
    assert made["repository_selection"] == "selected"
    listed = client.ask("GET /installation/repositories", token=made["token"]).body
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
def test_narrowing_can_be_widened_or_shortened_in_silence(
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
    made = issue_token(
        repositories=["archive", "reports"], permissions={"contents": "read", "issues": "read"}
    )
    assert set(made["permissions"]) == permissions
    listed = client.ask("GET /installation/repositories", token=made["token"]).body
    assert [each["name"] for each in listed["repositories"]] == names


def test_a_token_revokes_itself(client: Client, issue_token: IssueToken) -> None:
    first, second = issue_token()["token"], issue_token()["token"]
    assert client.ask("DELETE /installation/token", token=first).status == 204
    again = client.ask("DELETE /installation/token", token=first)
    assert (again.status, again.body["message"]) == (401, "Bad credentials")
    assert client.ask("GET /installation/repositories", token=second).status == 200


def test_a_suspended_installation_is_refused_whole(
    github: LocalGitHub, client: Client, installation: Installation, jwt: Jwt, tokens: str
) -> None:
    made = client.ask(tokens, token=jwt()).body
    github.suspend(installation)
    answers = [
        client.ask(tokens, token=jwt()),
        client.ask("GET /installation/repositories", token=made["token"]),
    ]
    said = (403, "This installation has been suspended")
    assert [(each.status, each.body["message"]) for each in answers] == [said, said]
    told = client.ask(f"GET /app/installations/{installation.id}", token=jwt()).body
    assert told["suspended_at"] is not None


def test_an_uninstalled_app_finds_no_installation(
    github: LocalGitHub, client: Client, installation: Installation, jwt: Jwt, tokens: str
) -> None:
    made = client.ask(tokens, token=jwt()).body
    github.uninstall(installation)
    answer = client.ask(tokens, token=jwt())
    assert (answer.status, answer.body["message"]) == (404, "Not Found")
    assert client.ask("GET /installation/repositories", token=made["token"]).status == 401


def test_an_installation_of_another_app_is_not_found(
    github: LocalGitHub, client: Client, app_key: rsa.RSAPrivateKey, jwt: Jwt, tokens: str
) -> None:
    other = github.add_app(app_key.public_key(), slug="other")
    assert client.ask(tokens, token=jwt(iss=other.client_id)).status == 404


def test_an_installation_is_shown(client: Client, installation: Installation, jwt: Jwt) -> None:
    told = client.ask(f"GET /app/installations/{installation.id}", token=jwt()).body
    assert told["id"] == installation.id
    assert told["account"]["login"] == "octo-org"
    assert told["permissions"] == installation.permissions
    assert told["suspended_at"] is None


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        pytest.param({}, "Requires authentication", id="none"),
        pytest.param({"Authorization": "Basic eDp5"}, "Bad credentials", id="basic"),
        pytest.param({"Authorization": "Bearer ghs_unknown"}, "Bad credentials", id="unknown"),
    ],
)
def test_who_does_not_say_who_they_are_is_refused(
    client: Client, authorization: dict[str, str], said: str
) -> None:
    answer = client.ask("GET /installation/repositories", **authorization)
    assert (answer.status, answer.body["message"]) == (401, said)


def test_a_personal_token_is_not_an_installations(
    github: LocalGitHub, client: Client, repository: Repository
) -> None:
    personal = github.add_personal_token("mona", permissions={}, repositories=[repository])
    answer = client.ask("GET /installation/repositories", token=personal.value)
    said = "Resource not accessible by personal access token"
    assert (answer.status, answer.body["message"]) == (403, said)


def test_no_repr_shows_a_token(github: LocalGitHub, issue_token: IssueToken) -> None:
    token = issue_token()["token"]
    assert token in {each.value for each in github.tokens}
    assert token not in repr(github.tokens)
    assert token not in repr(github.requests)


def test_switches_can_be_given_at_the_start_and_for_a_while() -> None:
    with local_github(limit_status=429) as github:
        with github.switched(limit_status=403):
            assert github.switches.limit_status == 403
        assert github.switches.limit_status == 429
