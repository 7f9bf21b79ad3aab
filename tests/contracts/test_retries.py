"""Attempts in the store: what is kept of them, and workers that sleep until the next one is due."""

from __future__ import annotations

from runtime.ports import Attempt, Failure, Mode, Status, Tried, Withdraw
from tests.contracts.world import START_S, World, flexible, pinned, store


def failed(task: str, number: int, delay_s: float = 0.0, error: str = "") -> Attempt:
    return Attempt(task=task, number=number, error=error or f'{{"type": "E{number}"}}', delay_s=delay_s)


def watched(world: World) -> list[str]:
    return [call.worker for call in world.coordinator.watch(100)]


def asleep(world: World, delay_s: float = 60.0) -> None:
    """w0 tried its only task, and left until the next attempt is due; w1 is called."""
    world.launch({"w0": {"a": -1}, "w1": {"x": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1, delay_s))
    assert world.leave("w0").left


def test_an_attempt_is_open_from_its_announcement_to_its_failure(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", Attempt(task="a", number=1))
    world.advance(10.0)
    assert world.begin("w0", "t2").attempts == {"a": Tried(number=1, is_open=True)}
    world.commit("w0", failed("a", 1, 5.0), token="t2")
    world.commit("w0", Attempt(task="a", number=1), token="t2")
    world.advance(10.0)
    assert world.begin("w0", "t3").attempts == {"a": Tried(number=1, due=START_S + 15.0)}


def test_a_failed_attempt_that_is_sent_again_is_due_when_it_was(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1, 30.0), seq=1)
    world.advance(4.0)
    world.commit("w0", failed("a", 1, 30.0), seq=1)
    world.advance(10.0)
    assert world.begin("w0", "t2").attempts == {"a": Tried(number=1, due=START_S + 30.0)}


def test_a_worker_whose_grants_all_wait_sleeps_until_the_first_is_due(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1, 60.0), failed("b", 1, 20.0))
    assert world.leave("w0").left
    assert world.begin("w0", "t2").status is Status.NOTHING
    world.advance(19.0)
    assert watched(world) == []
    world.advance(1.0)
    assert watched(world) == ["w0"]
    assert watched(world) == []
    begun = world.begin("w0", "t2")
    assert begun.status is Status.GO and begun.attempts is not None
    assert {task: tried.due for task, tried in begun.attempts.items()} == {"a": START_S + 60, "b": START_S + 20}


def test_a_worker_with_a_grant_that_need_not_wait_may_not_sleep(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1, 60.0), failed("b", 1))
    assert not world.leave("w0").left
    world.commit("w0", failed("b", 2, 0.5))
    world.advance(0.5)
    assert not world.leave("w0").left


