"""Measures rotations of passwords on real servers, beside AWS's templates."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from bench.measure import Usage, in_turn, median, ratio
from bench.page import table
from testing.databases.login import Login
from testing.harness import functions
from testing.harness.account import Secret
from testing.harness.terraform import Terraform, checkout
from testing.local_aws import local_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from bench.measure import Options
    from testing.databases.mysql_server import MySQLServer
    from testing.databases.postgresql import PostgreSQL
    from testing.local_aws import LocalAws

ALTERNATING: Final = "alternating_users"
SINGLE: Final = "single_user"
_MODES: Final = (ALTERNATING, SINGLE)
_OURS: Final = "this module"
_TEMPLATE: Final = "AWS template"
_PAUSE_SECONDS: Final = 0.002


@dataclass(frozen=True, kw_only=True, eq=False)
class Product:
    """A server, and what differs between the products."""

    title: str
    server: PostgreSQL | MySQLServer
    users: Callable[..., AbstractContextManager[object]]
    """Adds users for the length of a block."""
    change: str
    """The statement that changes a password, with places for the user and the password."""
    database: str
    strategy: str
    engine: str
    """As in a value."""
    folders: Mapping[str, str]
    """The folder of AWS's template for each mode."""
    files: Callable[[str], Mapping[str, str]]
    """Returns the files of a function with the code of a template."""
    log: Path
    """The server's log."""
    logged: tuple[str, str, str]
    """The patterns of log-ins, refused log-ins and statements in it."""
    options: Mapping[str, object] = field(default_factory=dict)
    """More options of the strategy."""


@dataclass(frozen=True, kw_only=True)
class _Rival:
    """A user of a server, and the function that rotates it."""

    product: Product
    author: str
    mode: str

    @property
    def user(self) -> str:
        return f"{'bench' if self.author == _OURS else 'template'}_{self.mode}"

    @property
    def name(self) -> str:
        """The name of the secret and of a template's function."""
        return f"{self.product.engine}_{self.user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap(Usage):
    """The time in which an application could not log in with AWSCURRENT."""

    refused: int


def measure(options: Options, products: Sequence[Product]) -> list[str]:
    """Return the table."""
    authors = [_OURS, *([_TEMPLATE] if options.aws_templates else [])]
    rivals = [
        _Rival(product=product, author=author, mode=mode)
        for product in products
        for mode in _MODES
        for author in authors
    ]
    with local_aws() as aws, ExitStack() as stack:
        administrators = {}
        for product in products:
            users = [one.user for one in rivals if one.product is product]
            stack.enter_context(product.users(aws, product.server, *users))
            administrators[product] = _create_administrator(aws, product)
        deployed = _deploy(aws, stack.enter_context(checkout()), rivals, administrators)
        if options.aws_templates:
            for rival in rivals:
                if rival.author == _TEMPLATE:
                    code = options.aws_templates / rival.product.folders[rival.mode]
                    deployed[rival] = _deploy_template(
                        aws, rival, code / "lambda_function.py", administrators[rival.product]
                    )
        for secret in deployed.values():
            secret.wait_for_a_value()
            secret.rotate_and_wait()
        counts = {one: _count(one.product, secret) for one, secret in deployed.items()}
        gaps = in_turn(
            options.runs,
            {one: partial(_watch, one.product, secret) for one, secret in deployed.items()},
        )
    header = ["rotation of", "gap, ms", "at most", "ratio", "refused to the application"]
    return table(
        [*header, "log-ins", "refused log-ins", "statements"],
        [
            [
                f"{one.author}, {one.product.title}, `{one.mode}`",
                f"{median(gaps[one], 'wall') * 1000:.0f}",
                f"{max(gap.wall for gap in gaps[one]) * 1000:.0f}",
                _ratio(gaps, one),
                f"{median(gaps[one], 'refused'):.0f}",
                *counts[one],
            ]
            for one in rivals
        ],
    )


def _ratio(gaps: Mapping[_Rival, Sequence[Usage]], rival: _Rival) -> str:
    """Return the ratio to the gap of AWS's template for the same mode, if that has one."""
    other = gaps.get(replace(rival, author=_TEMPLATE), [])
    if not other or not all(gap.wall for gap in other):
        return "none"
    return f"{ratio(gaps[rival], other, 'wall'):.2f}"


