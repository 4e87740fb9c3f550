"""An access key of an IAM user."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from functools import partial

from rotation_conformance.rotator import MakeStrategy
from testing.harness.account import Aws, Secret, eventually, is_accepted
from testing.harness.terraform import Terraform
from tests.e2e.scenarios import RECORD, REVOKE, SEARCH, Grants, a_clean_rotation
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Deployed, Leaks, complete, denied, pids, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject, user_calls
from tests.strategies import (
    NOT_SHOWN,
    PASTED,
    Change,
    Effect,
    RotatorUnderTest,
    Rule,
)
from tests.unit.bad_input import A_USER, ABSENT, HEADER, SECONDS, UNKNOWN, BadInput
from tests.unit.cloud import Cloud
from tests.unit.rotator import Rotation
from tests.unit.services import IamUser
from tests.unit.subject import CONSTANTS, USER, Kind, Unit, held_by_users, strategy, user_arn


def _store_a_report(aws: Aws, outputs: Json, value: Mapping[str, str]) -> None:
    s3 = aws.client(
        "s3",
        aws_access_key_id=value["AccessKeyId"],
        aws_secret_access_key=value["SecretAccessKey"],
    )
    place = {"Bucket": outputs["bucket"], "Key": f"reports/{value['UserName']}"}
    s3.put_object(**place, Body=b"report")
    if s3.get_object(**place)["Body"].read() != b"report":
        raise NotWorkingError


def _require_two_keys(aws: Aws, secret: Secret) -> None:
    named = [secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    listed = partial(aws.client("iam").list_access_keys, UserName=named[0]["UserName"])
    eventually(
        "The list of both",
        lambda: {key["AccessKeyId"] for key in listed()["AccessKeyMetadata"]},
        lambda found: found == {key["AccessKeyId"] for key in named},
    )
    eventually("The keys' acceptance", lambda: all(is_accepted(aws, key) for key in named))


class _Walk(Walk):
    """The value is a user's key; STS says which keys work."""

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        keys = [json.loads(text) for text in self.values]
        retired, living = keys[:-2], keys[-2:]
        eventually("The rejection", lambda: not any(is_accepted(aws, key) for key in retired))
        assert all(is_accepted(aws, key) for key in living)
        answer = aws.client("iam").list_access_keys(UserName=secret.value()["UserName"])
        held = {key["AccessKeyId"] for key in answer["AccessKeyMetadata"]}
        assert held == {key["AccessKeyId"] for key in living}


class _MigratedKeyWalk(_Walk):
    """The user and its fixed key exist before the example."""

    guarded_by = "tests/unit/test_iam_access_key_ownership.py"

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        iam = aws.client("iam")
        iam.create_user(UserName="uploader")
        key = iam.create_access_key(UserName="uploader")["AccessKey"]
        fixed = {name: key[name] for name in ("AccessKeyId", "SecretAccessKey")}
        self.values.append(json.dumps(fixed))
        self.variables["adopted_access_key_id"] = fixed["AccessKeyId"]
        yield
        for one in iam.list_access_keys(UserName="uploader")["AccessKeyMetadata"]:
            iam.delete_access_key(UserName="uploader", AccessKeyId=one["AccessKeyId"])
        iam.delete_user(UserName="uploader")

    def conclude(self, terraform: Terraform, secret: Secret) -> None:
        terraform.set(adopted_access_key_id=None)
        assert terraform.apply().endswith("0 added, 1 changed, 0 destroyed.")
        assert secret.text() == self.values[-1]

    def left_behind(self) -> set[str]:
        keys = [json.loads(text)["AccessKeyId"] for text in self.values[-2:]]
        return {f"iam list_access_keys {key}" for key in keys}


def _kill_after_issuing(deployed: Deployed) -> None:
    """Kill the process while it waits until the new key works."""
    iam, name = deployed.aws.client("iam"), {"UserName": deployed.secret.value()["UserName"]}

    def keys() -> set[str]:
        found = iam.list_access_keys(**name)["AccessKeyMetadata"]
        return {key["AccessKeyId"] for key in found}

    before = keys()
    (pid,) = pids(deployed)
    with deployed.aws.switched(key_propagation_seconds=3600):
        rotation = deployed.secret.rotate()
        eventually("The new key", lambda: keys() - before)
        os.kill(pid, signal.SIGKILL)
        eventually("The death", lambda: pid not in pids(deployed))
    complete(deployed, rotation)


