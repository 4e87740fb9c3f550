"""Runs many cases in one test, because pytest needs longer for a test than most cases take."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVarTuple, Unpack

import pytest

from rotation_conformance.account import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.campaigns import CountCases

Arguments = TypeVarTuple("Arguments")


SEED: Final = os.environ.get("SEED", "fixed")


class FailedCasesError(AssertionError):
    """Names each case that failed. Its cause is the error of the first one."""

    def __init__(self, failures: Mapping[str, BaseException], *, of: int) -> None:
        lines = [
            f"{name}: {type(error).__name__}: {error}".partition("\n")[0]
            for name, error in failures.items()
        ]
        found = f"{len(failures)} of {of} cases failed with SEED={SEED}:"
        super().__init__("\n".join([found, *lines]))


def run_each(
    case: Callable[[Unpack[Arguments]], object],
    arguments: Mapping[str, tuple[*Arguments]],
    count: CountCases,
) -> None:
    """Run a case with each of the arguments, also after one that fails.

    Args:
        case: a case that returns False is not counted.
        arguments: by the name of the case.
        count: the fixture `cases`.

    Raises:
        FailedCasesError: Some failed.
    """
    assert arguments, "there are no cases"
    failures: dict[str, BaseException] = {}
    results = [_result(name, partial(case, *of), failures) for name, of in arguments.items()]
    count(sum(result is not False for result in results))
    if failures:
        raise FailedCasesError(failures, of=len(results)) from next(iter(failures.values()))


def _result(name: str, case: Callable[[], object], failures: dict[str, BaseException]) -> object:
    try:
        return case()
    except (Exception, Killed, pytest.fail.Exception) as error:  # noqa: BLE001 -- raised at the end
        failures[name] = error
        return None
