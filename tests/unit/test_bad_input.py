"""A table of bad input, and the error for each.

Each row is a case: a field, what is wrong with it, the value, and a part of the message. Each case
must raise an error of our tree and change nothing. The error must name the field, what is allowed,
what was found if that cannot be a credential, and what to do. Terraform rejects its own bad input
at plan; tests/plan/test_variables.py has that table.

The table is complete: the last tests fail for each field, strategy or operation without rows.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

import handler
from rotation.attempt import digest
from rotation.aws import SdkClients
from rotation.errors import (
    ConfigurationError,
    ForeignCredential,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.event import Event, Step
from rotation.settings import OptionReader
from rotation.strategies import REGISTRY, build
from rotation.strategy import Issuer
from rotation_conformance.account import Answer, FakeSecretsManager
from rotation_conformance.rotator import assert_converged
from tests.strategies import REPRESENTATIVE, ROTATORS
from tests.unit.bad_input import ABSENT, ARN, HEADER, UNKNOWN, Row
from tests.unit.cloud import Cloud, FakeClients, FakeIam, FakeSts
from tests.unit.github import OPERATIONS
from tests.unit.service_credentials import LOG_IN
from tests.unit.services import DATABASE_CALLS
from tests.unit.subject import CONSTANTS, USER, user_arn
from tests.unit.subjects import (
    FEW_SLOTS,
    GENERATOR,
    STATES,
    UNITS,
    options_of,
    prepared,
    subject_case,
)
from tests.unit.wire import JSON, Reply, Wire, Wrong, drop_field, serving, set_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation
    from tests.unit.wire import ChangeBytes

pytestmark = pytest.mark.campaign("Bad input")

_EACH_STRATEGY: Final = [subject_case(one.name) for one in ROTATORS]


DIGITS: Final = 10**5000

A_STEP: Final = "one of createSecret, setSecret, testSecret, finishSecret"
THE_ARN: Final = f"{ARN.removesuffix('Ab12Cd')}??????"
LETTERS_32: Final = "32 to 64 letters, digits, -"
LETTERS_36: Final = "36 to 256 letters, digits, -"
EVENTS: Final[Sequence[Row]] = [
    ("Step", "absent", ABSENT, A_STEP),
    ("Step", "null", None, A_STEP),
    ("Step", "empty", "", A_STEP),
    ("Step", "other-case", "CreateSecret", A_STEP),
    ("Step", "upper-case", "CREATESECRET", A_STEP),
    ("Step", "unknown", "rotateSecret", A_STEP),
    ("Step", "two", "createSecret|setSecret", A_STEP),
    ("Step", "space", " createSecret", A_STEP),
    ("Step", "line-end", "createSecret\n", A_STEP),
    ("Step", "terminal-codes", "\x1b[2JcreateSecret", A_STEP),
    ("Step", "list", ["createSecret"], A_STEP),
    ("Step", "number", 1, A_STEP),
    ("Step", "endless-number", DIGITS, A_STEP),
    ("Step", "boolean", True, A_STEP),
    ("Step", "oversized", "x" * 6_000_000, A_STEP),
    ("SecretId", "absent", ABSENT, THE_ARN),
    ("SecretId", "null", None, THE_ARN),
    ("SecretId", "empty", "", THE_ARN),
    ("SecretId", "name", "reports/uploader", THE_ARN),
    ("SecretId", "partial", ARN.removesuffix("-Ab12Cd"), THE_ARN),
    ("SecretId", "other-partition", ARN.replace("arn:aws:", "arn:aws-cn:"), THE_ARN),
    ("SecretId", "other-service", ARN.replace("secretsmanager", "ssm"), THE_ARN),
    ("SecretId", "other-region", ARN.replace("eu-west-1", "eu-west-2"), THE_ARN),
    ("SecretId", "other-account", ARN.replace("123456789012", "210987654321"), THE_ARN),
    ("SecretId", "other-secret", ARN.replace("uploader", "uploaded"), THE_ARN),
    ("SecretId", "secret-below", ARN.replace("uploader", "uploader/x"), THE_ARN),
    ("SecretId", "pattern", THE_ARN, THE_ARN),
    ("SecretId", "wildcard", f"{ARN[:-6]}*", THE_ARN),
    ("SecretId", "longer", f"{ARN}x", THE_ARN),
    ("SecretId", "line-end", f"{ARN}\n", THE_ARN),
    ("SecretId", "header", f"{ARN}{HEADER}", THE_ARN),
    ("SecretId", "other-letters", f"{ARN[:-1]}\u0501", THE_ARN),
    ("SecretId", "number", 7, THE_ARN),
    ("SecretId", "object", {"ARN": ARN}, THE_ARN),
    ("SecretId", "oversized", ARN * 10_000, THE_ARN),
    ("ClientRequestToken", "absent", ABSENT, LETTERS_32),
    ("ClientRequestToken", "null", None, LETTERS_32),
    ("ClientRequestToken", "short", "a" * 31, LETTERS_32),
    ("ClientRequestToken", "long", "a" * 65, LETTERS_32),
    ("ClientRequestToken", "space", "a b" * 11, LETTERS_32),
    ("ClientRequestToken", "slash", "../" * 11, LETTERS_32),
    ("ClientRequestToken", "line-end", f"{'a' * 36}\n", LETTERS_32),
    ("ClientRequestToken", "header", f"{'a' * 36}{HEADER}", LETTERS_32),
    ("ClientRequestToken", "other-digits", "٣" * 36, LETTERS_32),
    ("ClientRequestToken", "bytes", b"a" * 36, LETTERS_32),
    ("ClientRequestToken", "list", ["a" * 36], LETTERS_32),
    ("ClientRequestToken", "oversized", "a" * 6_000_000, LETTERS_32),
    ("RotationToken", "empty", "", LETTERS_36),
    ("RotationToken", "short", "a" * 35, LETTERS_36),
    ("RotationToken", "long", "a" * 257, LETTERS_36),
    ("RotationToken", "header", f"{'a' * 36}{HEADER}", LETTERS_36),
    ("RotationToken", "number", 7, LETTERS_36),
    ("RotationToken", "list", ["a" * 36], LETTERS_36),
    ("RotationToken", "object", {}, LETTERS_36),
]
NO_OBJECTS: Final = {
    "null": None,
    "text": "{}",
    "number": 7,
    "list": [],
    "list-of-one": [{"Step": "createSecret"}],
    "bytes": b"{}",
}

A_TEXT: Final = "a non-empty string"
AN_ARN_PATTERN: Final = "the ARN of a secret, with ?????? for the characters that AWS adds"
MINUTES: Final = "a whole number from 0 to 1438560"
SETTINGS: Final[Sequence[Row]] = [
    ("strategy", "absent", ABSENT, A_TEXT),
    ("strategy", "null", None, A_TEXT),
    ("strategy", "empty", "", A_TEXT),
    ("strategy", "number", 1, A_TEXT),
    ("strategy", "unknown", "iam_acces_key", f"one of {', '.join(REGISTRY)}"),
    ("strategy", "other-case", "Random_Value", f"one of {', '.join(REGISTRY)}"),
    ("strategy", "path", "../../handler", f"one of {', '.join(REGISTRY)}"),
    ("strategy", "module", "random_value.os", f"one of {', '.join(REGISTRY)}"),
    ("secret_arn_pattern", "absent", ABSENT, AN_ARN_PATTERN),
    ("secret_arn_pattern", "null", None, AN_ARN_PATTERN),
    ("secret_arn_pattern", "empty", "", AN_ARN_PATTERN),
    ("secret_arn_pattern", "list", [THE_ARN], AN_ARN_PATTERN),
    ("secret_arn_pattern", "name", "reports/uploader", AN_ARN_PATTERN),
    ("secret_arn_pattern", "whole", ARN, AN_ARN_PATTERN),
    ("secret_arn_pattern", "wildcard", f"{ARN[:-6]}*", AN_ARN_PATTERN),
    ("secret_arn_pattern", "wildcard-name", THE_ARN.replace("reports", "*"), AN_ARN_PATTERN),
    ("secret_arn_pattern", "other-service", THE_ARN.replace("secretsm", "m"), AN_ARN_PATTERN),
    ("secret_arn_pattern", "line-end", f"{THE_ARN}\n", AN_ARN_PATTERN),
    ("give_up_after_hours", "negative", -1, "a whole number from 0 to 23976"),
    ("give_up_after_hours", "half", 0.5, "a whole number from 0 to 23976"),
    ("metrics", "null", None, "true or false"),
    ("metrics", "text", "true", "true or false"),
    ("minimum_overlap_minutes", "absent", ABSENT, MINUTES),
    ("minimum_overlap_minutes", "null", None, MINUTES),
    ("minimum_overlap_minutes", "negative", -1, MINUTES),
    ("minimum_overlap_minutes", "text", "60", MINUTES),
    ("minimum_overlap_minutes", "boolean", True, MINUTES),
    ("minimum_overlap_minutes", "half", 0.5, MINUTES),
    ("minimum_overlap_minutes", "float", 60.0, MINUTES),
    ("minimum_overlap_minutes", "no-number", float("nan"), MINUTES),
    ("minimum_overlap_minutes", "endless", float("inf"), MINUTES),
    ("minimum_overlap_minutes", "more-than-a-schedule", 1438561, MINUTES),
    ("minimum_overlap_minutes", "more-than-a-calendar", 10**18, MINUTES),
    ("constants", "absent", ABSENT, "an object of strings"),
    ("constants", "null", None, "an object of strings"),
    ("constants", "number-in-it", {"a": 1}, "an object of strings"),
    ("constants", "null-in-it", {"a": None}, "an object of strings"),
    ("constants", "object-in-it", {"a": {}}, "an object of strings"),
    ("constants", "list", ["a"], "an object of strings"),
    ("constants", "text", "{}", "an object of strings"),
    ("options", "absent", ABSENT, "a JSON object"),
    ("options", "null", None, "a JSON object"),
    ("options", "text", "a", "a JSON object"),
    ("options", "list", [], "a JSON object"),
    ("optoins", "misspelt", {}, UNKNOWN),
    ("Strategy", "other-case", REGISTRY[0], UNKNOWN),
]
NO_JSON_OBJECTS: Final = {
    "empty": "",
    "space": " ",
    "truncated": '{"strategy": "a", ',
    "single-quotes": "{'strategy': 'a'}",
    "trailing-comma": '{"strategy": "a",}',
    "list": "[]",
    "null": "null",
    "text": '"{}"',
    "number": "7",
    "endless-number": "7" * 5000,
    "no-number": "NaN",
    "deep-lists": "[" * 100_000,
    "deep-objects": '{"a":' * 100_000,
    "html": "<html></html>",
    "byte-order-mark": "\ufeff{}",
}


# Values of a secret that aren't the object of any strategy; GOOD is replaced by a valid value.
CONTENTS: Final = {
    "text": "hunter2",
    "json-text": '"hunter2"',
    "number": "7",
    "null": "null",
    "list": "[]",
    "list-of-one": "[GOOD]",
    "empty-object": "{}",
    "wrapped": '{"secret": GOOD}',
    "text-of-json": json.dumps('{"a": "b"}'),
    "truncated": '{"AccessKeyId": "AKIA0000000000000001", "SecretAccessKey": "secr',
    "twice": "GOODGOOD",
    "trailing-text": "GOOD\n--\n",
    "byte-order-mark": "\ufeffGOOD",
    "comment": "// by hand\nGOOD",
    "control-character": '{"a": "b\x01"}',
    "null-character": "GOOD\0",
    "no-number": 'GOOD, "x": NaN}',
    "endless-number": 'GOOD, "x": -Infinity}',
    "long-number": f'GOOD, "x": {"7" * 5000}}}',
    "deep-lists": "[" * 65_536,
    "deep-objects": ('{"a":' * 13_107)[:65_536],
    "64-KiB-of-text": "x" * 65_536,
    "64-KiB-of-spaces": " " * 65_536,
    "html": "<html><body>Sign in</body></html>",
    "xml": "<AccessKey><AccessKeyId>AKIA0000000000000001</AccessKeyId></AccessKey>",
    "properties": "aws_access_key_id = AKIA0000000000000001\naws_secret_access_key = x",
    "private-key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    "database-password": '{"username": "app", "dbpassword": "x", "engine": "mysql"}',
}

# Forged tags, in place of the function's own record, that would make an operator's key look like an
# orphan. OWNER is replaced by the digest of a real record.
RECORDS: Final = {
    "empty": "",
    "text": "x",
    "no-times": "TOKEN OWNER",
    "no-lengths": "TOKEN OWNER START",
    "one-length": "TOKEN OWNER START+43",
    "a-date": "TOKEN OWNER 2030-01-01+43+76",
    "sixteen-minutes": "TOKEN OWNER START+43+960",
    "a-long-number": "TOKEN OWNER START+43+99999999999999999999",
    "the-first-day": "TOKEN OWNER 0001-01-01T00:00:00Z+43+76",
    "the-last-day": "TOKEN OWNER 9999-12-31T23:59:59Z+43+76",
    "backwards": "TOKEN OWNER START+-43+76",
    "other-zone": "TOKEN OWNER 2030-01-01T12:00:00+01:00+43+76",
    "in-the-future": "TOKEN OWNER 2031-01-01T00:00:00Z+43+76",
    "other-owner": "TOKEN 0123456789abcdef START+43+76",
    "line-ends": "TOKEN\nOWNER\nSTART+43+76",
    "a-rollback": "rollback TOKEN START",
    "a-rollback-without-a-time": "rollback TOKEN",
    "256-characters": "x" * 256,
}

NOT_FOUND: Final = "nothing"
OTHER: Final = "an unexpected string"
NUMBER: Final = "a number"
TIME: Final = "an unexpected time"
# If the SDK cannot read the response, the error cannot name the field.
UNREADABLE: Final = "unreadable"
YEAR_1: Final = -62135596800
YEAR_9999: Final = 253402300799
OTHER_ARN: Final = ARN.replace("uploader", "uploaded")
# Each operation is named by its client's method.
ANSWERS: Final[Mapping[str, Sequence[Row]]] = {
    "describe_secret": [
        ("ARN", "absent", ABSENT, NOT_FOUND),
        ("ARN", "null", None, NOT_FOUND),
        ("ARN", "empty", "", OTHER),
        ("ARN", "number", 7, NUMBER),
        ("ARN", "list", [ARN], "a list"),
        ("ARN", "other-secret", OTHER_ARN, OTHER),
        ("ARN", "other-account", ARN.replace("123456789012", "210987654321"), OTHER),
        ("ARN", "header", f"{ARN}{HEADER}", OTHER),
        ("VersionIdsToStages", "absent", ABSENT, "was cancelled"),
        ("VersionIdsToStages", "empty", {}, "was cancelled"),
        ("VersionIdsToStages", "list", [], UNREADABLE),
        ("VersionIdsToStages", "text", "AWSPENDING", UNREADABLE),
        ("VersionIdsToStages", "number-as-label", {"v": [7]}, "an object"),
        ("VersionIdsToStages", "null-as-labels", {"v": None}, UNREADABLE),
        ("VersionIdsToStages", "text-as-labels", {"v": "AWSPENDING"}, "was cancelled"),
        ("VersionIdsToStages", "one-label-twice", {"v": ["A"], "w": ["A"]}, "an object"),
        ("LastRotatedDate", "text", "yesterday", UNREADABLE),
        ("LastRotatedDate", "list", [], UNREADABLE),
        ("LastRotatedDate", "no-number", float("nan"), UNREADABLE),
        ("LastRotatedDate", "no-calendar", 1e30, UNREADABLE),
        ("LastRotatedDate", "year-1", YEAR_1, TIME),
        ("LastRotatedDate", "year-9999", YEAR_9999, TIME),
        ("LastRotatedDate", "boolean", True, TIME),
        ("LastRotatedDate", "no-zone", "2030-01-01T00:00:00", TIME),
        ("Tags", "number", 7, UNREADABLE),
        ("Tags", "text", "a tag", UNREADABLE),
        ("Tags", "list-of-texts", ["a tag"], UNREADABLE),
        ("Tags", "list-of-null", [None], NOT_FOUND),
        ("Tags.Key", "absent", ABSENT, NOT_FOUND),
        ("Tags.Key", "number", 7, NUMBER),
        ("Tags.Value", "number", 7, NUMBER),
        ("Tags.Value", "object", {}, "an object"),
    ],
    "get_secret_value": [
        ("ARN", "absent", ABSENT, NOT_FOUND),
        ("ARN", "other-secret", OTHER_ARN, OTHER),
        ("VersionId", "absent", ABSENT, NOT_FOUND),
        ("VersionId", "number", 7, NUMBER),
        ("VersionStages", "number", 7, UNREADABLE),
        ("VersionStages", "list-of-numbers", [7], "a list"),
        ("CreatedDate", "absent", ABSENT, NOT_FOUND),
        ("CreatedDate", "text", "yesterday", UNREADABLE),
        ("CreatedDate", "year-1", YEAR_1, TIME),
        ("CreatedDate", "year-9999", YEAR_9999, TIME),
        ("CreatedDate", "no-zone", "2030-01-01T00:00:00", TIME),
        ("SecretString", "absent", ABSENT, "The version was not changed"),
        ("SecretString", "number", 7, NUMBER),
        ("SecretString", "object", {"AccessKeyId": "x"}, "an object"),
        ("SecretString", "list", ["x"], "a list"),
        ("SecretString", "boolean", False, "a boolean"),
    ],
    "list_secret_version_ids": [
        ("Versions", "absent", ABSENT, NOT_FOUND),
        ("Versions", "null", None, NOT_FOUND),
        ("Versions", "number", 7, UNREADABLE),
        ("Versions", "list-of-null", [None], NOT_FOUND),
        ("Versions", "list-of-texts", ["f" * 36], UNREADABLE),
        ("Versions.VersionId", "absent", ABSENT, NOT_FOUND),
        ("Versions.VersionId", "number", 7, NUMBER),
        ("Versions.CreatedDate", "absent", ABSENT, NOT_FOUND),
        ("Versions.CreatedDate", "text", "yesterday", UNREADABLE),
        ("Versions.CreatedDate", "no-zone", "2030-01-01T00:00:00", TIME),
        ("Versions.CreatedDate", "year-9999", YEAR_9999, TIME),
        ("NextToken", "number", 7, NUMBER),
        ("NextToken", "list", ["0"], "a list"),
        ("NextToken", "endless", "0", "returned more than 100 pages"),
    ],
    "put_secret_value": [
        ("VersionId", "absent", ABSENT, NOT_FOUND),
        ("VersionId", "null", None, NOT_FOUND),
        ("VersionId", "number", 7, NUMBER),
        ("VersionId", "other-version", "f" * 36, OTHER),
    ],
    "update_secret_version_stage": [
        ("ARN", "absent", ABSENT, NOT_FOUND),
        ("ARN", "number", 7, NUMBER),
        ("ARN", "other-secret", OTHER_ARN, OTHER),
    ],
    "tag_resource": [],
    "list_access_keys": [
        ("IsTruncated", "true", True, "a boolean"),
        ("AccessKeyMetadata", "absent", ABSENT, NOT_FOUND),
        ("AccessKeyMetadata.UserName", "absent", ABSENT, NOT_FOUND),
        ("AccessKeyMetadata.UserName", "empty", "", OTHER),
        ("AccessKeyMetadata.UserName", "other-user", "uploader2", OTHER),
        ("AccessKeyMetadata.UserName", "line-end", f"{USER}\n", OTHER),
        ("AccessKeyMetadata.AccessKeyId", "absent", ABSENT, NOT_FOUND),
        ("AccessKeyMetadata.AccessKeyId", "short", "AKIA", OTHER),
        ("AccessKeyMetadata.AccessKeyId", "lower-case", "akia0000000000000001", OTHER),
        ("AccessKeyMetadata.AccessKeyId", "query", "AKIA0000000000000001&UserName=root", OTHER),
        ("AccessKeyMetadata.AccessKeyId", "space", "AKIA 0000000000000001", OTHER),
        ("AccessKeyMetadata.AccessKeyId", "html", "<b>AKIA0000000000000001</b>", OTHER),
        ("AccessKeyMetadata.CreateDate", "absent", ABSENT, NOT_FOUND),
        ("AccessKeyMetadata.CreateDate", "text", "yesterday", UNREADABLE),
        ("AccessKeyMetadata.CreateDate", "day-32", "2030-01-32T00:00:00Z", UNREADABLE),
        ("AccessKeyMetadata.CreateDate", "no-zone", "2030-01-01T00:00:00", TIME),
        ("AccessKeyMetadata.CreateDate", "year-1", "0001-01-01T00:00:00Z", TIME),
        ("AccessKeyMetadata.CreateDate", "year-9999", "9999-12-31T23:59:59Z", TIME),
        ("AccessKeyMetadata.Status", "absent", ABSENT, NOT_FOUND),
    ],
    "create_access_key": [
        ("AccessKey", "absent", ABSENT, NOT_FOUND),
        ("AccessKey.UserName", "absent", ABSENT, NOT_FOUND),
        ("AccessKey.UserName", "other-user", "uploader2", OTHER),
        ("AccessKey.AccessKeyId", "absent", ABSENT, NOT_FOUND),
        ("AccessKey.AccessKeyId", "empty", "", OTHER),
        ("AccessKey.AccessKeyId", "lower-case", "akia0000000000000001", OTHER),
        ("AccessKey.AccessKeyId", "scope", "AKIA0000000000000001/20300101", OTHER),
        ("AccessKey.SecretAccessKey", "absent", ABSENT, NOT_FOUND),
        ("AccessKey.SecretAccessKey", "empty", "", OTHER),
        ("AccessKey.SecretAccessKey", "line-end", "secret-of-key\n", OTHER),
        ("AccessKey.SecretAccessKey", "long", "s" * 257, OTHER),
    ],
    "delete_access_key": [],
    "list_service_specific_credentials": [
        ("IsTruncated", "true", True, "a boolean"),
        ("ServiceSpecificCredentials", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredentials.UserName", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredentials.UserName", "other-user", "uploader2", OTHER),
        ("ServiceSpecificCredentials.ServiceName", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredentials.ServiceName", "other-service", "cassandra", OTHER),
        ("ServiceSpecificCredentials.ServiceSpecificCredentialId", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredentials.ServiceSpecificCredentialId", "short", "ACCA", OTHER),
        ("ServiceSpecificCredentials.ServiceSpecificCredentialId", "space", "A " * 20, OTHER),
        ("ServiceSpecificCredentials.CreateDate", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredentials.CreateDate", "text", "yesterday", UNREADABLE),
        ("ServiceSpecificCredentials.CreateDate", "no-zone", "2030-01-01T00:00:00", TIME),
        ("ServiceSpecificCredentials.CreateDate", "year-1", "0001-01-01T00:00:00Z", TIME),
    ],
    "create_service_specific_credential": [
        ("ServiceSpecificCredential", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.UserName", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.UserName", "other-user", "uploader2", OTHER),
        ("ServiceSpecificCredential.ServiceName", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.ServiceName", "other-service", "cassandra", OTHER),
        ("ServiceSpecificCredential.ServiceSpecificCredentialId", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.ServiceSpecificCredentialId", "empty", "", OTHER),
        ("ServiceSpecificCredential.ServiceCredentialAlias", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.ServiceCredentialAlias", "space", "up loader", OTHER),
        ("ServiceSpecificCredential.ServiceCredentialSecret", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.ServiceCredentialSecret", "empty", "", OTHER),
        ("ServiceSpecificCredential.ServiceCredentialSecret", "line-end", "ABSKa\n", OTHER),
        ("ServiceSpecificCredential.ExpirationDate", "absent", ABSENT, NOT_FOUND),
        ("ServiceSpecificCredential.ExpirationDate", "text", "never", UNREADABLE),
        ("ServiceSpecificCredential.ExpirationDate", "year-9999", "9999-12-31T23:59:59Z", TIME),
    ],
    "delete_service_specific_credential": [],
    "get_caller_identity": [
        ("Arn", "absent", ABSENT, NOT_FOUND),
        ("Arn", "empty", "", OTHER),
        ("Arn", "name", USER, OTHER),
        ("Arn", "html", "<html/>", OTHER),
        ("Arn", "terminal-codes", f"{user_arn(USER)}\n\n", OTHER),
        ("Arn", "other-account", user_arn(USER).replace("12345", "54321"), "belongs to arn:aws:"),
        ("Arn", "other-user", user_arn("other"), f"belongs to {user_arn('other')}, not to "),
        ("Arn", "other-path", user_arn(USER).replace("/apps/", "/"), "belongs to arn:aws:iam::"),
        ("Arn", "root", "arn:aws:iam::123456789012:root", "belongs to arn:aws:iam::"),
        ("Arn", "session", "arn:aws:sts::123456789012:assumed-role/r/s", "belongs to arn:aws:sts"),
    ],
}


def _replaced(body: bytes, status: int = 200, **headers: str) -> ChangeBytes:
    return partial(
        replace, body=body, status=status, headers=headers, content_type="application/octet-stream"
    )


def _truncated(reply: Reply) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _cut(reply: Reply) -> Reply:
    return replace(_truncated(reply), headers={"Content-Length": str(len(reply.body))})


def _as_the_other_protocol(reply: Reply) -> Reply:
    other = b"<a><b>c</b></a>" if reply.content_type == JSON else b'{"ARN": "x"}'
    return replace(reply, body=other)


HTML: Final = b"<html><head><title>Sign in</title></head><body/></html>"
BOMB: Final = b"".join(
    [
        b'<!DOCTYPE a [<!ENTITY e0 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">',
        *[b'<!ENTITY e%d "%s">' % (number + 1, b"&e%d;" % number * 30) for number in range(8)],
        b"]><a>&e8;</a>",
    ]
)
FILE: Final = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
A_FIELD: Final = "returned nothing for "
NO_ANSWER: Final = "got no usable response"
NO_CODE: Final = "HTTP status {status} and no error code"
# How the bytes of a response are changed, and a part of the message for JSON and for XML.
BYTES: Final[Mapping[str, tuple[ChangeBytes, str, str]]] = {
    "truncated": (_truncated, A_FIELD, NO_ANSWER),
    # The SDK retries, and AWSCURRENT has already been moved.
    "cut": (_cut, f"{NO_ANSWER}|InvalidParameterException", NO_ANSWER),
    "empty": (_replaced(b""), A_FIELD, NO_ANSWER),
    "no-content": (_replaced(b"", 204), A_FIELD, NO_ANSWER),
    "html": (_replaced(HTML), A_FIELD, NO_ANSWER),
    "html-302": (_replaced(HTML, 302, Location="http://127.0.0.1:1/"), "HTTP status 302", "302"),
    "html-403": (_replaced(HTML, 403), "HTTP status 403 without an error code", "HTTP status 403"),
    "html-404": (_replaced(HTML, 404), "HTTP status 404 without an error code", "HTTP status 404"),
    "html-502": (_replaced(HTML, 502), f"{NO_ANSWER}|InvalidParameterException", NO_ANSWER),
    "status-999": (_replaced(HTML, 999), NO_ANSWER, NO_ANSWER),
    "other-protocol": (_as_the_other_protocol, "returned (nothing|an unexpected)", NO_ANSWER),
    "no-fields": (_replaced(b"{}"), A_FIELD, NO_ANSWER),
    "no-element": (_replaced(b"<a/>"), A_FIELD, NO_ANSWER),
    "json-null": (_replaced(b"null"), NO_ANSWER, NO_ANSWER),
    "json-list": (_replaced(b"[]"), NO_ANSWER, NO_ANSWER),
    "json-text": (_replaced(b'"{}"'), NO_ANSWER, NO_ANSWER),
    "json-number": (_replaced(b"7"), NO_ANSWER, NO_ANSWER),
    "no-utf-8": (_replaced(b"\xff\xfe\x00\x80"), NO_ANSWER, NO_ANSWER),
    "deep-json": (_replaced(b'{"a":' * 50_000), NO_ANSWER, NO_ANSWER),
    "deep-xml": (_replaced(b"<a>" * 5_000), A_FIELD, NO_ANSWER),
    "entity-bomb": (_replaced(BOMB), A_FIELD, NO_ANSWER),
    "entity-of-a-file": (_replaced(FILE), A_FIELD, NO_ANSWER),
    "huge": (_replaced(b"x" * 1_000_000), A_FIELD, NO_ANSWER),
    "error-empty": (_replaced(b"", 400), "HTTP status 400", NO_ANSWER),
    "error-list": (_replaced(b"[]", 400), NO_ANSWER, NO_ANSWER),
    "error-number": (_replaced(b'{"__type": 7}', 400), NO_ANSWER, NO_ANSWER),
    "error-text": (_replaced(b'{"__type": "a\\u001b[2J b"}', 400), "HTTP status 400", NO_ANSWER),
    "error-long": (_replaced(b'{"__type": "%s"}' % (b"x" * 99), 400), "HTTP status 400", NO_ANSWER),
}
CURES: Final = (
    r"Rotate again\. If the error persists|The retry of the rotation may succeed|then rotate again"
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A place where an operation is called: a strategy, its state at the start, and the step."""

    subject: str
    state: str
    step: Step

    def staged(self) -> tuple[Rotation, str]:
        """Run the steps before this one. There is little time, so that the proof stops soon."""
        rotation = replace(prepared(self.subject, self.state), timeout=60)
        token = rotation.stage()
        for step in Step:
            if step is self.step:
                break
            rotation.step(step, token)
        return rotation, token


