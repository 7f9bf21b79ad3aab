"""Where histories lie: files and Redis behave the same, lose nothing, and count nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from runtime.backends.redis_link import Link
from runtime.errors import RuntimeFault
from runtime.history.codec import decode_graph, encode_graph
from runtime.history.file_store import FileHistory
from runtime.history.gathering import history_of, launch_mark
from runtime.history.records import GraphHistory, merge_graphs
from runtime.history.redis_store import RedisHistory
from runtime.history.store import FOLD_AT, Head, HistoryStore, folded
from runtime.history.view import load_history, read_graphs
from tests.history.timelines import Shape

SHAPE = Shape(tasks=4, families=2, workers=2)
NEWER, OLDER = b"treadle history 9 whatever", b"treadle history 1 whatever"

ROOT = Path(__file__).resolve().parents[2]
ADDING = """
import sys
from pathlib import Path
from runtime.history.file_store import FileHistory
from runtime.history.remembering import remember
from tests.history.timelines import Shape

shape = Shape(tasks=4, families=2, workers=2, seed=10 + int(sys.argv[2]))
store = FileHistory(folder=Path(sys.argv[1]))
for timeline in shape.timelines(100_000):
    if remember(store, timeline, shape.code, "succeeded"):
        print(timeline.run, flush=True)
"""
"""A program that adds runs until it is killed, and tells each one."""

MakeStore = Callable[[], HistoryStore]


@pytest.fixture(params=["files", "redis", "tls", "cluster"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Opens the same histories once more with each call."""
    if request.param == "files":
        yield lambda: FileHistory(folder=tmp_path / "history")
        return
    admin, user = {
        "redis": ("client", "client"),
        "tls": ("tls_admin", "tls_user"),
        "cluster": ("cluster_client",) * 2,
    }[request.param]
    request.getfixturevalue(admin).flushall()
    client = request.getfixturevalue(user)
    yield lambda: RedisHistory(Link.to(client), "test")


@pytest.fixture
def store(make_store: MakeStore) -> HistoryStore:
    return make_store()


def runs(count: int, shape: Shape = SHAPE) -> list[GraphHistory]:
    return [history_of(timeline, shape.code, "succeeded") for timeline in shape.timelines(count)]


def add(store: HistoryStore, graph: GraphHistory, mark: str | None = None) -> bool:
    return store.add(Head.of(graph), mark or graph.runs[0].run, encode_graph(graph))


def whole(store: HistoryStore, signature: str = SHAPE.signature) -> GraphHistory:
    return merge_graphs([decode_graph(data) for data in store.read(signature)])


def test_every_run_is_counted_once_however_often_it_is_added(store: HistoryStore) -> None:
    given = runs(2 * FOLD_AT + 3)
    assert all(add(store, graph) for graph in given)
    assert not any(add(store, graph) for graph in given)
    assert encode_graph(whole(store)) == encode_graph(merge_graphs(given))
    assert len(store.read(SHAPE.signature)) <= FOLD_AT + 3


def test_two_launches_of_one_run_have_marks_of_their_own() -> None:
    (timeline,) = SHAPE.timelines(1)
    assert launch_mark(timeline) != launch_mark(replace(timeline, invoked_at=timeline.invoked_at + 1))


