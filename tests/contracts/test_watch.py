"""Rule 8: who is called again, when, and how a throttled queue breeds no duplicates."""

from __future__ import annotations

from runtime.ports import Status
from tests.contracts.world import START_S, World, pinned, settle, store


def watched(world: World) -> list[str]:
    return [call.worker for call in world.coordinator.watch(100)]


def test_nobody_is_called_again_before_being_due(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.advance(9.0)
    assert watched(world) == []


def test_an_unconfirmed_call_is_repeated_after_its_limit_and_then_ever_later(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    seen = []
    for second in range(1, 131):
        world.advance(1.0)
        if watched(world):
            seen.append(second)
    assert seen == [10, 30, 70, 110]


def test_a_repeated_call_has_a_new_call_time_and_what_is_needed_to_invoke(world: World) -> None:
    (first,) = world.launch({"w0": {"a": -1}})
    world.advance(10.0)
    (again,) = world.coordinator.watch(100)
    assert (again.worker, again.env, again.subdag) == (first.worker, first.env, first.subdag)
    assert again.called_at == first.called_at + 10.0


def test_an_expired_worker_with_grants_is_called_again(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.advance(9.0)
    assert watched(world) == []
    world.advance(1.0)
    assert watched(world) == ["w0"]
    assert watched(world) == []
    assert world.begin("w0", "t2").tries == 2


def test_an_expired_worker_without_grants_becomes_idle_and_is_fenced(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", store("a"))
    world.advance(10.0)
    assert watched(world) == []
    assert world.commit("w0", settle("x")).status is Status.FENCED
    assert world.begin("w0", "t2").status is Status.NOTHING


def test_a_confirmed_call_is_not_repeated_while_the_queue_is_quiet_for_less_than_a_minute(world: World) -> None:
    (call,) = world.launch({"w0": {"a": -1}})
    world.coordinator.confirm("w0", call.called_at)
    world.advance(59.0)
    assert watched(world) == []
    world.advance(1.0)
    assert watched(world) == ["w0"]


def test_the_quiet_that_repeats_a_confirmed_call_doubles_twice(world: World) -> None:
    calls = world.launch({"w0": {"a": -1}})
    seen = []
    for second in range(1, 1000):
        for call in calls:
            world.coordinator.confirm("w0", call.called_at)
            seen.append(second)
        world.advance(1.0)
        calls = world.coordinator.watch(100)
    assert seen == [1, 61, 181, 421, 661, 901]


def test_a_call_less_than_a_limit_younger_says_nothing_of_a_confirmed_one(world: World) -> None:
    calls = {call.worker: call for call in world.launch({"w0": {"a": -1}, "w1": {"b": -1}})}
    for worker, call in calls.items():
        world.coordinator.confirm(worker, call.called_at)
    world.advance(20.0)
    world.begin("w1", "t1", called_at=START_S + 9.0)
    assert watched(world) == []
    world.commit("w1", store("b"), token="t1")
    world.leave("w1", token="t1")
    assert watched(world) == []


def test_a_call_a_limit_younger_that_has_begun_repeats_an_older_confirmed_one(world: World) -> None:
    calls = {call.worker: call for call in world.launch({"w0": {"a": -1}, "w1": {"b": -1}})}
    world.coordinator.confirm("w0", calls["w0"].called_at)
    world.advance(20.0)
    world.begin("w1", "t1", called_at=START_S + 10.0)
    assert watched(world) == ["w0"]


def test_while_a_lease_lives_a_confirmed_call_waits_ten_minutes(world: World) -> None:
    calls = {call.worker: call for call in world.launch({"w0": {"a": -1}, "w1": {"b": -1}})}
    world.coordinator.confirm("w0", calls["w0"].called_at)
    world.begin("w1", "t1")
    for _ in range(119):
        world.advance(5.0)
        world.commit("w1", token="t1")
        assert watched(world) == []
    world.advance(5.0)
    world.commit("w1", token="t1")
    assert watched(world) == ["w0"]


def test_a_begin_resets_how_patient_the_watch_is(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    for _ in range(2):
        world.advance(40.0)
        assert watched(world) == ["w0"]
    world.begin("w0", "t1")
    world.advance(10.0)
    assert watched(world) == ["w0"]
    world.advance(10.0)
    assert watched(world) == ["w0"]


def test_a_confirmation_of_an_older_call_counts_for_nothing(world: World) -> None:
    (first,) = world.launch({"w0": {"a": -1}})
    world.advance(10.0)
    assert watched(world) == ["w0"]
    world.coordinator.confirm("w0", first.called_at)
    world.advance(20.0)
    assert watched(world) == ["w0"]


def test_at_most_n_workers_are_called_and_the_others_next_time(world: World) -> None:
    world.launch({f"w{i}": {f"t{i}": -1} for i in range(10)})
    world.advance(10.0)
    first = [call.worker for call in world.coordinator.watch(4)]
    second = [call.worker for call in world.coordinator.watch(100)]
    assert len(first) == 4
    assert sorted(first + second) == sorted(f"w{i}" for i in range(10))


def test_waiting_calls_do_not_hide_an_expired_worker(world: World) -> None:
    calls = world.launch({f"w{i:02}": {f"t{i}": -1} for i in range(50)})
    for call in calls:
        if call.worker != "w25":
            world.coordinator.confirm(call.worker, call.called_at)
    world.begin("w25", "t1")
    world.advance(10.0)
    assert [call.worker for call in world.coordinator.watch(1)] == ["w25"]


def test_the_count_of_called_workers_follows_every_transition(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"b": -1}}, idle=("w2",))
    world.begin("w0", "t0")
    assert world.commit("w0", token="t0").called == 1
    assert world.commit("w0", store("a", pinned("c", "w2"), pinned("d", "w0")), token="t0").called == 2
    world.begin("w2", "t2")
    assert world.commit("w0", token="t0").called == 1
    world.advance(10.0)
    world.commit("w0", token="t0")
    assert sorted(watched(world)) == ["w1", "w2"]
    assert world.commit("w0", token="t0").called == 2
    world.begin("w1", "t1")
    world.begin("w2", "t3")
    assert world.commit("w0", token="t0").called == 0


def test_a_run_that_is_over_is_not_watched(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.coordinator.finish()
    world.advance(100.0)
    assert watched(world) == []
