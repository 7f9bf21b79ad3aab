"""What a commit does: first writer wins, arrivals, grants, calls, hints, batches, settling, lost replies."""

from __future__ import annotations

import json

import pytest

from runtime.ports import Arrival, Called, Commit, Reference, Status, Store
from tests.contracts.world import BIG, ENV, START_S, World, flexible, pinned, settle, store

pytestmark = pytest.mark.everywhere


def two_pinned(world: World) -> None:
    """w0 runs and holds a; w1 is idle."""
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0")


def test_the_first_writer_wins_and_the_loser_learns_its_value(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"a2": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    assert world.commit("w0", store("a", value=b"first"), token="t0").winners is None
    answer = world.commit("w1", store("a", value=b"second"), token="t1")
    assert answer.winners == {"a": b"first"}
    assert world.values.fetch(["a"]) == [b"first"]


def test_a_loser_of_equal_bytes_is_told_nothing(world: World) -> None:
    two_pinned(world)
    world.commit("w0", store("a"))
    assert world.commit("w0", store("a")).winners is None


def test_a_large_value_travels_by_reference_and_may_win(world: World) -> None:
    two_pinned(world)
    key = world.values.put_large("a", None, "t1", b"x" * 100_000)
    assert world.commit("w0", Store(task="a", slot="a", value=None, reference=key)).winners is None
    assert world.values.fetch(["a"]) == [Reference(key=key)]
    assert world.values.get_large(key) == b"x" * 100_000
    answer = world.commit("w0", Store(task="a", slot="a", value=None, reference=key + "2"))
    assert answer.winners == {"a": Reference(key=key)}


def test_settling_releases_the_grant(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1, "c": -1}})
    world.begin("w0")
    assert world.commit("w0", store("a")).todo == {"b": -1, "c": -1}
    assert world.commit("w0", settle("b", "c")).todo == {}
    assert world.coordinator.status().done == 3


