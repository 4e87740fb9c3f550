"""The fakes do what the tests of stale reads and overlapping deliveries rely on."""

import pytest

from rotation_conformance.account import Account, Killed, stale
from rotation_conformance.overlap import Overlap


def test_a_stale_read_shows_an_earlier_state_until_enough_time_has_passed() -> None:
    account = Account()
    secret = account.add_secret("reports", '{"a": 1}')
    client = account.clients()("secretsmanager")
    version = secret.labels["AWSCURRENT"]
    account.fuse.arm(stale(account, 2, 5), stale(account, 4, 5))
    client.update_secret_version_stage(
        SecretId=secret.arn, VersionStage="AWSPENDING", MoveToVersionId=version
    )
    shown = [client.describe_secret(SecretId=secret.arn)["VersionIdsToStages"] for _ in range(2)]
    account.time.advance(5)
    shown += [client.describe_secret(SecretId=secret.arn)["VersionIdsToStages"]]
    both = {version: ["AWSCURRENT", "AWSPENDING"]}
    assert shown == [{version: ["AWSCURRENT"]}, both, both]


def test_deliveries_take_turns_at_calls_and_sleeps() -> None:
    account = Account()
    secret = account.add_secret("reports", '{"a": 1}')

    def work() -> None:
        with account.time.invocation(60) as clock:
            client = account.clients()("secretsmanager")
            client.describe_secret(SecretId=secret.arn)
            clock.sleep(10)
            client.get_secret_value(SecretId=secret.arn)

    with Overlap(account) as overlap:
        first, second = overlap.add("A", work), overlap.add("B", work)
        # Each is suspended before its second call.
        assert [first.run(3), second.run(3), first.run(), second.run()] == [
            False,
            False,
            True,
            True,
        ]
    assert overlap.log == [
        "12:00:00.700000 A 1 describe_secret",
        "12:00:00.750000 A sleeps",
        "12:00:10.750000 B 1 describe_secret",
        "12:00:10.800000 B sleeps",
        "12:00:20.800000 A 2 get_secret_value",
        "12:00:20.850000 B 2 get_secret_value",
    ]
    assert first.succeeded
    assert second.succeeded


def test_two_sleeps_at_the_same_time_take_no_longer_than_one() -> None:
    account = Account()

    def work() -> None:
        with account.time.invocation(60) as clock:
            clock.sleep(10)

    began = account.time.now
    with Overlap(account) as overlap:
        first, second = overlap.add("A", work), overlap.add("B", work)
        first.run(1)
        second.run()
        first.run()
    assert (account.time.now - began).total_seconds() == 10


def test_a_suspended_invocation_is_stopped_once_its_time_is_over() -> None:
    account = Account()
    secret = account.add_secret("reports", '{"a": 1}')

    def work() -> None:
        with account.time.invocation(60):
            account.clients()("secretsmanager").tag_resource(
                SecretId=secret.arn, Tags=[{"Key": "a", "Value": "b"}]
            )

    with Overlap(account) as overlap:
        late, early = overlap.add("late", work), overlap.add("early", work)
        late.run(1)
        account.time.advance(60)
        late.run()
        assert isinstance(late.error, Killed)
        assert secret.tags == {}
        early.run()
        assert early.succeeded


def test_an_error_of_a_delivery_comes_with_the_log() -> None:
    account = Account()
    secret = account.add_secret("reports", '{"a": 1}')

    def work() -> None:
        account.clients()("secretsmanager").describe_secret(SecretId=secret.arn)
        raise AssertionError

    with pytest.raises(AssertionError) as raised, Overlap(account) as overlap:
        overlap.add("A", work).run()
    assert raised.value.__notes__ == ["12:00:00.700000 A 1 describe_secret"]