def _add_a_foreign_key(deployed: Deployed) -> None:
    """Replace the previous key by one that the module did not make."""
    iam, value = deployed.aws.client("iam"), deployed.secret.value()
    name = {"UserName": value["UserName"]}
    for key in iam.list_access_keys(**name)["AccessKeyMetadata"]:
        if key["AccessKeyId"] != value["AccessKeyId"]:
            iam.delete_access_key(**name, AccessKeyId=key["AccessKeyId"])
    foreign = iam.create_access_key(**name)["AccessKey"]["AccessKeyId"]
    rotation = deployed.secret.rotate()
    assert deployed.failure(rotation) == "ForeignCredential"
    iam.delete_access_key(**name, AccessKeyId=foreign)
    complete(deployed, rotation)


_RULES = (
    Rule(
        id="user_name",
        text="rotation.iam_access_key.user_name must have 1 to 64 letters",
        refused={"user_name": "apps/uploader"},
        found='"apps/uploader".',
        accepted={"user_name": "up.loader_+=,@-1"},
    ),
    Rule(
        id="former_user_names",
        text="rotation.iam_access_key.former_user_names must have names of the user before",
        refused={"former_user_names": ["uploader"]},
        found='["uploader"].',
        accepted={"former_user_names": ["former"]},
    ),
    Rule(
        id="user_path",
        text="rotation.iam_access_key.user_path must begin and end with a slash",
        refused={"user_path": "/*/"},
        found='"/*/".',
        accepted={"user_path": "/apps/reports/"},
    ),
    Rule(
        id="adopted_access_key_id",
        text="rotation.iam_access_key.adopted_access_key_id must be the ID of an access key",
        refused={"adopted_access_key_id": PASTED},
        found=NOT_SHOWN,
        accepted={"adopted_access_key_id": "AKIAIOSFODNN7EXAMPLE"},
    ),
    Rule(
        id="settling_seconds",
        text="rotation.iam_access_key.settling_seconds must be a whole number from 0 to 60",
        refused={"settling_seconds": 61},
        found="61.",
        accepted={"settling_seconds": 0},
    ),
    Rule(
        id="constants",
        text="rotation.iam_access_key.constants must not have a key that the credential itself has",
        refused={"constants": {"SessionToken": "x"}},
        found='["SessionToken"].',
        accepted={"constants": {"bucket": "reports"}},
    ),
    Rule(
        id="constants-null",
        text="rotation.iam_access_key.constants must not have a null",
        refused={"constants": {"a": None}},
        found='["a"].',
        accepted={"constants": {"a": ""}},
    ),
)


def iam_strategy(
    user: str = USER,
    *,
    adopted: str | None = None,
    settling: int = 2,
    ses_smtp_region: str | None = None,
) -> MakeStrategy:
    return strategy(
        "iam_access_key",
        ses_smtp_region=ses_smtp_region,
        user_arn=user_arn(user),
        adopted_access_key_id=adopted,
        settling_seconds=settling,
    )


def iam_access_key(cloud: Cloud) -> Rotation:
    if USER not in cloud.users:
        cloud.add_user(USER)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/uploader"),
        strategy=iam_strategy(),
        service=IamUser(cloud, USER),
        constants=CONSTANTS,
    )


def _adopted(rotation: Rotation) -> Rotation:
    """Adopt a key that applications use, before the first rotation."""
    assert isinstance(rotation.service, IamUser)
    return rotation.changed(iam_strategy(adopted=rotation.service.adopt()))


def _adopted_and_current(rotation: Rotation) -> Rotation:
    rotation = _adopted(rotation)
    rotation.rotate()
    return rotation


_A_KEY = "the id of a user's access key, such as AKIAIOSFODNN7EXAMPLE, or null"
_NO_KEY = "must be a JSON object with the strings AccessKeyId, SecretAccessKey and UserName"
_A_REGION = "a region, such as eu-west-1, or null"

