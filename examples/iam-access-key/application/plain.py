"""Reads the secret once per job. Each job must end within the minimum overlap."""

import json

import boto3


def session(secret_id: str) -> boto3.Session:
    """Return a session with the current key."""
    answer = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
    value = json.loads(answer["SecretString"])
    return boto3.Session(
        aws_access_key_id=value["AccessKeyId"],
        aws_secret_access_key=value["SecretAccessKey"],
    )
