from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from testing.harness.account import Aws
from testing.real_aws import prices
from testing.real_aws.cleanup import clean
from testing.real_aws.guard import (
    Budget,
    Guard,
    NoRunError,
    OverBudgetError,
    UnknownCreationError,
)
from testing.real_aws.run import TAG, VARIABLE, Run
from testing.real_aws.tests import creations
from testing.real_aws.tests.conftest import QuickAws, everything
from testing.real_aws.tests.creations import CREATIONS, Create

# A run in an account depends on it, and no user of the module.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real-aws-guard")]

_RUN = Run("rst-20270131-0a1b2c3f")
_HOURS = 3


def _guard(folder: Path, usd: float = 100) -> Guard:
    return Guard(_RUN, Budget(usd, _HOURS, folder / "ledger"))


def _watched(aws: Aws, guard: Guard, *, may_tag: bool = True) -> QuickAws:
    session = guard.watch(
        boto3.Session(
            aws.environment["AWS_ACCESS_KEY_ID"],
            aws.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=aws.environment["AWS_REGION"],
        ),
        may_tag=may_tag,
    )
    endpoint = aws.environment["AWS_ENDPOINT_URL"]
    return QuickAws(
        aws.environment, lambda name, **more: session.client(name, endpoint_url=endpoint, **more)
    )


@pytest.fixture
def empty(aws: QuickAws) -> Iterator[frozenset[str]]:
    before = everything(aws)
    yield before
    assert clean(aws, _RUN, report=lambda _: None, patience=30, pause=0).left == ()
    assert everything(aws) == before


def test_every_creation_belongs_to_the_run(
    aws: QuickAws, empty: frozenset[str], tmp_path: Path
) -> None:
    """The clean-up of the fixture finds them. The guard merges its tag with those of the test."""
    watched = _watched(aws, _guard(tmp_path))
    for create in CREATIONS:
        if create is not creations.network:
            create(watched, f"{_RUN.prefix}1", {"team": "reports"})
    assert everything(aws) != empty
    user = aws.client("iam").list_user_tags(UserName=f"{_RUN.prefix}1")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in user} == {"team": "reports", TAG: _RUN.id}


@pytest.mark.parametrize(
    "create",
    [creations.user, creations.role, creations.queue, creations.secret, creations.log_group],
    ids=lambda one: one.__name__,
)
@pytest.mark.usefixtures("empty")
def test_the_tag_is_added_whatever_the_name(aws: QuickAws, create: Create, tmp_path: Path) -> None:
    """The fixture checks that the clean-up finds it."""
    create(_watched(aws, _guard(tmp_path)), "assistant", {})


@pytest.mark.parametrize(
    "create", [creations.bucket, creations.layer, creations.schedule], ids=lambda one: one.__name__
)
def test_a_name_without_the_prefix_is_refused_where_a_tag_is_impossible(
    aws: QuickAws, empty: frozenset[str], create: Create, tmp_path: Path
) -> None:
    with pytest.raises(UnknownCreationError, match=f"the name must begin with {_RUN.prefix}"):
        create(_watched(aws, _guard(tmp_path)), "assistant", {})
    assert everything(aws) == empty


def test_a_user_who_may_not_tag_needs_the_prefix(
    aws: QuickAws, empty: frozenset[str], tmp_path: Path
) -> None:
    watched = _watched(aws, _guard(tmp_path), may_tag=False)
    with pytest.raises(UnknownCreationError, match="the name must begin with"):
        creations.queue(watched, "assistant", {})
    assert everything(aws) == empty
    creations.queue(watched, f"{_RUN.prefix}1", {})


def test_a_creation_that_the_clean_up_does_not_know_is_refused(
    aws: QuickAws, tmp_path: Path
) -> None:
    topics = _watched(aws, _guard(tmp_path)).client("sns")
    with pytest.raises(UnknownCreationError, match="CreateTopic was refused"):
        topics.create_topic(Name=f"{_RUN.prefix}1")


def test_nothing_more_is_created_after_the_budget(
    aws: QuickAws, empty: frozenset[str], tmp_path: Path
) -> None:
    secret = prices.cost("secret", _HOURS)
    guard = _guard(tmp_path, usd=2.5 * secret)
    watched = _watched(aws, guard)
    creations.secret(watched, f"{_RUN.prefix}1", {})
    before = everything(aws)

    # Its replica would be the third.
    with pytest.raises(OverBudgetError, match=f"BUDGET_USD .* Refused: {_RUN.prefix}1-replicated"):
        creations.replicated_secret(watched, f"{_RUN.prefix}1", {})

    assert everything(aws) == before != empty
    assert guard.budget.spent() <= 2.5 * secret


def test_a_test_cannot_use_an_account_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(NoRunError, match="must be started by `make test-aws`"):
        Guard.of_environment()


def test_the_arithmetic_of_a_price_gives_the_price() -> None:
    for price in (*prices.PRICES.values(), prices.USE_OF_A_TEST):
        assert eval(price.arithmetic) == price.usd  # noqa: S307 -- our own text
        assert price.page.startswith("https://aws.amazon.com/")


def test_an_example_counts_its_own_resources_and_those_of_the_module() -> None:
    found = prices.example("managed")
    assert found["database"] == 1
    assert found["secret"] == 1
    assert found["alarm"] >= 2
