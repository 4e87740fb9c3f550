"""No unit test reaches an account, not even one that another test of the same process uses."""

import os

import boto3
import pytest


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set on purpose, for test_cloud_contract.py.
    if "CONTRACT_ENDPOINT" in os.environ:
        return
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # It keeps the credentials that it has found.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
