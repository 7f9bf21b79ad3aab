"""The Redis of a run: the one that the settings name, a kept stack's, or one of the kind that every run starts.

What is wrong with a connection is told in the words of `runtime.backends.redis_faults`, as a run would. Nothing here
waits longer than `LIMIT_S` for an answer.
"""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from compiler.cli.health.clock import clock
from compiler.cli.health.findings import Finding, Level, error, note, of_fault, ok, warning
from compiler.cli.health.rights import probe_prefix, rights
from runtime.addresses import without_password
from runtime.backends.redis_cluster import ClusterClient
from runtime.backends.redis_faults import check_version, fault_of
from runtime.backends.redis_pool import CONNECTIONS
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault
from runtime.local.living import find_kept
from runtime.local.redis_server import find_redis_server, start_redis
from runtime.quantities import format_duration, format_size

LIMIT_S = 5.0
NAME = "server"
TOLD_OF_OWN = (NAME, "clock")
DAYS_LEFT = 14
FULL = 0.9


Info = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the Redis is. `told` says it; `is_own`: treadle's own, of which only what is wrong is told."""

    url: str
    told: str
    is_own: bool


def redis_server(local: LocalSettings) -> Iterator[Finding]:
    with _place(local) as place:
        where = without_password(place.url)
        try:
            for one in _server(place, where, local):
                if not place.is_own or one.name in TOLD_OF_OWN or one.level not in (Level.OK, Level.NOTE):
                    yield one
        except (redis.RedisError, OSError) as err:
            yield of_fault(NAME, fault_of(err, where=where, patience_s=LIMIT_S))
        except RuntimeFault as fault:
            yield of_fault(NAME, fault)


@contextmanager
def _place(local: LocalSettings) -> Iterator[_Place]:
    """Raises StoreUnavailable when there is no server to start, or it does not start."""
    kept = find_kept(local.deployment)
    if local.redis_url is not None:
        yield _Place(url=local.redis_url, told=f"at {without_password(local.redis_url)}", is_own=False)
    elif kept is not None:
        is_own = kept.redis_url.startswith("unix://")
        yield _Place(url=kept.redis_url, told=f"of the kept service, {without_password(kept.redis_url)}", is_own=is_own)
    else:
        with tempfile.TemporaryDirectory(prefix="treadle-doctor-") as folder:
            server = start_redis(Path(folder))
            try:
                yield _Place(url=server.url, told=f"at {find_redis_server()}, started for each run", is_own=True)
            finally:
                server.stop()


def _server(place: _Place, where: str, local: LocalSettings) -> Iterator[Finding]:
    with _probe(place.url) as client:
        hello = _hello(client)
        check_version(hello.get("version", ""), where)
        cluster = ClusterClient(place.url, timeout_s=LIMIT_S) if hello.get("mode") == "cluster" else None
        prefix = probe_prefix(local.deployment)
        with _node(client, cluster, prefix) as node:
            yield _greeting(client, hello, place)
            if cluster is not None:
                yield _nodes(cluster)
            if place.url.startswith("rediss://"):
                yield _certificate(client)
            yield from rights(node, prefix, local.deployment)
            yield from _state(node, local)
            yield from _clock(client)


