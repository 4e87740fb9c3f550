"""Brings the Terraform providers that the tests run on, at the module's floor, into one mirror.

With the Terraform registry within reach this only spares the tests the network; without it, it is
what makes `terraform init` work at all. The archive provider was built before, by the Makefile.
Standard library only: there may be no `.venv` yet.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache" / "terraform"
MIRROR = CACHE / "mirror"
CLI_CONFIG = CACHE / "cli.tfrc"

HOST = "registry.terraform.io"
# The lower bounds in versions.tf: the tests run at the floor, because users may.
AWS = ("hashicorp/aws", "5.100.0")
ARCHIVE = ("hashicorp/archive", "1.3.0")

# Folders that hold no provider, or one that may be deleted at any time: another checkout's cache,
# Terraform's working folders, temporary folders.
NEVER_SEARCHED = (
    "/proc",
    "/sys",
    "/dev",
    tempfile.gettempdir(),
    "*/.cache",
    "*/.git",
    "*/.terraform",
    "*/node_modules",
)


def main() -> None:
    """Fill the mirror and write the CLI configuration that points at it, and at nothing else."""
    platform = terraform_platform()
    place(AWS, platform, find(AWS, platform) or from_terraform(AWS, platform))
    place(ARCHIVE, platform, CACHE / "built")
    # No `direct {}`: a test that needs another provider, or the network, fails here and not in CI.
    CLI_CONFIG.write_text(
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f"  filesystem_mirror {{ path = {json.dumps(str(MIRROR))} }}\n"
        "}\n",
        encoding="utf-8",
    )


def say(line: str) -> None:
    """Report progress where a pipe of the output does not catch it."""
    sys.stderr.write(f"setup: {line}\n")


def terraform_platform() -> str:
    """Ask Terraform for its name of this platform, such as linux_amd64."""
    answer = subprocess.run(
        ["terraform", "version", "-json"], check=True, capture_output=True, text=True
    )
    # A warning about the user's own CLI configuration may stand before or after the JSON.
    start, end = answer.stdout.index("{"), answer.stdout.rindex("}") + 1
    return str(json.loads(answer.stdout[start:end])["platform"])


def find(provider: tuple[str, str], platform: str) -> Path | None:
    """Search the machine for an unpacked provider; TF_PROVIDER_MIRROR names where to look first."""
    source, version = provider
    layout = f"{HOST}/{source}/{version}/{platform}"
    given = os.environ.get("TF_PROVIDER_MIRROR")
    if given and (Path(given) / layout).is_dir():
        return Path(given) / layout
    prune: list[str] = []
    for folder in NEVER_SEARCHED:
        prune += ["-o", "-path", folder]
    answer = subprocess.run(
        [
            *("find", "/", "(", *prune[1:], ")", "-prune", "-o"),
            *("-type", "d", "-path", f"*/{layout}", "-print", "-quit"),
        ],
        check=False,  # Folders that only root may read are no reason to stop.
        capture_output=True,
        text=True,
    )
    found = answer.stdout.splitlines()
    return Path(found[0]) if found else None


def from_terraform(provider: tuple[str, str], platform: str) -> Path:
    """Let `terraform init` fetch the provider, from wherever the user's own configuration says."""
    source, version = provider
    say(f"{source} {version} is not on this machine: asking terraform init for it")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf").write_text(
            "terraform {\n"
            "  required_providers {\n"
            f'    wanted = {{ source = "{source}", version = "{version}" }}\n'
            "  }\n"
            "}\n",
            encoding="utf-8",
        )
        subprocess.run(["terraform", f"-chdir={folder}", "init", "-no-color"], check=True)
        installed = Path(folder, ".terraform", "providers", HOST, source, version, platform)
        kept = CACHE / "fetched" / source / version
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(installed, kept)
    return kept


def place(provider: tuple[str, str], platform: str, folder: Path) -> None:
    """Link the folder into the mirror; Terraform follows a link at this level and at no other."""
    source, version = provider
    link = MIRROR / HOST / source / version / platform
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(folder, target_is_directory=True)
    say(f"{source} {version}: {shorten(folder)}")


def shorten(folder: Path) -> str:
    """Name a folder of ours relative to the checkout, any other in full."""
    return str(folder.relative_to(REPOSITORY) if REPOSITORY in folder.parents else folder)


if __name__ == "__main__":
    main()
