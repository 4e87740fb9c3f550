"""Leaked keys end while applications use them: how long that takes, and no request fails."""

import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from testing.harness.account import Aws, Secret, eventually, is_accepted
from testing.harness.terraform import Terraform, checkout
from tests.e2e.roles import error_code

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real-time")]

_SECRETS: Final = 4
_ROUNDS: Final = 10
_WORKERS: Final = 2
_REFUSED: Final = "InvalidClientTokenId"
_ROOT: Final = """
variable "secrets" {
  type = number
}

resource "aws_iam_user" "this" {
  count = var.secrets

  name          = "leaking-${count.index}"
  force_destroy = true
}

module "secret" {
  source = "../"
  count  = var.secrets

  name                    = "leaking/${count.index}"
  recovery_window_in_days = 0
  rotation                = { iam_access_key = { user_name = aws_iam_user.this[count.index].name } }
  revocation              = { events = { sources = ["example.secret-scanner"] } }
}

output "arns" {
  value = module.secret[*].secret_arn
}
"""


@dataclass
class _Application:
    """Reads its key once, and again when a request is refused."""

    aws: Aws
    secret: Secret
    requests: int = 0
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        client = self._client()
        while not self.stopped.is_set():
            self.requests += 1
            if not _accepts(client):
                self.refused += 1
                client = self._client()
                if not _accepts(client):
                    self.failed.append(time.strftime("%H:%M:%S"))
            time.sleep(0.02)

    def _client(self) -> Any:  # noqa: ANN401 -- boto3 makes the type
        value = self.secret.value()
        return self.aws.client(
            "sts",
            aws_access_key_id=value["AccessKeyId"],
            aws_secret_access_key=value["SecretAccessKey"],
        )


def _accepts(client: Any) -> bool:  # noqa: ANN401 -- boto3 makes the type
    return error_code(client.get_caller_identity) != _REFUSED


@pytest.fixture(scope="module")
def secrets(aws: Aws) -> Iterator[list[Secret]]:
    with checkout() as folder:
        (folder / "leaking").mkdir()
        (folder / "leaking" / "main.tf").write_text(_ROOT)
        terraform = Terraform(folder, "leaking", aws.environment, {"secrets": _SECRETS})
        terraform.init()
        try:
            terraform.apply()
            found = [Secret(aws, arn) for arn in terraform.outputs()["arns"]]
            for secret in found:
                secret.wait_for_a_value()
            yield found
        finally:
            terraform.destroy("-refresh=false")


def _leak(aws: Aws, secret: Secret, name: str) -> float:
    """Report the current key by an event, and return after how many seconds it is refused."""
    leaked, version = secret.value(), str(secret.holder("AWSCURRENT"))
    event = {
        "Source": "example.secret-scanner",
        "DetailType": "Credential leaked",
        "Detail": json.dumps({"secret": name}),
    }
    began = time.monotonic()
    aws.client("events").put_events(Entries=[event])
    eventually("The refusal", lambda: not is_accepted(aws, leaked), pause=0.05)
    seconds = time.monotonic() - began
    secret.wait_for_revocation(version)
    eventually("The end", lambda: secret.holder("AWSPENDING") == secret.holder("AWSCURRENT"))
    return seconds


def test_leaked_keys_end_within_seconds_and_no_request_fails(
    aws: Aws, secrets: list[Secret], capsys: pytest.CaptureFixture[str]
) -> None:
    applications = [_Application(aws, one) for one in secrets for _ in range(_WORKERS)]
    workers = [threading.Thread(target=one.run) for one in applications]

    def leak_often(number: int) -> list[float]:
        return [_leak(aws, secrets[number], f"leaking/{number}") for _ in range(_ROUNDS)]

    for worker in workers:
        worker.start()
    try:
        with ThreadPoolExecutor() as pool:
            taken = sorted(one for each in pool.map(leak_often, range(_SECRETS)) for one in each)
    finally:
        for application in applications:
            application.stopped.set()
        for worker in workers:
            worker.join()

    cuts, requests = statistics.quantiles(taken, n=100), sum(one.requests for one in applications)
    found = f"{len(taken)} leaks: p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s; {requests} requests"
    with capsys.disabled():
        sys.stdout.write(f"\n{found}\n")
    assert sum(one.refused for one in applications) >= len(taken)
    assert [failure for one in applications for failure in one.failed] == []
