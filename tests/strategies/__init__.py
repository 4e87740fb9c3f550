"""One record per strategy: everything that the shared tests must know about it.

A new strategy adds the file `tests/strategies/<name>.py`, which defines `STRATEGY`.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from _pytest.mark import ParameterSet  # pytest.param() returns this type, which has no public name.

from rotation.strategies import REGISTRY
from tests.e2e.scenarios import Grants
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks
from tests.load.subject import Subject
from tests.unit.subject import Unit

Variables: TypeAlias = Mapping[str, Any]
"""Input variables of the module, or options of a strategy, in Terraform's JSON."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A value that breaks a rule of the module."""

    id: str
    text: str
    """How the message starts."""
    refused: Variables
    """Options that break the rule, besides the smallest valid ones."""


@dataclass(frozen=True, kw_only=True)
class Rule(Refusal):
    """A rule of the module, with a value that breaks it and one that keeps it."""

    found: str
    """The end of the message, after `Found: `."""
    accepted: Variables
    """Options that keep the rule, besides the smallest valid ones."""


# A credential that was pasted into the wrong option. Terraform must not print it.
PASTED: Final = "wJalrXUtnFEMI/K7MDENG bPxRfiCYEXAMPLEKEY"
NOT_SHOWN: Final = (
    f"a text of {len(PASTED)} characters, which may be a credential and is not shown."
)


class Effect(Enum):
    """The effect of a changed option on a live secret."""

    CARRIED = auto()
    """The next rotation uses it, and accepts the values from before."""
    ROTATES = auto()
    """The same apply rotates the secret."""
    REFUSED = auto()
    """The plan refuses it."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of one option of a live secret."""

    effect: Effect
    after: object
    before: object = None
    """None: as in the smallest valid options."""
    more: Variables = field(default_factory=dict)
    """Other options before and after it."""


@dataclass(frozen=True, kw_only=True)
class StrategyUnderTest:
    """A strategy that needs no function of this module."""

    name: str
    """The attribute of the variable `rotation`."""
    folder: str = ""
    """The folder in `modules/strategies`, if its name differs."""
    files: tuple[str, ...] = ()
    """Patterns of other files that belong to this strategy alone."""
    options: Variables
    """The smallest valid options, as a user writes them."""
    variables: Variables = field(default_factory=dict)
    """Other variables that the strategy requires."""
    newer_than: str = ""
    """The last commit in RELEASES of tests/upgrade without this strategy."""
    secret_fields: frozenset[str]
    """The secret fields of a value that is JSON; any other value is secret as a whole."""
    walks: Mapping[str, type[Walk]]
    """The folders of its examples, each with its walk through an account."""
    changes: Mapping[str, Change]
    """One change of each option."""
    rules: Sequence[Rule] = ()
    """One for each validation of the options."""
    root_rules: Sequence[Rule] = ()
    """Rules of the root module that only a strategy of this kind can break.

    Their values are variables, besides the smallest module call.
    """
    root_refusals: Sequence[Refusal] = ()
    """More values that break rules of the root module."""

    @property
    def folders(self) -> tuple[str, str]:
        """The folders of the submodule and of the example."""
        folder = self.folder or self.name
        return f"modules/strategies/{folder}", f"examples/{folder.replace('_', '-')}"

    @property
    def module_call(self) -> dict[str, Any]:
        """The smallest valid module call, without its source."""
        return self.module_call_with({})

    def module_call_with(self, options: Variables) -> dict[str, Any]:
        """Return a module call with other options, besides the smallest valid ones."""
        rotation = {self.name: {**self.options, **options}}
        return {"name": "secret", "rotation": rotation, **self.variables}


@dataclass(frozen=True, kw_only=True)
class RotatorUnderTest(StrategyUnderTest):
    """A strategy that runs in a function of this module."""

    grants: Grants
    leaks: Leaks
    load: Subject
    unit: Unit
    faults: Mapping[str, Fault]
    """Operations of AWS, each with the fault that it meets in a rotation of its own."""
    github_requests: Sequence[str] = ()
    """The requests of a rotation to GitHub, as GitHub's API description names them."""
    newer_than_the_oldest_sdk: Collection[str] = ()
    """Parameters and fields of AWS that the oldest SDK in Lambda doesn't have."""
    largest_package: int = 40 * 1024
    """The limit of its package in bytes; a layer for cryptography is apart from it."""
    represents_all: bool = False
    """`make test` shows with this strategy what all have in common; `make test-slow` with each."""
    sampled: bool = False
    """`make test` puts it under load and searches its leaks too; `make test-slow` each."""


def case(
    strategy: StrategyUnderTest,
    *values: object,
    id: str | None = None,  # noqa: A002 -- as pytest.param names it
    marks: Sequence[pytest.MarkDecorator] = (),
) -> ParameterSet:
    """Return the parameters of a test, the strategy first; `--strategy` selects by the mark."""
    mark = pytest.mark.strategy(strategy.name)
    return pytest.param(strategy, *values, id=id or strategy.name, marks=[mark, *marks])


def rules_in(module: Path) -> str:
    """Return the variables of a strategy's module, with those of the modules that it calls."""
    sources = re.findall(r'source += "([^"]+)"', (module / "outputs.tf").read_text("utf-8"))
    folders = [module, *(module / source for source in sources)]
    return "".join((folder / "variables.tf").read_text("utf-8") for folder in folders)


def secret_parts(text: str, secret_fields: Collection[str]) -> set[str]:
    """Return the parts of a value that may be nowhere but in the secret."""
    try:
        value = json.loads(text)
    except ValueError:
        return {text}
    if not isinstance(value, dict):
        return {text}
    parts = {value[name] for name in value.keys() & secret_fields}
    # One line of a private key, because line ends have many forms. The fifth differs.
    return {part.splitlines()[4] if "\n" in part else part for part in parts}


def _import_all() -> tuple[StrategyUnderTest, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    records = [importlib.import_module(f"{__name__}.{name}").STRATEGY for name in names]
    assert [record.name for record in records] == names
    return tuple(records)


ALL: Final = _import_all()
ROTATORS: Final = tuple(record for record in ALL if isinstance(record, RotatorUnderTest))
# No test can forget a strategy.
assert [record.name for record in ROTATORS] == [*REGISTRY]
assert {record.name for record in ALL} == {*REGISTRY, "function", "managed"}
assert sum(record.represents_all for record in ROTATORS) == 1

SAMPLE: Final = tuple(one for one in ROTATORS if one.represents_all or one.sampled)
"""What `make test` deploys where one deployment shows what all have in common."""

# For tests that need some strategy, and must not name one.
REPRESENTATIVE: Final = next(record for record in ROTATORS if record.represents_all)
SIMPLEST: Final = next(record for record in ROTATORS if not record.options)

# Each of these differs from all others: the code, the function, or all of the rotation is not ours.
CUSTOM, EXISTING, MANAGED = (
    next(record for record in ALL if record.name == name)
    for name in ("custom", "function", "managed")
)
