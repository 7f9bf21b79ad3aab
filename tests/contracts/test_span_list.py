"""The run's list of spans: whoever builds the run makes it, workers only add to it, and it goes with the run."""

from __future__ import annotations

from runtime.measures.span_batches import decode_entry
from runtime.ports import RebuildPart
from tests.contracts.world import World, row


def launches(world: World) -> list[float]:
    return [entry for entry in map(decode_entry, world.signals.read_spans()) if isinstance(entry, float)]


def rebuild(world: World) -> None:
    """As a recovery does: of what was seen."""
    world.coordinator.rebuild_start(world.coordinator.status())
    world.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=()))
    world.coordinator.rebuild_end([row("w0", True)])


def test_a_late_worker_adds_nothing_to_a_run_that_is_not_there(world: World) -> None:
    world.signals.push_spans(["late"], "{}")
    assert world.signals.read_spans() == []
    world.launch({"w0": {"a": -1}})
    world.coordinator.finish()
    world.signals.push_spans(["late"], "{}")
    assert world.signals.read_spans() == [] and world.signals.wait_events("0", 0.001) == []


def test_batches_come_in_order_and_the_last_one_is_told(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.signals.push_spans(["one", "two"])
    world.signals.push_spans(["three"], '{"worker": "w0", "token": "t1"}')
    world.signals.push_spans([])
    assert world.signals.read_spans()[1:] == [b"one", b"two", b"three"]
    newest = world.signals.wait_events("0", 1.0)[-1]
    assert (newest.kind, newest.data) == ("span", '{"worker": "w0", "token": "t1"}')


def test_many_batches_are_read_whole(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    texts = [f"batch {number}" for number in range(250)]
    world.signals.push_spans(texts)
    assert [text.decode() for text in world.signals.read_spans()[1:]] == texts


def test_a_launch_and_a_resumption_are_noted_with_their_times_a_recovery_is_not(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    first = world.clock()
    world.signals.push_spans(["one"])
    world.advance(7.0)
    rebuild(world)
    assert launches_before(world, "one") == [first]
    world.advance(7.0)
    world.launch({"w0": {"a": -1}})
    entries = world.signals.read_spans()
    assert entries[1] == b"one" and len(entries) == 3
    assert decode_entry(entries[2]) == world.clock()


def launches_before(world: World, text: str) -> list[float]:
    """The launches noted; the list ends with `text`."""
    *entries, last = world.signals.read_spans()
    assert last == text.encode()
    return [entry for entry in map(decode_entry, entries) if isinstance(entry, float)]


def test_a_recovery_of_a_store_that_forgot_everything_makes_the_list_again(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.coordinator.finish()
    rebuild(world)
    assert launches(world) == [world.clock()]
    world.signals.push_spans(["one"])
    assert len(world.signals.read_spans()) == 2
