"""What a search thinks of assignments, beside what is simulated of them."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from compiler.manifest.model import Sla
from compiler.planner.candidate import Candidate, plan_of
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead, middle_run
from compiler.planner.quick import Quick
from compiler.planner.search.drawn import Drawn
from compiler.planner.search.estimates import Estimates
from tests.factories import graph_of
from tests.planner.problems import known_problem


def scattered(sources, width):
    """Several sources whose fans are dealt to four workers, and a join of all."""
    edges = {f"a{n}": [] for n in range(sources)}
    edges |= {f"b{n}x{m}": [f"a{n}"] for n in range(sources) for m in range(width)}
    edges["z"] = [name for name in edges if name.startswith("b")]
    return graph_of(edges)


def learnt(seed=0, **options):
    """A graph in which everything has run: long and short tasks, of known sizes."""
    graph, random = scattered(3, 8), Random(seed)
    names = [family.task for family in graph.families]
    return known_problem(
        graph,
        seconds={name: random.uniform(0.5, 8.0) for name in names},
        sizes=dict.fromkeys(names, 2_000_000),
        sla=Sla(percentile=95.0),
        options=PlanOptions(concurrency=4, **options),
    )


def dealt(problem, seed):
    random = Random(seed)
    worker_of = [random.randrange(4) for _ in range(len(problem.graph))]
    return Candidate(worker_of=worker_of, memory_mb=dict.fromkeys(range(4), 1769))


@pytest.mark.parametrize("seed", range(4))
def test_what_lies_on_a_worker_runs_in_the_order_of_a_simulation(seed):
    problem = learnt(seed)
    candidate = dealt(problem, seed)
    rough = Quick(problem).evaluate(candidate.worker_of, candidate.memory_mb)
    exact = middle_run(problem, plan_of(problem, "mine", candidate)).timeline
    number = {problem.graph.name_of(instance): instance for instance in range(len(problem.graph))}
    begun = {number[span.task]: span.started_at for one in exact.invocations for span in one.spans}
    assert rough.makespan_s == pytest.approx(exact.makespan_s, rel=0.02)
    assert [begun[n] for n in range(len(begun))] == pytest.approx(list(rough.start), abs=0.25)


@pytest.mark.parametrize("seed", range(4))
def test_the_drawn_runs_have_the_quantiles_of_a_simulation_and_its_draws(seed):
    problem = learnt(seed)
    candidate = dealt(problem, seed)
    quick = Quick(problem)
    makespans = Drawn(quick).makespans(quick.evaluate(candidate.worker_of, candidate.memory_mb))
    outlook = look_ahead(problem, plan_of(problem, "mine", candidate))
    for percentile in (50, 95):
        assert np.percentile(makespans, percentile) == pytest.approx(outlook.quantile(percentile), rel=0.03)


def test_an_estimate_is_by_the_statistic_of_the_objective():
    problem = learnt()
    candidate = dealt(problem, 1)
    found = Estimates(problem).of(candidate)
    quick = Quick(problem)
    makespans = Drawn(quick).makespans(found.rough)
    assert found.figures.seconds == pytest.approx(np.percentile(makespans, 95))
    assert found.figures.usd == found.rough.cost_usd
