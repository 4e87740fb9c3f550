"""Measures a cold start: a new process imports the function, and makes the clients of AWS.

The payload and AWS's template are compiled at each start, as in Lambda, whose packages have no
compiled files. The SDK is compiled already, as in Lambda's runtime.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.measure import in_turn, median, ratio, run
from bench.packages import packages
from bench.page import table
from testing.local_aws import REGION
from tests.strategies import REPRESENTATIVE, SIMPLEST

if TYPE_CHECKING:
    from bench.measure import Options, Usage

_TEMPLATE: Final = "SecretsManagerRotationTemplate"
_PAYLOAD: Final = "import handler, rotation.engine, rotation.strategies.{}"
_ONE_CLIENT: Final = "clients = handler._clients; clients('secretsmanager')"
# As the steps of a rotation of an access key make them.
_ALL_CLIENTS: Final = (
    f"{_ONE_CLIENT}; clients('iam'); clients('iam', attempts=1); "
    "clients.of('sts', key_id='a', secret='b')"
)
_BOTO3: Final = "import boto3"
_CLIENTS_OF_BOTO3: Final = f"{_BOTO3}; [boto3.client(one) for one in %s]"
_TEMPLATES: Final = "import lambda_function"
_CLIENT_OF_TEMPLATE: Final = "lambda_function.boto3.client('secretsmanager')"
# The figure of wait4 would include this process, which every child was before it ran its program.
_MEMORY: Final = (
    "print(next(one.split()[1] for one in open('/proc/self/status') if one.startswith('VmHWM')))"
)


def measure(options: Options) -> list[str]:
    """Return the table."""
    simple, issuer = SIMPLEST.name, REPRESENTATIVE.name
    with packages() as built, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (simple, issuer):
            with zipfile.ZipFile(built[name]) as archive:
                archive.extractall(folder / name)
        rows = [
            ("Python alone", 0, folder, "pass"),
            ("`boto3`", 0, folder, _BOTO3),
            (f"`{simple}`", 0, folder / simple, _PAYLOAD.format(simple)),
            ("`boto3`", 1, folder, _CLIENTS_OF_BOTO3 % ["secretsmanager"]),
            (f"`{simple}`", 1, folder / simple, f"{_PAYLOAD.format(simple)}; {_ONE_CLIENT}"),
            ("`boto3`", 3, folder, _CLIENTS_OF_BOTO3 % ["secretsmanager", "iam", "sts"]),
            (f"`{issuer}`", 3, folder / issuer, f"{_PAYLOAD.format(issuer)}; {_ALL_CLIENTS}"),
        ]
        if options.aws_templates:
            template = options.aws_templates.resolve() / _TEMPLATE
            rows += [
                ("AWS's generic template", 0, template, _TEMPLATES),
                ("AWS's generic template", 1, template, f"{_TEMPLATES}; {_CLIENT_OF_TEMPLATE}"),
            ]
        used = in_turn(
            options.runs,
            {(name, clients): partial(_run, where, code) for name, clients, where, code in rows},
        )
    return table(
        ["imported", "clients", "processor, ms", "ratio to `boto3`", "wall, ms", "peak, MB"],
        [
            [
                name,
                clients,
                f"{median(one, 'cpu') * 1000:.0f}",
                f"{ratio(one, used['`boto3`', clients]):.2f}",
                f"{median(one, 'wall') * 1000:.0f}",
                f"{median(one, 'memory'):.0f}",
            ]
            for (name, clients), one in sorted(used.items(), key=lambda item: item[0][1])
        ],
    )


def _run(folder: Path, code: str) -> Usage:
    # -P: no folder but that of the package is in front of the libraries.
    path = f"import sys; sys.path.insert(0, {str(folder)!r})"
    # Lambda sets the keys of the role, without which the SDK looks for them in the network.
    environment = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_SESSION_TOKEN": "c",
        "HOME": str(folder),
    }
    command = [sys.executable, "-B", "-P", "-c", f"{path}; {code}; {_MEMORY}"]
    used = run(command, environment)
    return replace(used, memory=int(used.output) / 1024)
