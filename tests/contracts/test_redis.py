"""What only a real Redis can show: expiry, clean-up, a lost connection, a restarted server, refusals in clear words."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from runtime.backends.keys import RunKeys, escape_glob
from runtime.backends.redis import RedisBackend, connect
from runtime.backends.redis_coordinator import RedisCoordinator
from runtime.backends.redis_link import Link
from runtime.config import WorkerSettings
from runtime.errors import RuntimeFault, StoreUnavailable
from runtime.plan import Gate
from runtime.ports import Attempt, Failure, Mode, RebuildPart, Release, RunEnd, Status, Store
from tests.contracts.server import start_server
from tests.contracts.world import ClockedScripts, World, flexible, pinned, redis_world, row, store

LIFE_S = 1_000


@pytest.fixture
def world(client: redis.Redis) -> Iterator[World]:
    world = redis_world(client, "run", WorkerSettings(deadline_s=LIFE_S, keep_keys_s=0))
    yield world
    world.backend.close()


def keys_of(client: redis.Redis) -> set[str]:
    return {key.decode() for key in client.scan_iter() if not key.startswith(b"test:clock")}


def touch_every_kind(world: World) -> None:
    """A run that leaves something under every key of the table."""
    world.coordinator.rebuild_start()
    world.coordinator.rebuild_part(
        RebuildPart(
            arrived={"x": ("y",)},
            grants={"w0": {"a": -1}, "w1": {"z": -1}},
            done=(("w0", "d"), ("", "e")),
            stored=(("w1", "s"),),
            widths={"j": 3},
        )
    )
    world.coordinator.rebuild_end([row("w0", True), row("w1", True)])
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    key = world.values.put_large("a", None, "t0", b"large")
    world.commit(
        "w0",
        Store(
            task="a",
            slot="a",
            value=None,
            reference=key,
            arrivals=(pinned("b", "w1", need=2), flexible("f"), pinned("g", "w0")),
            joins=(pinned("k", "w1", need=2),),
        ),
        Attempt(task="a", number=1),
        token="t0",
    )
    world.values.put_pages({0: b"page"})
    world.values.put_graph(b"graph")
    world.values.put_blobs({"d": b"blob"})
    world.signals.emit_events([("span", "{}")])


def test_every_key_expires(world: World, client: redis.Redis) -> None:
    touch_every_kind(world)
    kinds = {key.rpartition("}:")[2].partition(":")[0] for key in keys_of(client) if "}:" in key}
    assert kinds >= {
        "meta",
        "workers",
        "queue",
        "out",
        "done",
        "need",
        "att",
        "events",
        "pages",
        "graph",
        "todo",
        "arr",
        "hint",
    }
    without = {key for key in keys_of(client) if not 0 < client.ttl(key) <= LIFE_S}
    assert without == set()
    world.commit("w0", Failure(task="a", record="{}"), token="t0")
    assert 0 < client.ttl(RunKeys("test", "run").fixed("errors")) <= LIFE_S


def test_finish_leaves_only_the_deployments_blobs(world: World, client: redis.Redis) -> None:
    touch_every_kind(world)
    neighbours = [redis_world(client, run) for run in ("run2", "ru", "run[1]")]
    for neighbour in neighbours:
        neighbour.launch({"w0": {"a": -1}})
    others = {key for key in keys_of(client) if "{run}" not in key and "{run/" not in key}
    world.coordinator.finish()
    assert keys_of(client) == others
    assert "treadle:test:blob:d" in others
    for neighbour in neighbours:
        assert neighbour.begin("w0").status is Status.GO


def test_no_zombie_leaves_a_key_after_finish(world: World, client: redis.Redis) -> None:
    touch_every_kind(world)
    world.coordinator.finish()
    world.commit("w0", store("b", pinned("c", "w1")), token="t0")
    world.begin("w1", "t9")
    world.coordinator.confirm("w1", 1.0)
    world.coordinator.watch(10)
    world.coordinator.lost("w0", "t0", "a", "k")
    world.coordinator.end(RunEnd.CANCELLED, "late")
    assert keys_of(client) == {"treadle:test:blob:d"}


def test_a_rebuild_clears_what_an_earlier_life_left(world: World, client: redis.Redis) -> None:
    touch_every_kind(world)
    world.launch({"w0": {"a": -1}})
    left = {key.rpartition("}:")[2] for key in keys_of(client)}
    assert not [kind for kind in left if kind.startswith(("arr:", "reach:", "hint:", "done"))]
    assert {kind for kind in left if kind.startswith("todo:")} == {"todo:w0"}


def test_reading_a_blob_renews_it(world: World, client: redis.Redis) -> None:
    world.values.put_blobs({"d": b"blob"})
    client.expire("treadle:test:blob:d", 5)
    assert world.values.get_blobs(["d"]) == [b"blob"]
    assert client.ttl("treadle:test:blob:d") > 5
    client.expire("treadle:test:blob:d", 5)
    world.values.put_blobs({"d": b"blob"})
    assert client.ttl("treadle:test:blob:d") > 5


def test_the_watch_renews_the_runs_keys(client: redis.Redis) -> None:
    moments = iter([0.0, LIFE_S / 4 - 1, LIFE_S / 4, LIFE_S / 4])
    link = Link(client, where="the test's server", scripts=ClockedScripts())
    world = redis_world(client, "run")
    touch_every_kind(world)
    watcher = RedisCoordinator(
        link, RunKeys("test", "run"), WorkerSettings(deadline_s=LIFE_S, keep_keys_s=0), lambda: next(moments)
    )
    for key in keys_of(client):
        client.expire(key, 7)
    watcher.watch(1)
    assert {client.ttl(key) for key in keys_of(client)} <= {6, 7}
    watcher.watch(1)
    renewed = {key for key in keys_of(client) if client.ttl(key) > 7}
    assert renewed == {key for key in keys_of(client) if "{run" in key}
    link.close()


def test_a_server_that_forgot_the_scripts_is_told_again(world: World, client: redis.Redis) -> None:
    world.launch({"w0": {"a": -1}})
    assert world.begin("w0").status is Status.GO
    client.script_flush()
    assert world.commit("w0", store("a")).status is Status.OK


def test_a_rebuild_whose_first_reply_was_lost_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.launch({"w0": {"a": -1}})
    seen = world.coordinator.status()
    monkeypatch.setattr("runtime.backends.redis_coordinator.secrets.token_hex", lambda _: "the same")
    for _ in range(2):
        world.coordinator.rebuild_start(seen)
    world.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=()))
    assert len(world.coordinator.rebuild_end([row("w0", True)])) == 1


def test_a_line_before_a_gate_that_the_store_forgot_lets_nobody_in(world: World, client: redis.Redis) -> None:
    gate = Gate("f", 1)
    world.launch({"w0": {"a": -1}}, idle=("w1", "w2"))
    world.begin("w0")
    world.commit("w0", store("a", pinned("f1", "w1", gate=gate), pinned("f2", "w2", gate=gate)))
    world.begin("w1", "u1")
    (waiting,) = (key for key in client.scan_iter() if b"}:wait:f:" in key)
    client.delete(waiting)
    answer = world.commit("w1", store("f1"), Release(task="f1", gate=gate), mode=Mode.LEAVE, token="u1")
    assert (answer.status, answer.calls, answer.left) == (Status.OK, (), True)
    world.leave("w0")
    assert world.coordinator.status().active == 0, "a look finds that nobody goes on"


def test_a_lost_connection_is_opened_again(world: World, client: redis.Redis, redis_url: str) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    with redis.Redis.from_url(redis_url) as killer:
        killer.client_kill_filter(_type="normal", skipme=True)
    assert world.commit("w0", store("a")).status is Status.OK


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server that the test may end."""
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process:
            yield process, url
            process.terminate()


