"""Puts the Terraform providers for the tests, at the lowest supported versions, into one mirror.

With it, `terraform init` needs no network. The Makefile has built the archive provider before.
This file uses the standard library only, because there may be no `.venv` yet.
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
OPENTOFU_HOST = "registry.opentofu.org"
# The lower bounds in versions.tf: the tests use the lowest versions, because users may.
AWS = ("hashicorp/aws", "5.100.0")
ARCHIVE = ("hashicorp/archive", "1.3.0")

# Folders without a provider, or with one that may be deleted at any time: the cache of another
# checkout, Terraform's working folders, temporary folders.
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
    """Fill the mirror, and write a CLI configuration with this mirror only."""
    platform = terraform_platform()
    # The filter reads the provider and writes its schema here.
    link(CACHE / "aws" / "whole", find(AWS, platform) or from_terraform(AWS, platform))
    (CACHE / "aws" / "schema").unlink(missing_ok=True)
    place(AWS, platform, CACHE / "aws" / "filter")
    place(ARCHIVE, platform, CACHE / "built")
    # Without `direct {}`, a test that needs another provider or the network fails here, as in CI.
    CLI_CONFIG.write_text(
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f"  filesystem_mirror {{ path = {json.dumps(str(MIRROR))} }}\n"
        "}\n",
        encoding="utf-8",
    )


def say(line: str) -> None:
    """Report progress to the standard error, which a pipe of the output leaves out."""
    sys.stderr.write(f"setup: {line}\n")


def terraform_platform() -> str:
    """Return Terraform's name of this platform, such as linux_amd64."""
    answer = subprocess.run(
        ["terraform", "version", "-json"], check=True, capture_output=True, text=True
    )
    # The JSON may be between warnings about the user's CLI configuration.
    start, end = answer.stdout.index("{"), answer.stdout.rindex("}") + 1
    return str(json.loads(answer.stdout[start:end])["platform"])


def find(provider: tuple[str, str], platform: str) -> Path | None:
    """Search the machine for an unpacked provider, first in the folder TF_PROVIDER_MIRROR."""
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
        check=False,  # Some folders only root may read.
        capture_output=True,
        text=True,
    )
    found = answer.stdout.splitlines()
    return Path(found[0]) if found else None


def from_terraform(provider: tuple[str, str], platform: str) -> Path:
    """Let `terraform init` download the provider, as the user's CLI configuration says."""
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
    """Link the folder into the mirror. Terraform follows a link at this level only."""
    source, version = provider
    for host in (HOST, OPENTOFU_HOST):
        link(MIRROR / host / source / version / platform, folder)


def link(path: Path, folder: Path) -> None:
    """Replace the link, and report where it leads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(folder, target_is_directory=True)
    say(f"{shorten(path)}: {shorten(folder)}")


def shorten(folder: Path) -> str:
    """Return the path of our folder relative to the checkout, and any other path in full."""
    return str(folder.relative_to(REPOSITORY) if REPOSITORY in folder.parents else folder)


if __name__ == "__main__":
    main()
