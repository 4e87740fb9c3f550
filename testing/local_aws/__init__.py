"""A local AWS: MiniStack, and what it lacks for the promises of this module."""

from testing.local_aws.launch import ACCOUNT_ID, REGION, LocalAws, NotStartedError, local_aws

__all__ = ["ACCOUNT_ID", "REGION", "LocalAws", "NotStartedError", "local_aws"]
