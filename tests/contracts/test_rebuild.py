"""Rule 9: launch, resume and recovery are one thing."""

from __future__ import annotations

import pytest

from runtime.errors import RuntimeFault
from runtime.ports import Arrival, Attempt, Failure, RebuildPart, Reference, Status, Store, Tried
from tests.contracts.world import ENV, START_S, World, flexible, pinned, row, settle, store

pytestmark = pytest.mark.everywhere


def test_a_launch_calls_the_workers_that_have_grants(world: World) -> None:
    calls = world.launch({"w0": {"a": -1}, "~b": {"b": 2}}, idle=("w1",))
    assert {(call.worker, call.env, call.subdag, call.called_at) for call in calls} == {
        ("w0", ENV, "digest of w0", START_S),
        ("~b", ENV, "digest of ~b", START_S),
    }
    assert world.coordinator.status().meta == "run"


def test_nobody_begins_or_commits_while_a_rebuild_is_going_on(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.coordinator.rebuild_start()
    assert world.commit("w0", store("a")).status is Status.ENDED
    assert world.begin("w0", "t2").status is Status.ENDED
    assert world.coordinator.status().meta == "building"


def test_a_rebuild_replaces_grants_arrivals_and_settled_tasks(world: World) -> None:
    world.launch({"w0": {"a": -1, "z": -1}}, idle=("w1",))
    world.begin("w0")
    world.commit("w0", store("a", pinned("c", "w1", need=2)), settle("x"))
    world.launch({"w0": {"b": -1}}, idle=("w1",), arrived={"c": ("b0",)}, done=(("w0", "a"), ("", "y")))
    assert world.coordinator.status().done == 2
    begun = world.begin("w0", "t2")
    assert (begun.todo, begun.done, begun.tries) == ({"b": -1}, {"a"}, 1)
    answer = world.commit("w0", store("a", pinned("c", "w1", need=2)), token="t2")
    assert [call.start for call in answer.calls] == [("c",)]
    assert world.values.fetch(["a"]) == [b"value"]


def test_what_an_earlier_life_granted_to_others_is_gone(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w9": {"z": -1}})
    world.begin("w9")
    world.launch({"w0": {"a": -1}}, idle=("w9",))
    assert world.begin("w9", "t2").status is Status.NOTHING
    world.begin("w0", "t3")
    assert world.commit("w0", store("a", pinned("b", "w9")), token="t3").calls[0].start == ("b",)
    begun = world.begin("w9", "t4")
    assert (begun.todo, begun.done, begun.stored) == ({"b": -1}, frozenset(), frozenset())


def test_stored_but_not_settled_is_told_to_the_worker_that_sends_the_arrivals_again(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0")
    world.commit("w0", store("a", last=False))
    world.launch({"w0": {"a": -1}}, idle=("w1",), stored=(("w0", "a"),))
    begun = world.begin("w0", "t2")
    assert begun.stored == {"a"}
    answer = world.commit("w0", store("a", pinned("b", "w1"), value=None), token="t2")
    assert [call.worker for call in answer.calls] == ["w1"]


@pytest.mark.parametrize("arrival", [pinned("b", "w1"), flexible("b"), flexible("b", need=2)])
def test_an_arrival_that_the_rebuild_knows_grants_nothing_again(world: World, arrival: Arrival) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t0")
    world.commit("w0", store("a", last=False), token="t0")
    slots = ("a", "other")[: arrival.need]
    world.launch({"w0": {"a": -1}, arrival.worker: {"b": arrival.page}}, stored=(("w0", "a"),), arrived={"b": slots})
    world.begin("w0", "t1")
    answer = world.commit("w0", store("a", arrival, value=None), take=3)
    assert (answer.todo, answer.calls) == ({}, ())


def test_a_dangling_reference_is_forgotten_so_that_it_can_be_stored_again(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", Store(task="a", slot="a", value=None, reference="gone"))
    world.launch({"w0": {"a": -1}}, dangling=("a",))
    world.begin("w0", "t2")
    assert world.commit("w0", store("a"), token="t2").winners is None
    assert world.values.fetch(["a"]) == [b"value"]


def test_a_lost_value_sends_the_run_to_a_rebuild(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", Store(task="a", slot="a", value=None, reference="key"))
    for token, slot, reference in (("other", "a", "key"), ("t1", "a", "another"), ("t1", "b", "key")):
        world.coordinator.lost("w0", token, slot, reference)
        assert world.coordinator.status().meta == "run"
    world.coordinator.lost("w0", "t1", "a", "key")
    assert world.coordinator.status().meta == "rewind"
    assert world.commit("w0", store("b")).status is Status.ENDED
    world.launch({"w0": {"a": -1, "b": -1}}, dangling=("a",))
    assert world.begin("w0", "t2").status is Status.GO


def test_a_part_may_be_written_twice(world: World) -> None:
    part = RebuildPart(
        arrived={"c": ("a", "b")}, grants={"w0": {"x": -1}}, done=(("w0", "a"), ("", "b")), stored=(("w0", "s"),)
    )
    world.coordinator.rebuild_start()
    world.coordinator.rebuild_part(part)
    world.coordinator.rebuild_part(part)
    world.coordinator.rebuild_end([row("w0", True)])
    begun = world.begin("w0")
    assert (begun.todo, begun.done, begun.stored) == ({"x": -1}, {"a"}, {"s"})
    assert world.coordinator.status().done == 2


def test_many_parts_of_many_keys_arrive_whole(world: World) -> None:
    world.coordinator.rebuild_start()
    world.coordinator.rebuild_part(
        RebuildPart(
            arrived={f"c{i}": ("a", f"b{i}") for i in range(1200)},
            grants={"w0": {f"t{i}": i for i in range(5000)}, **{f"~f{i}": {f"f{i}": 1} for i in range(700)}},
            done=tuple(("w0", f"d{i}") for i in range(4500)),
        )
    )
    workers = ["w0", *(f"~f{i}" for i in range(700))]
    assert len(world.coordinator.rebuild_end([row(worker, True) for worker in workers])) == 701
    begun = world.begin("w0")
    assert (len(begun.todo), begun.todo["t4999"], len(begun.done)) == (5000, 4999, 4500)
    assert world.begin("~f699", "t2").todo == {"f699": 1}
    answer = world.commit("w0", store("c", pinned("c1199", "w0", need=3)))
    assert answer.todo is not None and "c1199" in answer.todo


def test_the_end_sent_again_asks_for_the_same_calls(world: World) -> None:
    world.coordinator.rebuild_start()
    world.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=()))
    rows = [row("w0", True), row("w1", False)]
    first = world.coordinator.rebuild_end(rows)
    assert world.coordinator.rebuild_end(rows) == first
    world.begin("w0")
    assert world.coordinator.rebuild_end(rows) == ()


def test_of_two_rebuilds_at_once_the_later_one_stands(world: World) -> None:
    other = world.another_client()
    part = RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=())
    world.coordinator.rebuild_start()
    other.rebuild_start()
    with pytest.raises(RuntimeFault, match="another launcher"):
        world.coordinator.rebuild_part(part)
    with pytest.raises(RuntimeFault, match="another launcher"):
        world.coordinator.rebuild_end([row("w0", True)])
    other.rebuild_part(part)
    assert len(other.rebuild_end([row("w0", True)])) == 1


def test_a_failed_run_that_is_launched_again_tries_its_failed_tasks_afresh(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", Attempt(task="a", number=3), Attempt(task="b", number=1))
    world.commit("w0", Failure(task="a", record="{}"))
    world.launch({"w0": {"a": -1, "b": -1}})
    status = world.coordinator.status()
    assert (status.meta, status.reason, status.errors) == ("run", "", {})
    assert world.begin("w0", "t2").attempts == {"b": Tried(number=1, is_open=True)}


def test_readable_names_what_is_stored_and_what_dangles(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    key = world.values.put_large("b", None, "t1", b"large")
    world.commit(
        "w0",
        store("a", value=b"x" * 10_000),
        Store(task="b", slot="b", value=None, reference=key),
        Store(task="c", slot="c", value=None, reference="treadle:test:{run1/c}::gone"),
    )
    assert world.backend.values.readable() == ({"a", "b"}, {"c"})
    assert world.values.fetch(["b", "none"]) == [Reference(key=key), None]


def test_an_input_that_the_store_forgot_sends_the_run_to_a_rebuild(world: World) -> None:
    world.launch({"w0": {"b": -1}})
    world.begin("w0")
    world.coordinator.lost("w0", "another", "a", "")
    assert world.coordinator.status().meta == "run"
    world.coordinator.lost("w0", "t1", "a", "")
    assert world.coordinator.status().meta == "rewind"


def test_a_value_that_is_there_is_not_lost(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", store("a"))
    world.coordinator.lost("w0", "t1", "a", "")
    assert world.coordinator.status().meta == "run"


def test_a_launcher_rebuilds_only_what_it_has_seen(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    seen = world.coordinator.status()
    world.launch({"w0": {"a": -1}})
    with pytest.raises(RuntimeFault, match="another launcher"):
        world.coordinator.rebuild_start(seen)
    assert world.coordinator.status().meta == "run"
    world.coordinator.rebuild_start(world.coordinator.status())
    assert world.coordinator.status().meta == "building"


def test_a_run_that_was_cleaned_since_a_launcher_looked_stays_clean(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    seen = world.coordinator.status()
    world.coordinator.finish()
    with pytest.raises(RuntimeFault, match="another launcher"):
        world.coordinator.rebuild_start(seen)
    assert world.coordinator.status().meta == ""


def test_a_rebuild_says_how_old_its_newest_step_is(world: World) -> None:
    world.coordinator.rebuild_start()
    world.advance(5.0)
    assert world.coordinator.status().building_s == pytest.approx(5.0)
    world.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=()))
    assert world.coordinator.status().building_s == pytest.approx(0.0)


def test_whoever_is_not_idle_is_active(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    assert world.coordinator.status().active == 1
    world.begin("w0")
    assert world.coordinator.status().active == 1
    world.leave("w0", settle("a"))
    assert world.coordinator.status().active == 0