def test_handing_over_with_nothing_but_waits_sleeps_too(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    answer = world.commit("w0", failed("a", 1, 60.0), mode=Mode.HANDOVER)
    assert answer.left and answer.calls == () and answer.called == 0
    world.advance(60.0)
    assert watched(world) == ["w0"]


def test_a_new_grant_wakes_a_sleeping_worker_at_once(world: World) -> None:
    asleep(world)
    world.begin("w1", "t2")
    (call,) = world.commit("w1", store("x", pinned("b", "w0")), token="t2").calls
    assert (call.worker, call.start) == ("w0", ("b",))
    assert world.begin("w0", "t3", call.called_at).todo == {"a": -1, "b": -1}


def test_a_sleeping_worker_is_neither_called_nor_dead(world: World) -> None:
    asleep(world)
    world.begin("w1", "t2")
    world.leave("w1", store("x"), token="t2")
    world.advance(30.0)
    assert watched(world) == []
    world.advance(30.0)
    (call,) = world.coordinator.watch(100)
    world.advance(10.0)
    (again,) = world.coordinator.watch(100)
    assert again.called_at == call.called_at + 10.0
    assert world.begin("w0", "t3").tries == 1


def test_sleeping_is_no_begin_without_progress(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    for number in range(1, 3 * world.settings.max_tries):
        begun = world.begin("w0", f"t{number}")
        assert (begun.status, begun.tries) == (Status.GO, 1)
        world.commit("w0", failed("a", number, 60.0), token=f"t{number}")
        assert world.leave("w0", token=f"t{number}").left
        world.advance(60.0)
        assert watched(world) == ["w0"]


def test_who_slept_after_a_death_is_cautious_still(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.advance(10.0)
    assert world.begin("w0", "t2").tries == 2
    world.commit("w0", failed("a", 1, 60.0), token="t2")
    world.leave("w0", token="t2")
    world.advance(60.0)
    assert watched(world) == ["w0"]
    assert world.begin("w0", "t3").tries == 2


def test_a_flexible_worker_sleeps_and_is_called_with_its_page(world: World) -> None:
    world.launch({"~x": {"x": 0}})
    world.begin("~x")
    (call,) = world.commit("~x", store("x", flexible("c", page=4), flexible("d", page=5)), take=1).calls
    assert call.worker == "~d"
    world.begin("~d", "t2", call.called_at)
    world.commit("~d", failed("d", 1, 7.0), token="t2")
    assert world.leave("~d", token="t2").left
    world.advance(7.0)
    (woken,) = world.coordinator.watch(100)
    assert (woken.worker, woken.subdag) == ("~d", call.subdag)


def test_a_failure_comes_with_the_attempts_before_it(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", *(failed("a", number) for number in range(1, 12)), failed("b", 1))
    world.commit("w0", Failure(task="a", record='{"type": "Last"}'))
    status = world.coordinator.status()
    assert dict(status.errors) == {"a": '{"type": "Last"}'}
    assert dict(status.earlier) == {"a": tuple((number, f'{{"type": "E{number}"}}') for number in range(1, 12))}


def test_of_many_attempts_the_last_ones_are_kept(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", *(failed("a", number) for number in range(1, 100)))
    world.commit("w0", Failure(task="a", record="{}"))
    assert [number for number, _ in world.coordinator.status().earlier["a"]] == list(range(80, 100))


def test_a_run_that_is_built_anew_keeps_the_waits_and_forgets_what_failed(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1, 90.0), failed("b", 1))
    world.commit("w0", Failure(task="b", record="{}"))
    world.launch({"w0": {"a": -1, "b": -1}})
    assert world.begin("w0", "t2").attempts == {"a": Tried(number=1, due=START_S + 90.0)}
    world.commit("w0", Failure(task="b", record="{}"), token="t2")
    assert world.coordinator.status().earlier == {}
    world.coordinator.finish()
    assert world.coordinator.status().earlier == {}


def test_an_attempt_that_is_withdrawn_was_never_announced(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", Attempt(task="a", number=1), failed("b", 1), Attempt(task="b", number=2))
    world.commit("w0", Withdraw(task="a", number=1), Withdraw(task="b", number=2))
    world.advance(10.0)
    assert world.begin("w0", "t2").attempts == {"b": Tried(number=1)}


def test_an_attempt_with_an_end_or_with_a_successor_cannot_be_withdrawn(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", failed("a", 1), Attempt(task="b", number=2))
    world.commit("w0", Withdraw(task="a", number=1), Withdraw(task="b", number=1), Withdraw(task="c", number=1))
    world.advance(10.0)
    assert world.begin("w0", "t2").attempts == {"a": Tried(number=1), "b": Tried(number=2, is_open=True)}


def test_a_failed_attempt_is_progress_and_handing_over_after_it_is_no_death(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    for number in range(1, 3 * world.settings.max_tries):
        assert world.begin("w0", f"t{number}").tries == 1
        world.commit("w0", failed("a", number, 0.0), token=f"t{number}")
        assert world.commit("w0", token=f"t{number}", seq=world.next_seq(f"t{number}"), mode=Mode.HANDOVER).left


def test_handing_over_without_any_progress_counts(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    for number in range(1, world.settings.max_tries + 1):
        assert world.begin("w0", f"t{number}").tries == number
        assert world.commit("w0", token=f"t{number}", seq=1, mode=Mode.HANDOVER).left
    assert world.begin("w0", "last").status is Status.ENDED
    assert world.coordinator.status().reason == "worker w0 began 5 times without storing a new output; it holds: a"
