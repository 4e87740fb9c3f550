"""The SDK's clients: each is made once, and gives up in the time that the engine expects."""

from __future__ import annotations

import pytest

from rotation.aws import LONGEST_ATTEMPT_SECONDS, LONGEST_CALL_SECONDS, SdkClients


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def test_a_client_is_made_once() -> None:
    clients = SdkClients()
    assert clients("iam") is clients("iam")
    assert clients("iam") is not clients("secretsmanager")


def test_the_client_for_issuing_is_another_one_and_sends_once() -> None:
    clients = SdkClients()
    once = clients("iam", attempts=1)
    assert once is not clients("iam")
    assert once.meta.config.retries["total_max_attempts"] == 1


def test_a_client_of_another_principal_signs_with_its_key_and_is_not_kept() -> None:
    clients = SdkClients()
    key = {"key_id": "AKIA0000000000000001", "secret": "marked"}
    made = clients.of("sts", **key)
    assert made is not clients.of("sts", **key)
    signer = made._request_signer  # noqa: SLF001 -- botocore shows its credentials nowhere else
    assert signer._credentials.access_key == key["key_id"]  # noqa: SLF001


@pytest.mark.parametrize("service", ["iam", "secretsmanager"])
def test_a_hanging_service_becomes_an_error_in_the_time_that_the_engine_expects(
    service: str,
) -> None:
    config = SdkClients()(service).meta.config
    attempt = config.connect_timeout + config.read_timeout
    attempts = config.retries["total_max_attempts"]
    assert config.retries["mode"] == "standard"
    assert attempt <= LONGEST_ATTEMPT_SECONDS
    # The standard mode pauses at most 2 ** n seconds after the n-th retry, from n = 0.
    assert attempts * attempt + 2 ** (attempts - 1) - 1 <= LONGEST_CALL_SECONDS
