"""Runs over a link: what workers meet, what is recorded of it, and who lives how long."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

import pytest
import redis

from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from runtime.runs.publishing import LinkRefused
from tests.contracts.certificates import Authority
from tests.contracts.cluster import acl_of, free_ports, server_on, tls_flags
from tests.integration.running import CONCURRENCY, DEPLOYMENT, Bench, compile_at, write_workflow
from tests.local.harness import children_of, is_alive, wait_for

LINK = "20ms,40MB/s"
BODY = """
tasks:
  seen:
    call: functions:seen
  doubled:
    call: functions:doubled
    args: ["${{ tasks.seen }}"]
"""
FUNCTIONS = """
import os

def seen():
    return "TREADLE_NETWORK" in os.environ

def doubled(value):
    return [value, value]
"""


def over(bench: Bench, build, link: str):
    return launch(build.loaded, replace(bench.target, link=link), WorkerSettings(fan_out=CONCURRENCY))


@pytest.fixture
def build(tmp_path):
    return compile_at(write_workflow(tmp_path / "w", BODY, FUNCTIONS), "simple", workers=2)


def links(bench: Bench) -> list[dict[str, object]]:
    return bench.stack.status()["links"]  # type: ignore[return-value]


def test_every_trip_of_a_worker_takes_the_link_s_time(bench, build):
    result = over(bench, build, LINK)
    assert result.timeline.link == LINK
    assert result.result == {"doubled": [False, False]}
    assert all(one.start_up.begin_s >= 0.02 for one in result.timeline.invocations)
    assert all(span.commit_s >= 0.02 for span in result.timeline.spans if span.commit_s)


def test_runs_over_different_links_share_no_environment(bench, build):
    def invoked() -> dict[str, int]:
        return {one["name"]: one["invocations"] for one in bench.stack.status()["functions"]}

    def functions(link: str) -> set[str]:
        before = invoked()
        over(bench, build, link)
        return {name for name, count in invoked().items() if count > before.get(name, 0)}

    assert not functions("none") & functions(LINK)
    assert [one["link"] for one in links(bench)] == [LINK]


def test_a_link_whose_process_dies_has_another_one(bench, build):
    over(bench, build, LINK)
    (before,) = links(bench)
    os.kill(before["pid"], signal.SIGKILL)
    wait_for(lambda: links(bench)[0]["pid"] != before["pid"])
    assert over(bench, build, LINK).timeline.link == LINK


def test_a_link_ends_with_its_service_however_that_ends(own_home, build):
    for end in (signal.SIGTERM, signal.SIGKILL):
        with ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=2)) as stack:
            bench = Bench(stack, None)
            over(bench, build, LINK)
            (link,) = links(bench)
            family = children_of(stack.pid)
            assert link["pid"] in family
            os.kill(stack.pid, end)
            wait_for(lambda family=family: not any(map(is_alive, family)))


def test_a_link_that_dies_under_a_run_is_no_more_than_a_pause(bench, tmp_path):
    functions = """
import os
import time

def waited(folder):
    open(os.path.join(folder, "waits"), "w").close()
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.005)
    return bytes(200_000)

def size(value):
    return len(value)
"""
    body = """
params: {folder: {type: str}}
tasks:
  waited: {call: "functions:waited", args: ["${{ params.folder }}"], worker: red}
  size: {call: "functions:size", args: ["${{ tasks.waited }}"], worker: blue}
"""
    build = compile_at(write_workflow(tmp_path / "w", body, functions), "simple", folder=str(tmp_path))

    def kill() -> None:
        wait_for((tmp_path / "waits").exists)
        for link in links(bench):
            os.kill(link["pid"], signal.SIGKILL)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    assert over(bench, build, LINK).result == {"size": 200_000}
    killer.join()


def test_a_link_goes_on_under_tls_and_says_who_one_is(own_home, build, tmp_path):
    authority, (port,) = Authority(tmp_path), free_ports(1)
    with server_on(tls_flags(port, tmp_path, authority), tmp_path / "redis", port=port):
        plain = f"127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"
        with redis.Redis.from_url(f"rediss://{plain}") as admin:
            admin.execute_command(*acl_of("treadle", "a%b/c", DEPLOYMENT))
        url = f"rediss://treadle:a%25b%2Fc@{plain}"
        with ensure_stack(LocalSettings(deployment=DEPLOYMENT, concurrency_limit=2, redis_url=url)) as stack:
            result = over(Bench(stack, None), build, LINK)
            assert (stack.directory / "link.log").read_text() == ""
    assert result.result == {"doubled": [False, False]}
    assert all(one.start_up.begin_s >= 0.02 for one in result.timeline.invocations)


def test_a_cluster_is_refused_with_the_reason(own_home, build, tmp_path):
    port, bus = free_ports(2)
    flags = ["--port", str(port), "--cluster-enabled", "yes", "--cluster-port", str(bus)]
    with server_on(flags, tmp_path, port=port):
        with redis.Redis(port=port) as admin:
            admin.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            wait_for(lambda: admin.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        target = Target(redis_url=f"redis://127.0.0.1:{port}/0", deployment=DEPLOYMENT, link=LINK)
        with pytest.raises(LinkRefused, match="a link cannot lie before a Redis Cluster"):
            launch(build.loaded, target, WorkerSettings())
