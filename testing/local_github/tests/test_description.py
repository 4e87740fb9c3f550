"""Requests and responses must match GitHub's description."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest
import urllib3

from testing.local_github import ContractBrokenError, LocalGitHub, Response, local_github
from testing.local_github.description import Description, UnknownKeywordError
from testing.local_github.tests.conftest import Client, IssueToken, key_pair

KEYS = "/repos/octo-org/reports/keys"


@pytest.mark.parametrize(
    ("request_line", "body", "message"),
    [
        pytest.param(f"POST {KEYS}", {"key": "k", "titel": "t"}, "has titel", id="field"),
        pytest.param(f"POST {KEYS}", {"title": "t"}, "has no key", id="required"),
        pytest.param(f"POST {KEYS}", {"key": 1}, 'body.key breaks type "string"', id="type"),
        pytest.param(f"POST {KEYS}", None, "content type none", id="no-body"),
        pytest.param(f"GET {KEYS}", {}, "a body is not described", id="body"),
        pytest.param(f"GET {KEYS}?state=all", None, "query parameter state", id="query"),
        pytest.param(f"GET {KEYS}?page=one", None, 'page breaks type "integer"', id="page"),
        pytest.param(f"GET {KEYS}/one", None, 'key_id breaks type "integer"', id="path"),
        pytest.param("GET /installations/token", None, "not described", id="address"),
        pytest.param(f"PUT {KEYS}", {}, "not described", id="method"),
        pytest.param("GET /user", None, "not implemented here", id="not-implemented"),
        pytest.param(
            "POST /app/installations/1/access_tokens",
            {"permissions": {"content": "read"}},
            "body.permissions has content",
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
def test_a_request_that_is_not_described_is_a_violation(
    github: LocalGitHub, client: Client, request_line: str, body: object, message: str
) -> None:
    response = client.ask(request_line, body)
    assert response.status == 500
    assert message in response.body["message"]
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert message in str(caught.value)


def _run_local_github(request_line: str, then: Callable[[], object]) -> None:
    with urllib3.PoolManager() as pool, local_github() as github:
        Client(github.api_url, pool).ask(request_line)
        then()


def test_a_violation_is_raised_at_the_end() -> None:
    with pytest.raises(ContractBrokenError, match="GET /nowhere: not described"):
        _run_local_github("GET /nowhere", lambda: None)


def test_a_content_type_that_is_not_described_is_a_violation(
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


def test_another_version_of_the_api_is_a_violation(github: LocalGitHub, client: Client) -> None:
    client.ask("GET /app", **{"X-GitHub-Api-Version": "2026-03-10"})
    with pytest.raises(ContractBrokenError, match="version 2022-11-28"):
        github.check()


def _body(change: Callable[[dict[str, object]], object]) -> Callable[[Response], Response]:
    def amend(response: Response) -> Response:
        return replace(response, body=change(cast("dict[str, object]", response.body)))

    return amend


@pytest.mark.parametrize(
    ("amend", "message"),
    [
        pytest.param(_body(lambda key: {**key, "scope": "all"}), "body has scope", id="field"),
        pytest.param(
            _body(lambda key: {name: value for name, value in key.items() if name != "id"}),
            "body has no id",
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
        pytest.param(lambda response: replace(response, status=200), "status", id="status"),
        pytest.param(
            lambda response: replace(response, status=410),
            "this status is not described",
            id="gone",
        ),
    ],
)
def test_an_answer_that_is_not_described_fails_its_test(
    github: LocalGitHub,
    client: Client,
    issue_token: IssueToken,
    amend: Callable[[Response], Response],
    message: str,
) -> None:
    token = issue_token()["token"]
    github.amend = amend
    response = client.ask(f"POST {KEYS}", {"key": key_pair().public}, token=token)
    assert response.status == 500
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert message in str(caught.value)


def test_a_violation_is_a_note_of_an_earlier_error() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _run_local_github("GET /nowhere", lambda: 1 // 0)
    assert caught.value.__notes__ == ["The local GitHub: GET /nowhere: not described"]


def test_a_violation_is_reported_once(github: LocalGitHub, client: Client) -> None:
    client.ask("GET /nowhere")
    with pytest.raises(ContractBrokenError):
        github.check()
    github.check()


def test_a_violation_never_quotes_the_request(github: LocalGitHub, client: Client) -> None:
    client.ask(f"POST {KEYS}", {"key": 1, "title": ["MARKED"]})
    with pytest.raises(ContractBrokenError) as caught:
        github.check()
    assert "MARKED" not in str(caught.value)


def test_an_unsupported_keyword_of_a_schema_is_an_error() -> None:
    schema = {"type": "object", "properties": {}, "not": {"required": ["a"]}}
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"content": content}}
    described = Description({"paths": {"/a": {"get": {"responses": responses}}}})
    operation = described.operation("GET", "/a")
    assert operation
    with pytest.raises(UnknownKeywordError, match="not"):
        described.violations_of_response(operation, 200, "application/json", b"{}")


def test_a_literal_path_segment_precedes_a_parameter() -> None:
    paths: Mapping[str, object] = {"/a/{b}": {"get": {}}, "/a/c": {"get": {}}}
    described = Description({"paths": dict(paths)})
    found = [described.operation("GET", path) for path in ("/a/c", "/a/d", "/a", "/a/")]
    templates = [each.template if each else None for each in found]
    assert templates == ["/a/c", "/a/{b}", None, None]


def test_an_enterprise_server_has_its_own_description(
    repository_keys: Callable[[LocalGitHub, Client], list[int]],
) -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        assert github.api_url.endswith("/api/v3")
        assert repository_keys(github, Client(github.api_url, pool)) == [201, 200, 200, 204]


def test_an_enterprise_server_serves_only_below_its_path() -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        Client(github.server_url, pool).ask("GET /app")
        with pytest.raises(ContractBrokenError, match="not below /api/v3"):
            github.check()


def test_https_needs_a_client_that_trusts_the_certificate(
    repository_keys: Callable[[LocalGitHub, Client], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_github(tls=True) as github:
        with (
            urllib3.PoolManager() as pool,
            pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            Client(github.api_url, pool).ask("GET /app")
        # A function's worker gets the same variable.
        monkeypatch.setenv("SSL_CERT_FILE", str(github.certificate))
        assert ssl.get_default_verify_paths().cafile == str(github.certificate)
        with urllib3.PoolManager() as pool:
            assert repository_keys(github, Client(github.api_url, pool)) == [201, 200, 200, 204]


@pytest.fixture
def repository_keys() -> Callable[[LocalGitHub, Client], list[int]]:
    """Calls every operation on deploy keys and returns the statuses."""

    def walk(github: LocalGitHub, client: Client) -> list[int]:
        repository = github.add_repository("octo-org/reports")
        token = github.add_personal_token(
            "mona", permissions={"administration": "write"}, repositories=[repository]
        ).value
        added = client.ask(f"POST {KEYS}", {"key": key_pair().public}, token=token)
        one = f"{KEYS}/{added.body['id']}"
        requests = [f"GET {KEYS}", f"GET {one}", f"DELETE {one}"]
        responses = [added, *(client.ask(each, token=token) for each in requests)]
        return [each.status for each in responses]

    return walk


def test_requests_are_recorded_without_their_content(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    client.ask("DELETE /installation/token", token=token)
    assert github.requests == [
        "POST /app/installations/{installation_id}/access_tokens 201",
        "DELETE /installation/token 204",
    ]
    assert token not in json.dumps(github.requests)
