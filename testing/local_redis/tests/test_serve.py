"""The local Redis accepts only the passwords of its users, over TLS.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from testing.certificate import write_certificate
from testing.local_redis import HOST, LocalRedis, NotStartedError, digest, local_redis


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(certificates: tuple[Path, Path]) -> Iterator[LocalRedis]:
    with local_redis(*certificates) as server:
        yield server


def administrator(server: LocalRedis, certificate: Path) -> redis.Redis:
    return redis.Redis(
        host=HOST,
        port=server.port,
        username=server.administrator["username"],
        password=server.administrator["password"],
        ssl=True,
        ssl_ca_certs=str(certificate),
    )


def test_a_user_has_the_passwords_that_the_administrator_set(
    server: LocalRedis, certificates: tuple[Path, Path]
) -> None:
    server.add_user("reports")
    assert not server.accepts("reports", "first")

    with administrator(server, certificates[0]) as client:
        client.acl_setuser("reports", enabled=True, passwords=["+first", "+second"])
    assert server.passwords("reports") == {digest("first"), digest("second")}
    assert server.accepts("reports", "first")
    assert server.accepts("reports", "second")
    assert not server.accepts("reports", "third")

    server.remove_user("reports")
    assert not server.accepts("reports", "first")


def test_users_survive_an_outage(server: LocalRedis) -> None:
    server.add_user("outage")

    with server.outage(), pytest.raises(redis.ConnectionError):
        server.passwords("outage")

    assert server.passwords("outage") == set()


def test_a_client_without_tls_is_rejected(server: LocalRedis) -> None:
    once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(host=HOST, port=server.port, retry=once) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.ping()


def test_a_server_that_does_not_start_reports_its_output(
    tmp_path: Path, certificates: tuple[Path, Path]
) -> None:
    with pytest.raises(NotStartedError, match="Failed to load certificate"):
        LocalRedis(tmp_path, tmp_path / "none.pem", certificates[1]).start()


def test_a_missing_program_is_named(
    tmp_path: Path, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotStartedError, match="install the package redis-server"):
        LocalRedis(tmp_path, *certificates).start()
