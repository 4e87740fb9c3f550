"""Selects the tests that can run in a real account, and names the reason for each other test.

`local_only(reason)` marks a test that cannot. A test that uses one of the fixtures below gets the
mark with the reason of the fixture.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pytest

from testing.real_aws import prices
from testing.real_aws.guard import Guard, OverBudgetError

FIXTURES: Final[Mapping[str, str]] = {
    "another": "It creates a second account, which AWS closes only after 90 days.",
    "local": "It moves a clock or sets another switch of the local AWS.",
}
NO_ACCOUNT: Final = "It uses no account."
_REASONS: Final = pytest.StashKey[Counter[str]]()


def reason(item: pytest.Item) -> str | None:
    """Return why a test cannot run in a real account."""
    mark = item.get_closest_marker("local_only")
    if mark is not None:
        return str(mark.args[0])
    fixtures = getattr(item, "fixturenames", ())
    if not {"account", "aws"} & {*fixtures}:
        return NO_ACCOUNT
    return next((why for name, why in FIXTURES.items() if name in fixtures), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that cannot run."""
    reasons = {item: reason(item) for item in items}
    config.stash[_REASONS] = Counter(why for why in reasons.values() if why)
    config.hook.pytest_deselected(items=[item for item in items if reasons[item]])
    items[:] = [item for item in items if not reasons[item]]


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say which tests cannot run and why, and what the others cost at most.

    Raises:
        pytest.UsageError: They can cost more than the budget.
    """
    budget = Guard.of_environment().budget
    found = config.stash[_REASONS].most_common()
    reasons = [f"not in a real account: {number} tests. {why}" for why, number in found]
    planned = [(_planned(item), item) for item in items]
    examples = sum((count for count, _ in planned), Counter[str]())
    contracts = Counter(
        prices.CONTRACT_TESTS if Counter[str]() in (one for one, _ in planned) else {}
    )
    usd = len(items) * prices.use_of_a_test() + sum(
        prices.cost(kind, budget.hours) for kind in (examples + contracts).elements()
    )
    if usd > budget.usd:
        message = f"BUDGET_USD must be at least {usd:.2f} for these tests. Found: {budget.usd:.2f}."
        raise pytest.UsageError(message)
    return [
        *reasons,
        f"the contract tests create {_text(contracts)}; the examples at most {_text(examples)}",
        f"{len(items)} tests cost at most {usd:.2f} USD",
    ]


def _text(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in counted.items()) or "nothing"


def _planned(item: pytest.Item) -> Counter[str]:
    """Return the resources with a price of an example, and nothing for a contract test."""
    params: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    folder = params.get("example")
    return prices.example(folder) if isinstance(folder, str) else Counter()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pay for the requests of a test, and for the resources of an example."""
    budget = Guard.of_environment().budget
    budget.pay_for_use(item.nodeid)
    for kind in _planned(item).elements():
        budget.pay(kind, item.nodeid)


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object]
) -> None:
    """Start no test after the budget is used up."""
    if call.excinfo is not None and call.excinfo.errisinstance(OverBudgetError):
        node.session.shouldstop = "The budget is used up."
