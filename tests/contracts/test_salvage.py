"""The last words of workers whose run has failed: what they hold in memory stays for a resume."""

from __future__ import annotations

from runtime.ports import Failure, Reference, RunEnd, Status
from tests.contracts.world import World, pinned, store


def failed(world: World) -> None:
    """w0 has stored `a` and failed; w1 runs."""
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0")
    world.begin("w1")
    world.commit("w0", store("a", pinned("b", "w0")))
    assert world.commit("w0", Failure(task="b", record="{}")).status is Status.ENDED


def departures(world: World) -> list[str]:
    return [event.data for event in world.signals.wait_events("0", 0.0) if event.kind == "left"]


def test_values_are_taken_of_a_run_that_failed_and_the_first_writer_wins(world: World) -> None:
    failed(world)
    (before,) = world.values.fetch(["a"])
    taken = world.coordinator.salvage("w1", {"a": b"another", "x": b"kept"}, is_last=False)
    assert taken == {"x"}
    assert world.values.fetch(["a", "x"]) == [before, b"kept"]
    assert departures(world) == []
    assert world.coordinator.salvage("w1", {"y": Reference(key="large")}, is_last=True) == {"y"}
    assert world.values.fetch(["y"]) == [Reference(key="large")]
    assert len(departures(world)) == 1 and "w1" in departures(world)[0]


def test_a_run_that_goes_on_is_cancelled_or_cleaned_takes_no_last_words(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    assert world.coordinator.salvage("w0", {"a": b"1"}, is_last=True) is None
    world.coordinator.end(RunEnd.CANCELLED, "by the user")
    assert world.coordinator.salvage("w0", {"a": b"1"}, is_last=True) is None
    world.coordinator.finish()
    assert world.coordinator.salvage("w0", {"a": b"1"}, is_last=True) is None
    assert world.values.fetch(["a"]) == [None]
    assert world.signals.wait_events("0", 0.0) == []


def test_a_run_that_is_resumed_takes_no_last_words_of_its_former_life(world: World) -> None:
    failed(world)
    world.coordinator.rebuild_start()
    assert world.coordinator.salvage("w1", {"x": b"late"}, is_last=True) is None
    assert world.values.fetch(["x"]) == [None]