def test_after_a_death_begin_names_what_is_settled_and_what_is_stored(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", store("a"), store("b", last=False), settle("x"))
    world.advance(10.0)
    begun = world.begin("w0", "t2")
    assert begun.todo == {"b": -1}
    assert begun.done == {"a", "x"}
    assert begun.stored == {"b"}


def test_a_complete_pinned_task_is_granted_to_its_worker_which_is_called(world: World) -> None:
    two_pinned(world)
    answer = world.commit("w0", store("a", pinned("b", "w1")))
    (call,) = answer.calls
    assert (call.worker, call.env, call.subdag) == ("w1", ENV, "digest of w1")
    assert (call.start, call.called_at) == (("b",), START_S)
    assert answer.called == 1
    assert world.begin("w1", "t2").todo == {"b": -1}


def test_a_task_waits_for_all_its_inputs(world: World) -> None:
    two_pinned(world)
    assert world.commit("w0", store("a", pinned("c", "w1", need=2))).calls == ()
    assert world.begin("w1", "t2").status is Status.NOTHING
    answer = world.commit("w0", store("b", pinned("c", "w1", need=2)))
    assert [call.start for call in answer.calls] == [("c",)]


def test_an_arrival_counts_once(world: World) -> None:
    two_pinned(world)
    for _ in range(3):
        assert world.commit("w0", store("a", pinned("c", "w1", need=2))).calls == ()


def test_two_outputs_of_one_task_are_two_arrivals(world: World) -> None:
    two_pinned(world)
    first = store("a", pinned("c", "w1", need=2), slot="a.x", last=False)
    second = store("a", pinned("c", "w1", need=2), slot="a.y")
    answer = world.commit("w0", first, second)
    assert [call.worker for call in answer.calls] == ["w1"]
    assert answer.todo == {}


def test_a_grant_to_oneself_is_in_the_answer(world: World) -> None:
    two_pinned(world)
    answer = world.commit("w0", store("a", pinned("b", "w0")))
    assert (answer.todo, answer.calls) == ({"b": -1}, ())


def test_known_grants_are_not_repeated(world: World) -> None:
    two_pinned(world)
    assert world.commit("w0", known=1).todo is None
    assert world.commit("w0", known=2).todo == {"a": -1}
    assert world.commit("w0", store("a"), known=0).todo is None


def test_a_called_worker_is_not_called_twice(world: World) -> None:
    two_pinned(world)
    assert len(world.commit("w0", store("a", pinned("b", "w1"), last=False)).calls) == 1
    answer = world.commit("w0", store("d", pinned("e", "w1")))
    assert (answer.calls, answer.called) == ((), 1)
    assert world.begin("w1", "t2").todo == {"b": -1, "e": -1}
    assert world.commit("w0").called == 0


def test_several_grants_of_one_commit_share_a_call(world: World) -> None:
    two_pinned(world)
    answer = world.commit("w0", store("a", pinned("b", "w1"), pinned("c", "w1")))
    assert [call.start for call in answer.calls] == [("b", "c")]


def test_a_worker_whose_lease_expired_is_called_by_a_grant(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    world.advance(8.0)
    world.commit("w0", token="t0")
    world.advance(4.0)
    answer = world.commit("w0", store("a", pinned("b", "w1")), token="t0")
    assert [call.worker for call in answer.calls] == ["w1"]
    assert world.begin("w1", "t2").todo == {"x": -1, "b": -1}


def test_flexible_consumers_stay_with_the_caller_as_far_as_it_takes_them(world: World) -> None:
    world.launch({"~a": {"a": 0}})
    world.begin("~a")
    arrivals = tuple(flexible(f"m[{i}]", page=i // 2, worker=f"~m[{i // 2 * 2}]") for i in range(6))
    answer = world.commit("~a", store("a", *arrivals), take=2)
    assert answer.todo == {"m[0]": 0, "m[1]": 0}
    assert [(call.worker, call.subdag, call.start) for call in answer.calls] == [
        ("~m[2]", "page:1", ("m[2]", "m[3]")),
        ("~m[4]", "page:2", ("m[4]", "m[5]")),
    ]
    assert answer.called == 2
    assert world.begin("~m[4]", "t2").todo == {"m[4]": 2, "m[5]": 2}


def test_a_flexible_consumer_of_another_class_is_not_taken(world: World) -> None:
    world.launch({"~a": {"a": 0}})
    world.begin("~a")
    answer = world.commit("~a", store("a", flexible("b", env=BIG)), take=5)
    assert answer.todo == {}
    assert [(call.worker, call.env) for call in answer.calls] == [("~b", BIG)]


def test_a_fan_out_of_a_thousand_is_a_handful_of_calls(world: World) -> None:
    world.launch({"~a": {"a": 0}})
    world.begin("~a")
    arrivals = tuple(flexible(f"m[{i}]", worker=f"~m[{i // 125 * 125}]", page=i // 30) for i in range(1000))
    calls = []
    for first in (0, 500):
        answer = world.commit("~a", store("a", *arrivals[first : first + 500], last=first == 500), take=125 - first)
        calls.extend(answer.calls)
    assert len(calls) == 7
    begun = [world.begin(call.worker, call.worker).todo for call in calls]
    assert sum(map(len, begun)) + 125 == 1000
    assert begun[0]["m[125]"] == 4


def test_the_last_batch_settles_the_task(world: World) -> None:
    two_pinned(world)
    answer = world.commit("w0", store("a", pinned("b", "w1"), last=False))
    assert answer.todo == {"a": -1}
    answer = world.commit("w0", store("a", pinned("c", "w1"), value=None))
    assert answer.todo == {}
    assert world.begin("w1", "t2").todo == {"b": -1, "c": -1}


def test_a_slot_that_the_store_forgot_is_skipped_whole(world: World) -> None:
    two_pinned(world)
    answer = world.commit("w0", store("a", pinned("b", "w1"), value=None))
    assert (answer.status, answer.calls, answer.todo) == (Status.OK, (), {"a": -1})
    assert world.coordinator.status().done == 0


def test_the_loser_still_sends_its_arrivals(world: World) -> None:
    two_pinned(world)
    world.commit("w0", store("a", last=False, value=b"first"))
    answer = world.commit("w0", store("a", pinned("b", "w1"), value=b"second"))
    assert answer.winners == {"a": b"first"}
    assert [call.worker for call in answer.calls] == ["w1"]
    assert answer.todo == {}


def test_a_settled_consumer_is_not_granted_again(world: World) -> None:
    two_pinned(world)
    world.commit("w0", settle("b"))
    answer = world.commit("w0", store("a", pinned("b", "w1")))
    assert answer.calls == ()


def test_the_same_batch_again_is_answered_from_state(world: World) -> None:
    two_pinned(world)
    batch = Commit(worker="w0", token="t1", seq=1, env=ENV, items=(store("a", pinned("b", "w1"), pinned("c", "w0")),))
    first = world.coordinator.commit(batch)
    again = world.coordinator.commit(batch)
    assert again.status is Status.OK
    assert (again.todo, again.called, again.winners) == (first.todo, first.called, None)
    assert [call.worker for call in again.calls] == ["w1"]
    assert world.begin("w1", "t2").todo == {"b": -1}
    assert world.coordinator.status().stored == 1


def test_a_batch_again_does_not_call_who_has_begun_or_was_confirmed(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1", "w2"))
    world.begin("w0")
    items = (store("a", pinned("b", "w1"), pinned("c", "w2")),)
    batch = Commit(worker="w0", token="t1", seq=1, env=ENV, items=items)
    calls = {call.worker: call for call in world.coordinator.commit(batch).calls}
    world.begin("w1", "t2")
    world.coordinator.confirm("w2", calls["w2"].called_at)
    assert world.coordinator.commit(batch).calls == ()


def test_a_running_worker_is_hinted_with_the_value_of_an_incomplete_task(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    answer = world.commit("w0", store("a", pinned("c", "w1", need=2), value=b"sealed"), token="t0")
    assert answer.calls == ()
    assert world.hints("w1") == [{"a": b"sealed"}]


def test_a_grant_to_a_running_worker_is_a_hint_and_no_call(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    answer = world.commit("w0", store("a", pinned("b", "w1"), pinned("c", "w1")), token="t0")
    assert answer.calls == ()
    assert len(world.hints("w1")) == 1
    assert world.commit("w1", token="t1", known=1).todo == {"x": -1, "b": -1, "c": -1}


def test_a_hint_carries_the_winners_value(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    world.commit("w0", store("a", value=b"first", last=False), token="t0")
    world.commit("w0", store("a", pinned("c", "w1", need=2), value=b"second"), token="t0")
    assert world.hints("w1") == [{"a": b"first"}]


def test_hints_are_bounded_in_bytes(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    items = [store(f"a{i}", pinned("c", "w1", need=9), value=b"x" * 40_000) for i in range(3)]
    world.commit("w0", *items, token="t0")
    (hint,) = world.signals.wait_hints("w1", "0", 0.001)
    assert list(hint.arrived) == ["a0"]
    assert hint.stored == ("a1", "a2")


def test_a_hint_names_what_is_too_large_to_travel_in_it(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    large = Store(task="a", slot="a", value=None, reference="large", arrivals=(pinned("c", "w1", need=2),))
    world.commit("w0", large, token="t0")
    (hint,) = world.signals.wait_hints("w1", "0", 0.001)
    assert (dict(hint.arrived), hint.stored) == ({}, ("a",))


def test_an_idle_worker_gets_no_hint(world: World) -> None:
    two_pinned(world)
    world.commit("w0", store("a", pinned("c", "w1", need=2)))
    assert world.hints("w1") == []


def test_a_reported_call_is_confirmed_if_it_is_the_newest(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1", "w2"))
    world.begin("w0")
    answer = world.commit("w0", store("a", pinned("b", "w1"), pinned("c", "w2")))
    at = answer.calls[0].called_at
    world.commit("w0", Called(worker="w1", called_at=at), Called(worker="w2", called_at=at - 1))
    world.advance(9.0)
    world.commit("w0")
    world.advance(1.0)
    assert [call.worker for call in world.coordinator.watch(9)] == ["w2"]


def test_a_width_known_at_run_time_counts_what_came_before_it(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0")
    for number in range(2):
        answer = world.commit("w0", store(f"m[{number}]", pinned("join", "w1", need=0)))
        assert answer.calls == ()
    width = pinned("join", "w1", need=2)
    answer = world.commit("w0", Store(task="a", slot="a", value=b"v", joins=(width,)))
    assert [call.start for call in answer.calls] == [("join",)]


def test_a_width_known_before_the_arrivals_and_one_of_zero(world: World) -> None:
    two_pinned(world)

    def fan(task: str, join: Arrival) -> Store:
        return Store(task=task, slot=task, value=b"v", joins=(join,))

    assert world.commit("w0", fan("a", pinned("join", "w1", need=1))).calls == ()
    assert len(world.commit("w0", store("m", pinned("join", "w1", need=0))).calls) == 1
    answer = world.commit("w0", fan("e", pinned("empty", "w0", need=0)))
    assert answer.todo == {"empty": -1}


def test_events_tell_what_was_stored_and_settled_once(world: World) -> None:
    two_pinned(world)
    world.commit("w0", store("a", last=False), settle("x", 'y["é"]'))
    world.commit("w0", store("a", value=None))
    world.commit("w0", store("a", value=None))
    stored, settled = world.signals.wait_events("0", 0.0)[-2:]
    assert (stored.kind, json.loads(stored.data)) == (
        "stored",
        {"worker": "w0", "slots": ["a"], "tasks": ["x", 'y["é"]'], "now": START_S * 1_000_000},
    )
    assert (settled.kind, json.loads(settled.data)) == (
        "settled",
        {"worker": "w0", "slots": [], "tasks": ["a"], "now": START_S * 1_000_000},
    )


def test_thousands_of_tasks_settle_in_one_commit(world: World) -> None:
    names = tuple(f"leaf[{i}]" for i in range(5000))
    world.launch({"w0": dict.fromkeys(names, -1)})
    assert len(world.begin("w0").todo) == 5000
    answer = world.commit("w0", settle(*names))
    assert answer.todo == {}
    assert world.coordinator.status().done == 5000


def test_names_with_keys_of_every_kind_survive(world: World) -> None:
    name = 'm[1]["a b\\n{x}:é\\"]"][true]'
    two_pinned(world)
    answer = world.commit("w0", store("a", flexible(name, page=7)))
    assert [(call.worker, call.start) for call in answer.calls] == [(f"~{name}", (name,))]
    assert world.begin(f"~{name}", "t2").todo == {name: 7}
