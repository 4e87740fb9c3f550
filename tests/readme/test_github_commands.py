"""The commands of the GitHub pages run: AWS is the local one, git and curl print what they get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from testing.local_aws import LocalAws, local_aws
from tests.readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("readme")

_META: Final = {"ssh_keys": ["ssh-ed25519 AAAA"]}
# No command reaches GitHub: these print their arguments, or what GitHub would return.
_COMMANDS: Final = {
    "git": 'echo "git $*"; echo "$GIT_SSH_COMMAND"',
    "curl": f"""if [[ $* == *meta* ]]; then echo '{json.dumps(_META)}'; else echo "curl $*"; fi""",
    "pip": 'echo "pip $*"',
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with local_aws() as aws:
        yield aws


@pytest.fixture
def environment(aws: LocalAws, aws_cli: Path, tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    (folder / "aws").symlink_to(aws_cli)
    for name, body in _COMMANDS.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return aws.environment | {"HOME": str(tmp_path), "PATH": path}


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        check=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _private_key(form: PrivateFormat) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def test_the_private_key_of_an_app_is_imported(
    aws: LocalAws, environment: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "Downloads" / "reports.private-key.pem"
    file.parent.mkdir()
    file.write_text(_private_key(PrivateFormat.TraditionalOpenSSL))
    arn = _run(block("run", "import-key"), repository, environment).splitlines()[-1]
    key = aws.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    assert (key["Enabled"], key["Origin"]) == (True, "EXTERNAL")
    assert not file.exists()


def test_git_and_curl_get_the_token(
    aws: LocalAws, environment: dict[str, str], tmp_path: Path
) -> None:
    value = {**json.loads(block("value", "github_app_token")), "token": "ghs_1"}
    aws.client("secretsmanager").create_secret(
        Name="reports/github", SecretString=json.dumps(value)
    )
    printed = _run(block("run", "use-token"), tmp_path, environment)
    assert "git clone https://x-access-token:ghs_1@github.com/octo-org/reports.git\n" in printed
    assert "curl -H Authorization: Bearer ghs_1 https://api.github.com/repos/octo-org/" in printed


def test_git_gets_the_deploy_key(
    aws: LocalAws, environment: dict[str, str], tmp_path: Path
) -> None:
    private_key = _private_key(PrivateFormat.OpenSSH)
    value = {**json.loads(block("value", "github_deploy_key")), "private_key": private_key}
    aws.client("secretsmanager").create_secret(
        Name="reports/deploy-key", SecretString=json.dumps(value)
    )
    printed = _run(block("run", "use-deploy-key"), tmp_path, environment)
    assert "git clone git@github.com:octo-org/reports.git\n" in printed
    key, hosts = tmp_path / "key", tmp_path / "known_hosts"
    assert f"ssh -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={hosts}\n" in printed
    assert (key.read_text(), key.stat().st_mode & 0o777) == (private_key, 0o600)
    assert hosts.read_text() == f"github.com {_META['ssh_keys'][0]}\n"
    subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", key], check=True, capture_output=True)
