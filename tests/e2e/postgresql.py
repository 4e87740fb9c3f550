"""Users of a real PostgreSQL server, and its administrator's secret."""

import contextlib
import json
from collections.abc import Iterator
from typing import Final

from testing.databases.postgresql import PostgreSQL
from testing.harness.account import Aws

# Of the example.
_DATABASE: Final = "reports"


@contextlib.contextmanager
def postgresql_users(
    aws: Aws,
    server: PostgreSQL,
    *users: str,
    administrator: str = "postgresql/administrator",
    encrypted: bool = False,
) -> Iterator[dict[str, object]]:
    """Add users, and return where the server is, as options of the strategy.

    Args:
        aws: the account for the administrator's secret.
        server: the server.
        users: their names.
        administrator: the name of that secret.
        encrypted: whether that secret has a customer key.
    """
    if (_DATABASE,) not in server.statement("SELECT datname FROM pg_database"):
        server.statement(f"CREATE DATABASE {_DATABASE}")
    for user in users:
        server.statement(f'CREATE ROLE "{user}" LOGIN')
        server.statement(f'GRANT "{user}" TO {server.administrator.username} WITH ADMIN OPTION')
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
    for user in users:
        server.statement(f'DROP ROLE IF EXISTS "{user}_clone"')
        server.statement(f'DROP ROLE "{user}"')
