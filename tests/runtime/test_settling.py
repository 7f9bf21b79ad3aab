"""Settling: a commit settles exactly the tasks whose outputs have all arrived, or whose consumers are settled."""

from __future__ import annotations

from runtime.machine.settling import Settling


def test_a_stored_output_settles_its_task_when_its_last_arrivals_are_sent() -> None:
    settling = Settling()
    assert settling.finished("a", 1, []) == []
    assert settling.is_unsettled("a")
    assert settling.slot_sent("a") == ["a"]
    assert settling.settled == {"a"}


def test_storing_the_end_of_a_local_chain_settles_the_whole_chain() -> None:
    settling = Settling()
    settling.finished("a", 0, ["b"])
    settling.finished("b", 0, ["c"])
    settling.finished("c", 1, [])
    assert settling.slot_sent("c") == ["c", "b", "a"]


def test_a_task_waits_for_all_of_its_local_consumers() -> None:
    settling = Settling()
    settling.finished("a", 0, ["b", "c"])
    settling.finished("b", 1, [])
    assert settling.slot_sent("b") == ["b"]
    settling.finished("c", 1, [])
    assert settling.slot_sent("c") == ["c", "a"]


def test_a_task_of_two_outputs_settles_with_the_second() -> None:
    settling = Settling()
    settling.finished("a", 2, [])
    assert settling.slot_sent("a") == []
    assert settling.slot_sent("a") == ["a"]


def test_a_task_whose_consumers_were_settled_before_is_settled_at_once() -> None:
    settling = Settling()
    settling.settled.add("b")
    assert settling.finished("a", 0, ["b"]) == ["a"]


def test_a_spilled_output_waits_for_the_store_instead_of_its_consumers() -> None:
    settling = Settling()
    settling.finished("a", 0, ["b"])
    settling.respilled("a", ["b"])
    assert settling.unsettled() == ["a"]
    assert settling.slot_sent("a") == ["a"]
    assert settling.finished("b", 1, []) == []
    assert settling.slot_sent("b") == ["b"]
