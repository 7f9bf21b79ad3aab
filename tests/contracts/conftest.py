"""A real Redis on a private socket, and the world of each test on every backend.

Every contract holds in memory and on a Redis. Those marked `everywhere` are tested over TLS as a user with the rights
of the documented ACL, and on a cluster of six as well; all of them are with

    EVERYWHERE=1 python -m pytest tests/contracts
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator

import pytest
import redis

from runtime.backends.redis_cluster import ClusterClient
from runtime.backends.redis_link import Client, connect
from runtime.config import WorkerSettings
from tests.contracts.certificates import Authority
from tests.contracts.cluster import Cluster, acl_of, cluster_of_six, free_ports, server_on, tls_flags
from tests.contracts.server import client_of, start_server
from tests.contracts.world import SETTINGS, World, memory_world, redis_world

MakeWorld = Callable[..., World]
USER, PASSWORD = "treadle", "a-password"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "make_world" in metafunc.fixturenames:
        is_everywhere = metafunc.definition.get_closest_marker("everywhere") or os.environ.get("EVERYWHERE")
        kinds = ["memory", "redis", *(("tls", "cluster") if is_everywhere else ())]
        metafunc.parametrize("make_world", kinds, indirect=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process:
            yield url
            process.terminate()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with client_of(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls_admin(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A server that speaks TLS alone, with a user who has the rights that the documentation asks for."""
    folder = tmp_path_factory.mktemp("tls")
    (port,) = free_ports(1)
    with server_on(tls_flags(port, folder, authority), folder, port=port):
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"
        with redis.Redis.from_url(url, protocol=2) as admin:
            admin.execute_command(*acl_of(USER, PASSWORD, "test"))
            yield admin


@pytest.fixture(scope="session")
def tls_url(tls_admin: redis.Redis, authority: Authority) -> str:
    port = tls_admin.connection_pool.connection_kwargs["port"]
    return f"rediss://{USER}:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"


@pytest.fixture(scope="session")
def tls_user(tls_url: str) -> Iterator[Client]:
    with connect(tls_url) as user:
        yield user


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of_six(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster_client(cluster: Cluster) -> Iterator[ClusterClient]:
    found = connect(cluster.url)
    assert isinstance(found, ClusterClient)
    with found:
        yield found


@pytest.fixture
def make_world(request: pytest.FixtureRequest) -> Iterator[MakeWorld]:
    """Makes worlds on one backend; each is a run of its own."""
    numbers = itertools.count(1)
    made: list[World] = []
    clients = {"redis": ("client", None), "tls": ("tls_admin", "tls_user"), "cluster": ("cluster_client", None)}
    client, user = (name and request.getfixturevalue(name) for name in clients.get(request.param, (None, None)))
    if client is not None:
        client.flushall()

    def make(settings: WorkerSettings = SETTINGS) -> World:
        if client is None:
            return memory_world(settings)
        made.append(redis_world(client, f"run{next(numbers)}", settings, user=user))
        return made[-1]

    yield make
    for world in made:
        world.backend.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
