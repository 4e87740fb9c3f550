"""Counts the calls of a clean rotation of each strategy, in the cloud of the unit tests.

Every strategy has two values already, so that a rotation also removes a credential.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import botocore.session
from botocore import xform_name

from bench.page import table
from tests.strategies import ROTATORS
from tests.unit.subjects import prepared

if TYPE_CHECKING:
    from bench.measure import Options

# Each repeats the same verification, until a new credential is accepted for long enough.
_POLLED: Final = {"get_caller_identity", "log_in"}
# KMS has more operations, some of which have the names of requests to GitHub.
_KMS: Final = {"sign"}


def measure(_: Options) -> list[str]:
    """Return the table."""
    of_secrets_manager = _operations("secretsmanager")
    of_aws = _KMS | of_secrets_manager | _operations("iam", "sts")
    rows = []
    for name in (name for one in ROTATORS for name in (one.name, *one.unit.variants)):
        calls = _calls(name)
        aws = len([one for one in calls if one in of_aws])
        stored = len([one for one in calls if one in of_secrets_manager])
        rows.append([f"`{name}`", aws, stored, len(calls) - aws])
    header = ["strategy", "calls of AWS", "of Secrets Manager", "requests to the service"]
    return table(header, rows)


def _operations(*services: str) -> set[str]:
    session = botocore.session.get_session()
    models = [session.get_service_model(name) for name in services]
    return {xform_name(one) for model in models for one in model.operation_names}


def _calls(subject: str) -> list[str]:
    rotation = prepared(subject, "steady")
    rotation.steps(rotation.stage())
    calls: list[str] = ["", *rotation.cloud.fuse.calls]
    return [two for one, two in pairwise(calls) if not (one == two and two in _POLLED)]
