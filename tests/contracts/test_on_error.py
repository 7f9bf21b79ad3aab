"""Failures that are let pass: the run goes on, and a record is kept with the value that stands for the output."""

from __future__ import annotations

from runtime.ports import Failure, RebuildPart, Recovered, Status
from tests.contracts.world import World, pinned, row, store


def passed(task: str, slot: str, message: str = "no") -> Failure:
    return Failure(task=task, record=f'{{"message": "{message}", "on_error": "skip"}}', slot=slot)


def test_the_run_goes_on_and_tells_of_the_failure(world: World) -> None:
    world.launch({"w0": {"a": -1}}, idle=("w1",))
    world.begin("w0")
    answer = world.commit("w0", store("a", pinned("b", "w1")), passed("a", "a"))
    assert answer.status is Status.OK
    assert [call.worker for call in answer.calls] == ["w1"]
    status = world.coordinator.status()
    assert (status.meta, dict(status.errors)) == ("run", {"a": '{"message": "no", "on_error": "skip"}'})


def test_the_record_is_kept_of_whoever_stored_the_value(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.commit("w0", store("a", value=b"first", last=False), passed("a", "a", "first"), token="t1")
    world.advance(10.0)
    world.begin("w0", "t2")
    answer = world.commit("w0", store("a", value=b"second"), passed("a", "a", "second"), token="t2")
    assert dict(answer.winners or {}) == {"a": b"first"}
    assert dict(world.coordinator.status().errors) == {"a": '{"message": "first", "on_error": "skip"}'}


def test_a_result_that_was_stored_first_has_no_failure(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0", "t1")
    world.commit("w0", store("a", last=False), token="t1")
    world.advance(10.0)
    world.begin("w0", "t2")
    world.commit("w0", store("a", value=b"other"), passed("a", "a"), token="t2")
    assert dict(world.coordinator.status().errors) == {}


def test_the_same_commit_sent_again_keeps_the_record(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    for _ in range(2):
        world.commit("w0", store("a"), passed("a", "a"), seq=1)
    assert list(world.coordinator.status().errors) == ["a"]


def test_a_failure_that_ends_the_run_is_told_beside_those_that_passed(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    answer = world.commit("w0", store("a"), passed("a", "a"), Failure(task="b", record='{"on_error": "fail"}'))
    assert answer.status is Status.ENDED
    assert sorted(world.coordinator.status().errors) == ["a", "b"]


def test_a_run_that_is_built_anew_keeps_what_was_let_pass_and_forgets_what_ended_it(world: World) -> None:
    world.launch({"w0": {"a": -1, "b": -1}})
    world.begin("w0")
    world.commit("w0", store("a"), passed("a", "a"), Failure(task="b", record='{"on_error": "fail"}'))
    world.coordinator.rebuild_start()
    assert list(world.coordinator.status().errors) == ["a"]


def test_a_result_in_the_place_of_a_lost_failure_has_no_record(world: World) -> None:
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    world.commit("w0", store("a"), passed("a", "a"))
    world.coordinator.rebuild_start()
    world.coordinator.rebuild_part(RebuildPart(arrived={}, grants={"w0": {"a": -1}}, done=(), dangling=("a",)))
    world.coordinator.rebuild_end([row("w0", has_todo=True)])
    world.begin("w0", "t2")
    world.commit("w0", store("a", value=b"result"), Recovered(task="a", slot="a"), token="t2")
    assert dict(world.coordinator.status().errors) == {}
