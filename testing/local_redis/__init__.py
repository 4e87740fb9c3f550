"""A local Redis server with TLS and users."""

from testing.local_redis.serve import HOST, LocalRedis, NotStartedError, digest, local_redis

__all__ = ["HOST", "LocalRedis", "NotStartedError", "digest", "local_redis"]
