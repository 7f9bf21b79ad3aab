"""Runs over a link: what workers meet, what is recorded of it, and who lives how long."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import launch
from runtime.local.stack import ensure_stack
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
    def environments(link: str) -> set[int]:
        before = bench.stack.status()["functions"]
        over(bench, build, link)
        after = bench.stack.status()["functions"]
        return {one["name"] for one in after if one not in before}  # type: ignore[union-attr]

    assert not environments("none") & environments(LINK)
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
