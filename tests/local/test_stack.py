"""A run finds a stack: the kept one, or one of its own that ends with it, however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from runtime.config import LocalSettings
from runtime.errors import LambdaUnavailable, StoreUnavailable
from runtime.local import redis_server
from runtime.local.kept_settings import tell_ignored
from runtime.local.living import find_kept
from runtime.local.redis_server import find_redis_server, start_redis
from runtime.local.stack import ensure_stack, start_kept, status_kept, stop_kept
from runtime.settings.layers import command_line, resolve
from tests.local.harness import children_of, is_alive, wait_for

SETTINGS = LocalSettings(deployment="test", concurrency_limit=2)
HOLD = """
import json, sys, time
from runtime.config import LocalSettings
from runtime.local.stack import ensure_stack

with ensure_stack(LocalSettings(deployment="test")) as stack:
    print(json.dumps([stack.pid, str(stack.directory)]), flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state" / "treadle" / "local"
    stop_kept("test")


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return client.ping()


def put(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def get(url: str, key: str) -> bytes | None:
    with redis.Redis.from_url(url) as client:
        return client.get(key)


def test_a_run_gets_a_stack_that_ends_with_it():
    with ensure_stack(SETTINGS) as stack:
        assert stack.started
        assert stack.status()["concurrency_limit"] == 2
        assert ping(stack.redis_url)
        family = [stack.pid, *children_of(stack.pid)]
    wait_for(lambda: not any(map(is_alive, family)))
    assert not stack.directory.exists()


def test_a_stack_ends_also_when_the_run_fails():
    with pytest.raises(ZeroDivisionError), ensure_stack(SETTINGS) as stack:
        raise ZeroDivisionError
    assert not is_alive(stack.pid)
    assert not stack.directory.exists()


def test_a_stack_ends_when_its_caller_is_killed_outright():
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        pid, directory = json.loads(caller.stdout.readline())
        family = [pid, *children_of(pid)]
        assert len(family) >= 2
        caller.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, family)) and not Path(directory).exists())


def test_redis_keeps_its_data_from_run_to_run():
    with ensure_stack(SETTINGS) as stack:
        put(stack.redis_url, "history", "kept")
    with ensure_stack(SETTINGS) as stack:
        assert get(stack.redis_url, "history") == b"kept"


def test_two_runs_at_once_do_not_write_one_file():
    with ensure_stack(SETTINGS) as first:
        put(first.redis_url, "whose", "first")
        with ensure_stack(SETTINGS) as second:
            assert second.redis_url != first.redis_url
            put(second.redis_url, "whose", "second")
    with ensure_stack(SETTINGS) as third:
        assert get(third.redis_url, "whose") == b"first"


def test_a_state_folder_that_cannot_be_written_costs_the_data_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with ensure_stack(SETTINGS) as stack:
        assert ping(stack.redis_url)


def test_a_kept_stack_is_used_by_runs_and_stays(state):
    kept = start_kept(SETTINGS)
    try:
        assert start_kept(SETTINGS).pid == kept.pid
        with ensure_stack(SETTINGS) as stack:
            assert (stack.pid, stack.started) == (kept.pid, False)
        assert is_alive(kept.pid)
        status = status_kept("test")
        assert status is not None
        assert (status["pid"], status["directory"]) == (kept.pid, str(kept.directory))
        assert (state / "test.json").stat().st_mode & 0o777 == 0o600
    finally:
        assert stop_kept("test")
    assert not is_alive(kept.pid)
    assert status_kept("test") is None
    assert not kept.directory.exists()
    assert not stop_kept("test")


def test_a_kept_stacks_data_survive_its_restart():
    put(start_kept(SETTINGS).redis_url, "key", "value")
    stop_kept("test")
    try:
        assert get(start_kept(SETTINGS).redis_url, "key") == b"value"
    finally:
        stop_kept("test")


def test_a_kept_stack_that_died_is_not_taken_for_alive():
    kept = start_kept(SETTINGS)
    os.kill(kept.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(kept.pid))
    assert find_kept("test") is None
    with ensure_stack(SETTINGS) as stack:
        assert stack.started
    assert not stop_kept("test")
    assert not kept.directory.exists()


def test_another_deployment_has_another_stack():
    kept = start_kept(SETTINGS)
    try:
        assert find_kept("other") is None
        assert find_kept("test") == kept
    finally:
        stop_kept("test")


def test_a_given_redis_is_used_as_it_is(tmp_path):
    server = start_redis(tmp_path / "r")
    try:
        with ensure_stack(replace(SETTINGS, redis_url=server.url)) as stack:
            assert stack.redis_url == server.url
            assert not any("redis-server" in Path(f"/proc/{pid}/cmdline").read_text() for pid in children_of(stack.pid))
        assert ping(server.url)
    finally:
        server.stop()


def test_a_port_in_use_is_one_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(LambdaUnavailable, match=f"port {port} .* Address already in use"),
            ensure_stack(replace(SETTINGS, lambda_port=port)),
        ):
            raise AssertionError("the stack came up")
        with pytest.raises(LambdaUnavailable, match="Address already in use"):
            start_kept(replace(SETTINGS, lambda_port=port))


def test_no_redis_to_be_found_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setattr(redis_server, "FOLDERS", ())
    monkeypatch.setattr(redis_server, "WHEELS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StoreUnavailable) as missing:
        find_redis_server()
    assert "apt-get install redis-server" in missing.value.hint


def test_redis_stops_and_leaves_no_socket(tmp_path):
    server = start_redis(tmp_path / "r")
    assert ping(server.url)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o700
    server.stop()
    assert not is_alive(server.pid)
    assert not server.socket_path.exists()
    server.stop()


def test_a_long_folder_name_does_not_break_the_socket(tmp_path):
    folder = tmp_path / ("d" * 100)
    server = start_redis(folder)
    try:
        assert ping(server.url)
    finally:
        server.stop()
    assert not server.socket_path.parent.exists()


def test_redis_ends_when_its_parent_is_killed_outright(tmp_path):
    source = (
        "import sys, time; from pathlib import Path; from runtime.local.redis_server import start_redis\n"
        "print(start_redis(Path(sys.argv[1])).pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", source, str(tmp_path / "r")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_for(lambda: not is_alive(pid))


@pytest.mark.parametrize("is_kept", [False, True])
def test_no_password_is_on_a_command_line_or_in_the_status(is_kept):
    own = replace(SETTINGS, redis_url="redis://team:a-secret@127.0.0.1:1/0")
    with nullcontext(start_kept(own)) if is_kept else ensure_stack(own) as stack:
        assert stack.redis_url == own.redis_url
        assert stack.status()["redis_url"] == "redis://127.0.0.1:1/0"
        assert "a-secret" not in json.dumps(stack.status())
        for pid in (stack.pid, *children_of(stack.pid)):
            assert b"a-secret" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_settings_that_a_kept_service_does_not_follow_are_told(caplog):
    start_kept(SETTINGS)
    asked = {"deployment": "test", "concurrency_limit": "3", "start": SETTINGS.start}
    for wish, told in (({}, "concurrency_limit is 2, not 3"), ({"concurrency_limit": "2"}, "")):
        settings = resolve([command_line(asked | wish)], backend="local")
        with ensure_stack(settings.of(LocalSettings)) as kept:
            tell_ignored(kept, settings)
        assert [record.getMessage() for record in caplog.records] == (
            [f"warning: of the kept service {told}: treadle local stop && treadle local start"] if told else []
        )
        caplog.clear()
