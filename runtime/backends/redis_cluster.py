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

MULTI_KEY = ("EVAL", "EVALSHA")
TRIES_OF_ONE_COMMAND = 3
PASSING = (redis.ConnectionError, ClusterError, SlotNotCoveredError, MovedError)

T = TypeVar("T")


class ClusterClient(RedisCluster):
    """What `Link` asks of a client, of a cluster; made from the URL of any of its nodes."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self.node_url = url
        self.timeout_s = timeout_s
        super().__init__(
            url=url,
            retry=Retry(NoBackoff(), TRIES_OF_ONE_COMMAND),
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return patiently(lambda: super(ClusterClient, self).execute_command(*args, **options))  # type: ignore[no-untyped-call]

    def determine_slot(self, *args: Any) -> int | None:
        name = str(args[0]).upper()
        if name in MULTI_KEY:
            return super().determine_slot(*args)
        place = args.index("STREAMS") + 1 if name == "XREAD" else 1
        return int(self.keyslot(args[place]))  # type: ignore[no-untyped-call]

    def send_all(self, commands: Sequence[tuple[object, ...]]) -> list[Any]:
        """Commands on any slots, to all their nodes at once; the answers in order."""

        def send() -> list[Any]:
            with self.pipeline() as pipe:  # type: ignore[no-untyped-call]
                for command in commands:
                    pipe.execute_command(*command)
                return list(pipe.execute())

        return patiently(send)

    def another(self) -> ClusterClient:
        """A client with connections of its own."""
        return ClusterClient(self.node_url, timeout_s=self.timeout_s)


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
            if time.monotonic() + pause > until or not isinstance(err.__cause__, redis.ConnectionError):
                raise redis.ConnectionError(str(err)) from err
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
