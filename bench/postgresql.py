"""Measures rotations of PostgreSQL passwords on one real server, beside AWS's templates.

The templates' driver is PyGreSQL, which has to be compiled. Here they call psycopg, which also
sends everything by libpq.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg

from bench import functions
from bench.measure import Usage, in_turn, median
from bench.page import table
from testing.databases.login import Login
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import servers
from testing.harness.account import Secret
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import Terraform, checkout
from testing.local_aws import local_aws

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.measure import Options
    from testing.local_aws import LocalAws

_MODES: Final = ("single_user", "alternating_users")
_FOLDERS: Final = {
    "single_user": "SecretsManagerRDSPostgreSQLRotationSingleUser",
    "alternating_users": "SecretsManagerRDSPostgreSQLRotationMultiUser",
}
_DRIVER: Final = """\
import psycopg

def connect(*, database, sslrootcert=None, **options):
    return psycopg.connect(
        dbname=database, sslrootcert={!r}, cursor_factory=psycopg.ClientCursor, **options
    )
"""
_LOGGED: Final = {
    "log-ins": r"LOG:  00000: connection authorized: ",
    "refused log-ins": r"FATAL:  28",
    "statements": r"LOG:  00000: (?:statement|execute [^:]*): ",
}
_PAUSE_SECONDS: Final = 0.002


def measure(options: Options) -> list[str]:
    """Return the table."""
    authors = ["bench", *(["template"] if options.aws_templates else [])]
    rivals = {f"{author}_{mode}": mode for author in authors for mode in _MODES}
    with servers() as databases, local_aws() as aws, ExitStack() as stack:
        server = databases.get(PostgreSQL, "16")
        stack.enter_context(postgresql_users(aws, server, *rivals))
        values = {user: _value(server, user) for user in rivals}
        administrator = _value(server, server.administrator.username)
        administrator["password"] = server.administrator.password
        admin_arn = aws.client("secretsmanager").create_secret(
            Name="administrator", SecretString=json.dumps(administrator)
        )["ARN"]
        deployed = _deploy(aws, stack.enter_context(checkout()), server, values, admin_arn)
        if options.aws_templates:
            for mode in _MODES:
                user = f"template_{mode}"
                value = {**values[user], "masterarn": admin_arn}
                code = options.aws_templates / _FOLDERS[mode] / "lambda_function.py"
                deployed[user] = _deploy_template(aws, server, user, value, code)
        for secret in deployed.values():
            secret.wait_for_a_value()
            secret.rotate_and_wait()
        counts = {user: _count(server, secret) for user, secret in deployed.items()}
        gaps = in_turn(
            options.runs,
            {user: partial(_watch, server, secret) for user, secret in deployed.items()},
        )
    rows = [
        [
            f"{'AWS template' if user.startswith('template') else 'this module'}, `{rivals[user]}`",
            f"{median(gaps[user], 'wall') * 1000:.0f}",
            f"{median(gaps[user], 'refused'):.0f}",
            *(counts[user][name] for name in _LOGGED),
        ]
        for user in deployed
    ]
    return table(["rotation of", "gap, ms", "refused to the application", *_LOGGED], rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap(Usage):
    """The time in which an application could not log in with AWSCURRENT."""

    refused: int


def _value(server: PostgreSQL, user: str) -> dict[str, object]:
    """Return the JSON of AWS's templates."""
    password = secrets.token_hex(16)
    return {
        "engine": "postgres",
        "host": server.host,
        "port": server.port,
        "dbname": "postgres",
        "username": user,
        "password": password,
    }


def _deploy(
    aws: LocalAws,
    folder: Path,
    server: PostgreSQL,
    values: Mapping[str, Mapping[str, object]],
    admin_arn: str,
) -> dict[str, Secret]:
    (folder / "bench").mkdir()
    modules: dict[str, dict[str, object]] = {}
    for mode in _MODES:
        user = f"bench_{mode}"
        _set_password(server, values[user])
        options = {
            "ca_certificates": server.ca_file.read_text(encoding="utf-8"),
            "host": server.host,
            "mode": mode,
            "port": server.port,
            "username": user,
            **({"admin_secret_arn": admin_arn} if mode == "alternating_users" else {}),
        }
        modules[user] = {
            "source": "./..",
            "name": user,
            "rotation": {"postgres": options},
            "minimum_overlap_minutes": 0,
            "initial_value": json.dumps(values[user]),
            "initial_value_version": 1,
        }
    outputs = {user: {"value": f"${{module.{user}.secret_arn}}"} for user in modules}
    root = {"module": modules, "output": outputs}
    (folder / "bench" / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")
    terraform = Terraform(folder, "bench", aws.environment, {})
    terraform.init()
    terraform.apply()
    return {user: Secret(aws, str(arn)) for user, arn in terraform.outputs().items()}


def _deploy_template(
    aws: LocalAws, server: PostgreSQL, user: str, value: Mapping[str, object], code: Path
) -> Secret:
    _set_password(server, value)
    files = {
        "lambda_function.py": code.read_text(encoding="utf-8"),
        "pg.py": "from psycopg import OperationalError as InternalError\n",
        "pgdb.py": _DRIVER.format(str(server.ca_file)),
    }
    environment = {"SECRETS_MANAGER_ENDPOINT": aws.endpoint_url}
    arn = functions.create(aws, user, files, environment)
    client = aws.client("secretsmanager")
    client.create_secret(Name=user, SecretString=json.dumps(value))
    client.rotate_secret(
        SecretId=user, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30}
    )
    return Secret(aws, user)


def _set_password(server: PostgreSQL, value: Mapping[str, object]) -> None:
    server.statement(f"ALTER ROLE {value['username']} PASSWORD '{value['password']}'")


def _count(server: PostgreSQL, secret: Secret) -> dict[str, int]:
    """Count in the server's log, while no application uses the secret."""
    before = server.process.log.stat().st_size
    secret.rotate_and_wait()
    log = server.process.log.read_bytes()[before:].decode(errors="replace")
    return {name: len(re.findall(pattern, log)) for name, pattern in _LOGGED.items()}


def _watch(server: PostgreSQL, secret: Secret) -> _Gap:
    """Rotate while an application reads the secret and logs in, again and again."""
    application = _Application(server, secret)
    application.start()
    secret.rotate_and_wait()
    application.ended.set()
    application.join()
    return _Gap(wall=application.gap, refused=application.refused)


class _Application(threading.Thread):
    """Reads AWSCURRENT and logs in with it, until the end and then until it succeeds."""

    def __init__(self, server: PostgreSQL, secret: Secret) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.gap = 0.0
        self.refused = 0
        self._server = server
        self._secret = secret

    def run(self) -> None:
        """Log in again and again; a gap is from the first refusal to the next success."""
        failing_since = None
        while not self.ended.is_set() or failing_since is not None:
            began = time.monotonic()
            if self._logs_in():
                if failing_since is not None:
                    self.gap += time.monotonic() - failing_since
                failing_since = None
            else:
                self.refused += 1
                failing_since = failing_since or began
            time.sleep(_PAUSE_SECONDS)

    def _logs_in(self) -> bool:
        value = self._secret.value()
        try:
            self._server.connect(Login(value["username"], value["password"])).close()
        except psycopg.OperationalError:
            return False
        return True
