"""A Redis Cluster as one client: redis-py's own, with the patience of a single server's connection.

All keys of a run have one hash tag and so one slot; each large value has a tag of its own, each blob none. A slot that
moves (MOVED, ASK, TRYAGAIN) and a primary that fails are no more than a pause within `PATIENCE_S`: every command may be
sent again. Keys are known by their position here; redis-py would ask the server for those of a blocking read each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import ClusterError, MovedError, RedisClusterException, SlotNotCoveredError
from redis.retry import Retry

from runtime.backends.redis_patience import FIRST_PAUSE_S, LONGEST_PAUSE_S, PATIENCE_S
from runtime.backends.redis_pool import CONNECTIONS, BoundedPool

MULTI_KEY = ("UNLINK", "EXISTS")
TRIES_OF_ONE_COMMAND = 3
UNCOVERED = "slots are not covered"
"""What redis-py says of a cluster in which some slots have no server, which passes when they get one."""

PASSING = (redis.ConnectionError, ClusterError, SlotNotCoveredError, MovedError)

T = TypeVar("T")


class KnownKeys:
    """Which arguments of a command are its keys. Of scripts redis-py knows it by itself."""

    def get_keys(self, _: object, *args: Any) -> Sequence[Any]:
        match args[0]:
            case "XREAD":
                return [args[args.index("STREAMS") + 1]]
            case name if name in MULTI_KEY:
                return args[1:]
        return args[1:2]


class ClusterClient(RedisCluster):
    """What `Link` asks of a client, of a cluster; made from the URL of any of its nodes."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self.node_url = url
        try:
            super().__init__(
                url=url,
                retry=Retry(NoBackoff(), TRIES_OF_ONE_COMMAND),
                protocol=2,
                connection_pool_class=BoundedPool,
                max_connections=CONNECTIONS,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
            )
        except RedisClusterException as err:
            raise redis.ConnectionError(str(err)) from err
        self.commands_parser = KnownKeys()  # type: ignore[assignment]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return patiently(lambda: super(ClusterClient, self).execute_command(*args, **options))  # type: ignore[no-untyped-call]

    def command(self, **_: Any) -> dict[str, Any]:
        """The table of all commands, which redis-py asks for at its start, is not needed."""
        return {}

    def send_all(self, commands: Sequence[tuple[object, ...]]) -> list[Any]:
        """Commands on any slots, to all their nodes at once; the answers in order."""

        def send() -> list[Any]:
            with self.pipeline() as pipe:  # type: ignore[no-untyped-call]
                for command in commands:
                    pipe.execute_command(*command)
                return list(pipe.execute())

        return patiently(send)

    def pool_of(self, key: str) -> BoundedPool:
        """The connections to the node that has this key now."""
        node = self.get_node_from_key(key)  # type: ignore[no-untyped-call]
        pool = self.get_redis_connection(node).connection_pool
        assert isinstance(pool, BoundedPool), "it was made with these"
        return pool


def patiently(do: Callable[[], T]) -> T:
    """`do` until it succeeds, fails for good or `PATIENCE_S` are over."""
    until, pause = time.monotonic() + PATIENCE_S, FIRST_PAUSE_S
    while True:
        try:
            return do()
        except (redis.AuthenticationError, redis.exceptions.MaxConnectionsError):
            raise
        except PASSING as err:
            if time.monotonic() + pause > until:
                raise redis.ConnectionError(f"{err} Tried again for {PATIENCE_S:g} s.") from err
        except RedisClusterException as err:
            if err.__cause__ is None and UNCOVERED not in str(err):
                raise redis.ResponseError(str(err)) from err
            if time.monotonic() + pause > until:
                raise redis.ConnectionError(str(err)) from err
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
