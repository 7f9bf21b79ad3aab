"""What `wukong` decides: nothing but entries."""

from __future__ import annotations

from compiler.planner.model import FLEXIBLE, PlanOptions
from compiler.planner.wukong import wukong
from tests.factories import graph_of, make_graph, make_tree


def test_every_task_is_flexible():
    plan = wukong(make_tree(16), PlanOptions())
    assert set(plan.worker_of) == {FLEXIBLE} and plan.workers == ()


def test_roots_are_dealt_to_at_most_concurrency_entries_of_neighbours():
    plan = wukong(make_tree(512), PlanOptions(concurrency=10))
    assert len(plan.entries) == 10
    assert {len(entry.start) for entry in plan.entries} <= {51, 52}
    assert plan.entries[0].start[:3] == ("leaf[0]", "leaf[1]", "leaf[2]")
    assert plan.entries[0].worker == "~leaf[0]"


def test_one_root_is_one_entry():
    plan = wukong(make_graph("a->b a->c"), PlanOptions(concurrency=10))
    assert [entry.start for entry in plan.entries] == [("a",)]


def test_roots_of_two_classes_do_not_share_an_entry():
    graph = graph_of({f"r{n}": [] for n in range(20)}, memory_mb={f"r{n}": 512 for n in range(10)})
    plan = wukong(graph, PlanOptions(concurrency=2))
    assert len(plan.entries) == 4
    for entry in plan.entries:
        assert {entry.env.memory_mb} == {512 if int(name[1:]) < 10 else 1769 for name in entry.start}


def test_pins_are_kept_beside_flexible_tasks():
    plan = wukong(make_graph("a->b b->c x->c", pins={"b": "mine"}), PlanOptions())
    assert [plan.worker_name(instance) for instance in range(4)] == [None, "mine", None, None]
    assert [entry.worker for entry in plan.entries] == ["~a", "~x"]


def test_a_pinned_root_is_an_entry_of_its_worker():
    plan = wukong(make_graph("a->b c->b d", pins={"a": "mine", "c": "mine"}), PlanOptions())
    assert [(entry.worker, entry.start) for entry in plan.entries] == [("mine", ("a", "c")), ("~d", ("d",))]
