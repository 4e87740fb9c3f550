"""No unit test reaches an account, also not one that another test of the same process uses."""

import os

import boto3
import pytest


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given on purpose, for the contract of the fake cloud.
    if "CONTRACT_ENDPOINT" in os.environ:
        return
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # It keeps the credentials that it has found once.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
