"""What a worker does with a value that another incarnation stored first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unittest.mock import patch

from runtime import events as ev
from runtime.backends.memory import MemoryBackend
from runtime.calls.calling import Outgoing
from runtime.config import WorkerSettings
from runtime.exchange import Exchange, Ports
from runtime.pages import decode_subdag
from runtime.ports import Arrival, Commit, RebuildPart, Store, WorkerRow
from runtime.values.envelope import Signer
from runtime.values.trust import Packed, Trust
from runtime.worker import Worker
from tests.worker.graphs import bundle_of

TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")


def make_exchange() -> tuple[Exchange, list[Mapping[str, bytes]]]:
    """The exchange of worker `p`, which has `a`; and the values inside the invocations that it sends."""
    tasks = decode_subdag(bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "p", "b": "q"}).subdag("p")).tasks
    worker = Worker(worker="p", token="mine", env=tasks["a"].env, settings=WorkerSettings(), tasks=tasks)
    backend = MemoryBackend(WorkerSettings())
    backend.coordinator.rebuild_start()
    backend.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"p": {"a": -1}}, done=()))
    rows = [WorkerRow(worker=name, env=worker.env, subdag="", has_todo=name == "p") for name in ("p", "q")]
    backend.coordinator.rebuild_end(rows)
    sent: list[Mapping[str, bytes]] = []

    def invoke(outgoing: Sequence[Outgoing]) -> None:
        sent.extend(one.values for one in outgoing)

    ports = Ports(coordinator=backend.coordinator, values=backend.values, signals=backend.signals, invoke=invoke)
    return Exchange(worker, ports, TRUST, {}, lambda _: None), sent


def store_first(exchange: Exchange, value: str) -> None:
    """Another incarnation stores the slot `a` and dies before it has sent its arrivals."""
    coordinator = exchange.ports.coordinator
    coordinator.begin("p", "mine", 0.0)
    item = Store(task="a", slot="a", value=TRUST.seal_value("a", value), last=False)
    coordinator.commit(Commit(worker="p", token="mine", seq=1, env=exchange.worker.env, items=(item,)))


def test_whom_the_loser_invokes_is_not_given_the_losers_value() -> None:
    exchange, sent = make_exchange()
    store_first(exchange, "theirs")
    exchange.keep({"a": "mine"})
    exchange.seal("a", ["a"])
    env = exchange.worker.env
    arrival = Arrival(consumer="b", worker="q", flexible=False, env=env, need=1)
    item = Store(task="a", slot="a", value=None, arrivals=(arrival,))
    commit = Commit(worker="p", token="mine", seq=2, env=env, items=(item,))
    exchange.perform(ev.SendCommit(commit, frozenset({"a"})))
    assert sent == [{}]


def test_value_read_from_the_store_stays_when_its_task_runs_here_again() -> None:
    exchange, _ = make_exchange()
    store_first(exchange, "theirs")
    exchange.perform(ev.Fetch(("a",)))
    exchange.keep({"a": "mine"})
    (task,) = decode_subdag(
        bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "p", "b": "q"}).subdag("q")
    ).tasks.values()
    value = exchange.inputs_of(task)["a"]
    assert isinstance(value, Packed)
    assert value.unpack() == "theirs"
    exchange.seal("a", ["a"])
    assert TRUST.open_value("a", exchange._sealed["a"]) == "theirs"


def test_a_value_that_one_task_was_given_alone_is_read_again_for_the_next() -> None:
    exchange, _ = make_exchange()
    store_first(exchange, "theirs")
    bundle = bundle_of({"a": [], "b": ["a"], "c": ["a"]}, "simple", pins={"a": "p", "b": "q", "c": "q"})
    first, second = decode_subdag(bundle.subdag("q")).tasks.values()
    exchange.perform(ev.Fetch(("a",)))
    exchange.inputs_of(first)
    value = exchange.inputs_of(second)["a"]
    assert isinstance(value, Packed)
    assert value.unpack() == "theirs"


def test_a_value_that_was_dropped_and_is_needed_again_is_not_fetched_again() -> None:
    exchange, _ = make_exchange()
    store_first(exchange, "theirs")
    exchange.perform(ev.Fetch(("a",)))
    exchange.forget(("a",))
    with patch.object(type(exchange.ports.values), "fetch", side_effect=AssertionError("it was fetched")):
        assert exchange.perform(ev.Fetch(("a",))) == [ev.Fetched(("a",), ())]
    (task,) = decode_subdag(
        bundle_of({"a": [], "b": ["a"]}, "simple", pins={"a": "p", "b": "q"}).subdag("q")
    ).tasks.values()
    value = exchange.inputs_of(task)["a"]
    assert isinstance(value, Packed) and value.unpack() == "theirs"
    assert [source.source for source in exchange.sources_of(task)] == ["local"]


def test_pages_that_the_payload_brought_are_not_fetched() -> None:
    exchange, _ = make_exchange()
    bundle = bundle_of({f"t{number}": [] for number in range(400)}, "wukong")
    assert len(bundle.pages) > 2
    exchange.pages = {0: bundle.page(0), 1: bundle.page(1)}
    with patch.object(type(exchange.ports.values), "get_pages", side_effect=AssertionError("they were fetched")):
        (loaded,) = exchange.perform(ev.LoadPages((0, 1)))
    assert isinstance(loaded, ev.PagesLoaded) and loaded.missing == ()
    assert {task.page for task in loaded.tasks.values()} == {0, 1}
    (loaded,) = exchange.perform(ev.LoadPages((1, 2)))
    assert isinstance(loaded, ev.PagesLoaded) and loaded.missing == (2,)
