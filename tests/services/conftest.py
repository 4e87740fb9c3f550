"""The local services and their credentials, as their own tests use them."""

from testing.local_logins.tests.conftest import (
    account,
    check_states,
    create_credential,
    create_user,
    guard,
    iam,
    later,
    local,
    logins,
    name,
    server,
)

__all__ = [
    "account",
    "check_states",
    "create_credential",
    "create_user",
    "guard",
    "iam",
    "later",
    "local",
    "logins",
    "name",
    "server",
]