def _value(product: Product, login: Login) -> dict[str, object]:
    """Return the JSON of AWS's templates."""
    return {
        "engine": product.engine,
        "host": product.server.host,
        "port": product.server.port,
        "dbname": product.database,
        "username": login.username,
        "password": login.password,
    }


def _create_administrator(aws: LocalAws, product: Product) -> str:
    arn: str = aws.client("secretsmanager").create_secret(
        Name=f"{product.engine}-administrator",
        SecretString=json.dumps(_value(product, product.server.administrator)),
    )["ARN"]
    return arn


def _deploy(
    aws: LocalAws, folder: Path, rivals: Sequence[_Rival], administrators: Mapping[Product, str]
) -> dict[_Rival, Secret]:
    """Apply this module for its users. A single user changes its own password."""
    ours = {one.name: one for one in rivals if one.author == _OURS}
    modules: dict[str, dict[str, object]] = {}
    for name, rival in ours.items():
        product, alternates = rival.product, rival.mode == ALTERNATING
        options = {
            **product.options,
            "ca_certificates": product.server.ca_file.read_text(encoding="utf-8"),
            "host": product.server.host,
            "mode": rival.mode,
            "port": product.server.port,
            "username": rival.user,
            **({"admin_secret_arn": administrators[product]} if alternates else {}),
        }
        modules[name] = {
            "source": "./..",
            "name": name,
            "rotation": {product.strategy: options},
            "minimum_overlap_minutes": 0,
            "initial_value": json.dumps(_prepare(rival)),
            "initial_value_version": 1,
        }
    outputs = {name: {"value": f"${{module.{name}.secret_arn}}"} for name in modules}
    root = {"module": modules, "output": outputs}
    (folder / "bench").mkdir()
    (folder / "bench" / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")
    terraform = Terraform(folder, "bench", aws.environment, {})
    terraform.init()
    terraform.apply()
    return {ours[name]: Secret(aws, str(arn)) for name, arn in terraform.outputs().items()}


def _deploy_template(aws: LocalAws, rival: _Rival, code: Path, administrator: str) -> Secret:
    text = code.read_text(encoding="utf-8")
    # MySQL's template accepts 16 characters by default, as MySQL 5.6 did.
    environment = {
        "SECRETS_MANAGER_ENDPOINT": aws.endpoint_url,
        "USERNAME_CHARACTER_LIMIT": "32",
    }
    arn = functions.create(aws, rival.name, rival.product.files(text), environment)
    client = aws.client("secretsmanager")
    value = {**_prepare(rival), "masterarn": administrator}
    client.create_secret(Name=rival.name, SecretString=json.dumps(value))
    client.rotate_secret(
        SecretId=rival.name, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30}
    )
    return Secret(aws, rival.name)


def _prepare(rival: _Rival) -> dict[str, object]:
    """Set a password, and return the first value."""
    product, login = rival.product, Login(rival.user, secrets.token_hex(16))
    product.server.statement(product.change.format(login.username, login.password))
    return _value(product, login)


def _count(product: Product, secret: Secret) -> list[int]:
    """Count in the server's log, while no application uses the secret."""
    before = product.log.stat().st_size
    secret.rotate_and_wait()
    log = product.log.read_bytes()[before:].decode(errors="replace")
    return [len(re.findall(pattern, log)) for pattern in product.logged]


def _watch(product: Product, secret: Secret) -> _Gap:
    """Rotate while an application reads the secret and logs in, again and again."""
    application = _Application(product, secret)
    application.start()
    secret.rotate_and_wait()
    application.ended.set()
    application.join()
    return _Gap(wall=application.gap, refused=application.refused)


class _Application(threading.Thread):
    """Reads AWSCURRENT and logs in with it, until the end and then until it succeeds."""

    def __init__(self, product: Product, secret: Secret) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.gap = 0.0
        self.refused = 0
        self._server = product.server
        self._secret = secret

    def run(self) -> None:
        """Log in again and again; a gap is from the first refusal to the next success."""
        failing_since = None
        while not self.ended.is_set() or failing_since is not None:
            began = time.monotonic()
            value = self._secret.value()
            if self._server.accepts(Login(value["username"], value["password"])):
                if failing_since is not None:
                    self.gap += time.monotonic() - failing_since
                failing_since = None
            else:
                self.refused += 1
                failing_since = failing_since or began
            time.sleep(_PAUSE_SECONDS)
