"""The permissions that a publisher needs for the customer managed key of a topic.

https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import kms, sns

from testing.local_aws.patching import Function, Response, around

_REQUIRED: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_DENIED: Final = 400

_publisher: ContextVar[str] = ContextVar("local_aws_publisher", default="")


@around(sns, "handle_request")
async def handle_request(original: Function, *request: Any) -> Response:
    """Remember whose request it is."""
    _, _, headers, _, query = request
    _publisher.set(extract_access_key_id(headers, query) or "")
    response: Response = await original(*request)
    return response


@around(sns, "_publish")
def publish(original: Function, params: Any) -> Response:
    """Require the permissions that SNS uses for the publisher.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    topic = sns._topic_by_arn_any_scope(sns._p(params, "TopicArn"))
    key = kms._resolve_key((topic or {"attributes": {}})["attributes"].get("KmsMasterKeyId"))
    response: Response
    if topic is not None and key is not None and not _may_use(key["Arn"], topic["arn"]):
        response = sns._error("KMSAccessDenied", "The publisher has no access to KMS.", _DENIED)
    else:
        response = original(params)
    return response


def _may_use(key_arn: str, topic_arn: str) -> bool:
    context = {
        "kms:ViaService": f"sns.{get_region()}.amazonaws.com",
        "kms:CallerAccount": get_account_id(),
        "kms:EncryptionContextKeys": ["aws:sns:topicArn"],
        "kms:EncryptionContext:aws:sns:topicArn": topic_arn,
    }
    return not any(
        iam_evaluator.enforce(
            _publisher.get(),
            action,
            "kms",
            get_region(),
            resource_arn=key_arn,
            service_context=context,
        )
        for action in _REQUIRED
    )
