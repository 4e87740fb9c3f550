"""Why a command stopped, and with which exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes. argparse exits with USAGE, too."""

    OK = 0
    UNHEALTHY = 1
    USAGE = 2
    REFUSED = 3
    TIMEOUT = 4
    INTERRUPTED = 130


class StoppedError(Exception):
    """The command cannot go on; the message says why and what to do."""

    exit_code = Exit.REFUSED


class UsageError(StoppedError):
    """An argument is wrong."""

    exit_code = Exit.USAGE


class NoSuchSecretError(UsageError):
    """No secret has this name."""

    def __init__(self, name: str, region: str) -> None:
        super().__init__(
            f"NAME must be the name or ARN of a secret in {region}. Found: {name}, which doesn't "
            "exist there. Check the name, --region and --profile."
        )


class AwsRefusedError(StoppedError):
    """AWS returned an error."""

    def __init__(self, action: str, resource: str, code: str) -> None:
        self.action, self.resource, self.code = action, resource, code
        cures = {
            "AccessDenied": "The policy of the caller must allow it; the tool's page has one.",
            "ExpiredToken": "The caller's credentials must be valid: log in again.",
            "InvalidRequest": "The secret must rotate, and must not be scheduled for deletion.",
            "InvalidClientTokenId": "The caller's credentials must be valid: log in again.",
            "UnrecognizedClient": "The caller's credentials must be valid: log in again.",
        }
        cure = cures.get(code.removesuffix("Exception"), "Look the code up in the API reference.")
        super().__init__(f"AWS refused {action} on {resource}. Found: {code}. {cure}")


class UnreachableError(StoppedError):
    """A request did not reach AWS, or was not sent."""

    def __init__(self, action: str, kind: str) -> None:
        super().__init__(
            f"AWS must be reachable for {action}. Found: {kind}. Check the credentials, --profile, "
            "--region and the network."
        )
