"""Runs one process of the AWS provider for many Terraform commands.

Terraform starts a process for each command, which costs half a second of processor time
(https://developer.hashicorp.com/terraform/plugin/debugging). A root module with two configurations
of the provider cannot use this, because each configuration needs its own process.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MIRROR: Final = Path(__file__).resolve().parents[2] / ".cache" / "terraform" / "mirror"
VARIABLE: Final = "TF_REATTACH_PROVIDERS"


class AwsProvider:
    """A process of the provider, for the commands of one root module in one account."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the provider in the root module, from which it reads the packages of functions."""
        (binary,) = _MIRROR.glob("registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*")
        self._process = subprocess.Popen(
            [binary, "-debug"],
            cwd=folder,
            env=environment,
            # A session of its own gets no Ctrl-C: the resources must still be destroyed after it.
            start_new_session=True,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = next(line for line in self._process.stdout or () if f"{VARIABLE}=" in line)
        (reached,) = json.loads(line.split("'")[1]).values()
        # OpenTofu has the same provider under another host name.
        hosts = ("registry.terraform.io", "registry.opentofu.org")
        self.environment = {
            VARIABLE: json.dumps({f"{host}/hashicorp/aws": reached for host in hosts})
        }
        """The environment variable by which Terraform and OpenTofu connect to the provider."""

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.terminate()