def _scenes() -> Mapping[str, Sequence[Scene]]:
    """Find the steps that call each operation, once per strategy, by running them."""
    found: dict[tuple[str, str, bool], Scene] = {}
    for subject in REGISTRY:
        for state in ("steady", "given_up", *STATES):
            rotation = prepared(subject, state)
            token = rotation.stage()
            for step in Step:
                rotation.cloud.fuse.arm()
                rotation.step(step, token)
                beyond_aws = OPERATIONS | DATABASE_CALLS | {LOG_IN}
                for operation in sorted(set(rotation.cloud.fuse.calls) - beyond_aws):
                    scene = Scene(subject=subject, state=state, step=step)
                    # A first key is proven before it is stored.
                    first = operation == "get_caller_identity" and step is Step.CREATE
                    found.setdefault((operation, subject, first), scene)
    return {
        operation: [scene for (called, _, _), scene in found.items() if called == operation]
        for operation, _, _ in found
    }


SCENES: Final = _scenes()
# An operation without rows would be missing from all tests here.
assert ANSWERS.keys() == SCENES.keys()


def _places() -> Iterator[tuple[str, Sequence[Scene], str, Sequence[pytest.MarkDecorator]]]:
    """Divide the scenes of each operation: `make test` runs one strategy, if it calls it."""
    for operation, scenes in SCENES.items():
        ours = [scene for scene in scenes if scene.subject == REPRESENTATIVE.name] or scenes
        others = [scene for scene in scenes if scene not in ours]
        yield operation, ours, operation, []
        if others:
            yield operation, others, f"{operation}-other-strategies", [pytest.mark.slow]


