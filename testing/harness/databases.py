"""A real database server as options of a strategy, with the secret of its administrator."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from testing.databases.login import Login
from testing.harness.account import Aws


class _Server(Protocol):
    administrator: Login
    ca_file: Path

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@contextlib.contextmanager
def administered(
    aws: Aws, server: _Server, administrator: str, *, encrypted: bool
) -> Iterator[dict[str, object]]:
    """Create the administrator's secret, and return the options.

    Args:
        aws: the account for the secret.
        server: the server.
        administrator: the name of the secret.
        encrypted: whether it has a customer key.
    """
    login = server.administrator
    text = json.dumps({"username": login.username, "password": login.password})
    secrets, kms = aws.client("secretsmanager"), aws.client("kms")
    key = kms.create_key()["KeyMetadata"] if encrypted else {}
    options = {"KmsKeyId": key["Arn"]} if key else {}
    arn = secrets.create_secret(Name=administrator, SecretString=text, **options)["ARN"]
    yield {
        **({"admin_kms_key_arn": key["Arn"]} if key else {}),
        "admin_secret_arn": arn,
        "ca_certificates": server.ca_file.read_text(encoding="utf-8"),
        "host": server.host,
        "port": server.port,
    }
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    if key:
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


def example_variables(options: dict[str, object]) -> dict[str, object]:
    """Return the options as variables of an example."""
    return {
        "administrator_secret_arn": options["admin_secret_arn"],
        "ca_certificates": options["ca_certificates"],
        "endpoint": options["host"],
        "port": options["port"],
    }
