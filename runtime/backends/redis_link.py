"""The connection to Redis: its limits, its errors in clear words, and the scripts.

Every call goes through `Link`, which maps the client library's exceptions to `StoreUnavailable` (unreachable, gone,
or refusing) and `RuntimeFault` (anything else). What met a lost connection is sent again (`redis_patience`): every
script allows it, because its answer comes from state. Not responsible for what scripts and keys mean.

An environment uses two connections (`redis_pool`), made when first needed; a blocking read takes one of them.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from runtime.addresses import without_password
from runtime.backends.redis_cluster import ClusterClient
from runtime.backends.redis_faults import check_version, eviction_warning, fault_of
from runtime.backends.redis_patience import Patience
from runtime.backends.redis_pool import BoundedPool, execute
from runtime.backends.redis_reader import StreamReader
from runtime.errors import RuntimeFault

COMMAND_TIMEOUT_S = 10.0
BLOCK_S = 4.0
"""The longest single blocking read; its socket waits `COMMAND_TIMEOUT_S`, which must be longer."""

RECONNECT_S = 0.05
AT_ONCE_S = 1.0
SCAN_BATCH = 1000

Reply = Any
T = TypeVar("T")
Argument = str | bytes | int


Client = redis.Redis | ClusterClient


def connect(url: str) -> Client:
    """A client for `url` (unix://, redis:// or rediss://), of a server that has answered, or of its whole cluster.

    A server that may drop keys is warned of. Raises StoreUnavailable when nothing answers there, when what answers
    refuses or is too old, RuntimeFault when the URL is none.
    """
    try:
        pool = BoundedPool.from_url(
            url,
            socket_timeout=COMMAND_TIMEOUT_S,
            socket_connect_timeout=COMMAND_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
    except ValueError as err:
        raise RuntimeFault(
            f"{without_password(url)!r} is no Redis URL",
            hint="write redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH",
        ) from err
    where = without_password(url)
    client = redis.Redis.from_pool(pool)
    try:
        is_cluster = _greet(client, where=where)
    except BaseException:
        client.close()
        raise
    if not is_cluster:
        pool.set_retry(Patience())
        return client
    client.close()
    return guarded(lambda: ClusterClient(url, timeout_s=COMMAND_TIMEOUT_S), where=where)


def _greet(client: redis.Redis, *, where: str) -> bool:
    """Ask in one trip what the server is and whether it drops keys, which not every user may; True for a cluster's."""
    with client.pipeline(transaction=False) as pipe:
        pipe.ping()
        pipe.execute_command("HELLO")  # type: ignore[no-untyped-call]
        pipe.info("memory")
        pong, hello, memory = guarded(lambda: pipe.execute(raise_on_error=False), where=where)
    if isinstance(pong, redis.RedisError):
        raise fault_of(pong, where=where, patience_s=COMMAND_TIMEOUT_S) from pong
    if isinstance(memory, dict) and memory.get("maxmemory"):
        _warn(eviction_warning(str(memory.get("maxmemory_policy", "")), where))
    if isinstance(hello, redis.RedisError):
        return False
    said = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2], strict=True))
    check_version(said.get(b"version", b"").decode(), where)
    return bool(said.get(b"mode") == b"cluster")


def _warn(warning: str) -> None:
    if warning:
        logging.getLogger(__name__).warning("warning: %s", warning)


def guarded(action: Callable[[], T], *, where: str) -> T:
    """Do `action`; what the client library raises becomes a fault in clear words."""
    try:
        return action()
    except (redis.RedisError, OSError) as err:
        raise fault_of(err, where=where, patience_s=COMMAND_TIMEOUT_S) from err


SHARED = {"commit": ("gates",)}
"""What stands in front of a script beside `common`."""


def _persistent(action: Callable[[], T]) -> T:
    """Do `action` again when a connection is lost at once: redis-py looks at a pooled one before its retries begin."""
    began = time.monotonic()
    while True:
        try:
            return action()
        except redis.AuthenticationError:
            raise
        except redis.ConnectionError:
            if time.monotonic() - began > AT_ONCE_S:
                raise
            time.sleep(RECONNECT_S)


class Scripts:
    """The scripts' sources and digests, read from the package's own files when they are first needed."""

    def __init__(self) -> None:
        self._folder = resources.files("runtime.backends") / "lua"
        self._texts: dict[str, str] = {}
        self._digests: dict[str, str] = {}

    def source(self, name: str) -> str:
        """The script with what all of them share in front of it."""
        return "\n".join(map(self._read, ("common", *SHARED.get(name, ()), name)))

    def _read(self, name: str) -> str:
        if name not in self._texts:
            self._texts[name] = (self._folder / f"{name}.lua").read_text(encoding="utf-8")
        return self._texts[name]

    def digest(self, name: str) -> str:
        """What EVALSHA wants; no trip is needed to know it."""
        digest = self._digests.get(name)
        if digest is None:
            digest = self._digests[name] = hashlib.sha1(self.source(name).encode(), usedforsecurity=False).hexdigest()
        return digest


