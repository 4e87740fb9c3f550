"""A Redis server for `examples/custom`: its administrator's secret in the account, and users."""

import contextlib
import json
from collections.abc import Iterator

from testing.harness.account import Aws
from testing.local_redis import HOST, LocalRedis


@contextlib.contextmanager
def redis_users(
    aws: Aws, redis: LocalRedis, *users: str, administrator: str = "redis/administrator"
) -> Iterator[dict[str, object]]:
    """Add users, and return what Terraform is told.

    Args:
        aws: where the secret of the administrator is made.
        redis: where the users are added.
        users: their names.
        administrator: the name of that secret.
    """
    for user in users:
        redis.add_user(user)
    secrets, text = aws.client("secretsmanager"), json.dumps(redis.administrator)
    arn = secrets.create_secret(Name=administrator, SecretString=text)["ARN"]
    yield {"administrator_secret_arn": arn, "host": HOST, "port": str(redis.port)}
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    for user in users:
        redis.remove_user(user)
