"""Blocking reads of streams, one at a time, on one of the connections that commands use too.

A read that nobody waits for any more holds its connection until something comes or its time is over. The next read
ends it: an environment that serves one invocation after another never holds two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import redis

from runtime.backends.redis_pool import BoundedPool
from runtime.backends.redis_sockets import Guarded


class Superseded(Exception):
    """A newer read has begun: who goes on in spite of it would end that one in turn."""


class StreamReader:
    """XREAD on the connections of the pool that `pool_of` names for a key."""

    def __init__(self, pool_of: Callable[[str], BoundedPool]) -> None:
        self._pool_of = pool_of
        self._lock = threading.Lock()
        self._reads = 0
        self._reading: Guarded | None = None

    def read(self, key: str, after: str, block_ms: int) -> Any:
        """The reply; None when nothing came. Raises `Superseded`, and what redis-py raises."""
        number = self._begin()
        pool = self._pool_of(key)
        connection = pool.get_connection()
        try:
            if not self._reads_on(connection, number):
                raise Superseded
            connection.send_command("XREAD", "BLOCK", block_ms, "STREAMS", key, after)
            return connection.read_response()
        except (redis.ConnectionError, OSError) as err:
            if number == self._reads:
                raise
            raise Superseded from err
        finally:
            self._ended(connection)
            pool.release(connection)

    def _begin(self) -> int:
        with self._lock:
            if self._reading is not None:
                self._reading.interrupt()
                self._reading = None
            self._reads += 1
            return self._reads

    def _reads_on(self, connection: Guarded, number: int) -> bool:
        """Whether this read is still the newest: then it may be ended from now on."""
        with self._lock:
            if number == self._reads:
                self._reading = connection
            return number == self._reads

    def _ended(self, connection: Guarded) -> None:
        """The connection may serve others now, and is not to be interrupted."""
        with self._lock:
            if self._reading is connection:
                self._reading = None
