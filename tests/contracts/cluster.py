"""Servers of the tests' own that are reached over TCP: one, and a cluster of six, with or without TLS."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from runtime.backends.redis_rights import acl_line
from tests.contracts.certificates import Authority
from tests.contracts.server import START_LIMIT_S, find_server

PRIMARIES = 3
SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000
FIXED_PORTS = range(12_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports below those that outgoing connections are given, one of which could otherwise meet itself."""
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(FIXED_PORTS, len(FIXED_PORTS)):
            one = stack.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    pytest.fail("too few ports are free")


def tls_flags(
    port: int, folder: Path, authority: Authority, *, host: str | None = None, since: int = -60, days: int = 30
) -> list[str]:
    made = authority.issue(f"server-{port}", host=host, since=since, days=days)
    flags = ["--port", "0", "--tls-port", str(port), "--tls-ca-cert-file", str(authority.file)]
    flags += ["--tls-cert-file", str(made.cert), "--tls-key-file", str(made.key)]
    return [*flags, "--tls-auth-clients", "no", "--tls-replication", "yes"]


@contextmanager
def server_on(flags: Sequence[str], folder: Path, *, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens on this port of the loopback."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [find_server(), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *flags]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log)
    with process:
        try:
            until = time.monotonic() + START_LIMIT_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"the test's Redis server did not start: {(folder / 'log').read_text()[-300:]}")
                time.sleep(0.005)
            yield process
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Six nodes: the first three are primaries with a third of the slots each, the others their replicas."""

    ports: tuple[int, ...]
    scheme: str
    options: str

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, node: int, user: str = "") -> str:
        """A node's URL, for `user:password@` when it is given."""
        return f"{self.scheme}://{user}127.0.0.1:{self.ports[node]}/0{self.options}"

    @contextmanager
    def node(self, number: int) -> Iterator[redis.Redis]:
        with redis.Redis.from_url(self.url_of(number), protocol=2) as client:
            yield client

    def owner(self, slot: int) -> int:
        """The primary that has this slot now."""
        with self.node(0) as client:
            for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER SLOTS", keys=None):
                if first <= slot <= last:
                    return self.ports.index(int(port))
        raise AssertionError(f"nobody has the slot {slot}")

    def move_slot(self, slot: int) -> None:
        """Move a slot with its keys to the next primary, as resharding does: MOVED and ASK in the middle of it."""
        source = self.owner(slot)
        target = (source + 1) % PRIMARIES
        with self.node(source) as origin, self.node(target) as goal:
            names = [client.execute_command("CLUSTER MYID").decode() for client in (origin, goal)]
            goal.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
            origin.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])
            while keys := origin.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
                origin.execute_command("MIGRATE", "127.0.0.1", self.ports[target], "", 0, 10_000, "KEYS", *keys)
        for number in (target, source, *({0, 1, 2} - {target, source})):
            with self.node(number) as primary:
                primary.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])

    def fail_over(self, primary: int, *, to: int | None = None) -> None:
        """Let a replica of this primary take its place, and wait until every node knows."""
        with self.node(primary) as client:
            name = client.execute_command("CLUSTER MYID").decode()
        for number in range(len(self.ports)) if to is None else (to,):
            with self.node(number) as replica:
                found = replica.execute_command("CLUSTER NODES")
                mine = next(node for node in found.values() if "myself" in node["flags"])
                if mine["master_id"] == name:
                    replica.execute_command("CLUSTER FAILOVER")
                    _until(lambda: replica.info("replication")["role"] == "master")
                    break
        else:
            raise AssertionError(f"the primary {primary} has no replica")
        with ExitStack() as stack:
            nodes = [stack.enter_context(self.node(number)) for number in range(len(self.ports))]
            _until(lambda: all(_is_replica_of_others(node, name) for node in nodes))


def _is_replica_of_others(client: redis.Redis, name: str) -> bool:
    """Whether this node knows that the one of this name is no primary any more."""
    nodes = client.execute_command("CLUSTER NODES").values()
    return any(node["node_id"] == name and "slave" in node["flags"] for node in nodes)


@contextmanager
def cluster_of_six(folder: Path, authority: Authority | None = None) -> Iterator[Cluster]:
    """Started, joined and ready; over TLS when an authority is given."""
    ports = free_ports(4 * PRIMARIES)
    nodes, buses = ports[: 2 * PRIMARIES], ports[2 * PRIMARIES :]
    options = "" if authority is None else f"?ssl_ca_certs={authority.file}"
    cluster = Cluster(ports=tuple(nodes), scheme="redis" if authority is None else "rediss", options=options)
    with ExitStack() as stack:
        for port, bus in zip(nodes, buses, strict=True):
            flags = ["--port", str(port)]
            if authority is not None:
                flags = [*tls_flags(port, folder, authority), "--tls-cluster", "yes"]
            flags += ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
            flags += ["--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-config-file", f"nodes-{port}"]
            stack.enter_context(server_on(flags, folder / str(port), port=port))
        clients = [stack.enter_context(cluster.node(number)) for number in range(2 * PRIMARIES)]
        _join(clients, nodes, buses)
        yield cluster


def _join(clients: list[redis.Redis], ports: list[int], buses: list[int]) -> None:
    names = [client.execute_command("CLUSTER MYID").decode() for client in clients]
    bounds = [SLOTS * number // PRIMARIES for number in range(PRIMARIES + 1)]
    for number, client in enumerate(clients[:PRIMARIES]):
        client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
    for port, bus in zip(ports[1:], buses[1:], strict=True):
        clients[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
    _until(lambda: all(_knows(client, len(clients)) for client in clients))
    for number, client in enumerate(clients[PRIMARIES:]):
        client.execute_command("CLUSTER REPLICATE", names[number])
    _until(lambda: all(_is_ready(client) for client in clients))


def _knows(client: redis.Redis, count: int) -> bool:
    found = client.execute_command("CLUSTER INFO")
    return int(found["cluster_known_nodes"]) == count


def _is_ready(client: redis.Redis) -> bool:
    state = client.execute_command("CLUSTER INFO")["cluster_state"]
    found = client.info("replication")
    return bool(state == "ok" and (found["role"] == "master" or found["master_link_status"] == "up"))


def _until(is_true: object) -> None:
    assert callable(is_true)
    until = time.monotonic() + START_LIMIT_S
    while not is_true():
        if time.monotonic() > until:
            pytest.fail("the test's Redis Cluster did not come up")
        time.sleep(0.02)


def acl_of(user: str, password: str, deployment: str) -> tuple[str, ...]:
    """The documented rights, and those of the tests' clocks."""
    line = acl_line(deployment, user=user, password=password)
    return (*line.split(" "), "~test:clock:*")
