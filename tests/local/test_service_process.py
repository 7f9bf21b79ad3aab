"""The service as a process: how it starts, how it refuses to, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
import redis

from tests.local.harness import children_of, is_alive, no_redis, spawn_service, wait_for

BOTH = pytest.mark.parametrize("start", ["zygote", "exec"])


def first_line(process):
    with process:
        return json.loads(process.stdout.readline()), process.wait()


@BOTH
def test_everything_it_started_ends_when_it_is_killed_outright(run_service, start, tmp_path):
    service = run_service("--start", start, redis=True)
    service.create(Timeout=60)
    service.invoke()
    service.send({"await": str(tmp_path / "never")})
    wait_for(lambda: service.environments("busy"))
    family = children_of(service.process.pid)
    assert len(family) >= 3
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    wait_for(lambda: not any(map(is_alive, family)))


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_removes_its_folder(run_service, start, number, tmp_path):
    service = run_service("--start", start, redis=True)
    service.create(Timeout=60)
    service.send({"await": str(tmp_path / "never")})
    wait_for(lambda: service.environments("busy"))
    family = children_of(service.process.pid)
    service.process.send_signal(number)
    assert service.process.wait(60) == 0
    wait_for(lambda: not any(map(is_alive, family)))
    assert not (tmp_path / "s0").exists()


def test_it_ends_when_its_lifeline_is_let_go(run_service):
    service = run_service("--lifeline", redis=True)
    family = children_of(service.process.pid)
    service.process.stdin.close()
    assert service.process.wait(60) == 0
    wait_for(lambda: not any(map(is_alive, family)))


def test_it_brings_a_redis_that_answers(run_service):
    service = run_service(redis=True)
    with redis.Redis.from_url(service.redis_url) as client:
        assert client.ping()
        assert client.config_get("port")["port"] == "0"


def test_a_port_in_use_is_one_clear_refusal(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said, code = first_line(spawn_service(tmp_path / "s", *no_redis(tmp_path), "--port", str(port)))
    assert said["error"] == "lambda-unavailable"
    assert f"port {port} of 127.0.0.1 cannot be used: Address already in use" in said["message"]
    assert code == 4


def test_a_redis_that_does_not_start_is_one_clear_refusal(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "treadle.rdb").write_bytes(b"garbage, not a database")
    said, code = first_line(spawn_service(tmp_path / "s", "--redis-data", str(data)))
    assert said["error"] == "store-unavailable"
    assert said["message"].startswith("the embedded Redis does not start")
    assert code == 4


def test_it_works_with_the_standard_library_alone(run_service, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "httptools.py").write_text("raise ImportError('not installed')\n")
    (hidden / "redis.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join([str(hidden), *filter(None, sys.path)])
    service = run_service(variables={"PYTHONPATH": path})
    service.create()
    assert service.invoke({"a": 1})["json"]["event"] == {"a": 1}
    assert service.invoke({"big": 1_000_000})["json"] == "x" * 1_000_000
    assert service.invoke("x" * 1_000_000)["json"]["event"] == "x" * 1_000_000


def test_the_status_names_functions_environments_and_limits(run_service):
    service = run_service(limit=3)
    service.create(MemorySize=512)
    pid = service.invoke()["json"]["pid"]
    status = service.status()
    assert status["pid"] == service.process.pid
    assert status["concurrency_limit"] == 3
    assert (status["start"], status["cpu_limits"], status["queue_depth"]) == ("zygote", "off", 0)
    environment = status["environments"][0]
    assert environment["pid"] == pid
    assert (environment["state"], environment["class"], environment["invocations"]) == ("idle", "512-x86_64", 1)
    assert "START RequestId" in Path(environment["log"]).read_text()
