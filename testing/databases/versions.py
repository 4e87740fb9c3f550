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


# Of the fixtures `postgresql`, `mysql`, `mariadb`
POSTGRESQL: Final = _parameters("16", "13", "15", "18")
MYSQL: Final = _parameters("8.0.31")
MARIADB: Final = _parameters("10.11", "11.4")
# Of the fixture `mysql_server`, which is one of both
MYSQL_SERVERS: Final = (
    *_parameters("mysql-8.0.31"),
    *_parameters("mariadb-10.11", "mariadb-11.4"),
)
