"""The account of the local AWS, as its own tests use it."""

from testing.local_aws.tests.conftest import (
    account,
    create_user,
    iam,
    later,
    local,
    name,
    server,
)

__all__ = ["account", "create_user", "iam", "later", "local", "name", "server"]
