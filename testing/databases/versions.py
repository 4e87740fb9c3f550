"""The versions of the servers, as parameters of tests: `parametrize(..., indirect=True)`.

`make test` runs the first of each server, `make test-slow` the others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def _parameters(version: str, *slow: str) -> tuple[ParameterSet, ...]:
    return (
        pytest.param(version),
        *(pytest.param(one, marks=pytest.mark.slow) for one in slow),
    )


POSTGRESQL: Final = _parameters("16", "13", "15", "18")