def test_a_server_that_goes_away_is_a_clear_error(own_server: tuple[subprocess.Popen[bytes], str]) -> None:
    process, url = own_server
    backend = RedisBackend(url, "test", "run", WorkerSettings())
    backend.values.put_graph(b"x")
    process.terminate()
    process.wait()
    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        backend.coordinator.begin("w0", "t1", 0.0)
    assert caught.value.hint
    backend.close()


def test_a_server_that_came_back_empty_ends_every_worker(world: World, client: redis.Redis) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    client.flushall()
    world.advance(0.0)
    assert world.commit("w0", store("a")).status is Status.ENDED
    assert world.begin("w0", "t2").status is Status.ENDED
    assert world.coordinator.status().meta == ""


def test_the_servers_own_clock_ends_a_lease(redis_url: str, client: redis.Redis) -> None:
    backend = RedisBackend(redis_url, "test", "run", WorkerSettings(lease_s=0.001, renew_s=0.0005, call_limit_s=0.001))
    coordinator = backend.coordinator
    coordinator.rebuild_start()
    coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=()))
    (call,) = coordinator.rebuild_end([row("w0", True)])
    first = coordinator.begin("w0", "t1", call.called_at)
    assert first.now >= call.called_at
    while not (calls := coordinator.watch(1)):
        assert coordinator.status().meta == "run"
    assert calls[0].called_at > first.now
    assert coordinator.begin("w0", "t2", calls[0].called_at).status is Status.GO
    backend.close()


