"""The example of the move takes over a secret of MySQL or MariaDB while an application uses it."""

import json
import uuid
from pathlib import Path
from typing import Final

import pytest

from testing.databases.mysql_server import MySQLServer
from testing.harness.account import Aws, Rotation, Secret
from testing.harness.databases import example_variables
from testing.harness.mysql import mysql_users
from testing.harness.terraform import Terraform
from tests.e2e.application import Application
from tests.readme.aws_template import CLONE, USER, replace_rotation
from tests.readme.blocks import block

_NAME: Final = "app/database"


@pytest.mark.slow
@pytest.mark.local_only("Its function uses a local server, which AWS cannot reach.")
@pytest.mark.parametrize("mysql_server", ["mysql-8.0.31", "mariadb-10.11"], indirect=True)
def test_the_secret_moves_without_a_failed_query(
    mysql_server: MySQLServer, aws: Aws, module: Path
) -> None:
    """The template has made the second user current, and stopped in the next rotation."""
    server = mysql_server
    with mysql_users(aws, server, USER) as options:
        value = {"engine": server.product, "host": server.host, "port": str(server.port)}
        value |= {"username": CLONE, "password": "of-the-template"}
        server.statement(
            f"CREATE USER {CLONE} IDENTIFIED BY 'of-the-template'; "
            f"GRANT SELECT, INSERT, CREATE ON reports.* TO {CLONE}"
        )
        client = aws.client("secretsmanager")
        client.create_secret(Name=_NAME, SecretString=json.dumps(value))
        pending = {**value, "username": USER, "password": "unfinished"}
        token = client.put_secret_value(
            SecretId=_NAME,
            ClientRequestToken=str(uuid.uuid4()),
            SecretString=json.dumps(pending),
            VersionStages=["AWSPENDING"],
        )["VersionId"]
        application = Application(server, aws, _NAME, "SHOW TABLES FROM reports")
        with application.running():
            secret = Secret(aws, _NAME)
            secret.give_up(Rotation(token, None))
            variables = example_variables(options)
            del variables["endpoint"]
            terraform = Terraform(
                module,
                "examples/from-aws-template",
                aws.environment,
                {
                    **variables,
                    "host": server.host,
                    "minimum_overlap_minutes": 0,
                    "recovery_window_in_days": 0,
                },
            )
            replace_rotation(terraform.folder, server.product)
            terraform.init()
            try:
                (address,) = block("run", "from-aws-template").split("'")[1::2]
                terraform.run("import", address, client.describe_secret(SecretId=_NAME)["ARN"])
                terraform.apply()
                secret.wait_for_a_value()
                for _ in range(2):
                    secret.rotate_and_wait()
                application.stop()
                terraform.require_empty_plan()
            finally:
                terraform.destroy()
        assert application.failures == []
        assert {*application.users} == {USER, CLONE}
