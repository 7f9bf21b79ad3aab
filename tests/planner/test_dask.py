"""What Dask's scheduler would do: its order, locality by bytes, least occupied workers, blocks."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from dask._task_spec import Task, TaskRef
from dask.order import order

from compiler.planner.dask import plan_dask
from compiler.planner.dask_order import dask_order
from compiler.planner.model import PlanOptions
from tests.factories import graph_of, make_graph, make_tree
from tests.planner.problems import known_problem, place, random_problem

MB = 1_000_000


def layers(width, depth):
    return graph_of(
        {
            f"t{layer}_{number}": [f"t{layer - 1}_{(number + step) % width}" for step in range(2)] if layer else []
            for layer in range(depth)
            for number in range(width)
        }
    )


GRAPHS = {
    "chain": graph_of({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(20)}),
    "tree": make_tree(32),
    "fan": graph_of({"a": [], **{f"m{n}": ["a"] for n in range(20)}, "z": [f"m{n}" for n in range(20)]}),
    "chains": graph_of({f"c{k}_{n}": [f"c{k}_{n - 1}"] if n else [] for k in range(5) for n in range(6)}),
    "pairs": graph_of(
        {"a": []}
        | {f"{side}{n}": ["a"] for n in range(10) for side in "lr"}
        | {f"j{n}": [f"l{n}", f"r{n}"] for n in range(10)}
    ),
    "layers": layers(8, 6),
    **{f"by chance {seed}": random_problem(seed).graph for seed in range(12)},
}


def most_held(graph, order):
    """The most values that are held at any time when the graph runs in that order."""
    waiting = [len({consumer for _, consumer in rows}) for rows in graph.consumers()]
    held = most = 0
    for instance in order:
        held += 1
        most = max(most, held)
        for producer in {producer for producer, _ in graph.in_edges[instance]}:
            waiting[producer] -= 1
            held -= not waiting[producer]
        held -= not waiting[instance]
    return most


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_the_order_has_producers_first(graph):
    place = {instance: number for number, instance in enumerate(dask_order(graph))}
    assert sorted(place) == list(range(len(graph)))
    assert all(place[producer] < place[consumer] for producer, _, consumer in graph.edges())


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
def test_the_order_holds_about_as_few_values_as_that_of_dask(graph):
    mine = dask_order(graph)
    rows = enumerate(graph.in_edges)
    tasks = {n: Task(n, min, *[TaskRef(one) for one, _ in sources]) for n, sources in rows}
    theirs = order(tasks)
    assert most_held(graph, mine) <= 1.3 * most_held(graph, sorted(theirs, key=theirs.__getitem__)) + 1


def test_a_task_goes_where_most_of_its_bytes_lie():
    graph = make_graph("a,b->z a->x b->y")
    problem = known_problem(graph, sizes={"a": 80 * MB}, options=PlanOptions(concurrency=2))
    found = place(problem, plan_dask(problem))
    assert found["a"] != found["b"] and found["z"] == found["a"]


def test_a_busy_worker_gives_way_to_another_that_holds_inputs():
    inputs = {"a": [], "b": [], **{f"s{n}": ["a"] for n in range(6)}, "z": ["a", "b"]}
    seconds = {"a": 1.0, "b": 1.0, **{f"s{n}": 0.3 for n in range(6)}}
    sizes = {"a": 60 * MB, "b": 40 * MB}
    problem = known_problem(graph_of(inputs), seconds=seconds, sizes=sizes, options=PlanOptions(concurrency=2))
    found = place(problem, plan_dask(problem))
    assert found["s0"] == found["a"] and found["z"] == found["b"]


def test_a_fan_out_that_fits_the_cluster_is_stolen_from_its_origin_where_bytes_cost_less_than_waiting():
    graph = graph_of({"a": [], **{f"m{n}": ["a"] for n in range(8)}})
    light = known_problem(graph, seconds=1.0, sizes=1000, options=PlanOptions(concurrency=8))
    heavy = known_problem(graph, seconds=0.1, sizes=400 * MB, options=PlanOptions(concurrency=8))
    assert len(plan_dask(light).workers) > 4
    assert len(plan_dask(heavy).workers) == 1


def test_wide_families_go_in_contiguous_blocks():
    problem = known_problem(make_tree(64), options=PlanOptions(concurrency=4))
    plan = plan_dask(problem)
    leaves = list(plan.worker_of[:64])
    assert set(Counter(leaves).values()) == {16}
    assert sum(one != other for one, other in pairwise(leaves)) == 3


def test_the_cluster_is_as_large_as_was_asked():
    problem = known_problem(make_tree(64), options=PlanOptions(concurrency=8, workers=3))
    assert len(plan_dask(problem).workers) == 3
