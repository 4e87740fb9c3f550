"""The responder: an event about a leaked credential becomes a report and a rotation, once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from responder import handler
from responder.handler import ResponderError, lambda_handler
from rotation.event import REVOCATION_TOKEN
from rotation.revocation import parse
from rotation.secret import REVOCATION_TAG
from rotation_conformance.account import Answer, FakeSecretsManager, StoredVersion
from tests.unit.cloud import Cloud, FakeIam
from tests.unit.subject import USER

if TYPE_CHECKING:
    from rotation_conformance.account import StoredSecret

_CONTEXT: Final = SimpleNamespace(aws_request_id="request")
_ID: Final = "3c1b6a52-0f6c-4f5e-9f0a-5b3f3a1d2e4f"


class _Secrets(FakeSecretsManager):
    def rotate_secret(self, **request: str) -> Answer:
        def effect() -> Answer:
            secret = self._found("RotateSecret", request["SecretId"])
            token = request["ClientRequestToken"]
            secret.versions[token] = StoredVersion(created=self._account.time.now)
            secret.attach("AWSPENDING", token)
            return {"VersionId": token}

        return self._account.request("rotate_secret", effect)


class _Session:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def create_client(self, service: str, **_: object) -> Any:  # noqa: ANN401 -- as botocore's
        return FakeIam(self._cloud) if service == "iam" else _Secrets(self._cloud)


class Responder:
    """A secret with a value, and the deployed function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.cloud = Cloud()
        self.cloud.add_user(USER)
        self.secret: StoredSecret = self.cloud.add_secret("reports/uploader", "{}")
        self._capsys = capsys
        settings = {"secret_arn": self.secret.arn, "user_name": USER}
        monkeypatch.setenv("RESPONDER_SETTINGS", json.dumps(settings))
        monkeypatch.setattr(handler, "get_session", lambda: _Session(self.cloud))

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """Send an event, and return the record in the log."""
        try:
            lambda_handler(event, _CONTEXT)
        finally:
            (line,) = self._capsys.readouterr().out.splitlines()
            record: dict[str, Any] = json.loads(line)
            self.record = record
        assert record["timestamp"].endswith("Z")
        return record


@pytest.fixture
def responder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Responder:
    return Responder(monkeypatch, capsys)


def _event(source: str = "example.scanner", **detail: object) -> dict[str, Any]:
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": _ID, "source": source, "time": time, "detail": detail}


def _exposed(*key_ids: str) -> dict[str, Any]:
    """Return the part of AWS Health's event that the function reads."""
    return _event("aws.health", affectedEntities=[{"entityValue": key} for key in key_ids])


def test_an_event_becomes_a_report_that_the_rotation_function_accepts(responder: Responder) -> None:
    leaked = responder.secret.labels["AWSCURRENT"]
    record = responder.send(_event(secret="reports/uploader"))  # noqa: S106 -- its name
    request = parse(responder.secret.tags[REVOCATION_TAG])
    assert request is not None
    assert request.version_id == leaked == record["version_id"]
    assert responder.secret.labels["AWSPENDING"] == record["token"]
    assert record["token"].startswith(REVOCATION_TOKEN)
    assert len(record["token"]) == len(_ID)
    assert (record["outcome"], record["level"], record["event_id"]) == ("reported", "INFO", _ID)


def test_a_repeated_event_changes_nothing(responder: Responder) -> None:
    responder.send(_event())
    before = responder.cloud.snapshot()
    assert responder.send(_event())["outcome"] == "repeated"
    assert responder.cloud.snapshot() == before


@pytest.mark.parametrize(
    ("later", "outcome"),
    [pytest.param(1, "repeated", id="after"), pytest.param(-1, "reported", id="before")],
)
def test_an_event_is_answered_unless_a_later_rotation_has_ended_the_leak(
    responder: Responder, later: int, outcome: str
) -> None:
    done = (datetime.now(UTC) + timedelta(minutes=later)).strftime("%Y-%m-%dT%H:%M:%SZ")
    responder.secret.tags[REVOCATION_TAG] = f"done {responder.cloud.new_token()} {done}"
    assert responder.send(_event())["outcome"] == outcome


def test_aws_health_reports_a_key_of_the_user(responder: Responder) -> None:
    key = responder.cloud.add_key(USER)
    assert responder.send(_exposed("AKIAOTHER", key.key_id))["outcome"] == "reported"


@pytest.mark.parametrize(
    "event", [pytest.param(_exposed("AKIAOTHER"), id="other"), pytest.param(_exposed(), id="none")]
)
def test_an_exposed_key_of_another_user_changes_nothing(
    responder: Responder, event: dict[str, Any]
) -> None:
    responder.cloud.add_key(USER)
    before = responder.cloud.snapshot()
    assert responder.send(event)["outcome"] == "of_another_user"
    assert responder.cloud.snapshot() == before


def test_an_empty_secret_has_nothing_to_end(responder: Responder) -> None:
    responder.secret.labels.clear()
    assert responder.send(_event())["outcome"] == "no_credential"
    assert responder.secret.tags == {}


def test_a_failed_call_is_recorded_and_the_event_comes_again(responder: Responder) -> None:
    responder.cloud.error_message = "wJalrXUtnFEMI/K7MDENG"
    responder.secret.deleted = True
    with pytest.raises(ResponderError, match=r"^TagResource returned InvalidRequestException\.$"):
        responder.send(_event())
    assert responder.record["level"] == "ERROR"
    assert responder.record["error"] == "InvalidRequestException"
    assert "wJalr" not in json.dumps(responder.record)
    responder.secret.deleted = False
    assert responder.send(_event())["outcome"] == "reported"
