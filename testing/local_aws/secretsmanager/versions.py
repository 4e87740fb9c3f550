"""The versions of a secret: their values and staging labels."""

from __future__ import annotations

import time
import uuid

from ministack.services import secretsmanager

from testing.local_aws.patching import (
    OK,
    Handler,
    Json,
    Response,
    around,
    content,
    find_secret,
    in_place_of,
    success,
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


def version_with_label(secret: Json, label: str) -> str | None:
    """Return the ID of the version that has a label."""
    for version_id, version in secret["Versions"].items():
        if label in version["Stages"]:
            return str(version_id)
    return None


def has_value(version: Json) -> bool:
    """Return False for a version that RotateSecret has staged and that has no value yet."""
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
    """Move a label to a version. If AWSCURRENT moves, move AWSPREVIOUS to its former version.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    former = version_with_label(secret, label)
    if former == version_id:
        return
    if former is not None:
        secret["Versions"][former]["Stages"].remove(label)
    secret["Versions"][version_id]["Stages"].append(label)
    if label not in {"AWSPENDING", "AWSPREVIOUS"}:
        secretsmanager._emit_secret_label_updated(secret, label, version_id)
    if label == "AWSCURRENT" and former is not None:
        attach(secret, former, "AWSPREVIOUS")


def touch(secret: Json) -> None:
    """Record the time of a change and copy the change to the replicas."""
    secret["LastChangedDate"] = round(time.time(), 3)
    secretsmanager._sync_replicas(secret)


@in_place_of(secretsmanager, "_apply_current_promotion")
def make_current(secret: Json, version_id: str) -> None:
    """Make a version current. A version that loses its last label stays readable by its ID.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
    """
    attach(secret, version_id, "AWSCURRENT")


@in_place_of(secretsmanager, "_put_secret_value")
def put_secret_value(request: Json) -> Response:
    """Store a value under its token, which can never get a different value, and attach labels.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    secret = find_secret(request)
    value = {field: request.get(field) for field in _VALUE}
    if sum(part is not None for part in value.values()) != 1:
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
    return success(
        ARN=secret["ARN"],
        Name=secret["Name"],
        VersionId=version_id,
        VersionStages=list(versions[version_id]["Stages"]),
    )


def _put_current(request: Json, secret_arn: str) -> Response:
    value = {field: request[field] for field in _VALUE if field in request}
    token = {"ClientRequestToken": request.get("ClientRequestToken")}
    response: Response = secretsmanager._put_secret_value(
        {**value, **token, "SecretId": secret_arn, "VersionStages": ["AWSCURRENT"]}
    )
    return response


@around(secretsmanager, "_create_secret")
def create_secret(original: Handler, request: Json) -> Response:
    """Create a secret; only a request with a value creates a version.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    existing = secretsmanager._secrets.get(request.get("Name"))
    if existing is not None and existing.get("DeletedDate"):
        raise NameMarkedForDeletion
    response = original({key: value for key, value in request.items() if key not in _VALUE})
    if response[0] != OK:
        return response
    created = content(response)
    del created["VersionId"]
    secret = secretsmanager._secrets[request["Name"]]
    secret["Versions"].clear()
    # DescribeSecret returns null until rotation is first configured.
    secret["RotationEnabled"] = None
    if any(field in request for field in _VALUE):
        put = _put_current(request, created["ARN"])
        if put[0] != OK:
            del secretsmanager._secrets[request["Name"]]
            return put
        created["VersionId"] = content(put)["VersionId"]
    return success(**created)


@around(secretsmanager, "_update_secret")
def update_secret(original: Handler, request: Json) -> Response:
    """Change the secret's description, and store a new value if the request has one.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """
    description = {key: value for key, value in request.items() if key not in _VALUE}
    response = original(description)
    if response[0] != OK or len(description) == len(request):
        return response
    return _put_current(request, content(response)["ARN"])


@around(secretsmanager, "_get_secret_value")
def get_secret_value(original: Handler, request: Json) -> Response:
    """Return a value, or an error for a version that has none yet.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """
    response = original(request)
    if response[0] != OK:
        return response
    found = content(response)
    stage = request.get("VersionStage")
    if request.get("VersionId") and stage and stage not in found["VersionStages"]:
        raise OtherVersion
    if not has_value(found):
        raise NoValue(version_id=request.get("VersionId"), stage=stage or "AWSCURRENT")
    return response


@around(secretsmanager, "_list_secret_version_ids")
def list_secret_version_ids(original: Handler, request: Json) -> Response:
    """List versions; those without labels only if the request asks for them.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
    """
    response = original(request)
    if response[0] != OK or request.get("IncludeDeprecated"):
        return response
    listed = content(response)
    listed["Versions"] = [version for version in listed["Versions"] if version["VersionStages"]]
    return success(**listed)


@around(secretsmanager, "_update_secret_version_stage")
def update_secret_version_stage(original: Handler, request: Json) -> Response:
    """Move a label, but refuse to remove AWSCURRENT.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
    """
    if request.get("VersionStage") == "AWSCURRENT" and not request.get("MoveToVersionId"):
        raise CurrentMustStay
    return original(request)
