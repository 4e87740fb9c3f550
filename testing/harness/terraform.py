"""Runs Terraform or OpenTofu in a copy of the module and its examples."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from testing.harness.provider import VARIABLE, AwsProvider

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_CLI_CONFIG: Final = _REPOSITORY / ".cache" / "terraform" / "cli.tfrc"
# An example refers to the module by "../..". Leave out the files that a run creates.
_MODULE: Final = ("*.tf", "lambda", "modules", "examples")
_LEFT_BEHIND: Final = shutil.ignore_patterns(
    "__pycache__", ".terraform*", "*.tfstate*", "*.tfvars", "*.tfplan"
)
SETTINGS: Final = {
    "CHECKPOINT_DISABLE": "1",
    # A third less processor time than with the defaults: no garbage collection for up to this
    # much memory, and one processor, because pages that two share cost time.
    "GOGC": "off",
    "GOMAXPROCS": "1",
    "GOMEMLIMIT": "300MiB",
    "TF_CLI_CONFIG_FILE": str(_CLI_CONFIG),
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
}
"""The environment variables of every command, with the providers of the set-up."""
_STOP_SECONDS: Final = 10
_CHANGES: Final = 2


class TerraformError(Exception):
    """A Terraform command failed."""

    def __init__(self, *, command: str, output: str) -> None:
        super().__init__(f"terraform {command} failed:\n{output}")


class NotEmptyError(Exception):
    """A plan that must be empty has changes."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"The plan is not empty:\n{plan}")


class Terraform:
    """Terraform in one root module, with the same environment and variables for all commands."""

    def __init__(
        self,
        checkout: Path,
        root: str,
        environment: Mapping[str, str],
        variables: Mapping[str, object],
        *,
        binary: str | Path = "terraform",
    ) -> None:
        """Configure Terraform without running a command.

        Args:
            checkout: A copy of the module.
            root: The path of the root module in the copy.
            environment: The account's variables; AWS and Terraform settings of the developer are
                removed.
            variables: The input variables, passed in the environment so that no file has them.
            binary: The command: Terraform's, or OpenTofu's.
        """
        self.folder = checkout / root
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "TF_"))
            },
            **SETTINGS,
            # Plugins that are killed leave their sockets in this folder.
            "TMPDIR": str(checkout),
            **environment,
        }
        self._binary = binary
        self._stop_provider: Callable[[], object] = lambda: None
        self._variables = dict(variables)
        self.output = ""
        """The output of all commands so far."""

    def init(self) -> None:
        """Install providers and modules."""
        self.run("init")
        # With TF_LOG, the provider's log has to be in that of the command.
        if "TF_LOG" not in self._environment:
            provider = AwsProvider(self.folder, self._environment)
            self._stop_provider = weakref.finalize(self, provider.close)
            self._environment |= provider.environment

    def apply(self, *plan: str) -> str:
        """Apply the configuration or a saved plan, and return the line that counts resources."""
        output = self.run("apply", "-auto-approve", *plan)
        return next(line for line in output.splitlines() if line.startswith("Apply complete!"))

    def destroy(self, *options: str) -> str:
        """Destroy all resources and return the line that counts them."""
        output = self.run("destroy", "-auto-approve", *options)
        self._stop_provider()
        self._environment.pop(VARIABLE, None)
        return next(line for line in output.splitlines() if line.startswith("Destroy complete!"))

    def require_empty_plan(self, *options: str) -> None:
        """Plan again.

        Raises:
            NotEmptyError: The plan has changes; the message contains it.
            TerraformError: The command failed.
        """
        code, output = self._result("plan", "-detailed-exitcode", *options)
        if code == _CHANGES:
            raise NotEmptyError(output)
        if code:
            raise TerraformError(command="plan", output=output)

    def outputs(self) -> dict[str, Any]:
        """Return the values of the outputs."""
        described = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in described.items()}

    def set(self, **variables: object) -> None:
        """Change variables for the following commands; None restores the default."""
        self._variables |= variables

    def run(self, command: str, *arguments: str) -> str:
        """Run a command and return its output.

        Raises:
            TerraformError: The command failed.
        """
        code, output = self._result(command, *arguments)
        if code:
            raise TerraformError(command=" ".join([command, *arguments]), output=output)
        return output

    def _result(self, command: str, *arguments: str) -> tuple[int, str]:
        variables = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self._variables.items()
            if value is not None
        }
        # In a session of its own, Terraform gets no Ctrl-C; _stop ends it with its providers.
        process = subprocess.Popen(
            [self._binary, f"-chdir={self.folder}", command, "-no-color", *arguments],
            env={**self._environment, **variables},
            start_new_session=True,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            output, _ = process.communicate()
        except BaseException:
            _stop(process)
            raise
        self.output += output
        return process.returncode, output


def _stop(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def instances(
    calls: Mapping[str, Mapping[str, Any]], *, source: str, initial_value: str | None = None
) -> dict[str, Any]:
    """Return one module call with an instance for each of these calls, in Terraform's JSON.

    Terraform reads and validates the files of a module once for each call, so many instances of one
    call take a fraction of the time of many calls.

    Args:
        calls: The inputs of each instance, with Terraform's expressions, by its name. A null or
            missing input has its default.
        source: The module.
        initial_value: An expression, for the instances with an initial_value_version. It may be
            ephemeral; the inputs of an instance must not.
    """
    names = sorted({name for inputs in calls.values() for name in inputs})
    # try() would make a whole input unknown of which a part is unknown.
    each = {call: {name: inputs.get(name) for name in names} for call, inputs in calls.items()}
    inputs = {name: f"${{each.value.{name}}}" for name in names}
    if initial_value:
        has_one = "each.value.initial_value_version != null"
        inputs["initial_value"] = f"${{{has_one} ? {initial_value} : null}}"
    return {
        "locals": {"instances": each},
        "module": {"instances": {"source": source, "for_each": "${local.instances}", **inputs}},
    }


def instance_outputs(names: Iterable[str]) -> dict[str, Any]:
    """Return an output for each instance, with all outputs of the module."""
    return {name: {"value": f'${{module.instances["{name}"]}}'} for name in names}


def copy_module(destination: Path) -> None:
    """Copy the module and its examples, without state, variable files or working folders."""
    for pattern in _MODULE:
        for source in _REPOSITORY.glob(pattern):
            if source.is_dir():
                shutil.copytree(source, destination / source.name, ignore=_LEFT_BEHIND)
            else:
                shutil.copy(source, destination)


@contextlib.contextmanager
def checkout() -> Iterator[Path]:
    """Copy the module to a temporary folder for the length of the block."""
    # The path of a plugin's socket may have 100 characters, so pytest's tmp_path is too long.
    with tempfile.TemporaryDirectory(prefix="rotating-secret-") as folder:
        copy_module(Path(folder))
        yield Path(folder)