_BAD_INPUT = BadInput(
    options=[
        ("former_user_names", "null", None, "a list of strings"),
        ("former_user_names", "text", "former", "a list of strings"),
        ("former_user_names", "path", ["apps/former"], "a list of names of IAM users"),
        ("user_arn", "absent", ABSENT, A_USER),
        ("user_arn", "null", None, A_USER),
        ("user_arn", "empty", "", A_USER),
        ("user_arn", "number", 7, A_USER),
        ("user_arn", "name", USER, A_USER),
        ("user_arn", "role", user_arn(USER).replace(":user/", ":role/"), A_USER),
        ("user_arn", "root", "arn:aws:iam::123456789012:root", A_USER),
        ("user_arn", "session", user_arn(USER).replace(":iam:", ":sts:"), A_USER),
        ("user_arn", "short-account", user_arn(USER).replace("123456789012", "1234"), A_USER),
        ("user_arn", "region", user_arn(USER).replace("iam::", "iam:eu-west-1:"), A_USER),
        ("user_arn", "wildcard", user_arn("*"), A_USER),
        ("user_arn", "space", user_arn("a b"), A_USER),
        ("user_arn", "query", user_arn("a&UserName=root"), A_USER),
        ("user_arn", "line-end", f"{user_arn(USER)}\n", A_USER),
        ("user_arn", "header", f"{user_arn(USER)}{HEADER}", A_USER),
        ("user_arn", "other-letters", user_arn("upløader"), A_USER),
        ("user_arn", "long-name", user_arn("u" * 65), A_USER),
        ("user_arn", "long-path", user_arn(f"{'p' * 600}/u"), A_USER),
        ("ses_smtp_region", "empty", "", _A_REGION),
        ("ses_smtp_region", "number", 7, _A_REGION),
        ("ses_smtp_region", "flag", True, _A_REGION),
        ("ses_smtp_region", "zone", "eu-west-1a", _A_REGION),
        ("ses_smtp_region", "upper-case", "EU-WEST-1", _A_REGION),
        ("ses_smtp_region", "line-end", "eu-west-1\n", _A_REGION),
        ("adopted_access_key_id", "empty", "", _A_KEY),
        ("adopted_access_key_id", "number", 7, _A_KEY),
        ("adopted_access_key_id", "lower-case", "akiaiosfodnn7example", _A_KEY),
        ("adopted_access_key_id", "short", "AKIA", _A_KEY),
        ("adopted_access_key_id", "long", f"AKIA{'A' * 125}", _A_KEY),
        ("adopted_access_key_id", "of-a-session", "ASIAIOSFODNN7EXAMPLE", _A_KEY),
        ("adopted_access_key_id", "two", ["AKIAIOSFODNN7EXAMPLE"] * 2, _A_KEY),
        ("adopted_access_key_id", "header", f"AKIAIOSFODNN7EXAMPLE{HEADER}", _A_KEY),
        ("settling_seconds", "absent", ABSENT, SECONDS),
        ("settling_seconds", "null", None, SECONDS),
        ("settling_seconds", "negative", -1, SECONDS),
        ("settling_seconds", "half", 1.5, SECONDS),
        ("settling_seconds", "boolean", True, SECONDS),
        ("settling_seconds", "text", "10", SECONDS),
        ("settling_seconds", "long", 61, SECONDS),
        ("settling_seconds", "no-number", float("nan"), SECONDS),
        ("setling_seconds", "misspelt", 1, UNKNOWN),
    ],
    fields=[
        ("AccessKeyId", "absent", ABSENT, _NO_KEY),
        ("AccessKeyId", "null", None, _NO_KEY),
        ("AccessKeyId", "empty", "", _NO_KEY),
        ("AccessKeyId", "number", 7, _NO_KEY),
        ("AccessKeyId", "list", ["AKIA0000000000000001"], _NO_KEY),
        ("AccessKeyId", "object", {}, _NO_KEY),
        ("AccessKeyId", "short", "AKIA", _NO_KEY),
        ("AccessKeyId", "long", "A" * 129, _NO_KEY),
        ("AccessKeyId", "lower-case", "akia0000000000000001", _NO_KEY),
        ("AccessKeyId", "scope", "AKIA0000000000000001/20300101/us-east-1", _NO_KEY),
        ("AccessKeyId", "line-end", "AKIA0000000000000001\n", _NO_KEY),
        ("AccessKeyId", "header", f"AKIA0000000000000001{HEADER}", _NO_KEY),
        ("AccessKeyId", "other-letters", "\uff21KIA0000000000000001", _NO_KEY),
        ("AccessKeyId", "null-character", "AKIA0000000000000001\0", _NO_KEY),
        ("SecretAccessKey", "absent", ABSENT, _NO_KEY),
        ("SecretAccessKey", "null", None, _NO_KEY),
        ("SecretAccessKey", "empty", "", _NO_KEY),
        ("SecretAccessKey", "number", 7, _NO_KEY),
        ("SecretAccessKey", "boolean", True, _NO_KEY),
        ("SecretAccessKey", "object", {"value": "x"}, _NO_KEY),
        ("SecretAccessKey", "space", "secret of key", _NO_KEY),
        ("SecretAccessKey", "line-end", "secret-of-key\n", _NO_KEY),
        ("SecretAccessKey", "header", f"secret-of-key{HEADER}", _NO_KEY),
        ("SecretAccessKey", "other-letters", "gehëim", _NO_KEY),
        ("SecretAccessKey", "half-a-character", "\ud800", _NO_KEY),
        ("SecretAccessKey", "long", "s" * 257, _NO_KEY),
        ("UserName", "absent", ABSENT, _NO_KEY),
        ("UserName", "null", None, _NO_KEY),
        ("UserName", "empty", "", _NO_KEY),
        ("UserName", "number", 7, _NO_KEY),
        ("UserName", "list", [USER], _NO_KEY),
        ("UserName", "path", f"apps/{USER}", _NO_KEY),
        ("UserName", "wildcard", "*", _NO_KEY),
        ("UserName", "policy-variable", "${aws:username}", _NO_KEY),
        ("UserName", "query", f"{USER}&UserName=root", _NO_KEY),
        ("UserName", "arn", user_arn(USER), _NO_KEY),
        ("UserName", "line-end", f"{USER}\n", _NO_KEY),
        ("UserName", "header", f"{USER}{HEADER}", _NO_KEY),
        ("UserName", "other-letters", "upl\u043eader", _NO_KEY),
        ("UserName", "long", "u" * 65, _NO_KEY),
        ("UserName", "other-user", "other", "has a credential of another owner than"),
        ("UserName", "other-case", USER.title(), "has a credential of another owner than"),
    ],
)

