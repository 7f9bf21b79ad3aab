"""What a Redis may do to a run: one clear message each, an end, and a value when it was only slow."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from runtime.backends import redis_link
from runtime.backends.redis import RedisBackend
from runtime.backends.redis_faults import check_version, eviction_warning, fault_of
from runtime.backends.redis_link import connect
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault, StoreUnavailable
from runtime.local.redis_server import find_redis_server
from runtime.local.stack import ensure_stack
from tests.integration.gate import WAIT, meanwhile
from tests.integration.running import DEPLOYMENT, PLANNERS, Bench, compile_at, wait_for, write_workflow

SETTINGS = WorkerSettings(lease_s=2.0, renew_s=0.5, call_limit_s=2.0, fan_out=2, deadline_s=60)
FUNCTIONS = (
    WAIT
    + """

def more(number, size):
    return number, bytes(size)


def length(value):
    return len(value[1])
"""
)
BODY = """
params: {folder: {type: str}}
tasks:
  wait: {call: "functions:wait", args: ["${{ params.folder }}"], worker: red}
  more: {call: "functions:more", args: ["${{ tasks.wait }}", 5000000], worker: red}
  length: {call: "functions:length", args: ["${{ tasks.more }}"], worker: blue}
result: ${{ tasks.length }}
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


@contextmanager
def server(port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        command = [str(find_redis_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with (
            Path(folder, "log").open("wb") as log,
            subprocess.Popen([*command, *options], stdout=log, stderr=log) as process,
        ):
            try:
                wait_for(lambda: listens(port), "the server")
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
                process.kill()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def bench_on(port: int, user: str = "") -> Iterator[Bench]:
    url = f"redis://{user}127.0.0.1:{port}/0"
    with (
        ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=2, redis_url=url)) as stack,
        redis.Redis(port=port) as client,
    ):
        yield Bench(stack, client)


def run(bench: Bench, folder: Path, planner: str = "simple") -> object:
    build = compile_at(write_workflow(folder, BODY, FUNCTIONS), planner, folder=str(folder))
    return bench.run(build, SETTINGS).result


# ---- at the start ---------------------------------------------------------------------------------------------

STARTS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "no password": (("--requirepass", "pw"), "redis://127.0.0.1:PORT/0", "asks for a password", "PASSWORD@"),
    "wrong password": (("--requirepass", "pw"), "redis://:no@127.0.0.1:PORT/0", "password is wrong", "USER:PASSWORD@"),
    "password for none": ((), "redis://u:no@127.0.0.1:PORT/0", "password is wrong", "USER:PASSWORD@"),
    "no such database": ((), "redis://127.0.0.1:PORT/99", "no such database", "/0"),
    "no TLS there": ((), "rediss://127.0.0.1:PORT/0", "does not speak TLS|did not answer within 0.5 s", "redis://"),
    "too many clients": (("--maxclients", "1"), "redis://127.0.0.1:PORT/0", "as many clients", "maxclients"),
    "too many databases": (("--databases", "1"), "redis://127.0.0.1:PORT/1", "no such database", "/0"),
}


@contextmanager
def taken_connection(port: int) -> Iterator[None]:
    """A connection that the server has let in: one that is just being closed may hold the only place."""
    answer = b"max number of clients"
    while b"max number of clients" in answer:
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(b"PING\r\n")
            answer = one.recv(200)
            if b"max number of clients" not in answer:
                yield


@pytest.mark.parametrize("case", STARTS)
def test_server_that_refuses_a_client_is_one_message(port: int, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "COMMAND_TIMEOUT_S", 0.5)
    options, url, message, hint = STARTS[case]
    with (
        server(port, *options),
        taken_connection(port),
        pytest.raises(StoreUnavailable, match=message) as fault,
    ):
        connect(url.replace("PORT", str(port)))
    assert fault.value.exit_code == 4
    assert hint in fault.value.hint


