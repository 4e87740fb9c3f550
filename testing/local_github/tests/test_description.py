"""No exchange may differ from what GitHub describes, on either side."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest
import urllib3

from testing.local_github import Answer, ContractBrokenError, LocalGitHub, local_github
from testing.local_github.description import Description, UnknownKeywordError
from testing.local_github.tests.conftest import Client, IssueToken, key_pair

KEYS = "/repos/octo-org/reports/keys"


@pytest.mark.parametrize(
    ("request_line", "body", "said"),
    [
        pytest.param(f"POST {KEYS}", {"key": "k", "titel": "t"}, "holds titel", id="field"),
        pytest.param(f"POST {KEYS}", {"title": "t"}, "lacks key", id="required"),
        pytest.param(f"POST {KEYS}", {"key": 1}, 'body.key breaks type "string"', id="type"),
        pytest.param(f"POST {KEYS}", None, "content type none", id="no-body"),
        pytest.param(f"GET {KEYS}", {}, "a body is not described", id="body"),
        pytest.param(f"GET {KEYS}?state=all", None, "query parameter state", id="query"),
        pytest.param(f"GET {KEYS}?page=one", None, 'page breaks type "integer"', id="page"),
        pytest.param(f"GET {KEYS}/one", None, 'key_id breaks type "integer"', id="path"),
        pytest.param("GET /installations/token", None, "not described", id="address"),
        pytest.param(f"PUT {KEYS}", {}, "not described", id="method"),
        pytest.param("GET /user", None, "teach the local GitHub", id="unknown-here"),
        pytest.param(
            "POST /app/installations/1/access_tokens",
            {"permissions": {"content": "read"}},
            "body.permissions holds content",
            id="permission",
        ),
        pytest.param(
            "POST /app/installations/1/access_tokens",
            {"permissions": {"contents": "admin"}},
            'body.permissions.contents breaks enum ["read", "write"]',
            id="level",
        ),
    ],
)
def test_a_request_that_is_not_described_fails_its_test(
    github: LocalGitHub, client: Client, request_line: str, body: object, said: str
) -> None:
    answer = client.ask(request_line, body)
    assert answer.status == 500
    assert said in answer.body["message"]
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert said in str(caught.value)


def _ask_one_that_lives_as_long(request_line: str, then: Callable[[], object]) -> None:
    with urllib3.PoolManager() as pool, local_github() as github:
        Client(github.api_url, pool).ask(request_line)
        then()


def test_a_violation_fails_the_end_of_the_local_github() -> None:
    with pytest.raises(ContractBrokenError, match="GET /nowhere: not described"):
        _ask_one_that_lives_as_long("GET /nowhere", lambda: None)


def test_a_content_type_that_is_not_described_fails_its_test(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    client.pool.request(
        "POST",
        github.api_url + KEYS,
        body=b"key=k",
        headers={"Content-Type": "text/plain", "Authorization": f"Bearer {token}"},
    )
    with pytest.raises(ContractBrokenError, match="content type text/plain"):
        github.check()


def test_a_later_version_of_the_api_fails_its_test(github: LocalGitHub, client: Client) -> None:
    client.ask("GET /app", **{"X-GitHub-Api-Version": "2026-03-10"})
    with pytest.raises(ContractBrokenError, match="version 2022-11-28"):
        github.check()


def _body(change: Callable[[dict[str, object]], object]) -> Callable[[Answer], Answer]:
    def amend(answer: Answer) -> Answer:
        return replace(answer, body=change(cast("dict[str, object]", answer.body)))

    return amend


@pytest.mark.parametrize(
    ("amend", "said"),
    [
        pytest.param(_body(lambda key: {**key, "scope": "all"}), "body holds scope", id="field"),
        pytest.param(
            _body(lambda key: {name: held for name, held in key.items() if name != "id"}),
            "body lacks id",
            id="missing",
        ),
        pytest.param(_body(lambda key: {**key, "id": "1"}), "body.id breaks type", id="type"),
        pytest.param(
            _body(lambda key: {**key, "last_used": "yesterday"}),
            'body.last_used breaks format "date-time"',
            id="format",
        ),
        pytest.param(_body(lambda key: [key]), 'body breaks type "object"', id="list"),
        pytest.param(_body(lambda _: "<html>"), "content type text/html", id="page"),
        pytest.param(lambda answer: replace(answer, status=200), "status", id="status"),
        pytest.param(
            lambda answer: replace(answer, status=410), "this status is not described", id="gone"
        ),
    ],
)
def test_an_answer_that_is_not_described_fails_its_test(
    github: LocalGitHub,
    client: Client,
    issue_token: IssueToken,
    amend: Callable[[Answer], Answer],
    said: str,
) -> None:
    token = issue_token()["token"]
    github.amend = amend
    answer = client.ask(f"POST {KEYS}", {"key": key_pair().public}, token=token)
    assert answer.status == 500
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert said in str(caught.value)


def test_a_violation_is_told_beside_what_failed_first() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ask_one_that_lives_as_long("GET /nowhere", lambda: 1 // 0)
    assert caught.value.__notes__ == ["The local GitHub: GET /nowhere: not described"]


def test_a_violation_is_told_once(github: LocalGitHub, client: Client) -> None:
    client.ask("GET /nowhere")
    with pytest.raises(ContractBrokenError):
        github.check()
    github.check()


def test_a_violation_does_not_quote_what_was_sent(github: LocalGitHub, client: Client) -> None:
    client.ask(f"POST {KEYS}", {"key": 1, "title": ["MARKED"]})
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert "MARKED" not in str(caught.value)


def test_a_keyword_that_is_not_understood_is_not_passed_over() -> None:
    schema = {"type": "object", "properties": {}, "not": {"required": ["a"]}}
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"content": content}}
    described = Description({"paths": {"/a": {"get": {"responses": responses}}}})
    operation = described.operation("GET", "/a")
    assert operation
    with pytest.raises(UnknownKeywordError, match="not"):
        described.violations_of_answer(operation, 200, "application/json", b"{}")


def test_a_description_prefers_the_plainer_path() -> None:
    paths: Mapping[str, object] = {"/a/{b}": {"get": {}}, "/a/c": {"get": {}}}
    described = Description({"paths": dict(paths)})
    found = [described.operation("GET", path) for path in ("/a/c", "/a/d", "/a", "/a/")]
    templates = [each.template if each else None for each in found]
    assert templates == ["/a/c", "/a/{b}", None, None]


def test_an_enterprise_server_is_held_against_its_own_description(
    repository_keys: Callable[[LocalGitHub, Client], list[int]],
) -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        assert github.api_url.endswith("/api/v3")
        assert repository_keys(github, Client(github.api_url, pool)) == [201, 200, 200, 204]


def test_an_enterprise_server_serves_below_its_path() -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        Client(github.server_url, pool).ask("GET /app")
        with pytest.raises(ContractBrokenError, match="not below /api/v3"):
            github.check()


def test_it_serves_https_to_who_trusts_it(
    repository_keys: Callable[[LocalGitHub, Client], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_github(tls=True) as github:
        with (
            urllib3.PoolManager() as pool,
            pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            Client(github.api_url, pool).ask("GET /app")
        # As a function's worker would be told.
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        assert ssl.get_default_verify_paths().cafile == str(github.certificate)
        with urllib3.PoolManager() as pool:
            assert repository_keys(github, Client(github.api_url, pool)) == [201, 200, 200, 204]


@pytest.fixture
def repository_keys() -> Callable[[LocalGitHub, Client], list[int]]:
    """Goes through every operation on deploy keys and tells the statuses."""

    def walk(github: LocalGitHub, client: Client) -> list[int]:
        repository = github.add_repository("octo-org/reports")
        token = github.add_personal_token(
            "mona", permissions={"administration": "write"}, repositories=[repository]
        ).value
        made = client.ask(f"POST {KEYS}", {"key": key_pair().public}, token=token)
        one = f"{KEYS}/{made.body['id']}"
        asked = [f"GET {KEYS}", f"GET {one}", f"DELETE {one}"]
        answers = [made, *(client.ask(each, token=token) for each in asked)]
        return [each.status for each in answers]

    return walk


def test_requests_are_noted_without_what_they_held(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    client.ask("DELETE /installation/token", token=token)
    assert github.requests == [
        "POST /app/installations/{installation_id}/access_tokens 201",
        "DELETE /installation/token 204",
    ]
    assert token not in json.dumps(github.requests)
