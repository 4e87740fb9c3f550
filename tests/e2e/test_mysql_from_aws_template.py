"""The example of the move takes over a secret of MySQL or MariaDB while an application uses it."""

import contextlib
from pathlib import Path

import pytest

from testing.databases.mysql_server import MySQLServer
from testing.harness.account import Aws
from testing.harness.databases import example_variables
from testing.harness.mysql import mysql_users
from testing.harness.terraform import Terraform
from tests.e2e.application import Application
from tests.e2e.aws_template import give_up_and_import, unfinished
from tests.readme.aws_template import CLONE, USER, replace_rotation


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
        pending = {**value, "username": USER, "password": "unfinished"}
        with contextlib.ExitStack() as stack:
            template = stack.enter_context(contextlib.ExitStack())
            secret = template.enter_context(unfinished(aws, value, pending))
            application = Application(server, aws, secret.secret_id, "SHOW TABLES FROM reports")
            stack.enter_context(application.running())
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
                give_up_and_import(aws, terraform)
                terraform.apply()
                secret.wait_for_a_value()
                template.close()
                for _ in range(2):
                    secret.rotate_and_wait()
                application.stop()
                terraform.require_empty_plan()
            finally:
                terraform.destroy()
        assert application.failures == []
        assert {*application.users} == {USER, CLONE}
