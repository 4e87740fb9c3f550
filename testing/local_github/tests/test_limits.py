"""Rate limits, outages and lost responses."""

import pytest
import urllib3

from testing.local_github import LocalGitHub, local_github
from testing.local_github.records import Repository
from testing.local_github.tests.conftest import Client, IssueToken, Jwt, key_pair


def test_headers_report_the_rest_of_the_primary_limit(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    github.set(primary_remaining=2)
    responses = [client.ask("GET /installation/repositories", token=token) for _ in range(3)]
    assert [each.status for each in responses] == [200, 200, 403]
    assert [each.headers["X-RateLimit-Remaining"] for each in responses] == ["1", "0", "0"]
    assert responses[-1].body["message"] == "API rate limit exceeded"
    wait = int(responses[-1].headers["X-RateLimit-Reset"]) - github.now().timestamp()
    assert wait == pytest.approx(3600, abs=5)
    limit = client.ask("GET /rate_limit", token=token)
    assert limit.status == 200
    assert limit.body["resources"]["core"]["remaining"] == 0


@pytest.mark.parametrize("status", [pytest.param(403, id="403"), pytest.param(429, id="429")])
@pytest.mark.parametrize(
    "after", [pytest.param(17, id="retry-after"), pytest.param(None, id="no-header")]
)
def test_the_secondary_limit_can_return_when_to_retry(
    github: LocalGitHub, client: Client, jwt: Jwt, status: int, after: int | None
) -> None:
    github.set(secondary_limit=True, secondary_retry_after=after, limit_status=status)
    response = client.ask("GET /app", token=jwt())
    assert response.status == status
    assert "secondary rate limit" in response.body["message"]
    assert response.headers.get("Retry-After") == (None if after is None else str(after))
    assert response.headers["X-RateLimit-Remaining"] != "0"


def test_an_enterprise_server_has_no_rate_limits() -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        response = Client(github.api_url, pool).ask("GET /rate_limit")
    assert (response.status, response.body["message"]) == (404, "Rate limiting is not enabled.")
    assert "X-RateLimit-Remaining" not in response.headers


def test_an_outage_returns_an_html_page(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    with github.switched(outage=502):
        response = client.ask("DELETE /installation/token", token=token)
    assert response.status == 502
    assert response.headers["Content-Type"] == "text/html"
    assert github.accepts(token)


def test_a_request_without_a_user_agent_is_refused(client: Client) -> None:
    response = client.ask("GET /app", **{"User-Agent": ""})
    assert response.status == 403
    assert "User-Agent" in response.body["message"]


@pytest.mark.parametrize(
    "carried_out", [pytest.param(False, id="before"), pytest.param(True, id="after")]
)
def test_a_response_can_be_lost_before_or_after_the_request_is_carried_out(
    github: LocalGitHub,
    client: Client,
    issue_token: IssueToken,
    repository: Repository,
    *,
    carried_out: bool,
) -> None:
    token = issue_token()["token"]
    github.lose_response("POST /repos/{owner}/{repo}/keys", carried_out=carried_out)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.ask("POST /repos/octo-org/reports/keys", {"key": key_pair().public}, token=token)
    assert len(github.keys_of(repository)) == carried_out
    assert client.ask("GET /repos/octo-org/reports/keys", token=token).status == 200
