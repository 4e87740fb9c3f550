"""No unit test reaches an account, not even one that another test of the same process uses."""

import functools
import os
import sys
import typing
from pathlib import Path

import pytest

# Python 3.11 lists the members of a Protocol at each isinstance(): a fifth of the time of these
# tests. Later versions keep the list.
if sys.version_info < (3, 12):
    _NAME = "_get_protocol_attrs"
    setattr(typing, _NAME, functools.cache(getattr(typing, _NAME)))


@pytest.fixture(autouse=True)
def _no_account(request: pytest.FixtureRequest) -> None:
    # Set on purpose, for test_cloud_contract.py.
    if "CONTRACT_ENDPOINT" not in os.environ:
        request.getfixturevalue("no_account")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which tests.unit.tls writes a certificate that clients trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    return tmp_path
