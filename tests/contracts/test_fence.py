"""Who may write: begin, the fence of (token, seq), leases, leaving, handing over, and the ends of a run."""

from __future__ import annotations

import pytest

from runtime.ports import Attempt, Failure, Mode, RunEnd, Status, Tried
from tests.contracts.world import START_S, World, pinned, settle, store


def test_begin_returns_the_grants_with_their_pages(world: World) -> None:
    world.launch({"~a": {"a": 3, "b": 4}})
    begun = world.begin("~a")
    assert begun.status is Status.GO
    assert begun.todo == {"a": 3, "b": 4}
    assert begun.tries == 1
    assert begun.now == START_S


def test_a_worker_without_record_or_grants_gets_nothing(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    assert world.begin("w1").status is Status.NOTHING
    assert world.begin("~unknown").status is Status.NOTHING


def test_a_second_incarnation_is_busy_while_the_lease_lives(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.advance(9.0)
    assert world.begin("w0", "t2").status is Status.BUSY
    world.advance(1.0)
    assert world.begin("w0", "t2").status is Status.GO


def test_renewing_keeps_the_lease(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    for _ in range(4):
        world.advance(7.5)
        assert world.commit("w0").status is Status.OK
    assert world.begin("w0", "t2").status is Status.BUSY


def test_a_lost_reply_to_begin_is_answered_again(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    first = world.begin("w0", "t1")
    assert world.begin("w0", "t1") == first


def test_a_token_that_has_committed_cannot_begin_again(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.commit("w0", settle("x"))
    assert world.begin("w0", "t1").status is Status.BUSY


def test_a_commit_of_another_token_is_fenced_and_writes_nothing(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    answer = world.commit("w0", store("a"), token="t2")
    assert answer.status is Status.FENCED
    assert world.values.fetch(["a"]) == [None]
    assert world.commit("w1", store("a"), token="t2").status is Status.FENCED


def test_a_taken_over_worker_is_fenced(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.advance(10.0)
    world.begin("w0", "t2")
    assert world.commit("w0", store("a"), token="t1").status is Status.FENCED
    assert world.commit("w0", store("a"), token="t2").status is Status.OK


@pytest.mark.parametrize(
    ("seq", "status"), [(0, Status.FENCED), (1, Status.FENCED), (2, Status.OK), (3, Status.OK), (4, Status.FENCED)]
)
def test_only_the_next_seq_or_the_same_again_is_accepted(world: World, seq: int, status: Status) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", settle("x"), seq=1)
    world.commit("w0", settle("y"), seq=2)
    assert world.commit("w0", settle("z"), seq=seq).status is status


def test_a_new_incarnation_counts_its_seq_from_one(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.commit("w0", settle("x"))
    world.commit("w0", settle("y"))
    world.advance(10.0)
    world.begin("w0", "t2")
    assert world.commit("w0", settle("z"), token="t2", seq=3).status is Status.FENCED
    assert world.commit("w0", settle("z"), token="t2", seq=1).status is Status.OK


def test_an_expired_lease_is_no_fence_until_somebody_begins(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.advance(60.0)
    assert world.commit("w0", settle("x")).status is Status.OK
    assert world.begin("w0", "t2").status is Status.BUSY


def test_a_worker_that_was_called_again_goes_on_if_nobody_has_begun(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.advance(10.0)
    assert [call.worker for call in world.coordinator.watch(5)] == ["w0"]
    answer = world.commit("w0", settle("x"))
    assert (answer.status, answer.called) == (Status.OK, 0)
    assert world.begin("w0", "t2").status is Status.BUSY


def test_leaving_with_nothing_granted_makes_the_worker_idle(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    answer = world.leave("w0", store("a"))
    assert (answer.status, answer.left) == (Status.OK, True)
    assert world.begin("w0", "t2").status is Status.NOTHING
    assert world.commit("w0", settle("x")).status is Status.FENCED
    assert "left" in world.events()


def test_leaving_is_refused_while_something_is_granted(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    answer = world.leave("w0", store("a"))
    assert (answer.left, answer.todo) == (False, {"b": -1})
    assert world.begin("w0", "t2").status is Status.BUSY


def test_handing_over_calls_the_worker_again_at_once(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    answer = world.commit("w0", mode=Mode.HANDOVER)
    assert (answer.left, answer.called) == (True, 1)
    assert [call.worker for call in answer.calls] == ["w0"]
    assert world.commit("w0").status is Status.FENCED
    begun = world.begin("w0", "t2")
    assert (begun.status, begun.todo) == (Status.GO, {"a": -1})


def test_handing_over_nothing_is_leaving(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    answer = world.commit("w0", store("a"), mode=Mode.HANDOVER)
    assert (answer.left, answer.calls, answer.called) == (True, (), 0)


def test_too_many_begins_without_progress_fail_the_run_and_name_the_grants(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    for number in range(world.settings.max_tries):
        assert world.begin("w0", f"t{number}").tries == number + 1
        world.advance(10.0)
    assert world.begin("w0", "tx").status is Status.ENDED
    status = world.coordinator.status()
    assert status.meta == "failed"
    assert status.reason == "worker w0 began 5 times without storing a new output; it holds: a, b"
    assert "failed" in world.events()


def test_a_new_stored_output_is_progress_a_settled_task_is_not(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1, "c": -1}})
    world.begin("w0", "t1")
    world.commit("w0", settle("a"))
    world.advance(10.0)
    assert world.begin("w0", "t2").tries == 2
    world.commit("w0", store("b"), token="t2")
    world.advance(10.0)
    assert world.begin("w0", "t3").tries == 1


def test_attempts_are_kept_as_their_maximum_and_returned_by_begin(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", Attempt(task="a", number=2), Attempt(task="a", number=1))
    world.advance(10.0)
    assert world.begin("w0", "t2").attempts == {"a": Tried(number=2, is_open=True)}


def test_a_failure_ends_the_run_for_everyone(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"b": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    answer = world.commit("w0", store("x"), Failure(task="a", record='{"type": "ValueError"}'), token="t0")
    assert answer.status is Status.ENDED
    assert world.commit("w1", store("b"), token="t1").status is Status.ENDED
    assert world.begin("w1", "t2").status is Status.ENDED
    status = world.coordinator.status()
    assert (status.meta, status.reason) == ("failed", "task a failed")
    assert status.errors == {"a": '{"type": "ValueError"}'}
    assert world.values.fetch(["x", "b"]) == [b"value", None]
    assert world.coordinator.watch(10) == ()


def test_cancelling_fences_every_zombie(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.coordinator.end(RunEnd.CANCELLED, "by the user")
    assert world.commit("w0", store("a")).status is Status.ENDED
    assert world.values.fetch(["a"]) == [None]
    status = world.coordinator.status()
    assert (status.meta, status.reason) == ("cancelled", "by the user")
    assert "ended" in world.events()


def test_the_first_end_stands(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.coordinator.end(RunEnd.FAILED, "first")
    world.coordinator.end(RunEnd.CANCELLED, "second")
    assert (world.coordinator.status().meta, world.coordinator.status().reason) == ("failed", "first")


def test_who_holds_a_worker_may_fail_the_run(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.coordinator.fail("w0", "t1", "worker w0: E603: a blob is missing")
    status = world.coordinator.status()
    assert (status.meta, status.reason) == ("failed", "worker w0: E603: a blob is missing")
    assert world.commit("w0", store("a")).status is Status.ENDED
    assert "ended" in world.events()


def test_a_zombie_fails_no_healthy_run(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.coordinator.fail("w0", "t0", "not begun")
    world.begin("w0", "t1")
    world.advance(10.0)
    world.begin("w0", "t2")
    for worker, token in (("w0", "t1"), ("w1", "t2"), ("unknown", "t1")):
        world.coordinator.fail(worker, token, "late")
    assert world.coordinator.status().meta == "run"
    assert world.commit("w0", store("a"), token="t2").status is Status.OK


def test_after_finish_zombies_write_nothing(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0")
    world.coordinator.finish()
    assert world.commit("w0", store("a", pinned("b", "w1"))).status is Status.ENDED
    assert world.begin("w1").status is Status.ENDED
    world.coordinator.confirm("w1", START_S)
    world.coordinator.lost("w0", "t1", "a", "k")
    world.coordinator.fail("w0", "t1", "late")
    world.coordinator.end(RunEnd.CANCELLED, "late")
    status = world.coordinator.status()
    assert (status.meta, status.stored, status.done) == ("", 0, 0)
