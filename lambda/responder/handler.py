"""Reports a leak and starts a rotation, when EventBridge sends an event about a leaked credential.

The function reads no value of the secret, so it can't know which version has leaked. It names the
current one: the rotation ends all older ones, too. EventBridge may send an event twice, and Lambda
again if the function failed. A later copy finds the rotation of the first one, or that it is done,
and changes nothing:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-delivery-level.html
"""

from __future__ import annotations

import json
import logging
import os
import sys
import uuid
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError
from botocore.session import get_session

# Not even at DEBUG: the SDK would log each request and response.
logging.disable()

Json: TypeAlias = dict[str, Any]

_TAG: Final = "rotation-revocation"
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
# The rotation function then requires the report; see rotation.event.
_TOKEN: Final = "1ea4ed00-"  # noqa: S105 -- the beginning of version ids
_HEALTH: Final = "aws.health"


class ResponderError(Exception):
    """An event could not be answered. The message is safe."""


def lambda_handler(event: Json, context: Any) -> None:  # noqa: ANN401 -- Lambda's context has no public type
    """Answer one event, and write one record.

    Raises:
        ResponderError: A call failed. Lambda sends the event again.
    """
    settings = json.loads(os.environ["RESPONDER_SETTINGS"])
    record: Json = {
        "event": "leak_report",
        "event_id": str(event["id"]),
        "event_source": str(event["source"]),
        "secret_arn": settings["secret_arn"],
    }
    failure = None
    try:
        record |= respond(event, settings)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an unknown error")
        record |= {"outcome": "failed", "error": code, "operation": error.operation_name}
        failure = ResponderError(f"{error.operation_name} returned {code}.")
    record |= {"level": "ERROR" if failure else "INFO", "request_id": context.aws_request_id}
    now = datetime.now(UTC)
    record["timestamp"] = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"{json.dumps(record)}\n")
    sys.stdout.flush()
    if failure:
        raise failure


def respond(event: Json, settings: Json) -> Json:
    """Report the current credential, unless that was done for this event; return the record."""
    if event["source"] == _HEALTH and not _is_of_user(event, settings["user_name"]):
        return {"outcome": "of_another_user"}
    secrets: Any = get_session().create_client("secretsmanager")
    secret = {"SecretId": settings["secret_arn"]}
    described = secrets.describe_secret(**secret)
    stages: dict[str, list[str]] = described.get("VersionIdsToStages", {})
    leaked = next((one for one, labels in stages.items() if "AWSCURRENT" in labels), None)
    token = f"{_TOKEN}{str(uuid.uuid5(uuid.NAMESPACE_OID, event['id']))[len(_TOKEN) :]}"
    if leaked is None:
        return {"outcome": "no_credential"}
    tags = {tag["Key"]: tag.get("Value", "") for tag in described.get("Tags", [])}
    if token in stages or _is_done(tags.get(_TAG, ""), event["time"]):
        return {"outcome": "repeated"}
    now = datetime.now(UTC).strftime(_TIME)
    secrets.tag_resource(**secret, Tags=[{"Key": _TAG, "Value": f"leaked {leaked} {now}"}])
    # If a rotation is under way, this fails. Lambda sends the event again, and by then that
    # rotation has carried the report out.
    secrets.rotate_secret(**secret, ClientRequestToken=token)
    return {"outcome": "reported", "version_id": leaked, "token": token}


def _is_of_user(event: Json, user_name: str) -> bool:
    """Say whether AWS Health names a key of the user: it reports all keys of the account."""
    entities = event["detail"].get("affectedEntities", [])
    exposed = {entity.get("entityValue") for entity in entities}
    iam: Any = get_session().create_client("iam")
    keys = iam.list_access_keys(UserName=user_name)["AccessKeyMetadata"]
    return any(key["AccessKeyId"] in exposed for key in keys)


def _is_done(tag: str, time: str) -> bool:
    """Say whether a report was carried out after the event. Both times are UTC, in one format."""
    return tag.startswith("done ") and tag.rpartition(" ")[2] > time
