"""A minimal rotation function: only what the four steps require.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import secrets

import boto3

client = boto3.client("secretsmanager")


def handler(event: dict[str, str], _context: object) -> None:
    """Run one step. Secrets Manager may deliver a step twice."""
    secret, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret" and not has_value(secret, token):
        client.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=secrets.token_urlsafe(48),
            VersionStages=["AWSPENDING"],
        )
    elif event["Step"] == "finishSecret":
        promote(secret, token)


def has_value(secret: str, version: str) -> bool:
    """Return whether the version has a value. Secrets Manager stages it empty."""
    try:
        client.get_secret_value(SecretId=secret, VersionId=version)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def promote(secret: str, version: str) -> None:
    """Make the version current. AWS does this itself for the first value of a secret."""
    labels = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next((one for one, held in labels.items() if "AWSCURRENT" in held), None)
    if current != version:
        client.update_secret_version_stage(
            SecretId=secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=version,
            **({"RemoveFromVersionId": current} if current else {}),
        )
