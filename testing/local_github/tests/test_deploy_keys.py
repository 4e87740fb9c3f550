"""Deploy keys, by https://docs.github.com/rest/deploy-keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from testing.local_github import LocalGitHub
from testing.local_github.records import App, Installation, Repository
from testing.local_github.tests.conftest import Client, IssueToken, KeyPair, key_pair

KEYS = "/repos/octo-org/reports/keys"


@pytest.fixture
def token(issue_token: IssueToken) -> str:
    return str(issue_token()["token"])


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return key_pair()


def test_a_deploy_key_is_added_listed_shown_and_removed(
    client: Client, token: str, pair: KeyPair, app: App
) -> None:
    asked = {"key": f"{pair.public} someone@somewhere", "title": "rotated", "read_only": True}
    made = client.ask(f"POST {KEYS}", asked, token=token)
    assert made.status == 201
    assert made.headers["Location"] == made.body["url"]
    assert made.body["key"] == pair.public
    assert made.body["added_by"] == f"{app.slug}[bot]"
    held = {name: made.body[name] for name in ("title", "read_only", "verified", "last_used")}
    assert held == {"title": "rotated", "read_only": True, "verified": True, "last_used": None}
    assert client.ask(f"GET {KEYS}", token=token).body == [made.body]
    one = f"{KEYS}/{made.body['id']}"
    assert client.ask(f"GET {one}", token=token).body == made.body
    assert client.ask(f"DELETE {one}", token=token).status == 204
    asked_again = [client.ask(f"{method} {one}", token=token) for method in ("GET", "DELETE")]
    assert [each.status for each in asked_again] == [404, 404]


def test_a_deploy_key_may_write_unless_it_is_asked_not_to(
    client: Client, token: str, pair: KeyPair
) -> None:
    made = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert made.body["read_only"] is False


def test_an_rsa_key_is_taken(client: Client, token: str, app_key: rsa.RSAPrivateKey) -> None:
    public = app_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert client.ask(f"POST {KEYS}", {"key": public}, token=token).status == 201


def test_a_deploy_key_opens_its_repository_until_it_is_removed(
    github: LocalGitHub, client: Client, token: str, repository: Repository, pair: KeyPair
) -> None:
    other = github.add_repository("octo-org/other")
    made = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token).body
    assert github.authenticates(pair.private, repository)
    assert not github.authenticates(pair.private, other)
    assert not github.authenticates(key_pair().private, repository)
    client.ask(f"DELETE {KEYS}/{made['id']}", token=token)
    assert not github.authenticates(pair.private.decode(), repository)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("ssh-ed25519", id="no-key"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="pem"),
        pytest.param("ssh-unheard AAAA", id="unknown-kind"),
    ],
)
def test_what_is_no_key_is_refused(client: Client, token: str, key: str) -> None:
    answer = client.ask(f"POST {KEYS}", {"key": key}, token=token)
    assert (answer.status, answer.body["message"]) == (422, "Validation Failed")
    (error,) = answer.body["errors"]
    assert (error["field"], error["code"]) == ("key", "custom")
    assert error["message"].startswith("key is invalid")


def test_a_key_serves_one_repository(
    github: LocalGitHub, client: Client, token: str, pair: KeyPair
) -> None:
    github.add_deploy_key(github.add_repository("octo-org/other"), pair.public)
    answer = client.ask(f"POST {KEYS}", {"key": f"{pair.public} again"}, token=token)
    assert answer.status == 422
    assert answer.body["errors"][0]["message"] == "key is already in use"


def test_deploy_keys_can_be_forbidden(
    client: Client, token: str, repository: Repository, pair: KeyPair
) -> None:
    repository.deploy_keys_allowed = False
    answer = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert answer.status == 422
    said = "Deploy keys are disabled for this repository"
    assert answer.body["errors"] == [{"resource": "PublicKey", "code": "custom", "message": said}]


@pytest.mark.parametrize(
    ("permissions", "statuses"),
    [
        pytest.param({"administration": "write"}, (200, 201), id="write"),
        pytest.param({"administration": "read"}, (200, 403), id="read"),
        pytest.param({"contents": "write"}, (403, 403), id="none"),
    ],
)
def test_deploy_keys_need_the_administration_permission(
    client: Client,
    issue_token: IssueToken,
    pair: KeyPair,
    permissions: dict[str, str],
    statuses: tuple[int, int],
) -> None:
    token = issue_token(permissions=permissions)["token"]
    listed = client.ask(f"GET {KEYS}", token=token)
    made = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert (listed.status, made.status) == statuses
    for answer, needed in ((listed, "read"), (made, "write")):
        if answer.status == 403:
            assert answer.body["message"] == "Resource not accessible by integration"
            accepted = answer.headers["X-Accepted-GitHub-Permissions"]
            assert accepted == f"administration={needed}"


def test_a_repository_out_of_reach_does_not_exist(
    github: LocalGitHub, client: Client, token: str, pair: KeyPair
) -> None:
    github.add_repository("mona/private")
    answer = client.ask("POST /repos/mona/private/keys", {"key": pair.public}, token=token)
    assert (answer.status, answer.body["message"]) == (404, "Not Found")


@pytest.mark.parametrize(
    ("end", "left"),
    [
        pytest.param("uninstall", 1, id="app-uninstalled"),
        pytest.param("revoke", 1, id="app-token-revoked"),
        pytest.param("personal", 0, id="personal-token-deleted"),
    ],
)
def test_a_deploy_key_ends_with_a_personal_token_but_not_with_an_app(
    github: LocalGitHub,
    client: Client,
    token: str,
    installation: Installation,
    repository: Repository,
    pair: KeyPair,
    end: str,
    left: int,
) -> None:
    personal = github.add_personal_token(
        "mona", permissions={"administration": "write"}, repositories=[repository]
    )
    authority = personal.value if end == "personal" else token
    assert client.ask(f"POST {KEYS}", {"key": pair.public}, token=authority).status == 201
    if end == "personal":
        github.delete_token(personal)
    elif end == "revoke":
        client.ask("DELETE /installation/token", token=token)
    else:
        github.uninstall(installation)
    assert len(github.keys_of(repository)) == left


@pytest.mark.parametrize(
    ("asked", "numbers", "links"),
    [
        pytest.param("", range(30), {"next": 2, "last": 2}, id="thirty-at-first"),
        pytest.param("?page=2", range(30, 31), {"prev": 1, "first": 1}, id="the-rest"),
        pytest.param("?per_page=100", range(31), {}, id="all"),
        pytest.param("?per_page=500", range(31), {}, id="no-more-than-a-hundred"),
        pytest.param(
            "?per_page=10&page=2",
            range(10, 20),
            {"prev": 1, "next": 3, "last": 4, "first": 1},
            id="middle",
        ),
    ],
)
def test_long_lists_come_in_pages(
    github: LocalGitHub,
    client: Client,
    token: str,
    repository: Repository,
    asked: str,
    numbers: range,
    links: dict[str, int],
) -> None:
    for number in range(31):
        github.add_deploy_key(repository, f"ssh-ed25519 {number}", title=str(number))
    answer = client.ask(f"GET {KEYS}{asked}", token=token)
    assert [key["title"] for key in answer.body] == [str(number) for number in numbers]
    told = dict(_link(each) for each in answer.headers.get("Link", "").split(", ") if each)
    assert {name: int(there.rpartition("page=")[2]) for name, there in told.items()} == links


def _link(written: str) -> tuple[str, str]:
    there, _, name = written.partition("; rel=")
    return name.strip('"'), there.strip("<>")


def test_a_link_leads_to_the_next_page(
    github: LocalGitHub, client: Client, token: str, repository: Repository
) -> None:
    for number in range(3):
        github.add_deploy_key(repository, f"ssh-ed25519 {number}", title=str(number))
    first = client.ask(f"GET {KEYS}?per_page=2", token=token)
    links = dict(map(_link, first.headers["Link"].split(", ")))
    assert [key["title"] for key in client.ask(f"GET {links['next']}", token=token).body] == ["2"]


@pytest.mark.parametrize(
    ("request_line", "body", "status"),
    [
        pytest.param("GET /repos/octo-org/reports", None, 301, id="repository"),
        pytest.param("GET /repos/octo-org/reports/keys", None, 301, id="list"),
        pytest.param("POST /repos/octo-org/reports/keys", {"key": "ssh-rsa A"}, 307, id="create"),
    ],
)
def test_a_renamed_repository_redirects(
    github: LocalGitHub,
    client: Client,
    token: str,
    repository: Repository,
    request_line: str,
    body: object,
    status: int,
) -> None:
    github.rename(repository, "octo-org/figures")
    answer = client.ask(request_line, body, token=token)
    assert answer.status == status
    there = answer.headers["Location"]
    assert there.startswith(f"{github.api_url}/repositories/{repository.id}")
    if body is None:
        assert client.ask(f"GET {there}", token=token).status == 200
