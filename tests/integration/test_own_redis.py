"""Runs on a Redis that is not treadle's own: over TLS as a user with few rights, and on a cluster of six over TLS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, product
from pathlib import Path
from typing import Any

import pytest
import redis

from compiler.pipeline import CompileOptions, compile_workflow
from runtime.backends.redis_cluster import ClusterClient
from runtime.backends.redis_link import connect
from runtime.config import LocalSettings, WorkerSettings
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from runtime.results import RunResult
from tests.contracts.certificates import Authority
from tests.contracts.cluster import Cluster, acl_of, cluster_of_six, free_ports, server_on, tls_flags
from tests.integration.running import CONCURRENCY, DEPLOYMENT, PLANNERS, wait_for, write_workflow
from tests.integration.test_object_store import BODY, FUNCTIONS, INPUTS, TOTAL
from tests.integration.test_trust import FUNCTIONS as GATE
from tests.shell import Shell, shell_at

EXAMPLES: Mapping[str, tuple[tuple[str, ...], Callable[[Any], bool]]] = {
    "hello": (("who=Ada",), lambda result: result == "Hello, Ada!"),
    "tree_reduction": (("leaves=64",), lambda result: result == 64 * 63 // 2),
    "wordcount": ((f"folder={Path(json.__file__).parent}", "chunks=5"), lambda result: result["total_words"] > 1000),
}
MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
USER = "treadle:a-password@"


@pytest.fixture(scope="module")
def tls(own_home: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server over TLS, for a user with the documented rights."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    (port,) = free_ports(1)
    with server_on(tls_flags(port, folder, authority), folder, port=port):
        with redis.Redis.from_url(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}") as admin:
            admin.execute_command(*acl_of("treadle", "a-password", DEPLOYMENT))
        yield f"rediss://{USER}127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"


@pytest.fixture(scope="module")
def cluster(own_home: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Six nodes over TLS, with that user on each."""
    folder = tmp_path_factory.mktemp("cluster")
    with cluster_of_six(folder, Authority(folder)) as cluster:
        for number in range(len(cluster.ports)):
            with cluster.node(number) as admin:
                admin.execute_command(*acl_of("treadle", "a-password", DEPLOYMENT))
        yield cluster


@pytest.fixture(params=["tls", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(request.param)
    return found.url_of(1, USER) if isinstance(found, Cluster) else str(found)


@contextmanager
def target_on(url: str) -> Iterator[Target]:
    settings = LocalSettings(deployment=DEPLOYMENT, concurrency_limit=4, redis_url=url)
    with ensure_stack(settings) as stack:
        yield Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint, deployment=DEPLOYMENT)


def run(target: Target, path: Path, **given: object) -> RunResult:
    bundle = compile_workflow(path, CompileOptions(planner="wukong", concurrency=4)).loaded
    return launch(bundle, target, WorkerSettings(fan_out=CONCURRENCY), inputs=given)


@pytest.fixture
def shell(url: str, tmp_path: Path) -> Iterator[Shell]:
    """The command line there, with a local service that stays between its runs."""
    own = shell_at(tmp_path)
    settings = {"REDIS_URL": url, "DEPLOYMENT": DEPLOYMENT, "CONCURRENCY_LIMIT": "4"}
    shell = Shell({**own.environ, **{f"TREADLE_{name}": text for name, text in settings.items()}})
    assert shell.json("local", "start")["redis_url"].startswith("rediss://")
    yield shell
    shell.call("local", "stop")


def left_keys(url: str) -> list[str]:
    """What runs left beside their records and the history."""
    with connect(url) as client:
        left = [key.decode() for key in client.scan_iter("*", count=1000)]
    return [key for key in left if ("}:" in key or "/" in key) and ":history:" not in key]


def test_three_examples_run_there_as_commands_with_both_planners(shell: Shell, url: str) -> None:
    def run_one(example: str, planner: str) -> None:
        options, is_right = EXAMPLES[example]
        sets = chain(*(("--set", option) for option in options))
        answer = shell.json("run", MANIFESTS / example / "workflow.yaml", "--planner", planner, *sets)
        assert answer["planner"] == planner
        assert is_right(answer["result"]), answer["result"]

    with ThreadPoolExecutor(len(EXAMPLES)) as at_once:
        for done in [at_once.submit(run_one, *case) for case in product(EXAMPLES, PLANNERS)]:
            done.result()
    assert left_keys(url) == []


def test_large_values_pass_there(url: str, tmp_path: Path) -> None:
    with target_on(url) as target:
        result = run(target, write_workflow(tmp_path, BODY, FUNCTIONS), **INPUTS).result
    assert isinstance(result, dict) and result["total"] == TOTAL
    assert left_keys(url) == []


MOVING = """
params: {folder: {type: str}}
tasks:
  early: {call: "functions:make", foreach: {i: "${{ range(8) }}"}, args: ["${{ 200000 + i }}"]}
  gate: {call: "functions:wait", args: ["${{ params.folder }}"]}
  late:
    call: functions:measure
    foreach: {i: "${{ range(40) }}"}
    args: ["${{ tasks.early[i % 8] }}", "${{ tasks.gate }}"]
result: ["${{ tasks.late }}"]
"""
MEASURE = GATE + "\n\ndef measure(value, gate):\n    return len(value)\n"


def test_the_slot_of_a_run_moves_while_it_runs(cluster: Cluster, tmp_path: Path) -> None:
    moves: list[int] = []

    def move() -> None:
        wait_for((tmp_path / "begun").exists, "the gate's task")
        with connect(cluster.url) as client:
            assert isinstance(client, ClusterClient)
            keys = [key for key in client.scan_iter(f"treadle:{DEPLOYMENT}:*") if b"/" not in key and b"}:out" in key]
            slots = {int(client.keyslot(key)) for key in keys}  # type: ignore[no-untyped-call]
        for slot in slots:
            cluster.move_slot(slot)
            moves.append(slot)
        (tmp_path / "open").write_text("")

    path = write_workflow(tmp_path, MOVING, MEASURE)
    bundle = compile_workflow(
        path, CompileOptions(planner="wukong", concurrency=4, set_values={"folder": str(tmp_path)})
    ).loaded
    thread = threading.Thread(target=move)
    thread.start()
    try:
        with target_on(cluster.url_of(2, USER)) as target:
            result = launch(bundle, target, WorkerSettings(fan_out=CONCURRENCY)).result
    finally:
        thread.join()
    assert len(moves) == 1
    assert result == [[200_000 + number % 8 for number in range(40)]]