def test_server_that_is_no_redis_is_one_message(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(StoreUnavailable, match="does not answer as a Redis"):
            connect(f"redis://127.0.0.1:{port}/0")
        thread.join()


def test_server_that_never_answers_is_one_message(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "COMMAND_TIMEOUT_S", 0.5)
    with server(port) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            connect(f"redis://127.0.0.1:{port}/0")


def test_server_that_drops_keys_is_warned_of(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with server(port, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"):
        connect(f"redis://127.0.0.1:{port}/0").close()
    assert "allkeys-lru" in caplog.text
    assert eviction_warning("noeviction", "here") == ""


@pytest.mark.parametrize(
    ("version", "is_old"), [("5.0.14", True), ("6.0.16", True), ("6.2.0", False), ("7.2.4", False)]
)
def test_server_that_is_too_old_is_refused(version: str, is_old: bool) -> None:
    if is_old:
        with pytest.raises(StoreUnavailable, match=f"version {version}, treadle needs 6.2"):
            check_version(version, "here")
    else:
        check_version(version, "here")


ERRORS: dict[str, tuple[Exception, str]] = {
    "full": (redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "out of memory"),
    "full in an older script": (
        redis.ResponseError("Error running script (call to f_1): @user_script: 20: -OOM command not allowed"),
        "out of memory",
    ),
    "loading": (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "still loads"),
    "replica": (redis.exceptions.ReadOnlyError("You can't write against a read only replica."), "read-only replica"),
    "disk": (redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "cannot save"),
    "protected": (redis.ConnectionError("DENIED Redis is running in protected mode"), "protected mode"),
    "cluster": (redis.ResponseError("MOVED 3999 127.0.0.1:6381"), "one node of a cluster"),
    "a slot without server": (
        redis.ConnectionError("All slots are not covered after query all startup_nodes."),
        "some slots have no server",
    ),
    "a slot that nobody serves": (
        redis.exceptions.ClusterDownError("CLUSTERDOWN Hash slot not served"),
        "some slots have no server",
    ),
    "busy": (redis.ResponseError("BUSY Redis is busy running a script."), "busy with a script"),
    "unknown": (redis.ResponseError("ERR something new"), "answered with an error"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error_of_the_server_is_told_in_words_with_what_to_do(case: str) -> None:
    err, message = ERRORS[case]
    assert isinstance(err, redis.RedisError)
    fault = fault_of(err, where="here", patience_s=10)
    assert message in fault.message
    assert fault.hint
    assert (type(fault), fault.exit_code) == (StoreUnavailable, 4)


RIGHTS = {
    "a command of a script": (("+@all", "-hset", "~treadle:*"), "may not run a command"),
    "a key of a script": (("+@all", "~treadle:*:blob:*"), "may not use treadle's keys"),
    "writing": (("+@all", "%R~treadle:*"), "may not use treadle's keys"),
    "scripts": (("+@all", "-@scripting", "~treadle:*"), "may not run a command"),
}


@pytest.fixture(scope="module")
def shared_port(own_home: None) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
    with server(found):
        yield found


@pytest.mark.parametrize("case", RIGHTS)
def test_right_that_a_user_lacks_is_one_message(shared_port: int, case: str) -> None:
    rules, message = RIGHTS[case]
    with redis.Redis(port=shared_port) as admin:
        admin.execute_command("ACL", "SETUSER", "team", "reset", "on", ">pw", *rules)
    backend = RedisBackend(f"redis://team:pw@127.0.0.1:{shared_port}/0", "test", "run", WorkerSettings())
    with pytest.raises(StoreUnavailable, match=message) as fault:
        backend.coordinator.rebuild_start()
    backend.close()
    assert "doctor --acl" in fault.value.hint


@pytest.mark.parametrize("user", ["nobody:pw", "team:no", "gone:pw", ":no"])
def test_user_that_is_unknown_or_off_is_one_message(shared_port: int, user: str) -> None:
    with redis.Redis(port=shared_port) as admin:
        admin.execute_command("ACL", "SETUSER", "gone", "reset", "off", ">pw", "+@all", "~*")
    with pytest.raises(StoreUnavailable, match="user or password is wrong") as fault:
        connect(f"redis://{user}@127.0.0.1:{shared_port}/0")
    assert "pw" not in fault.value.message


def test_server_that_cannot_save_is_one_message(port: int, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with server(port, "--dir", str(folder)), redis.Redis(port=port) as admin:
        admin.config_set("save", "3600 1")
        folder.rmdir()
        admin.bgsave()
        wait_for(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", "the save that fails")
        with pytest.raises(StoreUnavailable, match="cannot save its data to disk") as fault:
            connect(f"redis://127.0.0.1:{port}/0")
    assert "disk space" in fault.value.hint


# ---- in mid-run -----------------------------------------------------------------------------------------------


def test_server_that_is_full_ends_the_run_with_one_message(own_home: None, port: int, tmp_path: Path) -> None:
    with (
        server(port),
        bench_on(port) as bench,
        pytest.raises(StoreUnavailable, match="out of memory"),
        meanwhile(tmp_path, lambda: bench.client.config_set("maxmemory", "1")),
    ):
        run(bench, tmp_path)


def test_server_that_becomes_a_replica_ends_the_run_with_one_message(own_home: None, port: int, tmp_path: Path) -> None:
    def become_replica() -> None:
        bench.client.config_set("replica-serve-stale-data", "yes")
        bench.client.replicaof("127.0.0.1", "1")

    with (
        server(port),
        bench_on(port) as bench,
        pytest.raises(StoreUnavailable, match="read-only replica"),
        meanwhile(tmp_path, become_replica),
    ):
        run(bench, tmp_path)


def test_user_that_loses_its_rights_ends_the_run_with_one_message(own_home: None, port: int, tmp_path: Path) -> None:
    def deny() -> None:
        bench.client.acl_setuser("team", commands=["-evalsha", "-eval"])

    with server(port), redis.Redis(port=port) as admin:
        admin.acl_setuser("team", enabled=True, passwords=["+pw"], categories=["+@all"], keys=["treadle:*"])
        with (
            bench_on(port, "team:pw@") as bench,
            pytest.raises(StoreUnavailable, match="refuses access"),
            meanwhile(tmp_path, deny),
        ):
            run(bench, tmp_path)


@pytest.mark.parametrize("planner", PLANNERS)
def test_scripts_flushed_and_connections_cut_in_mid_run_are_no_more_than_a_pause(
    own_home: None, port: int, tmp_path: Path, planner: str
) -> None:
    def cut() -> None:
        bench.client.script_flush()
        bench.client.client_kill_filter(_type="normal", skipme=True)

    with server(port), bench_on(port) as bench, meanwhile(tmp_path, cut):
        assert run(bench, tmp_path, planner) == 5_000_000


def test_server_that_stands_still_for_a_while_is_waited_for(own_home: None, port: int, tmp_path: Path) -> None:
    with server(port) as process, bench_on(port) as bench:

        def pause() -> None:
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(3)
            os.kill(process.pid, signal.SIGCONT)

        with meanwhile(tmp_path, pause):
            assert run(bench, tmp_path) == 5_000_000


def test_server_that_stops_for_good_is_one_message(own_home: None, port: int, tmp_path: Path) -> None:
    with (
        server(port) as process,
        bench_on(port) as bench,
        pytest.raises(RuntimeFault, match="did not answer within"),
        meanwhile(tmp_path, lambda: os.kill(process.pid, signal.SIGSTOP)),
    ):
        run(bench, tmp_path)
