"""What `simple` decides: locality, balance, classes and pins."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.planner.model import FLEXIBLE, PlanOptions
from compiler.planner.simple import simple
from tests.factories import graph_of, make_graph, make_tree


def plan_of(graph, **options):
    return simple(graph, PlanOptions(**options))


def worker_names(graph, plan):
    return {graph.name_of(instance): plan.worker_name(instance) for instance in range(len(graph))}


def crossing(graph, plan):
    return sum(plan.worker_of[producer] != plan.worker_of[consumer] for producer, _, consumer in graph.edges())


def loads(plan):
    return Counter(plan.worker_of)


def test_a_tree_is_cut_into_subtrees_with_hardly_an_edge_between_workers():
    graph = make_tree(512)
    plan = plan_of(graph, workers=8)
    leaves = Counter(plan.worker_of[leaf] for leaf in range(512))
    assert set(leaves.values()) == {64}
    assert crossing(graph, plan) == 7


def test_a_chain_stays_on_one_worker():
    graph = graph_of({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(100)})
    assert len(loads(plan_of(graph))) == 1


def test_a_fan_out_of_a_thousand_is_spread_evenly_and_joined_where_inputs_are():
    graph = graph_of({"a": [], **{f"m{n}": ["a"] for n in range(1000)}, "z": [f"m{n}" for n in range(1000)]})
    plan = plan_of(graph, workers=8)
    assert set(Counter(plan.worker_of[1:1001]).values()) == {125}


def test_a_growing_tree_keeps_a_branch_on_each_worker():
    graph = graph_of({"t1": [], **{f"t{n}": [f"t{n // 2}"] for n in range(2, 128)}})
    plan = plan_of(graph, workers=8)
    assert set(Counter(plan.worker_of[63:]).values()) == {8}
    assert crossing(graph, plan) == 7


def test_three_hundred_roots_are_dealt_in_contiguous_blocks():
    graph = graph_of({**{f"r{n}": [] for n in range(300)}, "z": [f"r{n}" for n in range(300)]})
    plan = plan_of(graph, workers=8)
    assert list(plan.worker_of[:300]) == sorted(plan.worker_of[:300])
    assert set(Counter(plan.worker_of[:300]).values()) <= {37, 38}


@pytest.mark.parametrize("reach", [1, 3, 100])
def test_layers_stay_balanced_whatever_they_read_of_the_layer_before(reach):
    inputs = {f"t0_{n}": [] for n in range(100)}
    for layer in range(1, 6):
        for n in range(100):
            inputs[f"t{layer}_{n}"] = [f"t{layer - 1}_{(n + step) % 100}" for step in range(reach)]
    plan = plan_of(graph_of(inputs), workers=8)
    for layer in range(6):
        share = Counter(plan.worker_of[layer * 100 : layer * 100 + 100])
        assert max(share.values()) <= 13 and len(share) == 8


def test_a_fan_in_goes_to_the_worker_that_holds_most_of_its_inputs():
    graph = make_graph("a,b,c->z", pins={"a": "left", "b": "right", "c": "right"})
    assert worker_names(graph, plan_of(graph))["z"] == "right"


def test_a_fan_in_of_uneven_shares_follows_the_majority():
    graph = graph_of({"a": [], "b": [], "c": [], "d": [], "e": [], "f": [], "z": ["a", "b", "c", "d"], "y": ["e", "f"]})
    plan = plan_of(graph, workers=2)
    assert plan.worker_of[:6] == [0, 0, 0, 1, 1, 1]
    assert plan.worker_of[6] == 0


def test_pins_are_kept_and_new_ids_avoid_the_users():
    graph = make_graph("a->b c->d e->f", pins={"a": "w0", "c": "w1"})
    plan = plan_of(graph, workers=2)
    named = worker_names(graph, plan)
    assert (named["a"], named["c"]) == ("w0", "w1")
    assert named["e"] not in {"w0", "w1"}


def test_a_users_worker_gets_no_share_of_a_fan_out():
    graph = make_graph("a->b a->c a->d a->e", pins={"a": "mine"})
    plan = plan_of(graph, workers=2)
    assert Counter(worker_names(graph, plan).values()) == {"mine": 1, "w0": 2, "w1": 2}


def test_one_worker_has_one_class():
    memory = {f"m{n}": 512 for n in range(10)}
    graph = graph_of(
        {"a": [], **{f"m{n}": ["a"] for n in range(10)}, "z": [f"m{n}" for n in range(10)]}, memory_mb=memory
    )
    plan = plan_of(graph, workers=4)
    classes = {worker: {plan.env_of[n] for n in range(12) if plan.worker_of[n] == worker} for worker in loads(plan)}
    assert all(len(found) == 1 for found in classes.values())
    assert len({plan.worker_of[n] for n in range(1, 11)}) > 1


def test_more_classes_than_workers_still_get_a_worker_each():
    graph = make_graph("a b c", memory_mb={"a": 128, "b": 256, "c": 512})
    assert len(loads(plan_of(graph, workers=1))) == 3


def test_only_workers_with_a_task_have_an_id():
    graph = graph_of({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(10)}, pins={"t5": "w0"})
    assert plan_of(graph, workers=8).workers == ("w0", "w1")


def test_default_number_of_workers_is_eight_within_the_concurrency():
    graph = graph_of({f"r{n}": [] for n in range(100)})
    assert len(loads(plan_of(graph, concurrency=100))) == 8
    assert len(loads(plan_of(graph, concurrency=3))) == 3


def test_workers_never_exceed_the_concurrency():
    graph = graph_of({f"r{n}": [] for n in range(100)}, pins={"r0": "mine"})
    assert len(loads(plan_of(graph, concurrency=4, workers=50))) == 4


def test_every_worker_with_a_root_is_an_entry_with_all_its_roots():
    graph = make_tree(64)
    plan = plan_of(graph, workers=4)
    assert [entry.worker for entry in plan.entries] == ["w0", "w1", "w2", "w3"]
    assert [len(entry.start) for entry in plan.entries] == [16, 16, 16, 16]


def test_every_instance_has_a_reason():
    graph = make_tree(8)
    plan = plan_of(graph)
    assert len(plan.reasons) == len(graph) and all(plan.reasons)


@st.composite
def random_graphs(draw):
    count = draw(st.integers(1, 30))
    inputs = {
        f"t{n}": [f"t{p}" for p in draw(st.lists(st.integers(0, n - 1), max_size=4, unique=True))] if n else []
        for n in range(count)
    }
    memory = {f"t{n}": draw(st.sampled_from([128, 512])) for n in range(count)}
    pinned = draw(st.lists(st.integers(0, count - 1), unique=True, max_size=4))
    return graph_of(inputs, memory_mb=memory, pins={f"t{n}": f"mine-{memory[f't{n}']}" for n in pinned})


@given(random_graphs(), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_on_any_graph_every_task_has_a_worker_of_its_class(graph, workers):
    plan = plan_of(graph, workers=workers)
    assert FLEXIBLE not in plan.worker_of
    env_of_worker = {}
    for worker, env in zip(plan.worker_of, plan.env_of, strict=True):
        assert env_of_worker.setdefault(worker, env) == env
    for instance in range(len(graph)):
        assert graph.option_of(instance).worker in (None, plan.worker_name(instance))
    started = [name for entry in plan.entries for name in entry.start]
    assert sorted(started) == sorted(graph.name_of(n) for n in range(len(graph)) if not graph.in_edges[n])
