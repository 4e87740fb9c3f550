"""Deploy keys: https://docs.github.com/rest/deploy-keys."""

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


def test_a_deploy_key_is_added_listed_read_and_removed(
    client: Client, token: str, pair: KeyPair, app: App
) -> None:
    body = {"key": f"{pair.public} someone@somewhere", "title": "rotated", "read_only": True}
    added = client.ask(f"POST {KEYS}", body, token=token)
    assert added.status == 201
    assert added.headers["Location"] == added.body["url"]
    assert added.body["key"] == pair.public
    assert added.body["added_by"] == f"{app.slug}[bot]"
    rest = {name: added.body[name] for name in ("title", "read_only", "verified", "last_used")}
    assert rest == {"title": "rotated", "read_only": True, "verified": True, "last_used": None}
    assert client.ask(f"GET {KEYS}", token=token).body == [added.body]
    one = f"{KEYS}/{added.body['id']}"
    assert client.ask(f"GET {one}", token=token).body == added.body
    assert client.ask(f"DELETE {one}", token=token).status == 204
    repeated = [client.ask(f"{method} {one}", token=token) for method in ("GET", "DELETE")]
    assert [each.status for each in repeated] == [404, 404]


def test_a_deploy_key_can_write_by_default(client: Client, token: str, pair: KeyPair) -> None:
    added = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert added.body["read_only"] is False


def test_an_rsa_key_is_accepted(client: Client, token: str, app_key: rsa.RSAPrivateKey) -> None:
    public = app_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert client.ask(f"POST {KEYS}", {"key": public}, token=token).status == 201


def test_a_deploy_key_gives_access_until_it_is_removed(
    github: LocalGitHub, client: Client, token: str, repository: Repository, pair: KeyPair
) -> None:
    other = github.add_repository("octo-org/other")
    added = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token).body
    assert github.authenticates(pair.private, repository)
    assert not github.authenticates(pair.private, other)
    assert not github.authenticates(key_pair().private, repository)
    client.ask(f"DELETE {KEYS}/{added['id']}", token=token)
    assert not github.authenticates(pair.private.decode(), repository)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("ssh-ed25519", id="no-key"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="pem"),
        pytest.param("ssh-unheard AAAA", id="unknown-kind"),
    ],
)
def test_a_text_that_is_not_a_public_key_is_refused(client: Client, token: str, key: str) -> None:
    response = client.ask(f"POST {KEYS}", {"key": key}, token=token)
    assert (response.status, response.body["message"]) == (422, "Validation Failed")
    (error,) = response.body["errors"]
    assert (error["field"], error["code"]) == ("key", "custom")
    assert error["message"].startswith("key is invalid")


def test_a_key_can_belong_to_only_one_repository(
    github: LocalGitHub, client: Client, token: str, pair: KeyPair
) -> None:
    github.add_deploy_key(github.add_repository("octo-org/other"), pair.public)
    response = client.ask(f"POST {KEYS}", {"key": f"{pair.public} again"}, token=token)
    assert response.status == 422
    assert response.body["errors"][0]["message"] == "key is already in use"


def test_deploy_keys_can_be_disabled_for_a_repository(
    client: Client, token: str, repository: Repository, pair: KeyPair
) -> None:
    repository.deploy_keys_allowed = False
    response = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert response.status == 422
    message = "Deploy keys are disabled for this repository"
    assert response.body["errors"] == [
        {"resource": "PublicKey", "code": "custom", "message": message}
    ]


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
    added = client.ask(f"POST {KEYS}", {"key": pair.public}, token=token)
    assert (listed.status, added.status) == statuses
    for response, required in ((listed, "read"), (added, "write")):
        if response.status == 403:
            assert response.body["message"] == "Resource not accessible by integration"
            accepted = response.headers["X-Accepted-GitHub-Permissions"]
            assert accepted == f"administration={required}"


def test_a_repository_without_access_is_not_found(
    github: LocalGitHub, client: Client, token: str, pair: KeyPair
) -> None:
    github.add_repository("mona/private")
    response = client.ask("POST /repos/mona/private/keys", {"key": pair.public}, token=token)
    assert (response.status, response.body["message"]) == (404, "Not Found")


@pytest.mark.parametrize(
    ("end", "left"),
    [
        pytest.param("uninstall", 1, id="app-uninstalled"),
        pytest.param("revoke", 1, id="app-token-revoked"),
        pytest.param("personal", 0, id="personal-token-deleted"),
    ],
)
def test_a_deploy_key_is_removed_with_a_personal_token_but_not_with_an_app(
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
    ("query", "numbers", "links"),
    [
        pytest.param("", range(30), {"next": 2, "last": 2}, id="thirty-by-default"),
        pytest.param("?page=2", range(30, 31), {"prev": 1, "first": 1}, id="the-rest"),
        pytest.param("?per_page=100", range(31), {}, id="all"),
        pytest.param("?per_page=500", range(31), {}, id="at-most-a-hundred"),
        pytest.param(
            "?per_page=10&page=2",
            range(10, 20),
            {"prev": 1, "next": 3, "last": 4, "first": 1},
            id="middle",
        ),
    ],
)
def test_a_long_list_has_pages(
    github: LocalGitHub,
    client: Client,
    token: str,
    repository: Repository,
    query: str,
    numbers: range,
    links: dict[str, int],
) -> None:
    for number in range(31):
        github.add_deploy_key(repository, f"ssh-ed25519 {number}", title=str(number))
    response = client.ask(f"GET {KEYS}{query}", token=token)
    assert [key["title"] for key in response.body] == [str(number) for number in numbers]
    found = dict(_link(each) for each in response.headers.get("Link", "").split(", ") if each)
    assert {name: int(url.rpartition("page=")[2]) for name, url in found.items()} == links


def _link(text: str) -> tuple[str, str]:
    url, _, name = text.partition("; rel=")
    return name.strip('"'), url.strip("<>")


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
    response = client.ask(request_line, body, token=token)
    assert response.status == status
    location = response.headers["Location"]
    assert location.startswith(f"{github.api_url}/repositories/{repository.id}")
    if body is None:
        assert client.ask(f"GET {location}", token=token).status == 200
