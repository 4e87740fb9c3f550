"""Reads the secrets of a region. It only lists and describes; only an option reads values."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rotating_secret.aws import WORKERS
from rotating_secret.errors import AwsRefusedError, NoSuchSecretError
from rotating_secret.secret import Function, Schedule, Secret, Version, previous_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_secretsmanager.type_defs import (
        DescribeSecretResponseTypeDef,
        ListSecretVersionIdsRequestTypeDef,
    )

    from rotating_secret.aws import Region

T = TypeVar("T")
R = TypeVar("R")

_ROTATE_TARGET: Final = ":scheduler:::aws-sdk:secretsmanager:rotateSecret"
# Fields that name a credential and grant no access, each with the form of its value.
_PUBLIC: Final = {
    "AccessKeyId": r"A[A-Z0-9]{15,127}",
    "ServiceSpecificCredentialId": r"A[A-Z0-9]{15,127}",
    "key_id": r"[0-9]{1,20}",
    "username": r"[^\x00-\x1f\x7f-\x9f]{1,128}",
}


def survey(
    region: Region, names: Sequence[str], *, every: bool, credentials: bool
) -> tuple[list[Secret], list[AwsRefusedError]]:
    """Read the secrets of the module in a region, or those with these names.

    Args:
        region: The region.
        names: Names or ARNs; empty for all secrets of the module.
        every: Include secrets that something else rotates.
        credentials: Read the labelled values, for the names of their credentials.

    Returns:
        The secrets about which AWS denied nothing, and the calls that it denied.
    """
    refused: list[AwsRefusedError] = []
    with ThreadPoolExecutor(WORKERS) as pool:

        def each(call: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
            for found in pool.map(functools.partial(_tried, call), things):
                if isinstance(found, AwsRefusedError):
                    refused.append(found)
                else:
                    yield found

        if names:
            described = list(each(functools.partial(describe, region), names))
        else:
            listed = [arn for found in each(_rotating, [region]) for arn in found]
            found = each(functools.partial(_describe_listed, region), listed)
            described = [one for one in found if one]
        if not described:
            return [], refused
        # A session must not make clients in several threads.
        _ = region.functions, region.schedules
        arns = {one["RotationLambdaARN"] for one in described if one.get("RotationLambdaARN")}
        account = described[0]["ARN"].split(":")[4]
        functions = dict(
            each(lambda arn: (arn, read_function(region, arn, account=account)), sorted(arns))
        )
        keys = [key for found in each(_schedules, [region]) for key in found]
        schedules = dict(each(lambda key: _schedule(region, *key), keys))
        secrets = [
            _secret(region, one, functions, schedules)
            for one in described
            if one.get("RotationLambdaARN", "") in {"", *functions}
        ]
        chosen = [one for one in secrets if names or every or one.is_ours]
        secrets = list(each(functools.partial(_with_versions, region), chosen))
        if credentials:
            secrets = list(each(functools.partial(_with_credentials, region), secrets))
    return secrets, refused


def _tried(call: Callable[[T], R], thing: T) -> R | AwsRefusedError:
    """Return the error if AWS denies the call."""
    try:
        return call(thing)
    except AwsRefusedError as error:
        if not error.code.startswith("AccessDenied"):
            raise
        return error


def _rotating(region: Region) -> list[str]:
    """List the secrets that have a function or an owner."""
    with region.asking("secretsmanager:ListSecrets", region.name):
        pages = region.secrets.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True)
        return [
            one["ARN"]
            for page in pages
            for one in page["SecretList"]
            if "RotationLambdaARN" in one or "OwningService" in one
        ]


def describe(region: Region, name: str) -> DescribeSecretResponseTypeDef:
    """Call DescribeSecret."""
    with region.asking("secretsmanager:DescribeSecret", name):
        return region.secrets.describe_secret(SecretId=name)


def _describe_listed(region: Region, arn: str) -> DescribeSecretResponseTypeDef | None:
    """Return None if the secret was deleted since it was listed."""
    with contextlib.suppress(NoSuchSecretError):
        return describe(region, arn)
    return None


def read_function(region: Region, arn: str, *, account: str) -> Function:
    """Read the configuration of a rotation function, unless it is in another account or region."""
    _, _, _, there, owner, _, name, *_ = arn.split(":")
    if (there, owner) != (region.name, account):
        return Function(name=name)
    try:
        with region.asking("lambda:GetFunctionConfiguration", arn):
            found = region.functions.get_function_configuration(FunctionName=arn)
    except AwsRefusedError as error:
        if error.code == "ResourceNotFoundException":
            return Function(name=name, exists=False)
        raise
    environment = found.get("Environment", {})
    return Function(
        name=name,
        log_group=found.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
        timeout=timedelta(seconds=found["Timeout"]),
        description=found.get("Description", ""),
        handler=found.get("Handler", ""),
        settings=_fields(environment.get("Variables", {}).get("ROTATION_SETTINGS")),
        # The environment has a key of its own, which the caller may not use.
        encrypted="Error" in environment,
    )


def _fields(text: str | None) -> Mapping[str, Any] | None:
    """Return the fields of a JSON object; None: the text isn't one."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _schedules(region: Region) -> list[tuple[str, str]]:
    """List the schedules that rotate a secret, by their group and name."""
    with region.asking("scheduler:ListSchedules", region.name):
        pages = region.schedules.get_paginator("list_schedules").paginate()
        return [
            (one["GroupName"], one["Name"])
            for page in pages
            for one in page["Schedules"]
            if one["Target"]["Arn"].endswith(_ROTATE_TARGET)
        ]


