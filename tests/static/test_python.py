"""The Python is formatted and passes the linter and the type checker."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check"], id="ruff-check"),
        pytest.param(["ruff", "format", "--diff"], id="ruff-format"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_python_passes(command: list[str], repository: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
