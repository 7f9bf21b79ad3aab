"""Families with a gate: who is granted, who waits, and whom a release lets in."""

from __future__ import annotations

from runtime.plan import Gate
from runtime.ports import Attempt, Mode, Release, Tried, Waiter
from tests.contracts.world import BIG, ENV, World, flexible, pinned, settle, store

ONE, TWO = Gate("f", 1), Gate("f", 2)


def release(task: str, gate: Gate = ONE) -> Release:
    return Release(task=task, gate=gate)


def done(task: str, gate: Gate = ONE) -> tuple[object, ...]:
    """What a worker commits of a task of the family that has run."""
    return store(task), release(task, gate)


def launched(world: World) -> None:
    """w0 runs and holds a; w1, w2 and w3 are idle."""
    world.launch({"w0": {"a": -1}}, idle=("w1", "w2", "w3"))
    world.begin("w0")


def test_no_more_are_granted_than_there_are_places(world: World) -> None:
    launched(world)
    answer = world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    assert [(call.worker, call.start) for call in answer.calls] == [("w1", ("f1",))]
    assert world.begin("w1", "u1").todo == {"f1": -1}


def test_a_release_grants_the_first_that_waits_and_calls_its_worker(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", *(pinned(f"f{n}", f"w{n}", gate=ONE) for n in (1, 2, 3))))
    world.begin("w1", "u1")
    answer = world.commit("w1", *done("f1"), token="u1")
    assert [(call.worker, call.start) for call in answer.calls] == [("w2", ("f2",))]
    world.begin("w2", "u2")
    answer = world.commit("w2", *done("f2"), token="u2")
    assert [(call.worker, call.start) for call in answer.calls] == [("w3", ("f3",))]


def test_a_worker_that_runs_is_hinted_when_it_is_let_in(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"b": -1}})
    world.begin("w0")
    world.begin("w1", "u1")
    assert world.commit("w0", store("a", pinned("f1", "w0", gate=ONE))).todo == {"f1": -1}
    assert world.commit("w1", store("b", pinned("f2", "w1", gate=ONE)), token="u1").todo == {}
    assert world.commit("w0", *done("f1")).calls == ()
    assert world.hints("w1") == [{}]
    assert world.commit("w1", token="u1").todo == {"f2": -1}


def test_a_worker_goes_on_with_its_own_before_others_are_called(world: World) -> None:
    launched(world)
    order = [("f1", "w0"), ("f2", "w1"), ("f3", "w0")]
    assert world.commit("w0", store("a", *(pinned(*one, gate=ONE) for one in order))).todo == {"f1": -1}
    answer = world.commit("w0", *done("f1"))
    assert (answer.todo, answer.calls) == ({"f3": -1}, ())


def test_places_are_spread_over_workers_before_one_gets_two(world: World) -> None:
    launched(world)
    order = [("f1", "w1"), ("f2", "w1"), ("f3", "w2")]
    answer = world.commit("w0", store("a", *(pinned(*one, gate=TWO) for one in order)))
    assert {call.worker: call.start for call in answer.calls} == {"w1": ("f1",), "w2": ("f3",)}


def test_one_worker_takes_several_places_when_nobody_else_waits(world: World) -> None:
    launched(world)
    answer = world.commit("w0", store("a", *(pinned(f"f{n}", "w1", gate=TWO) for n in range(3))))
    assert [call.start for call in answer.calls] == [("f0", "f1")]


def test_a_flexible_worker_goes_on_with_the_next_of_its_class(world: World) -> None:
    world.launch({"~a": {"a": 0}})
    world.begin("~a")
    arrivals = [flexible("f1", gate=ONE), flexible("f2", env=BIG, gate=ONE), flexible("f3", page=7, gate=ONE)]
    assert world.commit("~a", store("a", *arrivals), take=5).todo == {"f1": 0}
    answer = world.commit("~a", *done("f1"))
    assert (answer.todo, answer.calls) == ({"f3": 7}, ())
    answer = world.commit("~a", *done("f3"))
    assert [(call.worker, call.env, call.subdag) for call in answer.calls] == [("~f2", BIG, "page:0")]


def test_each_flexible_place_is_a_worker_of_its_own(world: World) -> None:
    world.launch({"~a": {"a": 0}})
    world.begin("~a")
    shared = [flexible(f"f{n}", worker="~f0", page=3, gate=TWO) for n in range(4)]
    answer = world.commit("~a", store("a", *shared), take=9)
    assert answer.todo == {"f0": 3}
    assert [(call.worker, call.subdag, call.start) for call in answer.calls] == [("~f1", "page:3", ("f1",))]


def test_who_leaves_stays_when_its_release_lets_itself_in(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w0", gate=ONE), pinned("f2", "w0", gate=ONE)))
    answer = world.commit("w0", *done("f1"), mode=Mode.LEAVE)
    assert not answer.left
    assert answer.todo == {"f2": -1}


def test_a_worker_with_nothing_but_waiting_tasks_leaves_and_is_called(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"b": -1}})
    world.begin("w0")
    world.begin("w1", "u1")
    world.commit("w1", store("b", pinned("f1", "w1", gate=ONE)), token="u1")
    world.commit("w0", store("a", pinned("f2", "w0", gate=ONE)))
    assert world.leave("w0").left
    answer = world.commit("w1", *done("f1"), token="u1")
    assert [(call.worker, call.start) for call in answer.calls] == [("w0", ("f2",))]


