"""The highest possible cost of a run: AWS's prices, and the arithmetic.

The prices are those of US East (N. Virginia) of September 2026. Other Regions cost more, so each
is doubled. AWS bills these resources by the hour. The hours are the time limit of a run, and one
for its clean-up.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CLEANING_HOURS: Final = 1
_OTHER_REGIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Price:
    """The price of an hour."""

    arithmetic: str
    usd: float
    page: str


PRICES: Final[Mapping[str, Price]] = {
    "secret": Price(
        "0.40 / 730",
        0.40 / 730,
        "https://aws.amazon.com/secrets-manager/pricing/",
    ),
    "key": Price("1.00 / 730", 1.00 / 730, "https://aws.amazon.com/kms/pricing/"),
    "alarm": Price("0.10 / 730", 0.10 / 730, "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": Price("3.00 / 730", 3.00 / 730, "https://aws.amazon.com/cloudwatch/pricing/"),
    # A db.t4g.micro with PostgreSQL, 20 GB of gp2, and the secret of its master user.
    "database": Price(
        "0.016 + 20 * 0.115 / 730 + 0.40 / 730",
        0.016 + 20 * 0.115 / 730 + 0.40 / 730,
        "https://aws.amazon.com/rds/postgresql/pricing/",
    ),
}
# AWS charges nothing for users, roles, policies, functions, queues, rules, schedules, buckets and
# networks, but for their use: 1,000 requests to Secrets Manager, and 600 seconds of a function with
# 0.25 GB. Logs, messages and objects of a test are a few kilobytes.
USE_OF_A_TEST: Final = Price(
    "1000 / 10000 * 0.05 + 600 * 0.25 * 0.0000166667",
    1000 / 10000 * 0.05 + 600 * 0.25 * 0.0000166667,
    "https://aws.amazon.com/lambda/pricing/",
)

# Counted in a run on the local AWS. The budget counts again in each run.
CONTRACT_TESTS: Final[Mapping[str, int]] = {"secret": 98, "key": 17, "alarm": 1, "database": 5}

_TYPES: Final = {
    "aws_secretsmanager_secret": "secret",
    "aws_kms_key": "key",
    "aws_cloudwatch_metric_alarm": "alarm",
    "aws_cloudwatch_dashboard": "dashboard",
    "aws_db_instance": "database",
}
_ROOT: Final = Path(__file__).resolve().parents[2]


def cost(kind: str, hours: float) -> float:
    """Return the cost of a resource in a run with a time limit."""
    return PRICES[kind].usd * (hours + _CLEANING_HOURS) * _OTHER_REGIONS


def use_of_a_test() -> float:
    """Return the cost of the requests and invocations of one test."""
    return USE_OF_A_TEST.usd * _OTHER_REGIONS


def example(folder: str) -> Counter[str]:
    """Return the maximum number of resources with a price in an example.

    Each resource block of the example counts, and every block of the module for each call of it,
    although most of them have a `count`.
    """
    files = list((_ROOT / "examples" / folder).glob("*.tf"))
    calls = sum(len(re.findall(r'source\s*=\s*"../.."\s', file.read_text())) for file in files)
    module = [*_ROOT.glob("*.tf"), *(_ROOT / "modules").rglob("*.tf")]
    return _blocks(files) + Counter({kind: calls * n for kind, n in _blocks(module).items()})


def _blocks(files: list[Path]) -> Counter[str]:
    found = [
        name
        for file in files
        for name in re.findall(r'^resource "(\w+)"', file.read_text(), re.MULTILINE)
    ]
    return Counter(_TYPES[name] for name in found if name in _TYPES)
