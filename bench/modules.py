"""Root modules with many secrets, of this module and of its rival, on a local AWS without any.

All files are temporary: the copies of the modules, and those that Terraform writes.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from bench.measure import run
from testing.harness import functions
from testing.harness.terraform import copy_module
from testing.local_aws import LocalAws, local_aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.measure import Options, Usage

SIZES: Final = (1, 10, 50)
RATIO: Final = "The ratio is that of processor time to the last row."
"""For a page, below a table."""
_CLI_CONFIG: Final = Path(__file__).resolve().parents[1] / ".cache" / "terraform" / "cli.tfrc"
_RIVAL: Final = "terraform-aws-modules"
_NOTHING: Final = "def lambda_handler(event, context): pass\n"
_PLAN: Final = "bench.tfplan"
# The rival's parts for another provider, and for version 6 of this one.
_UNAVAILABLE: Final = (
    (r'(?ms)^(?:resource|ephemeral) "random_password".*?^}\n', ""),
    (r"(?:ephemeral\.)?random_password\.this\[0\]\.result", "null"),
    (r"(?ms)^    random = {.*?^    }\n", ""),
    (r"(?m)^ *region = var\.region\n", ""),
    (r'(source += "hashicorp/aws"\n +version += )".*"', r'\1">= 5.100"'),
)


class Root:
    """A root module with a number of secrets."""

    def __init__(self, folder: Path, aws: LocalAws, call: Mapping[str, object]) -> None:
        self.sizes: dict[int, int] = {}
        """The bytes of the last plan for each number of secrets."""
        self._folder = folder
        self._environment = {
            "CHECKPOINT_DISABLE": "1",
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(_CLI_CONFIG),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            # The path of a plugin's socket must be short.
            "TMPDIR": str(folder),
            **aws.environment,
        }
        module = {"source": "./module", "count": "${var.secrets}", "name": "bench-${count.index}"}
        root = {
            "variable": {"secrets": {"type": "number"}},
            "module": {"bench": {**module, "recovery_window_in_days": 0, **call}},
        }
        (folder / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")
        self._run("init")

    def plan(self, secrets: int) -> Usage:
        """Plan secrets that don't exist yet."""
        used = self._run("plan", f"-out={_PLAN}", f"-var=secrets={secrets}")
        self.sizes[secrets] = (self._folder / _PLAN).stat().st_size
        return used

    def apply(self, secrets: int) -> Usage:
        """Apply a plan of these secrets in a new account."""
        plan = self._folder / f"{secrets}.tfplan"
        if not plan.exists():
            self.plan(secrets)
            (self._folder / _PLAN).rename(plan)
        with _account() as (aws, _):
            used = self._run("apply", plan.name, **aws.environment)
        (self._folder / "terraform.tfstate").unlink()
        return used

    def _run(self, command: str, *arguments: str, **environment: str) -> Usage:
        return run(
            ["terraform", f"-chdir={self._folder}", command, "-no-color", *arguments],
            {**self._environment, **environment},
        )


@contextmanager
def _account() -> Iterator[tuple[LocalAws, str]]:
    """Return an account without secrets, and the ARN of its function, the same in each."""
    with local_aws(rotation_attempts=1) as aws:
        yield aws, functions.create(aws, "existing", {"lambda_function.py": _NOTHING}, {})


@contextmanager
def roots(options: Options) -> Iterator[dict[str, Root]]:
    """Return the root modules, each initialized, by the names of the rivals."""
    with _account() as (aws, function_arn), ExitStack() as stack:
        found = {}
        for name, call in _calls(options, function_arn).items():
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
            (folder / "module").mkdir()
            if name == _RIVAL and options.secrets_manager_module:
                _copy_rival(options.secrets_manager_module, folder / "module")
            else:
                copy_module(folder / "module")
            found[name] = Root(folder, aws, call)
        yield found


def _calls(options: Options, function_arn: str) -> dict[str, dict[str, object]]:
    """Return the arguments of each module, besides those that all have."""
    schedule = "rate(30 days)"
    ours = {"schedule_expression": schedule, "rotate_immediately": False}
    calls: dict[str, dict[str, object]] = {
        "own function": {**ours, "rotation": {"random_value": {}}},
        "existing function": {**ours, "rotation": {"function": {"arn": function_arn}}},
    }
    if options.secrets_manager_module:
        calls[_RIVAL] = {
            "enable_rotation": True,
            "rotate_immediately": False,
            "rotation_lambda_arn": function_arn,
            "rotation_rules": {"schedule_expression": schedule},
            "secret_string": "a value",
        }
    return calls


def _copy_rival(source: Path, destination: Path) -> None:
    for file in source.glob("*.tf"):
        text = file.read_text(encoding="utf-8")
        for pattern, replacement in _UNAVAILABLE:
            text = re.sub(pattern, replacement, text)
        (destination / file.name).write_text(text, encoding="utf-8")
