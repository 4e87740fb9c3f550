"""Measures the package of each strategy, as Terraform builds it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.page import table
from testing.harness.terraform import Terraform, checkout
from tests.packaging.conftest import build_packages
from tests.strategies import ROTATORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.measure import Options

_MOCKS: Final = Path("tests", "mocks")


def measure(_: Options) -> list[str]:
    """Return the table."""
    with packages() as built:
        rows = [
            [
                f"`{one.name}`",
                _kilobytes(built[one.name].stat().st_size),
                one.largest_package // 1024,
            ]
            for one in ROTATORS
        ]
    return table(["strategy", "package, KB", "limit in the tests, KB"], rows)


@contextmanager
def packages() -> Iterator[Mapping[str, Path]]:
    """Build the packages; they are deleted at the end of the block."""
    with checkout() as folder:
        shutil.copytree(Path(__file__).parents[1] / _MOCKS, folder / _MOCKS)
        yield build_packages(folder, Terraform(folder, "build", {}, {}).run)


def _kilobytes(size: int) -> str:
    return f"{size / 1024:.1f}"
