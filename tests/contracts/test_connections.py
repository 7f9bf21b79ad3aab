"""A process's connections to Redis: how many there are, who gets the next, and blocking reads among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import redis

from runtime.backends.keys import RunKeys
from runtime.backends.redis import Link, RedisBackend
from runtime.backends.redis_link import connect
from runtime.backends.redis_pool import CONNECTIONS, BoundedPool
from runtime.backends.redis_reader import Superseded
from runtime.config import WorkerSettings
from tests.integration.running import wait_for

PATIENCE_S = 30.0


@pytest.fixture
def link(redis_url: str, client: redis.Redis) -> Iterator[Link]:
    link = Link.to(redis_url)
    yield link
    link.close()


def connections(client: redis.Redis) -> int:
    return len(client.client_list()) - 1


def until_blocked(client: redis.Redis) -> None:
    """A reader waits at the server."""
    wait_for(lambda: client.info("clients")["blocked_clients"], "a reader")


def test_many_threads_share_two_connections(link: Link, client: redis.Redis) -> None:
    before = connections(client)
    with ThreadPoolExecutor(20) as threads:
        wait([threads.submit(link.command, "SET", f"k{number}", number) for number in range(500)])
    assert connections(client) <= before + CONNECTIONS
    assert client.dbsize() == 500


def test_no_trip_is_spent_on_the_name_of_the_client_library(link: Link, client: redis.Redis) -> None:
    connect_calls = client.info("commandstats").get("cmdstat_client|setinfo", {"calls": 0})["calls"]
    link.command("PING")
    assert client.info("commandstats").get("cmdstat_client|setinfo", {"calls": 0})["calls"] == connect_calls


def test_who_waits_longest_gets_the_next_connection(redis_url: str) -> None:
    pool = BoundedPool.from_url(redis_url, max_connections=1)
    taken = pool.get_connection()
    got: list[int] = []

    def ask(number: int) -> None:
        connection = pool.get_connection()
        got.append(number)
        pool.release(connection)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_for(lambda count=number: len(pool._waiting) > count, "a thread that waits")
    for _ in range(3):
        pool.release(taken)
        taken = pool.get_connection()
    pool.release(taken)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert got == sorted(got) and len(got) == 5
    pool.disconnect()


def test_who_waits_in_vain_is_told_and_takes_nothing(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.backends.redis_pool.WAIT_S", 0.01)
    pool = BoundedPool.from_url(redis_url, max_connections=1)
    taken = pool.get_connection()
    with pytest.raises(redis.ConnectionError, match="No connection was free"):
        pool.get_connection()
    pool.release(taken)
    assert pool.get_connection() is taken
    pool.disconnect()


def test_a_connection_that_the_server_closed_is_made_anew(link: Link, client: redis.Redis) -> None:
    link.command("PING")
    for row in client.client_list():
        if row["cmd"] == "ping":
            client.client_kill_filter(_id=row["id"])
    assert link.command("GET", "k") is None


def test_a_new_read_ends_the_one_before(link: Link, client: redis.Redis) -> None:
    before = connections(client)
    with ThreadPoolExecutor(1) as threads:
        old = threads.submit(link.read_stream, "old", "0", PATIENCE_S)
        until_blocked(client)
        client.xadd("new", {"a": "b"})
        ((_, fields),) = link.read_stream("new", "0", PATIENCE_S)
        with pytest.raises(Superseded):
            old.result(PATIENCE_S)
    assert fields == {b"a": b"b"}
    assert connections(client) <= before + CONNECTIONS


def test_who_waits_for_hints_of_an_invocation_that_is_over_does_not_disturb_the_next(
    redis_url: str, client: redis.Redis
) -> None:
    """One that read again would end the newer read, which would end it in turn, for as long as both have time."""
    signals = RedisBackend(redis_url, "deployment", "run", WorkerSettings()).signals
    with ThreadPoolExecutor(2) as threads:
        old = threads.submit(signals.wait_hints, "w0", "0", 2 * PATIENCE_S)
        until_blocked(client)
        new = threads.submit(signals.wait_hints, "w1", "0", 2 * PATIENCE_S)
        assert old.result(PATIENCE_S) == []
        until_blocked(client)
        client.xadd(RunKeys("deployment", "run").hint("w1"), {"": "", "a": "value"})
        assert [dict(message.arrived) for message in new.result(PATIENCE_S)] == [{"a": b"value"}]


def test_commands_go_on_while_a_read_blocks(link: Link, client: redis.Redis) -> None:
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(link.read_stream, "stream", "0", PATIENCE_S)
        until_blocked(client)
        for number in range(50):
            link.command("SET", "k", number)
        client.xadd("stream", {"a": "b"})
        assert len(reading.result(PATIENCE_S)) == 1


def test_connection_that_was_in_use_when_all_were_closed_is_closed_when_it_is_given_back(redis_url: str) -> None:
    link = Link.to(redis_url)
    pool = link._client.connection_pool
    used = pool.get_connection()
    link.close()
    used.connect()
    pool.release(used)
    assert used._sock is None
    assert link.command("PING")
    link.close()


def test_client_that_is_closed_leaves_no_connection(redis_url: str, client: redis.Redis) -> None:
    before = connections(client)
    with connect(redis_url) as other:
        assert other.ping() and connections(client) == before + 1
    wait_for(lambda: connections(client) == before, "the server to see it")
