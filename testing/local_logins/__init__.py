"""Bedrock, CodeCommit and Keyspaces as far as they let users of the local AWS in."""

from testing.local_logins.serve import LocalLogins, local_logins

__all__ = ["LocalLogins", "local_logins"]
