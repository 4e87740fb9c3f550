"""Applies a root module in a test account, rotates its secret, and destroys it again."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from python_terraform import IsFlagged, IsNotFlagged, Terraform

ROOT = Path(__file__).parent.parent.parent / "random-value"


def run(command: Callable[..., tuple[int, str, str]], **options: object) -> None:
    """Run a Terraform command. If it fails, show its output."""
    code, output, errors = command(no_color=IsFlagged, **options)
    assert code == 0, output + errors


@pytest.fixture(scope="module")
def terraform() -> Iterator[Terraform]:
    """Terraform in the root module, after apply."""
    terraform = Terraform(working_dir=str(ROOT), variables={"recovery_window_in_days": 0})
    run(terraform.init)
    try:
        run(terraform.apply, skip_plan=True)
        yield terraform
    finally:
        run(terraform.destroy, force=IsNotFlagged, auto_approve=IsFlagged)


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Check the condition once per second until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_the_secret_rotates(terraform: Terraform) -> None:
    secret = terraform.output()["secret_arn"]["value"]
    client = boto3.client("secretsmanager")

    def current() -> str | None:
        try:
            return str(client.get_secret_value(SecretId=secret)["VersionId"])
        except client.exceptions.ResourceNotFoundException:
            return None

    wait_for(lambda: current() is not None)
    started = client.rotate_secret(SecretId=secret)["VersionId"]
    wait_for(lambda: current() == started)
    run(terraform.plan, detailed_exitcode=IsFlagged)  # Exit code 2 means that the plan isn't empty.