class Link:
    """One process's access to one Redis: commands, scripts, pipelines, scans and blocking reads."""

    def __init__(self, client: Client, *, where: str, scripts: Scripts | None = None) -> None:
        self.where = where
        self._client = client
        self._scripts = scripts or Scripts()
        self._reader = StreamReader(self._pool_of)

    @property
    def is_cluster(self) -> bool:
        return isinstance(self._client, ClusterClient)

    @classmethod
    def to(cls, target: str | Client | Link) -> Link:
        """A link to a URL or through a client that is there already; a link stays itself."""
        if isinstance(target, Link):
            return target
        if isinstance(target, str):
            return cls(connect(target), where=without_password(target))
        return cls(target, where=_describe(target))

    def know(self, *scripts: str) -> None:
        """Read these scripts now, and not beside the first task."""
        for name in scripts:
            self._scripts.digest(name)

    def command(self, *args: object) -> Reply:
        return guarded(lambda: _persistent(lambda: self._execute(args)), where=self.where)

    def _execute(self, args: tuple[Any, ...]) -> Reply:
        if isinstance(self._client, ClusterClient):
            return self._client.execute_command(*args)
        return execute(self._client, args)

    def script(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        """Run the script `name`; a server that does not know it (a restart, a flush) is told again."""
        return guarded(lambda: _persistent(lambda: self._run(name, keys, args)), where=self.where)

    def _run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        rest = (len(keys), *keys, *args)
        try:
            return self._execute(("EVALSHA", self._scripts.digest(name), *rest))
        except redis.exceptions.NoScriptError:
            # Told and run in one command: between two the server may forget again.
            return self._execute(("EVAL", self._scripts.source(name), *rest))

    def pipeline(self, commands: Sequence[tuple[object, ...]]) -> list[Reply]:
        """Send commands in one round trip, without a transaction; their answers in order."""
        return guarded(lambda: _persistent(lambda: self._send(commands)), where=self.where)

    def _send(self, commands: Sequence[tuple[object, ...]]) -> list[Reply]:
        if isinstance(self._client, ClusterClient):
            return self._client.send_all(commands)
        with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            return list(pipe.execute())

    def scan(self, pattern: str) -> Iterator[list[bytes]]:
        """The keys that match `pattern`, in batches; SCAN, so that a large database is never blocked."""
        batch: list[bytes] = []
        keys = self._client.scan_iter(match=pattern, count=SCAN_BATCH)
        while True:
            key = guarded(lambda: next(keys, None), where=self.where)
            if key is None:
                break
            batch.append(key)
            if len(batch) >= 500:
                yield batch
                batch = []
        if batch:
            yield batch

    def read_stream(self, key: str, after: str, timeout_s: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Block for stream entries newer than `after`; ends a read that goes on in another thread, with `Superseded`.

        A lost connection brings nothing, which a wake-up may: whoever waits looks at the state, and hears of it there.
        """
        block_ms = max(1, int(min(timeout_s, BLOCK_S) * 1000))
        reply = guarded(lambda: self._blocked_for(block_ms, key, after), where=self.where)
        return [(entry, dict(_pairs(fields))) for _, entries in reply or () for entry, fields in entries]

    def _blocked_for(self, block_ms: int, key: str, after: str) -> Reply:
        try:
            return self._reader.read(key, after, block_ms)
        except redis.AuthenticationError:
            raise
        except redis.ConnectionError:
            time.sleep(min(RECONNECT_S, block_ms / 1000))
            return None
        except redis.ResponseError:
            if not isinstance(self._client, ClusterClient):
                raise
            self._client.execute_command("EXISTS", key)  # follows a slot that moved
            return None

    def _pool_of(self, key: str) -> BoundedPool:
        if isinstance(self._client, ClusterClient):
            return self._client.pool_of(key)
        pool = self._client.connection_pool
        assert isinstance(pool, BoundedPool), "a link's client has a bounded number of connections"
        return pool

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        _disconnect(self._client)


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _disconnect(client: Client) -> None:
    if isinstance(client, ClusterClient):
        client.disconnect_connection_pools()  # type: ignore[no-untyped-call]
    else:
        client.connection_pool.disconnect()


def _describe(client: Client) -> str:
    if isinstance(client, ClusterClient):
        return without_password(client.node_url)
    settings = client.connection_pool.connection_kwargs
    return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")
