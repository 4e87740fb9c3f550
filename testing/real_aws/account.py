"""The real account that the credentials of the environment belong to."""

import os
import re
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]")


class WrongAccountError(Exception):
    """The credentials are not those of the account that the user named."""


@dataclass(frozen=True)
class RealAws:
    """An account in one Region."""

    account_id: str
    region: str
    environment: dict[str, str]
    session: boto3.Session

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- boto3 makes the type
        """Return a boto3 client with boto3's options."""
        create: Any = self.session.client
        return create(service, **options)


def named_account(account_id: str, region: str) -> RealAws:
    """Return the account, after AWS has confirmed its ID.

    Raises:
        WrongAccountError: The ID is missing, or the credentials belong to another account.
    """
    if not _ACCOUNT_ID.fullmatch(account_id):
        message = f'ACCOUNT must be the 12 digits of the account to use. Found: "{account_id}".'
        raise WrongAccountError(message)
    if not _REGION.fullmatch(region):
        message = f'REGION must be a Region, for example eu-west-1. Found: "{region}".'
        raise WrongAccountError(message)
    session = boto3.Session(region_name=region)
    try:
        found = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        message = f"AWS must accept the credentials of the environment. Found: {error}"
        raise WrongAccountError(message) from error
    if found != account_id:
        message = (
            f"The credentials of the environment must belong to the account {account_id}. "
            f"Found: {found}."
        )
        raise WrongAccountError(message)
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return RealAws(account_id, region, environment, session)