def _identified(rows: Iterable[Row]) -> list[Any]:
    return [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in rows]


@pytest.fixture(scope="module")
def served() -> Iterator[Wire]:
    SdkClients.__call__.cache_clear()
    with serving() as wire:
        yield wire
    # They have the address of the server.
    SdkClients.__call__.cache_clear()


@pytest.fixture
def wire(served: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The services at the address that the SDK's clients use; a sleep only moves the clock."""
    served.serve(Cloud())
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIAFUNCTION00000000",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": served.url,
        "AWS_SECRET_ACCESS_KEY": "function",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "sleep", served.pass_time)
    return served


@pytest.fixture(scope="module")
def clients() -> FakeClients:
    """The SDK's clients, in place of those of the harness."""
    return cast("FakeClients", SdkClients())


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


def _event(**change: object) -> dict[str, object]:
    event = {"Step": "createSecret", "SecretId": ARN, "ClientRequestToken": "a" * 36}
    return _changed(event, change)


def _settings(subject: str, *, options: Mapping[str, object] | None = None) -> dict[str, Any]:
    return {
        "strategy": subject,
        "secret_arn_pattern": THE_ARN,
        "minimum_overlap_minutes": 0,
        "constants": CONSTANTS,
        "options": _changed(options_of(subject), options or {}),
    }


