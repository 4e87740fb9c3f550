"""What any request may meet: limits, outages, lost answers."""

import pytest
import urllib3

from testing.local_github import LocalGitHub, local_github
from testing.local_github.records import Repository
from testing.local_github.tests.conftest import Client, IssueToken, Jwt, key_pair


def test_the_primary_limit_is_counted_down_and_told(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    github.set(primary_remaining=2)
    answers = [client.ask("GET /installation/repositories", token=token) for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 403]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    assert answers[-1].body["message"] == "API rate limit exceeded"
    wait = int(answers[-1].headers["X-RateLimit-Reset"]) - github.now().timestamp()
    assert wait == pytest.approx(3600, abs=5)
    told = client.ask("GET /rate_limit", token=token)
    assert told.status == 200
    assert told.body["resources"]["core"]["remaining"] == 0


@pytest.mark.parametrize("status", [pytest.param(403, id="403"), pytest.param(429, id="429")])
@pytest.mark.parametrize(
    "after", [pytest.param(17, id="retry-after"), pytest.param(None, id="unsaid")]
)
def test_the_secondary_limit_says_when_to_come_again_or_not(
    github: LocalGitHub, client: Client, jwt: Jwt, status: int, after: int | None
) -> None:
    github.set(secondary_limit=True, secondary_retry_after=after, limit_status=status)
    answer = client.ask("GET /app", token=jwt())
    assert answer.status == status
    assert "secondary rate limit" in answer.body["message"]
    assert answer.headers.get("Retry-After") == (None if after is None else str(after))
    assert answer.headers["X-RateLimit-Remaining"] != "0"


def test_an_enterprise_server_has_no_limits() -> None:
    with local_github(enterprise=True) as github, urllib3.PoolManager() as pool:
        answer = Client(github.api_url, pool).ask("GET /rate_limit")
    assert (answer.status, answer.body["message"]) == (404, "Rate limiting is not enabled.")
    assert "X-RateLimit-Remaining" not in answer.headers


def test_an_outage_answers_with_a_page(
    github: LocalGitHub, client: Client, issue_token: IssueToken
) -> None:
    token = issue_token()["token"]
    with github.switched(outage=502):
        answer = client.ask("DELETE /installation/token", token=token)
    assert answer.status == 502
    assert answer.headers["Content-Type"] == "text/html"
    assert github.accepts(token)


def test_who_sends_no_user_agent_is_refused(client: Client) -> None:
    answer = client.ask("GET /app", **{"User-Agent": ""})
    assert answer.status == 403
    assert "User-Agent" in answer.body["message"]


@pytest.mark.parametrize(
    "carried_out", [pytest.param(False, id="before"), pytest.param(True, id="after")]
)
def test_an_answer_can_be_lost_before_and_after_the_work(
    github: LocalGitHub,
    client: Client,
    issue_token: IssueToken,
    repository: Repository,
    *,
    carried_out: bool,
) -> None:
    token = issue_token()["token"]
    github.lose_answer("POST /repos/{owner}/{repo}/keys", carried_out=carried_out)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.ask("POST /repos/octo-org/reports/keys", {"key": key_pair().public}, token=token)
    assert len(github.keys_of(repository)) == carried_out
    assert client.ask("GET /repos/octo-org/reports/keys", token=token).status == 200
