"""Values of a secret and the labels on them."""

from __future__ import annotations

import time
import uuid

from ministack.services import secretsmanager

from testing.local_aws.patching import (
    OK,
    Answer,
    Handler,
    Json,
    answered,
    around,
    content,
    find_secret,
    in_place_of,
)
from testing.local_aws.refusals import (
    CurrentMustStay,
    NameMarkedForDeletion,
    NoValue,
    OneValue,
    OtherVersion,
    TokenInUse,
)
from testing.local_aws.switches import Current

_VALUE = ("SecretString", "SecretBinary")


def holder_of(secret: Json, label: str) -> str | None:
    """Return the version that a label is on."""
    for version_id, version in secret["Versions"].items():
        if label in version["Stages"]:
            return str(version_id)
    return None


def has_value(version: Json) -> bool:
    """Tell a version that RotateSecret has only staged from one that was put."""
    return any(version.get(field) is not None for field in _VALUE)


def stage_empty(secret: Json, version_id: str) -> Json:
    """Add a version that has no value yet."""
    version: Json = {
        "SecretString": None,
        "SecretBinary": None,
        "CreatedDate": round(time.time(), 3),
        "Stages": [],
    }
    secret["Versions"][version_id] = version
    return version


def attach(secret: Json, version_id: str, label: str) -> None:
    """Move a label, which one version holds at most, and AWSPREVIOUS after AWSCURRENT.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    holder = holder_of(secret, label)
    if holder == version_id:
        return
    if holder is not None:
        secret["Versions"][holder]["Stages"].remove(label)
    secret["Versions"][version_id]["Stages"].append(label)
    if label not in {"AWSPENDING", "AWSPREVIOUS"}:
        secretsmanager._emit_secret_label_updated(secret, label, version_id)
    if label == "AWSCURRENT" and holder is not None:
        attach(secret, holder, "AWSPREVIOUS")


def touch(secret: Json) -> None:
    """Note that a secret was changed, and carry the change to its replicas."""
    secret["LastChangedDate"] = round(time.time(), 3)
    secretsmanager._sync_replicas(secret)


@in_place_of(secretsmanager, "_apply_current_promotion")
def make_current(secret: Json, version_id: str) -> None:
    """Promote a version; one that loses its last label stays readable by its id.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
    """
    attach(secret, version_id, "AWSCURRENT")


@in_place_of(secretsmanager, "_put_secret_value")
def put_secret_value(request: Json) -> Answer:
    """Store a value once under its token, and label it.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    secret = find_secret(request)
    value = {field: request.get(field) for field in _VALUE}
    if len([part for part in value.values() if part is not None]) != 1:
        raise OneValue
    version_id = request.get("ClientRequestToken") or str(uuid.uuid4())
    versions = secret["Versions"]
    existing = versions.get(version_id)
    if existing is None or not has_value(existing):
        first = not any(has_value(version) for version in versions.values())
        version = existing if existing is not None else stage_empty(secret, version_id)
        version.update(value)
        for label in request.get("VersionStages") or ["AWSCURRENT"]:
            attach(secret, version_id, label)
        if first and Current.switches.first_value_becomes_current:
            attach(secret, version_id, "AWSCURRENT")
        touch(secret)
    elif any(existing.get(field) != value[field] for field in _VALUE):
        raise TokenInUse(version_id=version_id, secret_arn=secret["ARN"])
    return answered(
        ARN=secret["ARN"],
        Name=secret["Name"],
        VersionId=version_id,
        VersionStages=list(versions[version_id]["Stages"]),
    )


def _put_current(request: Json, secret_arn: str) -> Answer:
    value = {field: request[field] for field in _VALUE if field in request}
    token = {"ClientRequestToken": request.get("ClientRequestToken")}
    answer: Answer = secretsmanager._put_secret_value(
        {**value, **token, "SecretId": secret_arn, "VersionStages": ["AWSCURRENT"]}
    )
    return answer


@around(secretsmanager, "_create_secret")
def create_secret(original: Handler, request: Json) -> Answer:
    """Create a secret that has a version only if it is given a value.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    existing = secretsmanager._secrets.get(request.get("Name"))
    if existing is not None and existing.get("DeletedDate"):
        raise NameMarkedForDeletion
    answer = original({key: held for key, held in request.items() if key not in _VALUE})
    if answer[0] != OK:
        return answer
    created = content(answer)
    del created["VersionId"]
    secret = secretsmanager._secrets[request["Name"]]
    secret["Versions"].clear()
    # DescribeSecret returns null until rotation is configured for the first time.
    secret["RotationEnabled"] = None
    if any(field in request for field in _VALUE):
        put = _put_current(request, created["ARN"])
        if put[0] != OK:
            del secretsmanager._secrets[request["Name"]]
            return put
        created["VersionId"] = content(put)["VersionId"]
    return answered(**created)


@around(secretsmanager, "_update_secret")
def update_secret(original: Handler, request: Json) -> Answer:
    """Change what describes a secret, and put its new value if there is one.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """
    description = {key: held for key, held in request.items() if key not in _VALUE}
    answer = original(description)
    if answer[0] != OK or len(description) == len(request):
        return answer
    return _put_current(request, content(answer)["ARN"])


@around(secretsmanager, "_get_secret_value")
def get_secret_value(original: Handler, request: Json) -> Answer:
    """Answer with a value; a version that is only staged has none.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """
    answer = original(request)
    if answer[0] != OK:
        return answer
    found = content(answer)
    stage = request.get("VersionStage")
    if request.get("VersionId") and stage and stage not in found["VersionStages"]:
        raise OtherVersion
    if not has_value(found):
        raise NoValue(version_id=request.get("VersionId"), stage=stage or "AWSCURRENT")
    return answer


@around(secretsmanager, "_list_secret_version_ids")
def list_secret_version_ids(original: Handler, request: Json) -> Answer:
    """List versions, those without labels only on request.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
    """
    answer = original(request)
    if answer[0] != OK or request.get("IncludeDeprecated"):
        return answer
    listed = content(answer)
    listed["Versions"] = [version for version in listed["Versions"] if version["VersionStages"]]
    return answered(**listed)


@around(secretsmanager, "_update_secret_version_stage")
def update_secret_version_stage(original: Handler, request: Json) -> Answer:
    """Move a label; AWSCURRENT may be moved, never removed.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    if request.get("VersionStage") == "AWSCURRENT" and not request.get("MoveToVersionId"):
        raise CurrentMustStay
    return original(request)
