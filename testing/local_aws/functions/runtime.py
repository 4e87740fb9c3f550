"""What Lambda's runtime for Python does before it imports a function: it sets the level of logging.

A level of DEBUG thus holds for every library of the function, too.
https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
"""

from __future__ import annotations

from typing import Final

from ministack.core import lambda_runtime

from testing.local_aws.patching import Function, Json, around

_LEVEL: Final = "AWS_LAMBDA_LOG_LEVEL"

lambda_runtime._PYTHON_WORKER_SCRIPT = (
    f"""
import logging, os
logging.basicConfig(level=os.environ.get("{_LEVEL}"))
"""
    + lambda_runtime._PYTHON_WORKER_SCRIPT
)


@around(lambda_runtime, "execution_credentials")
def execution_credentials(original: Function, config: Json) -> dict[str, str]:
    """Tell the runtime the level, beside the credentials of the role.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    level = (config.get("LoggingConfig") or {}).get("ApplicationLogLevel")
    given: dict[str, str] = original(config)
    return {**given, _LEVEL: "DEBUG" if level == "TRACE" else level} if level else given
