"""The AWS endpoint of functions: this server, or a proxy in front of it.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

from ministack.core import lambda_runtime

from testing.local_aws.patching import Function, Json, around
from testing.local_aws.switches import Current


@around(lambda_runtime, "execution_credentials")
def execution_credentials(original: Function, config: Json) -> dict[str, str]:
    """Add the endpoint to the environment of a worker when it starts."""
    credentials: dict[str, str] = original(config)
    url = Current.switches.function_endpoint_url
    return credentials | ({"AWS_ENDPOINT_URL": url} if url else {})
