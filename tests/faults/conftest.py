"""The proxy that every function of the account calls AWS through."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy, proxy
from tests.load.account import Account
from tests.load.deployment import original, package


@pytest.fixture(scope="module")
def between(account: Account) -> Iterator[Proxy]:
    """The proxy, with every function behind it."""
    aws = account.aws
    functions = aws.client("lambda")
    deployed = [original(aws, one, account.outputs[one.name]) for one in account.rotators]

    def restart() -> None:
        for one in deployed:
            zipped = package(aws, one.function_name)
            functions.update_function_code(FunctionName=one.function_name, ZipFile=zipped)

    with proxy(account.aws.environment["AWS_ENDPOINT_URL"]) as made:
        with aws.switched(function_endpoint_url=made.url):
            restart()
            # From now on each service has two credentials, so that a rotation must remove one.
            for one in deployed:
                one.secret.rotate_and_wait()
            yield made
        restart()