def _changed(good: Mapping[str, object], change: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**good, **change}.items() if value is not ABSENT}


def _failed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, event: object, settings: str | None
) -> RotationError:
    """Invoke the function, which must fail before any call."""
    monkeypatch.delenv("ROTATION_SETTINGS", raising=False)
    if settings is not None:
        monkeypatch.setenv("ROTATION_SETTINGS", settings)
    with pytest.raises(RotationError) as caught:
        handler.lambda_handler(event, Context())
    assert wire.cloud.fuse.calls == []
    assert len(str(caught.value)) < 500
    return caught.value


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
def test_the_options_are_valid_without_the_change_of_a_row(subject: str) -> None:
    build(subject, OptionReader(options_of(subject), path="options"), FakeClients(Cloud()))


# The others call more services than AWS, which this server does not have.
@pytest.mark.parametrize("subject", [FEW_SLOTS, GENERATOR])
def test_event_and_settings_are_valid_without_the_change_of_a_row(
    subject: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = prepared(subject, "empty")
    wire.serve(rotation.cloud)
    settings = _settings(subject)
    settings["secret_arn_pattern"] = f"{rotation.secret.arn[:-6]}??????"
    monkeypatch.setenv("ROTATION_SETTINGS", json.dumps(settings))
    event = _event(SecretId=rotation.secret.arn, ClientRequestToken=rotation.stage())
    handler.lambda_handler({**event, "RotationToken": "a" * 36}, Context())
    assert "put_secret_value" in rotation.cloud.fuse.calls
    assert wire.defects == []


def test_nothing_is_made_with_an_sdk_that_does_not_know_the_rotation_token(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = prepared(FEW_SLOTS, "empty")
    wire.serve(rotation.cloud)
    settings = _settings(FEW_SLOTS)
    settings["secret_arn_pattern"] = f"{rotation.secret.arn[:-6]}??????"
    monkeypatch.setenv("ROTATION_SETTINGS", json.dumps(settings))
    event = _event(SecretId=rotation.secret.arn, ClientRequestToken=rotation.stage())
    model = handler._clients("secretsmanager").meta.service_model  # noqa: SLF001
    shapes = model._service_description["shapes"]  # noqa: SLF001 -- botocore has no other way
    monkeypatch.delitem(shapes["PutSecretValueRequest"]["members"], "RotationToken")
    with pytest.raises(ConfigurationError, match="know the field RotationToken"):
        handler.lambda_handler({**event, "RotationToken": "a" * 36}, Context())
    assert not {"create_access_key", "put_secret_value"} & {*rotation.cloud.fuse.calls}


@pytest.mark.parametrize(("field", "wrongness", "value", "allowed"), _identified(EVENTS))
def test_a_wrong_event_is_refused(
    field: str,
    wrongness: str,
    value: object,
    allowed: str,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del wrongness
    settings = json.dumps(_settings(GENERATOR))
    error = _failed(wire, monkeypatch, _event(**{field: value}), settings)
    assert type(error) is ProtocolError
    assert str(error).startswith(f"Field {field} of the event must be {allowed}. Found: ")
    assert ". Let Secrets Manager invoke the function, by " in str(error)
    if field == "RotationToken" and value:
        assert str(value) not in str(error)


@pytest.mark.parametrize("event", [pytest.param(NO_OBJECTS[name], id=name) for name in NO_OBJECTS])
def test_an_event_that_is_not_an_object_is_refused(
    event: object, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _failed(wire, monkeypatch, event, json.dumps(_settings(GENERATOR)))
    assert type(error) is ProtocolError
    assert "Field (all) of the event must be an object. Found: " in str(error)
    assert ". Let Secrets Manager invoke the function, by " in str(error)


@pytest.mark.parametrize(("field", "wrongness", "value", "allowed"), _identified(SETTINGS))
def test_a_wrong_setting_is_refused(
    field: str,
    wrongness: str,
    value: object,
    allowed: str,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del wrongness
    settings = json.dumps(_changed(_settings(GENERATOR), {field: value}))
    _refused_setting(_failed(wire, monkeypatch, _event(), settings), field, _rule(allowed))


@pytest.mark.parametrize(
    ("subject", "field", "wrongness", "value", "allowed"),
    [
        subject_case(one.name, *row, id=f"{one.name}-{row[0]}-{row[1]}")
        for one in ROTATORS
        for row in one.unit.bad_input.options
    ],
)
def test_a_wrong_option_is_refused(
    subject: str,
    field: str,
    wrongness: str,
    value: object,
    allowed: str,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = json.dumps(_settings(subject, options={field: value}))
    error = _failed(wire, monkeypatch, _event(), settings)
    # The excluded characters leave a class empty, so the message is about the classes.
    blamed = "character_classes" if wrongness == "whole-class" else field
    _refused_setting(error, f"options.{blamed}", _rule(allowed))


def _rule(allowed: str) -> str:
    return allowed if allowed == UNKNOWN else f"must be {allowed}"


def _refused_setting(error: RotationError, field: str, allowed: str) -> None:
    assert type(error) is ConfigurationError
    assert str(error).startswith(f"Setting ROTATION_SETTINGS.{field} {allowed}. Found: ")
    assert re.search(
        r"\. (Change|Remove) it .* the module's variables and apply again\.$", str(error)
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="absent"),
        *(pytest.param(text, id=name) for name, text in NO_JSON_OBJECTS.items()),
    ],
)
def test_settings_that_are_not_a_json_object_are_refused(
    text: str | None, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _failed(wire, monkeypatch, _event(), text)
    assert type(error) is ConfigurationError
    assert str(error).startswith("Setting ROTATION_SETTINGS must be a JSON object. Found: ")
    assert ". Change it in the module's variables" in str(error)


def _positions(subject: str) -> list[tuple[str, Step]]:
    """Return where a step reads a wrong value: in AWSCURRENT, and in the pending version."""
    positions = [("AWSCURRENT", Step.CREATE), ("AWSPENDING", Step.CREATE)]
    if isinstance(prepared(subject, "empty").strategy(FakeClients(Cloud())), Issuer):
        positions.append(("AWSPENDING", Step.TEST))
    return positions


def _refused_content(subject: str, text: str, sentence: str) -> int:
    positions = _positions(subject)
    for label, step in positions:
        rotation = prepared(subject, "steady")
        token = rotation.stage()
        rotation.secret.versions[rotation.secret.labels[label]].text = text
        before = rotation.cloud.snapshot()
        with pytest.raises(ConfigurationError, match=f"{sentence}.* The version was not changed"):
            rotation.step(step, token)
        assert rotation.cloud.snapshot() == before
    return len(positions)


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
@pytest.mark.parametrize("text", [pytest.param(CONTENTS[name], id=name) for name in CONTENTS])
def test_a_value_of_no_strategy_is_refused(subject: str, text: str, cases: CountCases) -> None:
    good = json.dumps(prepared(subject, "steady").secret.value())
    if text.startswith("GOOD, "):
        good = good.removesuffix("}")
    shape = "must be a JSON object with the string"
    cases(_refused_content(subject, text.replace("GOOD", good), shape))


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
def test_a_value_with_a_repeated_name_is_refused(subject: str, cases: CountCases) -> None:
    good = prepared(subject, "steady").secret.value()
    count = 0
    for name, _, _, _ in UNITS[subject].bad_input.fields:
        twice = f'{{"{name}": "first", {json.dumps(good).removeprefix("{")}'
        assert json.loads(twice) == good
        count += _refused_content(subject, twice, "must be a JSON object with the string")
    cases(count)


@pytest.mark.parametrize(
    ("subject", "field", "wrongness", "value", "sentence"),
    [
        subject_case(one.name, *row, id=f"{one.name}-{row[0]}-{row[1]}")
        for one in ROTATORS
        for row in one.unit.bad_input.fields
    ],
)
def test_a_value_with_a_wrong_field_is_refused(
    subject: str, field: str, wrongness: str, value: object, sentence: str, cases: CountCases
) -> None:
    del wrongness
    good = prepared(subject, "steady").secret.value()
    text = json.dumps(_changed(good, {field: value}))
    cases(_refused_content(subject, text, sentence))


def _beside_an_operators_key(record: str) -> Rotation:
    """Make a key as an operator, in the slot that the next rotation needs, and tag the secret."""
    rotation = prepared(FEW_SLOTS, "one_current")
    key = rotation.cloud.add_key(USER)
    start = key.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    words = {
        "TOKEN": "f" * 36,
        "OWNER": digest(f"IamAccessKey IAM user {USER}"),
        "START": start,
    }
    for word, meaning in words.items():
        record = record.replace(word, meaning)
    rotation.secret.tags["rotation-attempt"] = record
    rotation.cloud.time.advance(3600)
    return rotation


@pytest.mark.parametrize("record", [pytest.param(RECORDS[name], id=name) for name in RECORDS])
def test_a_forged_attempt_record_never_deletes_a_key(record: str) -> None:
    rotation = _beside_an_operators_key(record)
    token = rotation.stage()
    before = rotation.cloud.snapshot()
    with pytest.raises(
        ForeignCredential, match=r"Nothing was changed\. Delete a credential that nothing uses"
    ):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before


def test_a_record_in_our_form_would_delete_it() -> None:
    """So the rows above are ignored because of their own fault."""
    rotation = _beside_an_operators_key("TOKEN OWNER START+43+76")
    rotation.step(Step.CREATE, rotation.stage())
    assert len(rotation.cloud.destroyed) == 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """The end of a step with a wrong response."""

    rotation: Rotation
    error: RotationError | None


def _told(scene: Scene, wrong: Wrong, wire: Wire, clients: FakeClients) -> Told:
    """Run a step over the wire with a wrong response; then retry with correct responses."""
    rotation, token = scene.staged()
    wire.serve(rotation.cloud, wrong)
    error: RotationError | None = None
    try:
        rotation.step(scene.step, token, clients=clients)
    except RotationError as caught:
        error = caught
    assert wire.defects == []
    if error is not None:
        assert _kept(rotation.cloud.snapshot()) == _kept(wire.then), "it went on"
        assert error.__cause__ is None
        assert error.__context__ is None
    rotation.retry(token)
    assert_converged(rotation)
    return Told(rotation=rotation, error=error)


def _kept(snapshot: object) -> object:
    """Leave out the record of the attempt, which may or may not be erased."""
    secrets, *others = cast("tuple[Mapping[str, Any], object]", snapshot)
    return [replace(secret, tags={}) for secret in secrets.values()], others


def _action(operation: str) -> str:
    return operation.title().replace("_", "")


@pytest.mark.parametrize(
    ("operation", "scenes", "field", "wrongness", "value", "found"),
    [
        pytest.param(operation, scenes, *row, id=f"{name}-{row[0]}-{row[1]}", marks=marks)
        for operation, scenes, name, marks in _places()
        for row in ANSWERS[operation]
    ],
)
def test_a_response_with_a_wrong_field_is_rejected(
    operation: str,
    scenes: Sequence[Scene],
    field: str,
    wrongness: str,
    value: object,
    found: str,
    wire: Wire,
    clients: FakeClients,
    cases: CountCases,
) -> None:
    del wrongness
    change = drop_field(field) if value is ABSENT else set_field(field, value)
    wrong = Wrong(operation=operation, fields=change)
    if field.startswith("Tags."):
        scenes = [scene for scene in scenes if scene.staged()[0].secret.tags]
        assert scenes, "no secret has tags"
    for scene in scenes:
        error = _told(scene, wrong, wire, clients).error
        if found == UNREADABLE:
            assert type(error) is ServiceUnavailable
            expected = f":{_action(operation)} on .* got no usable response. The retry of the rotat"
        elif found in {NOT_FOUND, OTHER, NUMBER, TIME} or found.startswith("a"):
            assert type(error) is ProtocolError
            whole = f"{field}|{field.partition('.')[0]}"
            answer = f"returned {found} for ({whole}); expected .*"
            expected = (
                f":{_action(operation)} on .* {answer}. Rotate again. If the error persists, check"
            )
        else:
            expected = re.escape(found)
            assert isinstance(error, ConfigurationError | ProtocolError)
        assert re.search(expected, str(error), re.IGNORECASE)
        shown = found.startswith("belongs to")
        assert shown or not isinstance(value, str) or len(value) < 2 or value not in str(error)
    cases(len(scenes))


@pytest.mark.parametrize(
    ("operation", "scenes"),
    [
        pytest.param(operation, scenes, id=name, marks=marks)
        for operation, scenes, name, marks in _places()
    ],
)
@pytest.mark.parametrize("name", BYTES)
def test_a_malformed_response_is_rejected(
    name: str,
    operation: str,
    scenes: Sequence[Scene],
    wire: Wire,
    clients: FakeClients,
    cases: CountCases,
) -> None:
    change, of_json, of_xml = BYTES[name]
    for scene in scenes:
        error = _told(scene, Wrong(operation=operation, reply=change), wire, clients).error
        # If no field of a response is read, its content does not matter.
        assert error is not None or ANSWERS[operation] == []
        if error is not None:
            assert isinstance(error, ProtocolError | ServiceUnavailable)
            says = of_json if hasattr(FakeSecretsManager, operation) else of_xml
            assert re.search(f":{_action(operation)} on .*({says})", str(error))
            assert re.search(CURES, str(error))
    cases(len(scenes))


class _Read(dict[str, Any]):
    """An object that records which of its fields are read."""

    def __init__(self, fields: Mapping[str, Any], path: str, read: set[str]) -> None:
        super().__init__(fields)
        self._path = path
        self._read = read

    def get(self, name: str, default: object = None) -> Any:  # noqa: ANN401 -- as dict's
        path = f"{self._path}.{name}"
        self._read.add(path)
        return _recording(super().get(name, default), path, self._read)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 -- as dict's
        return self.get(name)

    def pop(self, name: str, default: object = None) -> Any:  # noqa: ANN401 -- as dict's
        self._read.add(f"{self._path}.{name}")
        return super().pop(name, default)


def _recording(value: object, path: str, read: set[str]) -> object:
    if isinstance(value, list):
        return [_recording(item, path, read) for item in value]
    return _Read(value, path, read) if isinstance(value, dict) else value


@dataclass(frozen=True)
class _RecordingClients:
    """The fake clients, whose responses record which fields are read."""

    clients: FakeClients
    read: set[str] = dataclasses.field(default_factory=set)

    def __call__(self, service: str, /, *, attempts: int = 3) -> _RecordingClient:
        return _RecordingClient(self.clients(service, attempts=attempts), self.read)

    def of(self, service: str, /, *, key_id: str, secret: str) -> _RecordingClient:
        return _RecordingClient(self.clients.of(service, key_id=key_id, secret=secret), self.read)


@dataclass(frozen=True)
class _RecordingClient:
    client: FakeSecretsManager | FakeIam | FakeSts
    read: set[str]
    meta = FakeIam.meta

    def __getattr__(self, operation: str) -> Any:  # noqa: ANN401 -- one of the client's methods
        def call(**request: object) -> object:
            answer: Answer = getattr(self.client, operation)(**request)
            return _recording(answer, operation, self.read)

        return call


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
def test_every_field_that_is_read_from_a_response_has_rows(subject: str) -> None:
    read: set[str] = set()
    for state in STATES:
        rotation = prepared(subject, state)
        clients = _RecordingClients(FakeClients(rotation.cloud), read)
        token = rotation.stage()
        for step in Step:
            rotation.step(step, token, clients=cast("FakeClients", clients))
    rows = {f"{operation}.{row[0]}" for operation in ANSWERS for row in ANSWERS[operation]}
    # The names in VersionIdsToStages are ids of versions.
    assert {path for path in read if "VersionIdsToStages." not in path} <= rows


def test_every_field_with_rows_is_read() -> None:
    """Otherwise its rows would test nothing."""
    read: set[str] = set()
    for subject in REGISTRY:
        for state in STATES:
            rotation = prepared(subject, state)
            clients = _RecordingClients(FakeClients(rotation.cloud), read)
            token = rotation.stage()
            for step in Step:
                rotation.step(step, token, clients=cast("FakeClients", clients))
    assert {f"{operation}.{row[0]}" for operation in ANSWERS for row in ANSWERS[operation]} <= read


def test_every_field_of_an_event_has_rows() -> None:
    read: set[str] = set()
    Event.parse(_Read(_event(), "", read), secret_arn_pattern=THE_ARN)
    assert read == {f".{row[0]}" for row in EVENTS}


def test_every_setting_has_rows() -> None:
    assert {row[0] for row in SETTINGS} >= _settings(GENERATOR).keys()


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
def test_every_option_that_is_read_has_rows(subject: str) -> None:
    read: set[str] = set()
    fields = OptionReader({}, path="options")
    fields._fields = _Read(options_of(subject), "", read)  # OptionReader makes a copy.
    build(subject, fields, FakeClients(Cloud()))
    assert read <= {f".{row[0]}" for row in UNITS[subject].bad_input.options}


@pytest.mark.parametrize("subject", _EACH_STRATEGY)
def test_every_field_that_parse_reads_has_rows(subject: str) -> None:
    rotation = prepared(subject, "steady")
    read: set[str] = set()
    strategy = rotation.strategy(FakeClients(rotation.cloud))
    assert strategy.parse(_Read(rotation.secret.value(), "", read)) is not None
    assert read == {f".{row[0]}" for row in UNITS[subject].bad_input.fields}
