"""Locality: a flexible worker knows which tasks it will run by itself."""

from __future__ import annotations

from runtime.machine.locality import Locality
from runtime.optimizations.baseline import Delivery, deliver
from runtime.plan import Task
from tests.runtime.records import ENV, records

TREE = {"a": [], "b": [], "c": [], "d": [], "ab": ["a", "b"], "cd": ["c", "d"], "top": ["ab", "cd"]}


def test_a_fan_in_is_mine_when_all_of_its_producers_are() -> None:
    locality = Locality("~a", ENV, records(TREE))
    locality.add(["a", "b", "c"])
    assert locality.is_mine("ab")
    assert not locality.is_mine("cd")
    assert not locality.is_mine("top")
    locality.add(["d"])
    assert locality.is_mine("top")


def test_a_fan_out_is_left_to_the_store() -> None:
    tasks = records({"a": [], "b": ["a"], "c": ["a"]})
    locality = Locality("~a", ENV, tasks)
    locality.add(["a"])
    assert not locality.is_mine("b")
    assert deliver(tasks["a"], tasks["a"].out_edges, locality) is Delivery.REMOTE


def test_edges_wait_for_the_page_of_their_consumer() -> None:
    whole = records(TREE)
    tasks: dict[str, Task] = {name: whole[name] for name in "abcd"}
    locality = Locality("~a", ENV, tasks)
    locality.add("abcd")
    assert not locality.is_mine("ab")
    new = {name: whole[name] for name in ("ab", "cd", "top")}
    tasks.update(new)
    locality.loaded(new)
    assert locality.is_mine("top")


def test_a_pinned_consumer_is_never_walked_by_a_flexible_worker() -> None:
    tasks = records({"a": [], "b": ["a"]}, workers={"b": "w"})
    locality = Locality("~a", ENV, tasks)
    locality.add(["a"])
    assert not locality.is_mine("b")
    assert deliver(tasks["a"], tasks["a"].out_edges, locality) is Delivery.REMOTE


def test_a_pinned_worker_keeps_what_only_it_consumes() -> None:
    tasks = records({"a": [], "b": ["a"], "c": ["a"], "d": ["b"]}, workers={"a": "w", "b": "w", "c": "w", "d": "v"})
    locality = Locality("w", ENV, tasks)
    locality.add(["a"])
    assert deliver(tasks["a"], tasks["a"].out_edges, locality) is Delivery.LOCAL
    assert deliver(tasks["b"], tasks["b"].out_edges, locality) is Delivery.REMOTE


def test_a_target_is_stored_whoever_consumes_it() -> None:
    tasks = records({"a": []})
    assert deliver(tasks["a"], (), Locality("~a", ENV, tasks)) is Delivery.REMOTE
