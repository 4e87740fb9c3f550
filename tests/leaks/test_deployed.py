"""Promise 1, deployed: no credential in anything that Terraform, the function or AWS emits."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.leaks.conftest import Search
from tests.leaks.places import IN_ACCOUNT, IN_TERRAFORM
from tests.leaks.search import found

pytestmark = [pytest.mark.campaign("Leaks"), pytest.mark.xdist_group("leaks")]

_PLACES = [pytest.param(name, id=name) for name in (*IN_ACCOUNT, *IN_TERRAFORM)]
# Files that each search must read.
_LOOKED_AT = {
    "plan-files": {"first.tfplan: tfplan", "second.tfplan: tfplan"},
    "plan-json": {"first.tfplan", "second.tfplan"},
    "states": {
        *("terraform.tfstate", "terraform.tfstate.backup"),
        *("applied-terraform.tfstate", "rotated-terraform.tfstate"),
    },
}


@pytest.mark.strategy
@pytest.mark.parametrize("place", _PLACES)
def test_no_credential_is_in(place: str, search: Search, cases: Callable[[int], None]) -> None:
    seen = search.seen[place]
    cases(len(search.credentials))
    # The local AWS sends no events of its own to EventBridge.
    assert seen or place == "events"
    assert _LOOKED_AT.get(place, set()) <= {name for name, _ in seen}
    assert {name for name, content in seen if found(search.credentials, content)} == set()


@pytest.mark.parametrize("place", [one for one in _PLACES if one.id != "trace"])
def test_no_fixed_value_is_in(place: str, search: Search) -> None:
    assert {name for name, content in search.seen[place] if found({search.fixed}, content)} == set()


@pytest.mark.strategy
@pytest.mark.parametrize("place", _PLACES)
def test_a_planted_mark_is_found_in(place: str, search: Search) -> None:
    """The search works: it would find a mark."""
    mark = search.planted[place]
    assert any(found({mark}, content) for _, content in search.seen_planted[place])


def test_the_search_is_for_many_credentials(search: Search) -> None:
    assert len(search.credentials) >= 15


def test_a_trace_shows_a_fixed_value_only_in_calls_of_secrets_manager(
    search: Search,
) -> None:
    """The provider logs its requests and the responses, as the README says of TF_LOG."""
    ((_, content),) = search.seen["trace"]
    records: list[dict[str, Any]] = [
        json.loads(line) for line in content.splitlines() if found({search.fixed}, line)
    ]
    assert {
        (one["@level"], one["@message"], one["rpc.service"], one["rpc.method"]) for one in records
    } == {
        ("debug", "HTTP Request Sent", "Secrets Manager", "PutSecretValue"),
        ("debug", "HTTP Response Received", "Secrets Manager", "GetSecretValue"),
    }