def test_launchers_that_end_together_lose_nothing(make_store: MakeStore) -> None:
    given = runs(4 * FOLD_AT)

    def launcher(own: Sequence[GraphHistory]) -> None:
        store = make_store()
        for graph in own:
            add(store, graph)

    threads = [threading.Thread(target=launcher, args=(given[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert encode_graph(whole(make_store())) == encode_graph(merge_graphs(given))


def test_what_is_added_while_another_rewrites_stays(make_store: MakeStore) -> None:
    first, second, third = runs(3)
    add(make_store(), first)
    add(make_store(), second)
    fold = folded(SHAPE.signature)
    tries = []

    def slow(documents: Sequence[bytes]) -> Sequence[bytes]:
        """Another adds one document meanwhile, as only a Redis allows, and in the first try folds as well."""
        tries.append(len(documents))
        if len(tries) == 1 and not isinstance(make_store(), FileHistory):
            add(make_store(), third)
            make_store().rewrite(SHAPE.signature, fold)
        return fold(documents)

    make_store().rewrite(SHAPE.signature, slow)
    if isinstance(make_store(), FileHistory):
        add(make_store(), third)
    assert encode_graph(whole(make_store())) == encode_graph(merge_graphs([first, second, third]))


def test_graphs_are_listed_with_the_newest_first(store: HistoryStore) -> None:
    shapes = [Shape(tasks=2, families=n + 1, workers=1, signature=f"{n:016x}") for n in range(3)]
    for number in (1, 2, 0):
        graph = runs(1, shapes[number])[0]
        add(store, replace(graph, seen_at=float(number)))
    heads = store.heads()
    assert [head.signature for head in heads] == [f"{n:016x}" for n in (2, 1, 0)]
    assert [len(head.functions) for head in heads] == [2, 2, 1]
    assert heads[0].workflow == "flow"


def test_an_older_run_that_ends_late_does_not_make_a_graph_older(store: HistoryStore) -> None:
    first, second = runs(2)
    add(store, second)
    add(store, first)
    (head,) = store.heads()
    assert head.seen_at == second.seen_at


def test_a_run_that_failed_early_does_not_hide_the_functions_of_its_graph(store: HistoryStore) -> None:
    first, second = runs(2)
    add(store, first)
    add(store, replace(second, families={}))
    (head,) = store.heads()
    assert len(head.functions) == 2


def test_a_graph_that_is_forgotten_can_be_counted_again(store: HistoryStore) -> None:
    (graph,) = runs(1)
    add(store, graph)
    store.remove(SHAPE.signature)
    assert store.heads() == [] and store.read(SHAPE.signature) == ()
    store.remove(SHAPE.signature)
    assert add(store, graph)


def test_only_the_graphs_that_ran_last_are_kept(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("redis_store", "file_store"):
        monkeypatch.setattr(f"runtime.history.{module}.KEPT_GRAPHS", 3)
    (graph,) = runs(1)
    for number in range(5):
        add(store, replace(graph, signature=f"{number:016x}", seen_at=float(number)))
    assert [head.signature for head in store.heads()] == [f"{n:016x}" for n in (4, 3, 2)]


def test_what_cannot_be_read_is_left_out_and_said(store: HistoryStore) -> None:
    first, second = runs(2)
    add(store, first)
    store.add(Head.of(first), "damaged", b"\x80\x04nonsense")
    store.add(Head.of(first), "other", encode_graph(replace(first, signature="f" * 16)))
    store.add(Head.of(first), "newer", NEWER)
    store.add(Head.of(first), "older", OLDER)
    add(store, second)
    history = load_history(store, SHAPE.signature, SHAPE.code.fingerprints.values())
    assert history.graphs[SHAPE.signature] == merge_graphs([first, second])
    assert len(history.notes) == 3
    assert "written by a newer treadle" in history.notes[0] and "written by an older treadle" in history.notes[1]
    assert history.notes[2].startswith("2 parts of the history of flow (01234567) are damaged")


def test_folding_keeps_what_a_newer_treadle_wrote_and_drops_what_is_damaged(store: HistoryStore) -> None:
    given = runs(2)
    add(store, given[0])
    store.add(Head.of(given[0]), "newer", NEWER)
    store.add(Head.of(given[0]), "damaged", b"nonsense")
    add(store, given[1])
    store.rewrite(SHAPE.signature, folded(SHAPE.signature))
    documents = store.read(SHAPE.signature)
    assert decode_graph(documents[0]) == merge_graphs(given)
    assert documents[1:] == (NEWER,)


def test_a_reader_gets_functions_of_every_graph_and_tasks_of_one(store: HistoryStore) -> None:
    other = Shape(tasks=6, families=3, workers=1, signature="f" * 16, seed=2)
    unrelated = replace(runs(1)[0], signature="e" * 16, families={})
    for graph in (*runs(2), *runs(3, other), unrelated):
        add(store, graph)
    history = load_history(store, SHAPE.signature, SHAPE.code.fingerprints.values())
    fingerprint = SHAPE.code.fingerprints["t0"]
    env = next(iter(history.functions(fingerprint)))
    both = [history.task(signature, "t0")[env].count for signature in (SHAPE.signature, other.signature)]
    assert history.functions(fingerprint)[env].count == sum(both) > max(both)
    assert history.functions("unheard of") == {} == history.task("unheard of", "t0")
    assert set(history.environments) == set(whole(store).environments)
    assert (
        history.makespans(SHAPE.signature)["simple", "average", "none"].count == len(history.runs(SHAPE.signature)) == 2
    )


class TestFiles:
    """What only files have: crashes in the middle of a write, and folders that cannot be written."""

    def test_a_document_that_was_cut_off_is_all_that_is_lost(self, tmp_path: Path) -> None:
        store = FileHistory(folder=tmp_path)
        first, second, third = runs(3)
        add(store, first)
        log = tmp_path / f"{SHAPE.signature}.log"
        good = log.stat().st_size
        add(store, second)
        for size in range(log.stat().st_size - 1, good, -97):
            os.truncate(log, size)
            found = read_graphs(store, store.heads())
            assert found.graphs == {SHAPE.signature: first}
            assert found.notes[0].startswith("one part of the history") and "damaged" in found.notes[0]
        add(store, third)
        assert whole(store) == merge_graphs([first, third])

    def test_launchers_that_are_killed_lose_their_own_run_at_most(self, tmp_path: Path) -> None:
        store, told = FileHistory(folder=tmp_path), 0
        for seed in range(3):
            command = [sys.executable, "-c", ADDING, str(tmp_path), str(seed)]
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                told += sum(1 for _ in islice(process.stdout, 20 + 7 * seed))
                process.kill()
                told += sum(1 for _ in process.stdout)
            found = read_graphs(store, store.heads())
            kept = found.graphs[SHAPE.signature].run_count
            assert told <= kept <= told + seed + 1 and len(found.notes) <= 1
        assert add(store, runs(1)[0], "one more")

    def test_a_head_that_was_lost_is_made_of_what_is_left(self, tmp_path: Path) -> None:
        store = FileHistory(folder=tmp_path)
        first, second = runs(2)
        add(store, first)
        (tmp_path / f"{SHAPE.signature}.json").write_text("{")
        (found,) = store.heads()
        assert (found.signature, found.workflow) == (SHAPE.signature, "flow")
        add(store, second)
        assert whole(store) == merge_graphs([first, second])
        assert len(store.heads()) == 1

    def test_documents_that_were_lost_are_missed(self, tmp_path: Path) -> None:
        store = FileHistory(folder=tmp_path)
        add(store, runs(1)[0])
        (tmp_path / f"{SHAPE.signature}.log").write_bytes(b"")
        (note,) = read_graphs(store, store.heads()).notes
        assert note.startswith("the history of flow") and "is lost" in note
        (tmp_path / f"{SHAPE.signature}.json").write_text("{")
        (note,) = read_graphs(store, store.heads()).notes
        assert "is lost" in note

    def test_a_place_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "history").write_text("in the way")
        store = FileHistory(folder=tmp_path / "history")
        with pytest.raises(RuntimeFault) as caught:
            add(store, runs(1)[0])
        assert str(tmp_path / "history") in caught.value.message and caught.value.hint

    def test_a_signature_never_leads_out_of_the_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeFault, match="no graph signature"):
            add(FileHistory(folder=tmp_path), replace(runs(1)[0], signature="../escape"))


def test_all_graphs_can_be_read_at_once(store: HistoryStore) -> None:
    for graph in (runs(1)[0], replace(runs(1)[0], signature="f" * 16)):
        add(store, graph)
    assert set(read_graphs(store, store.heads()).graphs) == {SHAPE.signature, "f" * 16}
