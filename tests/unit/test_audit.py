"""The audit finds what is wrong between two rotations, and nothing else."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from rotation.audit import Audit, AuditSettings, Finding, Kind
from rotation.errors import ServiceUnavailable
from rotation.secret import Secret
from rotation.strategy import Issuer, Replacer, Setter
from rotation_conformance.account import client_error, interpose
from rotation_conformance.rotator import works
from rotation_conformance.suite import Shared
from tests.unit.revocations import report, revocable, start
from tests.unit.subject import USER
from tests.unit.subjects import EACH_SUBJECT, FEW_SLOTS, SETTER, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.rotator import Rotation

_TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"


@dataclass
class _Clients:
    """The clients of the fake cloud, with those that only an audit needs."""

    rotation: Rotation
    replicas: list[dict[str, str]] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    refusal: Exception | None = None

    def __call__(self, service: str, /, *, attempts: int = 3) -> Any:  # noqa: ANN401 -- the Protocol's
        if service == "sns":
            return self
        return _SecretsManager(self) if service == "secretsmanager" else self._of(service, attempts)

    def _of(self, service: str, attempts: int) -> Any:  # noqa: ANN401 -- the same
        return self.rotation.cloud.clients()(service, attempts=attempts)

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:  # noqa: ANN401 -- the same
        return self.rotation.cloud.clients().of(service, key_id=key_id, secret=secret)

    def publish(self, **request: object) -> None:
        self.published.append(request)


class _SecretsManager:
    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._client = clients.rotation.cloud.clients()("secretsmanager")

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def describe_secret(self, **request: str) -> dict[str, object]:
        answer: dict[str, object] = self._client.describe_secret(**request)
        return {**answer, "ReplicationStatus": self._clients.replicas}

    def rotate_secret(self, **request: str) -> None:
        if self._clients.refusal is not None:
            raise self._clients.refusal
        self._clients.rotated.append(request["SecretId"])


def _audit(
    rotation: Rotation, clients: _Clients | None = None, *, rotates: bool = False
) -> Sequence[Finding]:
    clients = clients or _Clients(rotation)
    arn = rotation.secret.arn
    with rotation.cloud.time.invocation(rotation.timeout) as clock:
        return Audit(
            clients=clients,
            clock=clock,
            secret=Secret(clients, arn, constants=rotation.constants),
            settings=AuditSettings(secret_arn=arn, topic_arn=_TOPIC, rotates=rotates),
            strategy=rotation.strategy(clients),
        ).run()


def _kinds(findings: Sequence[Finding]) -> list[Kind]:
    return [one.kind for one in findings]


@pytest.mark.parametrize("subject", EACH_SUBJECT)
@pytest.mark.parametrize("state", ["one_current", "steady", "tested_steady"])
def test_a_healthy_secret_has_no_finding_and_is_not_changed(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = copy.deepcopy((rotation.secret, rotation.service.ours()))
    assert _audit(rotation) == []
    assert (rotation.secret, rotation.service.ours()) == before


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_rotation_that_runs_meanwhile_is_not_a_finding(subject: str) -> None:
    """The function is suspended at each call, until the audit is over.

    If the service knows one credential, it has the next one right before the promotion. A function
    that is suspended there leaves readers without a credential, which is a finding.
    """
    counted = prepared(subject, "steady")
    counted.rotate()
    for number in range(1, len(counted.cloud.fuse.calls) + 1):
        rotation = prepared(subject, "steady")
        found: list[Finding] = []

        def look(rotation: Rotation = rotation, found: list[Finding] = found) -> None:
            rotation.cloud.fuse.arm()
            found += _audit(rotation) if works(rotation, "AWSCURRENT") else []

        rotation.cloud.fuse.arm(interpose(number, look))
        rotation.rotate()
        assert found == [], f"in call {number}"


def test_a_secret_without_a_value_is_found() -> None:
    assert _kinds(_audit(prepared(FEW_SLOTS, "empty"))) == [Kind.NO_VALUE]


def test_a_value_of_another_user_is_found() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    current = rotation.secret.labels["AWSCURRENT"]
    text = str(rotation.secret.versions[current].text).replace(USER, "reporter")
    rotation.secret.versions[current].text = text
    (finding, *_) = _audit(rotation)
    assert finding.kind is Kind.OTHER_VALUE
    assert f"IAM user {USER}" in finding.message


@pytest.mark.parametrize(
    ("label", "kind"),
    [("AWSCURRENT", Kind.CURRENT_REJECTED), ("AWSPREVIOUS", Kind.PREVIOUS_REJECTED)],
)
def test_a_key_that_someone_deleted_is_found(label: str, kind: Kind) -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    key_id = str(rotation.secret.value(label)["AccessKeyId"])
    (key,) = [one for one in rotation.cloud.users[USER] if one.key_id == key_id]
    rotation.cloud.remove_key(key)
    rotation.cloud.time.advance(60)
    clients = _Clients(rotation)
    (finding,) = _audit(rotation, clients, rotates=True)
    assert finding.kind is kind
    assert key_id in finding.message
    secrets = [value["SecretAccessKey"] for value in rotation.secret.values()]
    assert not any(secret in finding.message for secret in secrets)
    (published,) = clients.published
    assert published["TopicArn"] == _TOPIC
    assert published["Message"].endswith(f"\n- {finding.message}")
    assert len(published["Subject"]) <= 100
    assert clients.rotated == ([rotation.secret.arn] if kind is Kind.CURRENT_REJECTED else [])


def test_only_an_option_lets_the_audit_rotate() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    for key in list(rotation.cloud.users[USER]):
        rotation.cloud.remove_key(key)
    rotation.cloud.time.advance(60)
    clients = _Clients(rotation)
    assert _kinds(_audit(rotation, clients)) == [Kind.CURRENT_REJECTED, Kind.PREVIOUS_REJECTED]
    assert clients.rotated == []


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_credential_that_no_version_has_is_found_if_it_takes_a_slot(subject: str) -> None:
    rotation = prepared(subject, "one_current")
    issuer = rotation.strategy(rotation.cloud.clients())
    if not isinstance(rotation.service, Shared) or not isinstance(issuer, Issuer):
        assert _audit(rotation) == []
        return
    rotation.service.add_foreign()
    rotation.cloud.time.advance(60)
    limited = issuer.slots is not None
    assert _kinds(_audit(rotation)) == ([Kind.UNKNOWN_CREDENTIAL] if limited else [])


def test_an_orphan_of_a_rotation_that_was_given_up_is_found() -> None:
    found = _audit(prepared(FEW_SLOTS, "given_up_steady"))
    # It had ended the previous key, to make room.
    assert _kinds(found) == [Kind.PREVIOUS_REJECTED, Kind.UNKNOWN_CREDENTIAL]
    assert "the next one ends it" in found[1].message


def test_a_user_that_is_gone_is_reported() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    del rotation.cloud.users[USER]
    found = _audit(rotation)
    assert _kinds(found) == [
        Kind.CURRENT_REJECTED,
        Kind.PREVIOUS_REJECTED,
        Kind.CONFIGURATION,
    ]
    assert f"which credentials IAM user {USER} has" in found[-1].message


def test_a_user_that_was_renamed_is_reported() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    keys = rotation.cloud.users["renamed"] = rotation.cloud.users.pop(USER)
    for key in keys:
        key.user = "renamed"
    found = _audit(rotation)
    assert {*_kinds(found)} == {Kind.CONFIGURATION}
    assert len(found) == 3
    assert "user/apps/renamed" in found[0].message


def test_a_user_that_was_created_again_is_reported() -> None:
    """The keys went with the first user of this name. The next one has a key of its own."""
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.cloud.users[USER] = []
    rotation.cloud.add_key(USER)
    rotation.cloud.time.advance(60)
    assert _kinds(_audit(rotation)) == [
        *(Kind.CURRENT_REJECTED, Kind.PREVIOUS_REJECTED, Kind.UNKNOWN_CREDENTIAL),
    ]


def test_a_previous_key_that_a_report_of_a_leak_ended_is_not_a_finding() -> None:
    rotation = revocable(FEW_SLOTS, "steady")
    report(rotation)
    rotation.steps(start(rotation))
    rotation.cloud.time.advance(60)
    assert not works(rotation, "AWSPREVIOUS")
    assert _audit(rotation) == []
    # The report says nothing about the key that the next rotation makes the previous one.
    rotation.rotate()
    previous = rotation.secret.value("AWSPREVIOUS")["AccessKeyId"]
    rotation.cloud.remove_key(next(k for k in rotation.cloud.users[USER] if k.key_id == previous))
    rotation.cloud.time.advance(60)
    assert _kinds(_audit(rotation)) == [Kind.PREVIOUS_REJECTED]


def test_a_rotation_that_could_not_be_started_is_a_finding() -> None:
    """While another one has not ended, RotateSecret starts none."""
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.cloud.remove_key(rotation.cloud.users[USER][0])
    rotation.cloud.time.advance(60)
    clients = _Clients(rotation, refusal=client_error("RotateSecret", "InvalidRequestException"))
    found = _audit(rotation, clients, rotates=True)
    assert _kinds(found) == [Kind.CURRENT_REJECTED, Kind.NOT_ROTATED]
    assert "returned the error InvalidRequestException" in found[1].message
    assert found[1].message in clients.published[0]["Message"]


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_an_outage_is_not_a_rejection(subject: str) -> None:
    rotation = prepared(subject, "steady")
    asks = isinstance(rotation.strategy(rotation.cloud.clients()), Setter | Replacer | Issuer)
    with rotation.cloud.outage():
        try:
            kinds = {*_kinds(_audit(rotation))}
        except ServiceUnavailable:
            pytest.fail("The audit ended at a service that gave no answer.")
    assert kinds <= {Kind.NOT_CHECKED}
    assert not kinds or asks


def test_a_finding_that_a_second_look_does_not_find_does_not_count() -> None:
    """A read shows an earlier state: the key of AWSPREVIOUS is gone, and its label not yet."""
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.rotate()
    rotation.cloud.read_lag = 5
    assert _audit(rotation) == []


@pytest.mark.parametrize(
    ("status", "age", "kinds"),
    [
        pytest.param("InSync", 7200, [], id="in-sync"),
        pytest.param("Failed", 0, [Kind.REPLICA], id="failed"),
        pytest.param("InProgress", 0, [], id="copying"),
        pytest.param("InProgress", 7200, [Kind.REPLICA], id="never-copied"),
    ],
)
def test_a_replica_that_is_out_of_step_is_found(status: str, age: int, kinds: list[Kind]) -> None:
    rotation = prepared(SETTER, "steady")
    rotation.rotate()
    rotation.cloud.time.advance(age)
    replica = {"Region": "eu-central-1", "Status": status, "StatusMessage": "Access denied"}
    found = _audit(rotation, _Clients(rotation, replicas=[replica]))
    assert _kinds(found) == kinds
    assert all("eu-central-1" in one.message and "Access denied" in one.message for one in found)
