import json
import os
import subprocess
import sys
from functools import partial

import pytest

from testing.harness.account import Aws
from testing.local_aws.launch import ACCOUNT_ID, REGION
from testing.real_aws.cleanup import Cleaned, clean
from testing.real_aws.run import BadRunError, Run
from testing.real_aws.tests import creations
from testing.real_aws.tests.conftest import QuickAws, everything
from testing.real_aws.tests.creations import CREATIONS

# A run in an account depends on them, and no user of the module.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real-aws-cleanup")]

_RUN = Run("rst-20270131-0a1b2c3d")
_OTHER_RUN = Run("rst-20270131-0a1b2c3e")
_NAME = f"{_RUN.prefix}1"


def _clean(aws: Aws, patience: float = 30) -> Cleaned:
    return clean(aws, _RUN, report=lambda _: None, patience=patience, pause=0)


@pytest.fixture(scope="module")
def planted(aws: QuickAws) -> frozenset[str]:
    """The account with resources that the run did not create, two of each kind."""
    for create in CREATIONS:
        create(aws, "uploader", {"team": _RUN.id, "rotating-secret": _RUN.id})
        create(aws, f"of-{_RUN.id}-1", _OTHER_RUN.tags)
    return everything(aws)


@pytest.mark.parametrize(
    "last",
    [pytest.param(number, id=create.__name__) for number, create in enumerate(CREATIONS)],
)
def test_nothing_is_left_of_a_run_that_ended_after(
    aws: QuickAws, planted: frozenset[str], last: int
) -> None:
    for create in CREATIONS[: last + 1]:
        create(aws, _NAME, _RUN.tags)
    assert everything(aws) != planted

    cleaned = _clean(aws)

    assert cleaned.left == ()
    assert everything(aws) == planted


def test_the_tag_is_enough(aws: QuickAws, planted: frozenset[str]) -> None:
    """The examples have names of their own."""
    untagged = {creations.layer, creations.schedule}
    for create in CREATIONS:
        if create not in untagged:
            create(aws, "assistant", _RUN.tags)

    assert _clean(aws).left == ()
    assert everything(aws) == planted


def test_the_prefix_is_enough(aws: QuickAws, planted: frozenset[str]) -> None:
    """An interruption can come between the creation of a bucket and its tags."""
    networks = {creations.network, creations.key}
    for create in CREATIONS:
        if create not in networks:
            create(aws, _NAME, {})

    assert _clean(aws).left == ()
    assert everything(aws) == planted


def test_a_resource_that_cannot_be_removed_is_listed(
    aws: QuickAws, planted: frozenset[str]
) -> None:
    """The clean-up does not change a foreign user that has a policy of the run."""
    iam = aws.client("iam")
    creations.policy(aws, _NAME, _RUN.tags)
    creations.queue(aws, _NAME, _RUN.tags)
    which = {"UserName": "uploader", "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/{_NAME}"}
    iam.attach_user_policy(**which)

    cleaned = _clean(aws, patience=1)

    assert cleaned.left == (f"policy {_NAME}: DeletePolicy answered DeleteConflict.",)
    assert [one for one in cleaned.removed if one.startswith("queue ")]
    iam.detach_user_policy(**which)
    assert _clean(aws).left == ()
    assert everything(aws) == planted


def test_a_foreign_key_that_cannot_be_read_is_listed_and_hides_no_other(
    aws: QuickAws, planted: frozenset[str]
) -> None:
    kms = aws.client("kms")
    allow = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": "*"}
    deny = {**allow, "Effect": "Deny", "Action": "kms:DescribeKey"}

    def policy(*statements: object) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    foreign = kms.create_key(Policy=policy(allow, deny))["KeyMetadata"]["KeyId"]
    creations.key(aws, _NAME, _RUN.tags)

    cleaned = _clean(aws, patience=1)

    assert cleaned.left == (f"key {foreign}: DescribeKey answered AccessDeniedException.",)
    assert [one for one in cleaned.removed if one.startswith("key ")]
    kms.put_key_policy(KeyId=foreign, PolicyName="default", Policy=policy(allow))
    kms.schedule_key_deletion(KeyId=foreign, PendingWindowInDays=7)
    assert everything(aws) == planted


def test_a_kind_that_cannot_be_read_is_listed(aws: QuickAws, planted: frozenset[str]) -> None:
    creations.user(aws, _NAME, _RUN.tags)
    key = aws.client("iam").create_access_key(UserName=_NAME)["AccessKey"]
    credentials = {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }

    denied = clean(
        QuickAws({}, partial(aws.client, **credentials)), _RUN, patience=0, report=lambda _: None
    )

    assert "all of secrets: ListSecrets answered AccessDeniedException." in denied.left
    assert _clean(aws).left == ()
    assert everything(aws) == planted


@pytest.mark.parametrize(
    "text", ["", "*", "rst-", "rst-20270131", "rst-20270131-0A1B2C3D", "rst-20270131-0a1b2c3d\n"]
)
def test_an_incomplete_id_is_refused(text: str) -> None:
    with pytest.raises(BadRunError, match="RUN must be the ID"):
        Run(text)


def test_each_run_has_another_id() -> None:
    assert len({Run.start() for _ in range(100)}) == 100


def _command(aws: QuickAws, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "testing.real_aws", *arguments],
        check=False,
        capture_output=True,
        env={**os.environ, **aws.environment},
        text=True,
    )


def test_the_command_removes_only_in_the_named_account(
    aws: QuickAws, planted: frozenset[str]
) -> None:
    creations.queue(aws, _NAME, _RUN.tags)
    before = everything(aws)
    where = ("--region", REGION, "--run", _RUN.id)

    other = _command(aws, "clean", "--account", "210987654321", *where)
    none = _command(aws, "clean", "--account", "", *where)
    assert (other.returncode, none.returncode) == (2, 2)
    assert f"must belong to the account 210987654321. Found: {ACCOUNT_ID}." in other.stderr
    assert 'ACCOUNT must be the 12 digits of the account to use. Found: "".' in none.stderr
    assert everything(aws) == before

    done = _command(aws, "clean", "--account", ACCOUNT_ID, "--pause", "0", *where)
    assert done.returncode == 0, done.stderr
    assert f"/{_NAME}\n" in done.stdout
    assert everything(aws) == planted
