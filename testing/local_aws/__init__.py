"""A local AWS: MiniStack plus the AWS behaviours that this project's tests need."""

from testing.local_aws.launch import ACCOUNT_ID, REGION, LocalAws, NotStartedError, local_aws

__all__ = ["ACCOUNT_ID", "REGION", "LocalAws", "NotStartedError", "local_aws"]
