"""The rotation function of the tests: it logs each step, and a tag can make it fail or sleep."""

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any, TypeAlias

import boto3

Client: TypeAlias = Any  # boto3 makes its methods at run time.


class StepFailedError(Exception):
    """A tag of the secret requires this step to fail."""


def _version(secrets: Client, secret_id: str, **which: str) -> str | None:
    try:
        return str(secrets.get_secret_value(SecretId=secret_id, **which)["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        return None


def handler(event: dict[str, str], _context: object) -> None:
    secrets = boto3.client("secretsmanager")
    secret_id, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    described = secrets.describe_secret(SecretId=secret_id)
    stages = described.get("VersionIdsToStages", {})
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
    value = _version(secrets, secret_id, VersionId=token)
    record = {
        "step": step,
        "secret_id": secret_id,
        "token": token,
        "fields": sorted(event),
        "labels": stages.get(token, []),
        "has_value": value is not None,
        "is_current": value == _version(secrets, secret_id),
    }
    when = datetime.now(UTC).isoformat()
    for level in ("DEBUG", "WARN"):
        sys.stdout.write(json.dumps({"timestamp": when, "level": level, **record}) + "\n")
    time.sleep(float(tags.get("sleep", 0)))
    if step in {tags.get("fail"), tags.get("fail-once")}:
        secrets.untag_resource(SecretId=secret_id, TagKeys=["fail-once"])
        raise StepFailedError
    if step == "createSecret" and value is None:
        secrets.put_secret_value(
            SecretId=secret_id,
            ClientRequestToken=token,
            SecretString=str(uuid.uuid4()),
            VersionStages=["AWSPENDING"],
        )
    if step == "finishSecret":
        current = next((one for one, labels in stages.items() if "AWSCURRENT" in labels), None)
        if current != token:
            remove = {} if current is None else {"RemoveFromVersionId": current}
            secrets.update_secret_version_stage(
                SecretId=secret_id, VersionStage="AWSCURRENT", MoveToVersionId=token, **remove
            )
