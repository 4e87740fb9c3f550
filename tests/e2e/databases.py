"""The grants, leaks and options that the strategies of databases have in common."""

import json
from collections.abc import Mapping
from typing import Final

from tests.e2e.scenarios import (
    REVOKE,
    SEARCH,
    Grants,
    a_clean_rotation,
    a_customer_key,
    a_search_for_the_accepted_password,
)
from tests.leaks.failures import Leaks, wrong_content

ITSELF: Final = "grants-itself"
"""The user that changes its own password."""


def grants(
    engine: str, planned: Mapping[str, object], rotation: Mapping[str, object], *, reads: str
) -> Grants:
    """Return the grants of a strategy: its role reads the administrator's secret.

    Args:
        engine: its name in a value.
        planned: options that add every grant.
        rotation: the options for the server of a root.
        reads: the name of the administrator's secret.
    """
    key = str(rotation["admin_secret_arn"]).replace("secret_arn", "kms_key_arn")
    return Grants(
        planned=planned,
        rotation={**rotation, "admin_kms_key_arn": key, "username": "grants"},
        scenarios={
            ("ReadTheAdministrator", "secretsmanager:GetSecretValue"): a_clean_rotation,
            ("DecryptTheAdministrator", "kms:Decrypt"): a_customer_key,
            **REVOKE,
        },
        reads=reads,
        variants={f"{engine}-itself": _itself(engine, rotation)},
    )


def _itself(engine: str, rotation: Mapping[str, object]) -> Grants:
    """Return the grants of a user that changes its own password, which its first value has."""
    options = {name: value for name, value in rotation.items() if name != "admin_secret_arn"}
    host, port = str(rotation["host"]), rotation["port"]
    password = host.replace(".host", ".password")
    first = {"engine": engine, "host": host, "port": port, "username": ITSELF, "password": password}
    return Grants(
        planned={},
        rotation={**options, "mode": "single_user", "username": ITSELF},
        scenarios=dict.fromkeys(SEARCH, a_search_for_the_accepted_password),
        variables={"initial_value": json.dumps(first), "initial_value_version": 1},
    )


def leaks(engine: str, rotation: Mapping[str, object]) -> Leaks:
    """Return the leaks of a strategy, whose values may have another form."""
    content = wrong_content(lambda mark: json.dumps({"engine": engine, "password": mark}))
    return Leaks(
        # The examples have the other mode.
        rotation={**rotation, "mode": "single_user", "username": "leaks"},
        failures={"wrong-content": content},
        slow_failures={"text": wrong_content(lambda mark: mark)},
    )


def rotation_of(variable: str) -> dict[str, object]:
    """Return the options for the server that a variable of a root has, in Terraform's JSON."""
    names = ("admin_secret_arn", "ca_certificates", "host", "port")
    return {
        **{name: f"${{var.{variable}.{name}}}" for name in names},
        "mode": "alternating_users",
    }
