"""`make bench`: measures, and writes docs/performance.md."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import os
import platform
from pathlib import Path
from typing import Final

from bench import page
from bench.measure import Options

GROUPS: Final = (
    *("calls", "packages", "imports", "plans", "applies", "rotations"),
    *("postgresql", "mysql"),
)
_PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


def main() -> None:
    """Measure the groups one after the other."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs of each rival")
    parser.add_argument("--only", choices=GROUPS, nargs="*", default=GROUPS, help="which groups")
    parser.add_argument("--page", type=Path, default=_PAGE, help="the page that it changes")
    parser.add_argument("--aws-templates", type=Path, help="a checkout of AWS's templates")
    parser.add_argument("--secrets-manager-module", type=Path, help="a checkout of that module")
    given = parser.parse_args()
    options = Options(
        runs=given.runs,
        aws_templates=given.aws_templates,
        secrets_manager_module=given.secrets_manager_module,
        page=given.page,
    )
    for group in given.only:
        lines = importlib.import_module(f"bench.{group}").measure(options)
        page.write(given.page, group, [*lines, "", _when(options)])


def _when(options: Options) -> str:
    today = dt.datetime.now(tz=dt.UTC).date()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"Measured on {today} with RUNS={options.runs}: {machine}."


if __name__ == "__main__":
    main()
