"""The connections of one process to one server: a bounded number, given out in the order of asking.

Who asks while all are taken waits, and who gives a connection back hands it on: without that a thread that sends a
large value, chunk after chunk, would take it again before any other thread had its turn. redis-py's own pools also
measure what nobody here reads, which costs more than the round trip to a server on this machine.

What a process uses at one time, a blocking read included, is `CONNECTIONS`; of a cluster, for each of its nodes.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Any

import redis
from redis.connection import Connection

from runtime.backends.redis_sockets import Guarded, guarded_class

CONNECTIONS = 2
WAIT_S = 30.0

Waiter = SimpleQueue[Any]


class BoundedPool(redis.ConnectionPool):
    """What redis-py's clients ask of a pool. Its connections notice when user code has closed their descriptor."""

    def __init__(
        self,
        connection_class: type[Any] = Connection,
        max_connections: int = CONNECTIONS,
        **settings: Any,
    ) -> None:
        self._turns = threading.Lock()
        self._waiting: deque[Waiter] = deque()
        self._closing: set[Any] = set()
        super().__init__(connection_class=guarded_class(connection_class), max_connections=max_connections, **settings)

    def reset(self) -> None:
        """All connections are another process's: begin anew."""
        self._turns = threading.Lock()
        self._waiting = deque()
        self._closing = set()
        super().reset()

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections. One in use is closed again when it is given back: its user may have reconnected."""
        with self._turns:
            self._closing.update(self._in_use_connections)
        super().disconnect(inuse_connections)

    def get_connection(self, *_: object, **__: object) -> Any:
        """One that is connected and has nothing to read. Raises redis.ConnectionError."""
        self._checkpid()
        connection = self._take()
        try:
            connection.connect()
            if not _is_clean(connection):
                connection.disconnect()
                connection.connect()
        except BaseException:
            self.release(connection)
            raise
        return connection

    def release(self, connection: Any) -> None:
        """Hand it to who has waited longest; one of another process, or of before `reset`, is not taken back."""
        self._checkpid()
        with self._turns:
            if connection not in self._in_use_connections:
                return
            if connection in self._closing:
                self._closing.discard(connection)
                connection.disconnect()
            if self._waiting:
                self._waiting.popleft().put(connection)
                return
            self._in_use_connections.discard(connection)
            self._available_connections.append(connection)

    def _take(self) -> Any:
        with self._turns:
            if self._available_connections or self._created_connections < self.max_connections:
                connection = (
                    self._available_connections.pop() if self._available_connections else self.make_connection()
                )
                self._in_use_connections.add(connection)
                return connection
            waiter: Waiter = SimpleQueue()
            self._waiting.append(waiter)
        try:
            return waiter.get(timeout=WAIT_S)
        except BaseException as err:
            with self._turns:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            if not waiter.empty():
                self.release(waiter.get())
            if isinstance(err, Empty):
                raise redis.ConnectionError(f"No connection was free for {WAIT_S:g} s.") from err
            raise


def _is_clean(connection: Guarded) -> bool:
    """Whether the server is there and nothing of an earlier reply is left."""
    try:
        return not connection.can_read()
    except (redis.ConnectionError, redis.TimeoutError, OSError):
        return False


def execute(client: redis.Redis, args: tuple[Any, ...]) -> Any:
    """One command and its parsed reply, as `client.execute_command` gives it, at half the price."""
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        reply = connection.retry.call_with_retry(lambda: _exchange(connection, args), lambda _: _drop(connection))
    finally:
        pool.release(connection)
    parse = client.response_callbacks.get(args[0])  # type: ignore[no-untyped-call]
    return reply if parse is None else parse(reply)


def _exchange(connection: Any, args: tuple[Any, ...]) -> Any:
    connection.send_command(*args)
    return connection.read_response()


def _drop(connection: Any) -> None:
    connection.disconnect()
