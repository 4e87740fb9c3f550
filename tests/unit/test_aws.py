"""The SDK's clients: each is made once, gives up in time, and repeats calls that are denied."""

from __future__ import annotations

import gc
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import InvalidMaxRetryAttemptsError
from botocore.loaders import Loader

from rotation.aws import (
    LONGEST_ATTEMPT_SECONDS,
    LONGEST_CALL_SECONDS,
    STORING_SECONDS,
    Denials,
    SdkClients,
    call,
)
from rotation.errors import PermissionDenied, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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


def test_no_folder_of_another_service_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Loader, "list_available_services")
    clients = SdkClients()
    for service in ("iam", "secretsmanager"):
        assert clients(service).meta.service_model.service_name == service


def test_the_garbage_collector_looks_only_through_what_can_go() -> None:
    clients = SdkClients()
    kept = clients("iam")
    assert not any(one is kept for one in gc.get_objects())
    assert gc.isenabled()

    other = clients.of("sts", key_id="AKIA0000000000000001", secret="other")  # noqa: S106
    assert any(one is other for one in gc.get_objects())


def test_a_client_that_cannot_be_made_leaves_the_garbage_collector_on() -> None:
    with pytest.raises(InvalidMaxRetryAttemptsError):
        SdkClients()("iam", attempts=0)
    assert gc.isenabled()


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@dataclass
class _Service:
    """Answers the calls of a client: with one error code after the other, and then without one."""

    codes: list[str]
    left: float = 1000
    slept: list[float] = field(default_factory=list)

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        code = self.codes.pop(0) if self.codes else ""
        body = json.dumps({"__type": code, "message": code}).encode() if code else b"{}"
        return AWSResponse(request.url, 400 if code else 200, HTTPHeaders(), _Raw(body))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= seconds

    def ask(self, client: Any) -> None:  # noqa: ANN401 -- the SDK's
        client.meta.events.unregister("before-send", self.answer)
        client.meta.events.register("before-send", self.answer)
        call("secretsmanager:DescribeSecret", "a", lambda: client.describe_secret(SecretId="a"))


def _user_agent(client: Any) -> str | bytes:  # noqa: ANN401 -- the SDK's
    found: list[str | bytes] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        found.append(request.headers["User-Agent"])
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(b"{}"))

    client.meta.events.register("before-send", answer)
    client.describe_secret(SecretId="a")
    return found[0]


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFUNCTION00000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "function")


def _begun(service: _Service) -> tuple[Denials, SdkClients]:
    denials = Denials()
    denials.begin(sleep=service.sleep, left=lambda: service.left)
    return denials, SdkClients(denials)


@pytest.mark.usefixtures("_key")
def test_aws_sees_the_user_agent_of_boto3() -> None:
    standard = Config(retries={"mode": "standard", "total_max_attempts": 3})
    assert _user_agent(SdkClients()("secretsmanager")) == _user_agent(
        boto3.client("secretsmanager", config=standard)
    )


@pytest.mark.usefixtures("_key")
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "DecryptionFailure", "EncryptionFailure"]
)
def test_a_denied_call_is_repeated_after_growing_pauses(code: str, attempts: int) -> None:
    service = _Service([code] * 3)
    _, clients = _begun(service)
    service.ask(clients("secretsmanager", attempts=attempts))
    assert service.slept == [1, 2, 3]


@pytest.mark.usefixtures("_key")
def test_all_calls_of_an_invocation_share_thirty_seconds_of_pauses() -> None:
    service = _Service(["AccessDeniedException"] * 100)
    denials, clients = _begun(service)
    for _ in range(2):
        with pytest.raises(PermissionDenied):
            service.ask(clients("secretsmanager"))
        assert sum(service.slept) == 30
    assert len(service.codes) == 100 - len(service.slept) - 2

    denials.begin(sleep=service.sleep, left=lambda: service.left)
    with pytest.raises(PermissionDenied):
        service.ask(clients("secretsmanager"))
    assert sum(service.slept) == 60


@pytest.mark.usefixtures("_key")
def test_a_denied_call_is_repeated_only_while_a_credential_could_still_be_stored() -> None:
    service = _Service(["AccessDeniedException"] * 100, left=STORING_SECONDS + 5)
    _, clients = _begun(service)
    with pytest.raises(PermissionDenied):
        service.ask(clients("secretsmanager"))
    assert service.slept == [1, 2]
    assert service.left >= STORING_SECONDS


@pytest.mark.usefixtures("_key")
@pytest.mark.parametrize(("passed", "slept"), [(20, [1, 2, 3, 4]), (31, [])])
def test_no_pause_ends_later_than_thirty_seconds_after_the_beginning(
    passed: int, slept: Sequence[int]
) -> None:
    service = _Service(["AccessDeniedException"] * 100)
    _, clients = _begun(service)
    service.left -= passed
    with pytest.raises(PermissionDenied):
        service.ask(clients("secretsmanager"))
    assert service.slept == slept


@pytest.mark.usefixtures("_key")
def test_no_other_error_is_repeated() -> None:
    service = _Service(["InvalidRequestException"])
    _, clients = _begun(service)
    with pytest.raises(ProtocolError):
        service.ask(clients("secretsmanager"))
    assert service.slept == []


@pytest.mark.usefixtures("_key")
@pytest.mark.parametrize("principal", ["another", "the function before an invocation"])
def test_a_denial_without_the_pauses_of_an_invocation_is_final(principal: str) -> None:
    service = _Service(["AccessDeniedException"])
    _, clients = _begun(service)
    other = clients.of("secretsmanager", key_id="AKIA0000000000000001", secret="other")  # noqa: S106
    own = SdkClients(Denials())("secretsmanager")
    with pytest.raises(PermissionDenied):
        service.ask(other if principal == "another" else own)
    assert service.slept == []
