"""The secret of a database user, for all databases."""

from typing import Any

import pytest

from rotation.errors import ConfigurationError
from rotation.services import database
from rotation.settings import OptionReader
from tests.unit.bad_input import ARN
from tests.unit.cloud import Cloud


def _administrator(arn: str) -> database.Administrator | None:
    options = OptionReader({"admin_secret_arn": arn}, path="options")
    clients: Any = Cloud().clients
    return database.administrator(options, clients)


def test_the_administrator_may_be_the_master_user_of_rds() -> None:
    """RDS gives its secret a name with an exclamation mark, which no other secret may have."""
    arn = ARN.replace(ARN.rpartition(":")[2], "rds!db-0e1f2a3b-a1B2c3")
    found = _administrator(arn)
    assert found is not None
    assert found.arn == arn


@pytest.mark.parametrize("name", ["reports/*", "reports/?", "reports/${aws:username}", ""])
def test_the_arn_of_the_administrator_has_no_wildcard(name: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the ARN of a secret, or null"):
        _administrator(ARN.replace(ARN.rpartition(":")[2], name))
