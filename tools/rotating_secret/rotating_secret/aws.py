"""The clients of one region. Each error of AWS becomes a StoppedError without AWS's text."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ProfileNotFound

from rotating_secret.errors import AwsRefusedError, NoSuchSecretError, UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

WORKERS: Final = 8
# The SDK also waits where AWS throttles.
_CONFIG: Final = Config(
    max_pool_connections=WORKERS, retries={"mode": "adaptive", "total_max_attempts": 10}
)


class Region:
    """The clients of one region, each made when first used: to make one takes time."""

    def __init__(self, session: boto3.Session, name: str | None) -> None:
        self.session = session
        self.secrets = session.client("secretsmanager", region_name=name, config=_CONFIG)
        self.name = self.secrets.meta.region_name

    @functools.cached_property
    def trail(self) -> CloudTrailClient:
        """The client of CloudTrail."""
        return self.session.client("cloudtrail", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def keys(self) -> KMSClient:
        """The client of KMS."""
        return self.session.client("kms", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def regions(self) -> Any:  # noqa: ANN401 -- only this one call needs its types
        """The client of EC2, which lists the regions of the account."""
        return self.session.client("ec2", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def functions(self) -> LambdaClient:
        """The client of Lambda."""
        return self.session.client("lambda", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def schedules(self) -> EventBridgeSchedulerClient:
        """The client of EventBridge Scheduler."""
        return self.session.client("scheduler", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def users(self) -> IAMClient:
        """The client of IAM."""
        return self.session.client("iam", region_name=self.name, config=_CONFIG)

    @functools.cached_property
    def logs(self) -> CloudWatchLogsClient:
        """The client of CloudWatch Logs."""
        return self.session.client("logs", region_name=self.name, config=_CONFIG)

    def caller(self) -> str:
        """Return the ARN of the caller, which needs no permission."""
        caller = self.session.client("sts", region_name=self.name, config=_CONFIG)
        with self.asking("sts:GetCallerIdentity", self.name):
            return caller.get_caller_identity()["Arn"]

    @classmethod
    def connect(cls, profile: str | None, name: str | None, like: Self | None = None) -> Self:
        """Make the clients; no call is made. To share the session of another region is faster.

        Raises:
            UsageError: The profile or the region is wrong.
        """
        try:
            return cls(like.session if like else boto3.Session(profile_name=profile), name)
        except ProfileNotFound:
            message = f"--profile must name a profile of the AWS CLI. Found: {profile}."
            raise UsageError(message) from None
        except NoRegionError:
            message = (
                "--region must name a region, because neither AWS_REGION nor the profile does. "
                "Found: none."
            )
            raise UsageError(message) from None
        except ValueError:  # botocore has no class for a region of a wrong form
            message = f"--region must be a region such as eu-west-1. Found: {name}."
            raise UsageError(message) from None

    @contextlib.contextmanager
    def asking(self, action: str, resource: str) -> Iterator[None]:
        """Translate the errors of a call.

        Raises:
            StoppedError: AWS returned an error, or could not be reached.
        """
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException" and action.startswith("secretsmanager:"):
                raise NoSuchSecretError(resource, self.name) from None
            raise AwsRefusedError(action, resource, code) from None
        except BotoCoreError as error:
            raise UnreachableError(action, type(error).__name__) from None
