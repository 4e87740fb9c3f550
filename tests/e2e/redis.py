"""Users of a Redis server for `examples/custom`, and its administrator's secret."""

import contextlib
import json
from collections.abc import Iterator

from testing.harness.account import Aws
from testing.local_redis import HOST, LocalRedis


@contextlib.contextmanager
def redis_users(
    aws: Aws, redis: LocalRedis, *users: str, administrator: str = "redis/administrator"
) -> Iterator[dict[str, object]]:
    """Add users, and return Terraform's variables.

    Args:
        aws: the account for the administrator's secret.
        redis: the server.
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
