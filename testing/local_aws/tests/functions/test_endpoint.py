"""Where the code of a function finds AWS.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

import json

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Account, CreateRotator, package

SOURCE = """
import os

def handler(event, context):
    return os.environ["AWS_ENDPOINT_URL"]
"""


def test_a_function_can_be_sent_to_a_proxy(
    local: LocalAws, account: Account, create_rotator: CreateRotator, name: str
) -> None:
    functions = account.client("lambda")
    create_rotator()

    def told() -> object:
        functions.update_function_code(FunctionName=name, ZipFile=package(SOURCE))
        return json.load(functions.invoke(FunctionName=name)["Payload"])

    with local.switched(function_endpoint_url="http://127.0.0.1:1"):
        proxied = told()

    assert (proxied, told()) == ("http://127.0.0.1:1", local.endpoint_url)
