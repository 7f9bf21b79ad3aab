"""The quick estimate against the simulation, over random graphs, assignments and conditions."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from random import Random

import numpy as np

from compiler.planner.assembly import assemble
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import middle_run
from compiler.planner.problem import Problem
from compiler.planner.quick import Quick
from tests.factories import graph_of, make_graph, make_tree


def random_case(random):
    """A graph of up to 30 tasks on up to six workers of two sizes, under conditions in which starts matter."""
    count = random.randint(2, 30)
    graph = graph_of(
        {f"t{n}": [f"t{p}" for p in random.sample(range(n), min(n, random.randint(0, 4)))] for n in range(count)}
    )
    problem = Problem(graph=graph, options=PlanOptions(concurrency=4, cores=random.choice([inf, 2.0])))
    memory_mb = {worker: random.choice([1769, 1769, 3538]) for worker in range(6)}
    return problem, [random.randint(0, 5) for _ in range(count)], memory_mb


def test_it_is_close_to_the_simulation():
    ratios = []
    for seed in range(80):
        problem, worker_of, memory_mb = random_case(Random(seed))
        rough = Quick(problem).evaluate(worker_of, memory_mb)
        exact = middle_run(problem, assemble(problem, "mine", worker_of, memory_mb, [""] * len(worker_of)))
        ratios.append(rough.makespan_s / exact.makespan_s)
    low, middle, high = np.percentile(ratios, [5, 50, 95])
    assert low > 0.85
    assert 0.98 < middle < 1.03
    assert high < 1.25


def test_the_chain_of_waits_leads_from_a_root_to_the_last_task():
    graph = make_tree(16)
    problem = Problem(graph=graph)
    rough = Quick(problem).evaluate([instance % 3 for instance in range(len(graph))], {})
    chain = rough.critical()
    assert not graph.in_edges[chain[0]]
    assert chain[-1] in graph.targets
    assert all(rough.end[one] <= rough.start[other] for one, other in pairwise(chain))


def test_more_workers_than_environments_wait_for_a_place():
    graph = make_graph("a b c d")
    rough = Quick(Problem(graph=graph, options=PlanOptions(concurrency=2))).evaluate([0, 1, 2, 3], {})
    assert (rough.cold, rough.warm) == (2, 2)
