"""Replicas of a secret in other Regions."""

from __future__ import annotations

from ministack.core.responses import get_account_id
from ministack.services import secretsmanager

from testing.local_aws.patching import (
    OK,
    Handler,
    Json,
    Response,
    around,
    content,
    find_secret,
    new_action,
    success,
)
from testing.local_aws.refusals import NoRegion


@around(secretsmanager, "_replicate_secret_to_regions")
def replicate_secret_to_regions(original: Handler, request: Json) -> Response:
    """Replicate the secret and return the KMS key of each replica.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
    """
    response = original(request)
    if response[0] != OK:
        return response
    secret = find_secret(request)
    for status in secret["ReplicationStatus"]:
        status["StatusMessage"] = "Replication succeeded."
        status.setdefault("KmsKeyId", "alias/aws/secretsmanager")
    return success(ARN=secret["ARN"], ReplicationStatus=secret["ReplicationStatus"])


@around(secretsmanager, "_create_secret")
def create_secret(original: Handler, request: Json) -> Response:
    """Replicate a new secret to the Regions in the request.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    response = original(request)
    regions = request.get("AddReplicaRegions")
    if response[0] != OK or not regions:
        return response
    created = content(response)
    replicated = secretsmanager._replicate_secret_to_regions(
        {
            "SecretId": created["ARN"],
            "AddReplicaRegions": regions,
            "ForceOverwriteReplicaSecret": request.get("ForceOverwriteReplicaSecret", False),
        }
    )
    if replicated[0] != OK:
        secretsmanager._secrets.pop(created["Name"])
        refused: Response = replicated
        return refused
    created["ReplicationStatus"] = content(replicated)["ReplicationStatus"]
    return success(**created)


@new_action("RemoveRegionsFromReplication")
def remove_regions_from_replication(request: Json) -> Response:
    """Delete the replicas in the given Regions.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RemoveRegionsFromReplication.html
    """
    secret = find_secret(request)
    removed = set(request.get("RemoveReplicaRegions") or [])
    if not removed:
        raise NoRegion
    for region in removed & {status["Region"] for status in secret["ReplicationStatus"]}:
        replica = secretsmanager._secrets.pop_scoped(get_account_id(), region, secret["Name"], None)
        if replica is not None:
            secretsmanager._resource_policies.pop_scoped(
                get_account_id(), region, replica["ARN"], None
            )
    secret["ReplicationStatus"] = [
        status for status in secret["ReplicationStatus"] if status["Region"] not in removed
    ]
    return success(ARN=secret["ARN"], ReplicationStatus=secret["ReplicationStatus"])