def _schedule(region: Region, group: str, name: str) -> tuple[str, Schedule]:
    """Return the ARN of the secret that a schedule rotates, and the schedule."""
    with region.asking("scheduler:GetSchedule", name):
        found = region.schedules.get_schedule(GroupName=group, Name=name)
    schedule = Schedule(
        name=name,
        expression=found["ScheduleExpression"],
        enabled=found["State"] == "ENABLED",
    )
    target = _fields(found["Target"].get("Input")) or {}
    return str(target.get("SecretId")), schedule


def _secret(
    region: Region,
    described: DescribeSecretResponseTypeDef,
    functions: Mapping[str, Function],
    schedules: Mapping[str, Schedule],
) -> Secret:
    return Secret(
        arn=described["ARN"],
        name=described["Name"],
        region=region.name,
        enabled=described.get("RotationEnabled", False),
        last_rotation=described.get("LastRotatedDate"),
        next_rotation=described.get("NextRotationDate"),
        deleted="DeletedDate" in described,
        managed="OwningService" in described,
        rules=described.get("RotationRules", {}),
        versions=[],
        function=functions.get(described.get("RotationLambdaARN", "")),
        schedule=schedules.get(described["ARN"]),
        previous=previous_of(described),
    )


def _with_versions(region: Region, secret: Secret) -> Secret:
    if secret.deleted:
        return secret
    request: ListSecretVersionIdsRequestTypeDef = {"SecretId": secret.arn}
    versions: list[Version] = []
    while True:  # boto3 has no paginator for it.
        with region.asking("secretsmanager:ListSecretVersionIds", secret.name):
            page = region.secrets.list_secret_version_ids(**request)
        versions += [
            Version(
                version_id=one["VersionId"],
                labels=sorted(one["VersionStages"]),
                created=one["CreatedDate"].astimezone(UTC),
            )
            for one in page["Versions"]
        ]
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    return replace(secret, versions=sorted(versions, key=lambda one: one.created, reverse=True))


def _with_credentials(region: Region, secret: Secret) -> Secret:
    """Add the names of the credentials. Only a built-in strategy says which fields are names."""
    settings = secret.function.settings if secret.function else None
    if not settings or settings.get("strategy") == "custom":
        return secret
    hidden = settings.get("options", {}).get("json_key")
    versions = []
    for one in secret.versions:
        try:
            with region.asking("secretsmanager:GetSecretValue", secret.name):
                found = region.secrets.get_secret_value(
                    SecretId=secret.arn, VersionId=one.version_id
                )
        except NoSuchSecretError:  # The version has no value yet.
            versions.append(one)
            continue
        versions.append(
            replace(one, credential=names_of(found.get("SecretString", ""), hidden=hidden))
        )
    return replace(secret, versions=versions)


def names_of(value: str, *, hidden: str | None) -> Mapping[str, str]:
    """Return the fields of a value that name its credential, but not the one that is its secret."""
    fields = _fields(value) or {}
    return {
        name: str(fields[name])
        for name, form in _PUBLIC.items()
        if name in fields and name != hidden and re.fullmatch(form, str(fields[name]))
    }
