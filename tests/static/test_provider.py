"""The provider of the tests is the real one without the types of most services."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _texts(repository: Path) -> Iterator[tuple[Path, str]]:
    """Read every file that has configuration, also those with blocks of it."""
    listed = subprocess.run(
        ["git", "-C", repository, "ls-files", "*.tf", "*.hcl", "*.md", "*.py"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    for name in listed.splitlines():
        yield repository / name, (repository / name).read_text(encoding="utf-8")


def test_the_services_of_all_configurations_are_shown(repository: Path) -> None:
    """Terraform would only report that the provider doesn't support the type."""
    shown = {*(repository / "dev" / "toolchain" / "aws" / "services.txt").read_text().split()}
    hidden = {
        f"{path.relative_to(repository)}: aws_{service}"
        for path, text in _texts(repository)
        for service in re.findall(r'(?:data|ephemeral|resource) "aws_([a-z0-9]+)', text)
        if service not in shown
    }
    assert hidden == set(), "Add the service to dev/toolchain/aws/services.txt."


@pytest.mark.slow
def test_the_schema_of_what_is_shown_is_that_of_the_whole_provider(
    cache: Path, terraform_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text('provider "aws" {}\n')
    shown, whole = (
        _schema(cache / "terraform" / "aws" / name, terraform_env, tmp_path)
        for name in ("filter", "whole")
    )
    for kind in ("resource_schemas", "data_source_schemas", "ephemeral_resource_schemas"):
        assert shown[kind].keys() < whole[kind].keys()
        assert shown[kind] == {name: whole[kind][name] for name in shown[kind]}
    assert shown["provider"] == whole["provider"]


def _schema(provider: Path, environment: dict[str, str], folder: Path) -> dict[str, Any]:
    config = folder / "cli.tfrc"
    config.write_text(
        f'provider_installation {{ dev_overrides {{ "hashicorp/aws" = "{provider}" }} }}\n'
    )
    described = subprocess.run(
        ["terraform", "providers", "schema", "-json"],
        check=True,
        cwd=folder,
        env={**environment, "TF_CLI_CONFIG_FILE": str(config)},
        stdout=subprocess.PIPE,
    ).stdout
    (schema,) = json.loads(described)["provider_schemas"].values()
    found: dict[str, Any] = schema
    return found
