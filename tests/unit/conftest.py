"""No unit test reaches an account, not even one that another test of the same process uses."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_account(request: pytest.FixtureRequest) -> None:
    # Set on purpose, for test_cloud_contract.py.
    if "CONTRACT_ENDPOINT" not in os.environ:
        request.getfixturevalue("no_account")