def test_hints_may_be_read_from_the_time_of_the_begin(redis_url: str, client: redis.Redis) -> None:
    backend = RedisBackend(redis_url, "test", "run", WorkerSettings())
    coordinator = backend.coordinator
    coordinator.rebuild_start()
    coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}, "w1": {"b": -1}}, done=()))
    coordinator.rebuild_end([row("w0", True), row("w1", True)])
    coordinator.begin("w0", "t1", 0.0)
    world = World(coordinator, backend.values, backend.signals, None, None, backend)  # type: ignore[arg-type]
    begun = coordinator.begin("w1", "t2", 0.0)
    world.commit("w0", store("a", pinned("c", "w1", need=2)))
    assert world.hints("w1", f"{int(begun.now * 1000)}-0") == [{"a": b"value"}]
    backend.close()


def test_backends_may_share_a_link(redis_url: str, client: redis.Redis) -> None:
    link = Link.to(redis_url)
    first = RedisBackend(link, "test", "run1", WorkerSettings())
    second = RedisBackend(link, "test", "run2", WorkerSettings())
    first.values.put_graph(b"1")
    assert (first.values.get_graph(), second.values.get_graph()) == (b"1", None)
    link.close()


def test_an_environment_keeps_to_two_connections_for_commands(redis_url: str, client: redis.Redis) -> None:
    backend = RedisBackend(redis_url, "test", "run", WorkerSettings())
    threads = [threading.Thread(target=backend.values.put_graph, args=(b"x" * 100_000,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.client_list()) <= 3
    backend.close()


def test_no_server_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://user:secret@127.0.0.1:{taken.getsockname()[1]}/0"
        with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
            connect(url)
    assert "secret" not in caught.value.message
    assert caught.value.hint


def test_a_missing_socket_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        connect(f"unix://{tmp_path}/none")


@pytest.mark.parametrize("url", ["", "http://x", "redis://host:port/0", "nonsense"])
def test_a_url_that_is_none_is_a_clear_error(url: str) -> None:
    with pytest.raises(RuntimeFault, match="no Redis URL"):
        connect(url)


def test_missing_rights_are_a_clear_error(redis_url: str, client: redis.Redis) -> None:
    client.acl_setuser("guest", enabled=True, passwords=["+pw"], commands=["+ping"], keys=["none"])
    path = redis_url.removeprefix("unix://")
    with pytest.raises(StoreUnavailable, match="refuses access"):
        connect(f"unix://guest:wrong@{path}")
    backend = RedisBackend(f"unix://guest:pw@{path}", "test", "run", WorkerSettings())
    with pytest.raises(StoreUnavailable, match="refuses access"):
        backend.values.get_graph()
    backend.close()


def test_an_acl_user_needs_only_the_deployments_keys(redis_url: str, client: redis.Redis) -> None:
    client.acl_setuser(
        "team", enabled=True, passwords=["+pw"], categories=["+@all", "-@dangerous"], keys=["treadle:test:*"]
    )
    world = redis_world(client, "plain")
    backend = RedisBackend(
        f"unix://team:pw@{redis_url.removeprefix('unix://')}",
        "test",
        "run",
        WorkerSettings(deadline_s=LIFE_S, keep_keys_s=0),
    )
    team = World(backend.coordinator, backend.values, backend.signals, world.clock, None, backend)
    touch_every_kind(team)
    team.coordinator.watch(5)
    assert team.coordinator.status().meta == "run"
    team.coordinator.finish()
    backend.close()


def test_a_server_out_of_memory_is_a_clear_error(world: World, client: redis.Redis) -> None:
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreUnavailable, match="out of memory"):
            world.values.put_graph(b"x")
    finally:
        client.config_set("maxmemory", "0")


def test_a_foreign_value_under_our_key_is_a_clear_error(world: World, client: redis.Redis) -> None:
    client.set(RunKeys("test", "run").fixed("meta"), "not a hash")
    with pytest.raises(RuntimeFault, match="WRONGTYPE"):
        world.coordinator.status()


@pytest.mark.parametrize("name", ["", "a{b", "a}b", "a:b", "a\nb"])
def test_names_that_would_break_out_of_the_key_table_are_refused(name: str) -> None:
    with pytest.raises(RuntimeFault, match="cannot be part of a Redis key"):
        RunKeys("local", name)
    with pytest.raises(RuntimeFault, match="cannot be part of a Redis key"):
        RunKeys(name, "run")


def test_patterns_match_literally(client: redis.Redis) -> None:
    for name in ("a*", "ab", "a?", "[a]", "a\\", "a^-z"):
        client.flushall()
        client.set(f"p:{name}", 1)
        client.set("p:other", 1)
        assert client.keys(f"p:{escape_glob(name)}") == [f"p:{name}".encode()]