def test_a_place_is_held_through_a_death(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    world.begin("w1", "u1")
    world.advance(10.0)
    assert world.begin("w1", "t2").todo == {"f1": -1}
    assert [call.worker for call in world.commit("w1", *done("f1"), token="t2").calls] == ["w2"]


def test_a_batch_that_is_sent_again_releases_once_and_asks_for_the_same_call(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", *(pinned(f"f{n}", f"w{n}", gate=ONE) for n in (1, 2, 3))))
    world.begin("w1", "u1")
    world.commit("w1", *done("f1"), token="u1", seq=1)
    assert [call.worker for call in world.commit("w1", *done("f1"), token="u1", seq=1).calls] == ["w2"]
    assert world.begin("w2", "t2").todo == {"f2": -1}
    assert world.commit("w1", *done("f1"), token="u1", seq=1).calls == ()


def test_a_place_is_not_given_back_by_a_task_that_is_not_settled(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    world.begin("w1", "u1")
    assert world.commit("w1", store("f1", last=False), release("f1"), token="u1").calls == ()
    assert [call.worker for call in world.commit("w1", settle("f1"), release("f1"), token="u1").calls] == ["w2"]


def test_gates_do_not_share_places(world: World) -> None:
    launched(world)
    other = Gate("g", 1)
    arrivals = [pinned("f1", "w1", gate=ONE), pinned("f2", "w1", gate=ONE), pinned("g1", "w1", gate=other)]
    assert [call.start for call in world.commit("w0", store("a", *arrivals)).calls] == [("f1", "g1")]


def test_a_fan_in_waits_for_its_place_too(world: World) -> None:
    launched(world)
    both = [pinned("f1", "w1", need=2, gate=ONE), pinned("f2", "w2", need=2, gate=ONE)]
    assert world.commit("w0", store("a", *both)).calls == ()
    assert [call.start for call in world.commit("w0", store("b", *both)).calls] == [("f1",)]


def test_a_rebuild_says_who_holds_and_who_waits(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    lines = {"f": (Waiter(task="f1", worker="w1", env=ENV), Waiter(task="f4", worker="", env=ENV, page=2))}
    world.launch({"w2": {"f2": -1}}, idle=("w0", "w1"), held={"f": {"f2": "w2"}}, lines=lines)
    world.begin("w2", "t5")
    answer = world.commit("w2", *done("f2"), token="t5")
    assert [(call.worker, call.start) for call in answer.calls] == [("w1", ("f1",))]
    world.begin("w1", "t6")
    answer = world.commit("w1", *done("f1"), token="t6")
    assert [(call.worker, call.subdag) for call in answer.calls] == [("~f4", "page:2")]


def test_nothing_of_a_gate_stays(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    world.coordinator.finish()
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0", "t9")
    answer = world.commit("w0", store("a", pinned("f3", "w1", gate=ONE)), token="t9")
    assert [call.start for call in answer.calls] == [("f3",)]


def fails(task: str, delay_s: float, number: int = 1) -> Attempt:
    return Attempt(task=task, number=number, error='{"type": "E"}', delay_s=delay_s, gate=ONE)


def test_a_long_wait_gives_the_place_back_and_the_task_stays_granted(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    world.begin("w1", "u1")
    answer = world.commit("w1", fails("f1", 60.0), token="u1")
    assert [(call.worker, call.start) for call in answer.calls] == [("w2", ("f2",))]
    assert answer.todo == {"f1": -1}
    assert world.leave("w1", token="u1").left


def test_the_next_attempt_takes_a_free_place(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE)))
    world.begin("w1", "u1")
    world.commit("w1", fails("f1", 60.0), token="u1")
    assert world.commit("w1", Attempt(task="f1", number=2, gate=ONE), token="u1").queued == ()
    assert world.commit("w0", store("b", pinned("f2", "w2", gate=ONE))).calls == ()


def test_the_next_attempt_stands_in_line_when_all_places_are_taken(world: World) -> None:
    launched(world)
    world.commit("w0", store("a", pinned("f1", "w1", gate=ONE), pinned("f2", "w2", gate=ONE)))
    world.begin("w1", "u1")
    world.commit("w1", fails("f1", 60.0), token="u1")
    answer = world.commit("w1", Attempt(task="f1", number=2, gate=ONE), token="u1")
    assert (answer.queued, answer.todo, answer.seq) == (("f1",), {}, 2)
    begun = world.begin("w2", "u2")
    assert begun.attempts is not None and begun.attempts["f1"] == Tried(number=1, due=begun.now + 60.0)
    world.commit("w2", *done("f2"), token="u2")
    assert world.commit("w1", token="u1").todo == {"f1": -1}
    assert world.commit("w1", Attempt(task="f1", number=2, gate=ONE), token="u1").queued == ()
