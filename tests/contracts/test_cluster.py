"""What a Redis Cluster asks beyond the contracts: keys on many nodes, slots that move, nodes that go."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from compiler.cli.health.findings import Level
from compiler.cli.health.redis_server import redis_server
from runtime.backends import redis_cluster
from runtime.backends.redis import Link, RedisBackend
from runtime.backends.redis_cluster import ClusterClient
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import StoreUnavailable
from runtime.ports import Reference
from runtime.values.envelope import Signer
from runtime.values.reading import read_stored
from runtime.values.trust import Trust
from tests.contracts.cluster import PRIMARIES, SLOTS, Cluster, acl_of, free_ports, server_on
from tests.contracts.world import START_S, pinned, redis_world, store
from tests.shell import wait_for

TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
LARGE = 200_000_000


def owners(cluster: Cluster, client: ClusterClient, keys: list[str]) -> set[int]:
    return {cluster.owner(int(client.keyslot(key))) for key in keys}  # type: ignore[no-untyped-call]


def test_any_node_stands_for_the_cluster_and_its_values_are_spread(
    cluster: Cluster, cluster_client: ClusterClient
) -> None:
    cluster_client.flushall()
    link = Link.to(cluster.url_of(PRIMARIES + 1))
    backend = RedisBackend(link, "test", "run", WorkerSettings())
    tasks = [f"t[{number}]" for number in range(20)]
    keys = [backend.values.put_large(task, None, "token", task.encode()) for task in tasks]
    assert [backend.values.get_large(key) for key in keys] == [task.encode() for task in tasks]
    backend.values.put_blobs({task: task.encode() for task in tasks})
    assert backend.values.get_blobs(tasks) == [task.encode() for task in tasks]
    assert owners(cluster, cluster_client, keys) == set(range(PRIMARIES))
    backend.coordinator.finish()
    assert {key.decode().split(":")[2] for key in cluster_client.scan_iter()} == {"blob"}
    link.close()


def test_a_value_of_200_mb(cluster: Cluster, cluster_client: ClusterClient) -> None:
    value = bytes(range(250)) * (LARGE // 250)
    backend = RedisBackend(cluster.url, "test", "run", WorkerSettings())
    key = backend.values.put_large("a", None, "token", TRUST.seal_value("a", value))
    packed = read_stored(backend.values, TRUST, "a", Reference(key=key))
    assert packed is not None and packed.unpack() == value
    backend.coordinator.finish()
    backend.close()


def test_a_slot_that_moves_is_followed_by_clients_that_are_there(
    cluster: Cluster, cluster_client: ClusterClient
) -> None:
    world = redis_world(cluster_client, "moving", WorkerSettings())
    world.launch({"w0": {f"a[{number}]": -1 for number in range(6)}, "w1": {"z": -1}})
    world.begin("w0")
    slot = int(cluster_client.keyslot(world.backend.keys.fixed("meta")))  # type: ignore[no-untyped-call, union-attr]
    for number in range(6):
        world.commit("w0", store(f"a[{number}]", pinned("sum", "w1", need=6)))
        before = cluster.owner(slot)
        cluster.move_slot(slot)
        assert cluster.owner(slot) != before
        assert world.values.fetch([f"a[{number}]"]) == [b"value"]
    assert set(world.begin("w1", "t2", START_S).todo) == {"z", "sum"}
    assert world.events().count("stored") == 6
    world.coordinator.finish()


def test_a_slot_without_a_server_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    url = f"redis://127.0.0.1:{port}/0"
    flags = ["--port", str(port), "--cluster-enabled", "yes"]
    with server_on(flags, tmp_path, port=port), redis.Redis(port=port) as admin:
        with pytest.raises(StoreUnavailable, match="some slots have no server"):
            RedisBackend(url, "test", "run", WorkerSettings())
        admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        wait_for(lambda: b"cluster_state:ok" in admin.execute_command("CLUSTER", "INFO"), "the cluster")
        backend = RedisBackend(url, "test", "run", WorkerSettings())
        slot = key_slot(b"run")
        admin.execute_command("CLUSTER", "DELSLOTS", slot)
        threading.Timer(0.5, lambda: admin.execute_command("CLUSTER", "ADDSLOTS", slot)).start()
        assert backend.coordinator.status().meta == ""
        admin.execute_command("CLUSTER", "DELSLOTS", slot)
        monkeypatch.setattr(redis_cluster, "PATIENCE_S", 0.5)
        with pytest.raises(StoreUnavailable, match="some slots have no server"):
            backend.coordinator.status()
        backend.close()


def test_keys_of_several_slots_in_one_command_are_a_clear_error(cluster: Cluster) -> None:
    backend = RedisBackend(cluster.url, "test", "run", WorkerSettings())
    with pytest.raises(StoreUnavailable, match=r"answered with an error .*same key slot"):
        backend.link.command("UNLINK", "a", "b", "c")
    backend.close()


def test_a_replica_that_takes_over_is_a_pause(cluster: Cluster, cluster_client: ClusterClient) -> None:
    world = redis_world(cluster_client, "failing", WorkerSettings())
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    slot = int(cluster_client.keyslot("{failing}"))  # type: ignore[no-untyped-call]
    before = cluster.owner(slot)
    cluster.fail_over(before)
    try:
        world.commit("w0", store("a"))
        assert world.values.fetch(["a"]) == [b"value"]
        assert world.events().count("stored") == 1
    finally:
        cluster.fail_over(cluster.owner(slot), to=before)
    world.commit("w0", store("b"))
    assert world.values.fetch(["a", "b"]) == [b"value", b"value"]
    world.coordinator.finish()


def test_doctor_tells_its_nodes_and_finds_the_documented_rights_enough(cluster: Cluster) -> None:
    for number in range(len(cluster.ports)):
        with cluster.node(number) as admin:
            admin.execute_command(*acl_of("someone", "secret", "test"))
    local = LocalSettings(deployment="test", redis_url=cluster.url_of(4, "someone:secret@"))
    found = {one.name: one for one in redis_server(local)}
    assert re.match(r"3 primaries, \d replicas; ", found["cluster"].text)
    assert {one.level for name, one in found.items() if name != "cluster"} <= {Level.OK, Level.NOTE}
