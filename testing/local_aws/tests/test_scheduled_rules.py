"""The schedule of a rule of EventBridge.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from collections.abc import Iterator

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Account, CreateInbox


@pytest.fixture
def an_hour_ahead(local: LocalAws) -> Iterator[None]:
    yield
    local.set(scheduler_seconds_ahead=0)


@pytest.mark.usefixtures("an_hour_ahead")
def test_a_rule_with_a_pattern_and_a_schedule_fires_for_both(
    account: Account, local: LocalAws, create_inbox: CreateInbox, name: str
) -> None:
    """AWS: "A rule can have both an EventPattern and a ScheduleExpression, in which case the rule
    triggers on matching events as well as on a schedule."
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
    """
    inbox, events = create_inbox(source=[name]), account.client("events")
    inbox.allow_events()
    pattern = events.describe_rule(Name=name)["EventPattern"]
    events.put_rule(Name=name, EventPattern=pattern, ScheduleExpression="rate(30 minutes)")
    events.put_events(Entries=[{"Source": name, "DetailType": "contract", "Detail": "{}"}])
    (matching,) = inbox.events()

    local.set(scheduler_seconds_ahead=3600)
    (scheduled,) = inbox.events()

    assert matching["source"] == name
    assert (scheduled["source"], scheduled["detail-type"]) == ("aws.events", "Scheduled Event")
    assert scheduled["time"] > matching["time"]