STRATEGY = RotatorUnderTest(
    name="iam_access_key",
    rules=_RULES,
    changes={
        "adopted_access_key_id": Change(effect=Effect.CARRIED, after="AKIAIOSFODNN7EXAMPLE"),
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
        "former_user_names": Change(effect=Effect.CARRIED, after=["reporter"]),
        "ses_smtp": Change(effect=Effect.CARRIED, after=True),
        "settling_seconds": Change(effect=Effect.CARRIED, after=0),
        "user_name": Change(effect=Effect.REFUSED, after="reporter"),
        "user_path": Change(effect=Effect.ROTATES, after="/apps/"),
    },
    options={"user_name": "uploader"},
    load=Subject(
        word="uploader",
        variables={
            "minimum_overlap_minutes": "0",
            "recovery_window_in_days": "0",
            "settling_seconds": "0",
        },
        further=partial(user_calls, "uploader"),
        use=_store_a_report,
        require_bounded=_require_two_keys,
    ),
    faults={
        "CreateAccessKey": Fault.SILENT,
        "DeleteAccessKey": Fault.BROKEN,
        "ListAccessKeys": Fault.LATE,
        "PutSecretValue": Fault.TRUNCATED,
        "TagResource": Fault.THROTTLED,
    },
    represents_all=True,
    secret_fields=frozenset({"SecretAccessKey", "SmtpPassword"}),
    walks={"iam-access-key": _Walk, "migrate-a-fixed-key": _MigratedKeyWalk},
    grants=Grants(
        planned={"user_name": "uploader", "user_path": "/apps/"},
        rotation={
            "settling_seconds": 0,
            "user_name": "${aws_iam_user.rotated.name}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        scenarios={
            **SEARCH,
            **RECORD,
            **REVOKE,
            ("RotateKeysOfThisUser", "iam:CreateAccessKey"): a_clean_rotation,
            ("RotateKeysOfThisUser", "iam:DeleteAccessKey"): a_clean_rotation,
            ("RotateKeysOfThisUser", "iam:ListAccessKeys"): a_clean_rotation,
        },
        arguments={
            "iam:CreateAccessKey": {},
            "iam:DeleteAccessKey": {"AccessKeyId": "AKIA0000000000000000"},
            "iam:ListAccessKeys": {},
        },
    ),
    leaks=Leaks(
        rotation={
            "ses_smtp": True,
            "settling_seconds": 0,
            "user_name": "${aws_iam_user.rotated.name}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        failures={
            "killed-after-issuing": _kill_after_issuing,
            "foreign-key": _add_a_foreign_key,
            "wrong-content": wrong_content(lambda mark: json.dumps({"SecretAccessKey": mark})),
        },
        slow_failures={
            "create-denied": denied("iam:CreateAccessKey"),
            "delete-denied": denied("iam:DeleteAccessKey"),
            "list-denied": denied("iam:ListAccessKeys"),
            "record-denied": denied("secretsmanager:TagResource"),
            "text": wrong_content(lambda mark: mark),
            "truncated": wrong_content(lambda mark: f'{{"SecretAccessKey": "{mark}"'),
            "name": wrong_content(lambda mark: json.dumps({mark: "name"})),
            "another-user": wrong_content(
                lambda mark: json.dumps(
                    {"AccessKeyId": "A" * 20, "SecretAccessKey": mark, "UserName": "another"}
                )
            ),
        },
        issued=lambda aws, _: aws.issued(),
    ),
    unit=Unit(
        bad_input=_BAD_INPUT,
        make=iam_access_key,
        kind=Kind.FEW_SLOTS,
        represents_kind=True,
        held=held_by_users,
        printable=frozenset({"AccessKeyId", "UserName", "Version"}),
        states={"adopted": _adopted, "adopted_and_current": _adopted_and_current},
    ),
)
