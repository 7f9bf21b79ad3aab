"""Records of runs in a real Redis, and as files when it ends."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from runtime.backends.redis_link import Link
from runtime.config import LocalSettings, WorkerSettings
from runtime.errors import SignatureInvalid
from runtime.local.places import StateFolder
from runtime.measures.span_batches import SpanBatch, encode_batch
from runtime.measures.spans import StartUp, TaskSpan
from runtime.runs import book as book_module
from runtime.runs.archive import archive, read_sections, restore
from runtime.runs.book import BLOB_LIFE_S, Ending, RunBook
from runtime.runs.details import timeline_of
from runtime.runs.finding import Deployment
from runtime.runs.logs import logs_elsewhere
from runtime.runs.record import Outcome, RunRecord, RunState
from runtime.runs.showing import shown_lines, shown_run
from runtime.values.envelope import Signer
from tests.results import run_result

GRAPH, PLAN = "a" * 64, "b" * 64
SETTINGS = WorkerSettings(lease_s=3.0, renew_s=1.0)
RESULT = run_result("1000_a_b_c", makespan_s=1.5, wall_s=2.0, tasks=3, bytes_moved=10, passed=({"task": "t"},))


def record(run: str = "1000_a_b_c", started: float = 1.0) -> RunRecord:
    return RunRecord(
        run=run,
        workflow="a",
        planner="simple",
        sla="average",
        tasks=3,
        started=started,
        launched=started,
        bundle="d" * 64,
        blobs=("d" * 64, "e" * 64, GRAPH, PLAN),
        graph=GRAPH,
        plan=PLAN,
        inputs=("who",),
        settings=SETTINGS,
        key="00112233",
    )


def outcome(state: RunState = RunState.SUCCEEDED) -> Outcome:
    result = RESULT if state is RunState.SUCCEEDED else None
    return Outcome(state=state, ended=2.0, reason="é", records=({"task": "t"},), result=result, edges=(("t", None),))


def close(book: RunBook, run: str, ended: Outcome, parts: Mapping[str, bytes] | None = None) -> bool:
    ending = Ending(outcome=ended, parts=parts or {}, timeline=b"sealed times", keeps=(GRAPH, PLAN))
    return book.close(run, ending, 100.0)


@pytest.fixture
def book(client: redis.Redis) -> RunBook:
    return RunBook(Link.to(client), "test", Signer(b"k" * 32))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateFolder]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return StateFolder.of("test")


def test_record_and_outcome_are_read_as_they_were_written(book: RunBook) -> None:
    book.open(record())
    entry = book.entry("1000_a_b_c")
    assert entry is not None
    assert (entry.record, entry.outcome, entry.state) == (record(), None, RunState.RUNNING)
    assert close(book, "1000_a_b_c", outcome(), {"slot:t": b"sealed"})
    entry = book.entry("1000_a_b_c")
    assert entry is not None
    assert (entry.outcome, entry.state) == (outcome(), RunState.SUCCEEDED)
    assert book.parts("1000_a_b_c") == {"slot:t": b"sealed"}


def test_first_outcome_stands_until_the_run_is_opened_again(book: RunBook) -> None:
    book.open(record())
    assert close(book, "1000_a_b_c", outcome(RunState.CANCELLED))
    assert not close(book, "1000_a_b_c", outcome())
    entry = book.entry("1000_a_b_c")
    assert entry is not None and entry.state is RunState.CANCELLED
    book.open(record())
    entry = book.entry("1000_a_b_c")
    assert entry is not None and entry.state is RunState.RUNNING


def test_run_that_was_removed_is_not_brought_back_by_its_end(book: RunBook, client: redis.Redis) -> None:
    book.open(record())
    book.remove("1000_a_b_c")
    assert book.is_removed("1000_a_b_c")
    assert not close(book, "1000_a_b_c", outcome(), {"slot:t": b"sealed"})
    assert client.keys("treadle:test:re[cs]*") == []


def test_newest_runs_are_kept_and_those_that_go_on(book: RunBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "KEPT_RUNS", 2)
    for number in range(1, 6):
        book.open(record(f"{number}000_a_b_c", started=float(number)))
        if number != 2:
            close(book, f"{number}000_a_b_c", outcome(RunState.FAILED))
    assert book.runs() == ["5000_a_b_c", "4000_a_b_c", "2000_a_b_c"]


def test_graph_and_plan_live_as_long_as_a_record_that_keeps_them(book: RunBook, client: redis.Redis) -> None:
    keys = ["treadle:test:blob:" + digest for digest in (GRAPH, PLAN)]
    for key in keys:
        client.set(key, b"sealed", ex=100)
    book.open(record("1000_a_b_c"))
    book.open(record("2000_a_b_c"))
    assert [client.ttl(key) for key in keys] == [-1, -1]
    client.expire(keys[0], 100)
    close(book, "1000_a_b_c", outcome())
    assert [client.ttl(key) for key in keys] == [-1, -1]
    book.remove("1000_a_b_c")
    assert [client.ttl(key) for key in keys] == [-1, -1]
    book.remove("2000_a_b_c")
    assert [client.ttl(key) for key in keys] == [BLOB_LIFE_S, BLOB_LIFE_S]


def test_record_of_another_key_is_refused_and_not_listed(book: RunBook) -> None:
    book.open(record())
    stranger = RunBook(book.link, "test", Signer(b"x" * 32))
    assert list(stranger.entries()) == []
    with pytest.raises(SignatureInvalid):
        stranger.entry("1000_a_b_c")


def test_archived_run_comes_back_with_its_values_and_their_time(
    book: RunBook, client: redis.Redis, state: StateFolder, tmp_path: Path
) -> None:
    book.open(record())
    close(book, "1000_a_b_c", outcome(RunState.FAILED), {"slot:t": b"sealed"})
    client.hset("treadle:test:{1000_a_b_c}:out", "t", b"\x00value")
    client.expire("treadle:test:{1000_a_b_c}:out", 100)
    client.set("treadle:test:{1000_a_b_c/t}::token", b"large", ex=100)
    client.set("treadle:test:blob:" + "d" * 64, b"index", ex=100)
    client.set("treadle:test:{1000_a_b_c2}:out", b"another run's")
    archive(book.link, "test", "1000_a_b_c", logs=tmp_path / "logs")
    assert sorted(client.keys("*")) == [b"treadle:test:blob:" + b"d" * 64, b"treadle:test:{1000_a_b_c2}:out"]
    client.flushall()
    restore(book.link, "test", "1000_a_b_c")
    entry = book.entry("1000_a_b_c")
    assert entry is not None
    assert (entry.record, entry.outcome) == (record(), outcome(RunState.FAILED))
    assert book.parts("1000_a_b_c") == {"slot:t": b"sealed"}
    assert client.hget("treadle:test:{1000_a_b_c}:out", "t") == b"\x00value"
    assert client.get("treadle:test:{1000_a_b_c/t}::token") == b"large"
    assert client.get("treadle:test:blob:" + "d" * 64) == b"index"
    assert 0 < client.ttl("treadle:test:{1000_a_b_c}:out") <= 100
    assert book.runs() == ["1000_a_b_c"]


def test_run_that_nobody_saw_end_keeps_what_its_workers_had_measured(
    book: RunBook, client: redis.Redis, state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    deployment = Deployment.of(LocalSettings(deployment="test"))
    ours = RunBook(book.link, "test", deployment.keys.signer())
    ours.open(record())
    start = StartUp(
        run="1000_a_b_c",
        worker="w",
        incarnation="t",
        env_class="c",
        memory_mb=1,
        state="cold",
        invoke_time=1,
        start_time=2,
    )
    span = TaskSpan(task="t", attempt=1, outcome="done", started_at=3.0, exec_s=1.0, committed_at=5.0)
    batch = encode_batch(SpanBatch(start_up=start, spans=(span,), is_last=False))
    client.rpush("treadle:test:{1000_a_b_c}:spans", batch, "garbled")
    archive(book.link, "test", "1000_a_b_c", logs=tmp_path / "logs")
    found = deployment.find("last")
    timeline = timeline_of(deployment, found)
    assert found.entry.state is RunState.INTERRUPTED
    assert timeline is not None
    assert (timeline.spans, timeline.last_commit) == ((span,), 5.0)
    assert len(timeline.problems) == 1
    assert any("no last words of 1 of 1 invocations" in line for line in shown_lines(shown_run(deployment, found)))


def test_logs_of_a_run_launched_on_another_machine_are_said_to_lie_there(
    book: RunBook, state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    deployment = Deployment.of(LocalSettings(deployment="test"))
    ours = RunBook(book.link, "test", deployment.keys.signer())
    for number, host in (("1", "elsewhere"), ("2", platform.node())):
        ours.open(replace(record(f"{number}000_a_b_c"), host=host))
        archive(book.link, "test", f"{number}000_a_b_c", logs=tmp_path / "none")
    assert logs_elsewhere(deployment, deployment.find("1000")) == "elsewhere"
    assert logs_elsewhere(deployment, deployment.find("2000")) == ""
    (deployment.folder("1000_a_b_c") / "logs").mkdir()
    assert logs_elsewhere(deployment, deployment.find("1000")) == ""


def test_archive_of_a_run_without_keys_holds_its_record_and_the_end_of_its_logs(
    book: RunBook, client: redis.Redis, state: StateFolder, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    (logs / "function").mkdir(parents=True)
    (logs / "function" / "000001.log").write_bytes(b"x" * 2_000_000 + b"the end")
    client.set("treadle:test:blob:" + GRAPH, b"the graph")
    book.open(record())
    close(book, "1000_a_b_c", outcome())
    archive(book.link, "test", "1000_a_b_c", logs=logs)
    folder = state.runs / "1000_a_b_c"
    assert [section.name for section in read_sections(folder / "record")] == [
        "start",
        "outcome",
        "blobs",
        "timeline",
        "graph",
    ]
    kept = (folder / "logs" / "function" / "000001.log").read_bytes()
    assert len(kept) == 1024 * 1024 and kept.endswith(b"the end")
    assert (folder / "record").stat().st_mode & 0o077 == 0
