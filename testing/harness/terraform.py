"""A copy of one example with the module beside it, and Terraform running there."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_CLI_CONFIG: Final = _REPOSITORY / ".cache" / "terraform" / "cli.tfrc"
# What an example refers to by "../..", and nothing that a run leaves behind.
_MODULE: Final = ("*.tf", "lambda", "modules", "examples")
_LEFT_BEHIND: Final = shutil.ignore_patterns(
    "__pycache__", ".terraform*", "*.tfstate*", "*.tfvars", "*.tfplan"
)
_STOP_SECONDS: Final = 10
_CHANGES: Final = 2


class TerraformError(Exception):
    """A command failed."""

    def __init__(self, *, command: str, output: str) -> None:
        super().__init__(f"terraform {command} failed:\n{output}")


class NotEmptyError(Exception):
    """A plan that has to be empty is not."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"The plan is not empty:\n{plan}")


class Terraform:
    """Terraform in one root module, with what all its commands are told."""

    def __init__(
        self,
        checkout: Path,
        root: str,
        environment: Mapping[str, str],
        variables: Mapping[str, object],
    ) -> None:
        """Take the folders; nothing is run.

        Args:
            checkout: a copy of the module.
            root: the root module in it.
            environment: the account; none of the person's own settings go along.
            variables: the input variables, which go by the environment, and so into no file.
        """
        self.folder = checkout / root
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "TF_"))
            },
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(_CLI_CONFIG),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            # For the sockets of plugins, which are left when they are killed.
            "TMPDIR": str(checkout),
            **environment,
        }
        self._variables = dict(variables)
        self.said = ""
        """Everything that was written by any command so far."""

    def init(self) -> None:
        """Install providers and modules."""
        self.run("init")

    def apply(self, *plan: str) -> str:
        """Apply, perhaps a saved plan, and return the sentence that counts the resources."""
        output = self.run("apply", "-auto-approve", *plan)
        return next(line for line in output.splitlines() if line.startswith("Apply complete!"))

    def destroy(self) -> str:
        """Destroy, and return the sentence that counts the resources."""
        output = self.run("destroy", "-auto-approve")
        return next(line for line in output.splitlines() if line.startswith("Destroy complete!"))

    def require_empty_plan(self, *options: str) -> None:
        """Plan once more.

        Raises:
            NotEmptyError: There is something to change; the plan is in the message.
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
        """Change variables for the commands that follow; None leaves one to its default."""
        self._variables |= variables

    def run(self, command: str, *arguments: str) -> str:
        """Run a command and return what it wrote.

        Raises:
            TerraformError: It failed.
        """
        code, output = self._result(command, *arguments)
        if code:
            raise TerraformError(command=" ".join([command, *arguments]), output=output)
        return output

    def _result(self, command: str, *arguments: str) -> tuple[int, str]:
        given = {
            f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self._variables.items()
            if value is not None
        }
        # In a session of its own: Ctrl-C is for us to hand on, and the providers go with it.
        process = subprocess.Popen(
            ["terraform", f"-chdir={self.folder}", command, "-no-color", *arguments],
            env={**self._environment, **given},
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
        self.said += output
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


def copy_module(destination: Path) -> None:
    """Copy the module and its examples, without state, values or working folders."""
    for pattern in _MODULE:
        for source in _REPOSITORY.glob(pattern):
            if source.is_dir():
                shutil.copytree(source, destination / source.name, ignore=_LEFT_BEHIND)
            else:
                shutil.copy(source, destination)


@contextlib.contextmanager
def checkout() -> Iterator[Path]:
    """Copy the module to a temporary folder, and delete it in the end."""
    # The path of a plugin's socket in it may have 100 characters: a test's own folder is too deep.
    with tempfile.TemporaryDirectory(prefix="rotating-secret-") as folder:
        copy_module(Path(folder))
        yield Path(folder)
