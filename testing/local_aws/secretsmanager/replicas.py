"""Replicas of a secret in other regions."""

from __future__ import annotations

from ministack.core.responses import get_account_id
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
    further_action,
)
from testing.local_aws.refusals import NoRegion


@around(secretsmanager, "_replicate_secret_to_regions")
def replicate_secret_to_regions(original: Handler, request: Json) -> Answer:
    """Replicate, and report the key of each replica.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
    """
    answer = original(request)
    if answer[0] != OK:
        return answer
    secret = find_secret(request)
    for status in secret["ReplicationStatus"]:
        status["StatusMessage"] = "Replication succeeded."
        status.setdefault("KmsKeyId", "alias/aws/secretsmanager")
    return answered(ARN=secret["ARN"], ReplicationStatus=secret["ReplicationStatus"])


@around(secretsmanager, "_create_secret")
def create_secret(original: Handler, request: Json) -> Answer:
    """Replicate a secret from its creation on.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    answer = original(request)
    regions = request.get("AddReplicaRegions")
    if answer[0] != OK or not regions:
        return answer
    created = content(answer)
    replicated = secretsmanager._replicate_secret_to_regions(
        {
            "SecretId": created["ARN"],
            "AddReplicaRegions": regions,
            "ForceOverwriteReplicaSecret": request.get("ForceOverwriteReplicaSecret", False),
        }
    )
    if replicated[0] != OK:
        secretsmanager._secrets.pop(created["Name"])
        refused: Answer = replicated
        return refused
    created["ReplicationStatus"] = content(replicated)["ReplicationStatus"]
    return answered(**created)


@further_action("RemoveRegionsFromReplication")
def remove_regions_from_replication(request: Json) -> Answer:
    """Delete the replicas in some regions.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RemoveRegionsFromReplication.html
    """
    secret = find_secret(request)
    leaving = set(request.get("RemoveReplicaRegions") or [])
    if not leaving:
        raise NoRegion
    for region in leaving & {status["Region"] for status in secret["ReplicationStatus"]}:
        replica = secretsmanager._secrets.pop_scoped(get_account_id(), region, secret["Name"], None)
        if replica is not None:
            secretsmanager._resource_policies.pop_scoped(
                get_account_id(), region, replica["ARN"], None
            )
    secret["ReplicationStatus"] = [
        status for status in secret["ReplicationStatus"] if status["Region"] not in leaving
    ]
    return answered(ARN=secret["ARN"], ReplicationStatus=secret["ReplicationStatus"])