@contextmanager
def _probe(url: str) -> Iterator[redis.Redis]:
    """One connection, without a second try: what it meets is what is told."""
    try:
        client = redis.Redis.from_url(
            url,
            single_connection_client=True,
            socket_timeout=LIMIT_S,
            socket_connect_timeout=LIMIT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
    except ValueError as err:
        raise RuntimeFault(
            f"{without_password(url)!r} is no Redis URL", hint="write redis://HOST:PORT/0 or rediss://HOST:PORT/0"
        ) from err
    with client:
        yield client


@contextmanager
def _node(client: redis.Redis, cluster: ClusterClient | None, prefix: str) -> Iterator[redis.Redis]:
    """The server that has the keys of `prefix`: the only one, or that of a cluster's slot."""
    if cluster is None:
        yield client
        return
    try:
        owner = cluster.get_node_from_key(prefix)  # type: ignore[no-untyped-call]
        yield cluster.get_redis_connection(owner)
    finally:
        cluster.close()


def _hello(client: redis.Redis) -> dict[str, str]:
    """What the server says of itself; PING first, because a server that is too old knows no HELLO."""
    client.ping()
    try:
        said = client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    except redis.ResponseError:
        return {"version": str(_info(client, "server").get("redis_version", ""))}
    pairs = said.items() if isinstance(said, dict) else zip(said[::2], said[1::2], strict=True)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _greeting(client: redis.Redis, hello: Mapping[str, str], place: _Place) -> Finding:
    began = time.monotonic()
    client.ping()
    took = format_duration(round(time.monotonic() - began, 5))
    server = "Valkey" if hello.get("server") == "valkey" else "Redis"
    text = f"{server} {hello.get('version') or 'of unknown version'} {place.told}; answers in {took}"
    if hello.get("role") in ("replica", "slave") and hello.get("mode") != "cluster":
        return error(NAME, f"{text}; it is a read-only replica", "give the URL of the primary server")
    return ok(NAME, text)


def _nodes(cluster: ClusterClient) -> Finding:
    primaries, replicas = len(cluster.get_primaries()), len(cluster.get_replicas())  # type: ignore[no-untyped-call]
    text = f"{primaries} primaries, {replicas} replicas; a run has one slot, and only large values are spread"
    if not replicas:
        return warning("cluster", text, "give each primary a replica: a node that is lost takes its runs with it")
    return ok("cluster", text)


def _certificate(client: redis.Redis) -> Finding:
    """How long the server's certificate is good for; one that is not fails the connection, and is told there."""
    connection = client.connection
    socket = getattr(connection, "_sock", None)
    shown = socket.getpeercert() if isinstance(socket, ssl.SSLSocket) else None
    if not shown:
        return warning(
            "certificate", "not verified: whoever answers there is believed", "leave `ssl_cert_reqs` out of the URL"
        )
    ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    days = int((ends - time.time()) // 86_400)
    text = f"good until {time.strftime('%Y-%m-%d', time.gmtime(ends))}, {days} days"
    return warning("certificate", text, "renew it") if days < DAYS_LEFT else ok("certificate", text)


def _info(client: redis.Redis, section: str) -> Info:
    found: Info = client.info(section)
    return found


def _state(client: redis.Redis, local: LocalSettings) -> Iterator[Finding]:
    try:
        memory, disk, clients = (_info(client, section) for section in ("memory", "persistence", "clients"))
    except redis.exceptions.NoPermissionError:
        yield note(
            "memory", "its user may not ask for it (INFO)", "treadle doctor --acl prints the rights that it needs"
        )
        return
    yield _memory(memory)
    yield _eviction(memory)
    yield _persistence(disk)
    yield _clients(clients, local.concurrency_limit)


def _memory(info: Info) -> Finding:
    used, bound = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    whole = bound or int(info.get("total_system_memory", 0))
    of = format_size(whole) if bound else f"{format_size(whole)}, the whole machine: maxmemory is not set"
    text = f"{format_size(used)} used of {of}"
    if whole and used > FULL * whole:
        return warning("memory", text, "remove old runs (treadle clean --all), or raise its `maxmemory`")
    return ok("memory", text)


def _eviction(info: Info) -> Finding:
    policy = str(info.get("maxmemory_policy", ""))
    if policy in ("", "noeviction"):
        return ok("eviction", "none: a full server refuses, and drops nothing")
    if not int(info.get("maxmemory", 0)):
        return note("eviction", f"{policy}, which does nothing while maxmemory is not set")
    text = f"{policy}: when its memory is full it drops keys, and runs compute again what they lose"
    return warning("eviction", text, "CONFIG SET maxmemory-policy noeviction")


def _persistence(info: Info) -> Finding:
    if (
        _text(info.get("rdb_last_bgsave_status", "ok")) != "ok"
        or _text(info.get("aof_last_write_status", "ok")) != "ok"
    ):
        hint = "see its log and free disk space: a server that cannot save takes no writes"
        return warning("persistence", "its last attempt to save failed", hint)
    if int(info.get("aof_enabled", 0)):
        return ok("persistence", "append-only file: a restart loses next to nothing")
    saves = int(info.get("rdb_saves", 0))
    text = f"{saves:,} snapshots since its start, no append-only file: after a restart runs do again what it has lost"
    return note("persistence", text)


def _clients(info: Info, environments: int) -> Finding:
    there, most = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    text = f"{there:,} of {most:,}; a run with {environments} environments opens up to {CONNECTIONS * environments:,}"
    if most and most - there < CONNECTIONS * environments:
        return warning("connections", text, "raise its `maxclients`, or lower `concurrency_limit`")
    return ok("connections", text)


def _clock(client: redis.Redis) -> Iterator[Finding]:
    """Nothing for a user who may not ask the time: the rights have told."""
    with suppress(redis.exceptions.NoPermissionError):
        yield clock(lambda: _time(client))


def _time(client: redis.Redis) -> float:
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6
