"""An access key of an IAM user."""

from collections.abc import Mapping
from functools import partial

from testing.harness.account import Aws, Secret, eventually, is_accepted
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject, user_calls
from tests.strategies import RotatorUnderTest


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


STRATEGY = RotatorUnderTest(
    name="iam_access_key",
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
)
