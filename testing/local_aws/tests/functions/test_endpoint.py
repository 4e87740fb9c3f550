"""The AWS endpoint of a function's code.

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


def test_a_switch_sets_the_endpoint_of_a_function(
    local: LocalAws, account: Account, create_rotator: CreateRotator, name: str
) -> None:
    functions = account.client("lambda")
    create_rotator()

    def endpoint() -> object:
        # New code starts a new worker, which gets the current endpoint.
        functions.update_function_code(FunctionName=name, ZipFile=package(SOURCE))
        return json.load(functions.invoke(FunctionName=name)["Payload"])

    with local.switched(function_endpoint_url="http://127.0.0.1:1"):
        proxied = endpoint()

    assert (proxied, endpoint()) == ("http://127.0.0.1:1", local.endpoint_url)
