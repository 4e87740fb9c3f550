"""Events with a source of AWS, and the patterns that choose some of them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

import json

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Account, CreateInbox


def test_only_a_service_of_aws_sends_its_events_and_a_pattern_chooses_some(
    account: Account, local: LocalAws, create_inbox: CreateInbox, name: str
) -> None:
    """PutEvents has the error NotAuthorizedForSourceException.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    kind = {"service": "RISK", "eventTypeCode": name}
    inbox = create_inbox(
        source=["aws.health"],
        **{"detail-type": ["AWS Health Event"]},
        detail={key: [value] for key, value in kind.items()},
    )
    inbox.allow_events()
    entry = {"Source": "aws.health", "DetailType": "AWS Health Event", "Detail": json.dumps(kind)}
    forged = account.client("events").put_events(Entries=[entry])
    for code in ("another", name):
        local.send_event("aws.health", "AWS Health Event", {**kind, "eventTypeCode": code})
    local.send_event("aws.health", "AWS Health Abuse Event", kind)

    (received,) = inbox.events()

    assert forged["FailedEntryCount"] == 1
    assert forged["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert received["detail"] == kind
    assert received["account"] == account.account_id
