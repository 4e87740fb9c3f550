"""The grants, leaks and options that the strategies of databases have in common."""

import json
from collections.abc import Mapping

from tests.e2e.scenarios import REVOKE, Grants, a_clean_rotation, a_customer_key
from tests.leaks.failures import Leaks, wrong_content


def grants(planned: Mapping[str, object], rotation: Mapping[str, object], *, reads: str) -> Grants:
    """Return the grants of a strategy: its role reads the administrator's secret.

    Args:
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
