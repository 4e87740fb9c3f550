"""Local Bedrock, CodeCommit and Keyspaces: the requests by which a credential is verified."""

from testing.local_logins.serve import LocalLogins, local_logins

__all__ = ["LocalLogins", "local_logins"]
