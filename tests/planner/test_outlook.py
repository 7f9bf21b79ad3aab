"""What a plan is expected to do, and plans put together from an assignment."""

from __future__ import annotations

import pytest

from compiler.manifest.model import Sla
from compiler.planner.assembly import assemble
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead
from compiler.planner.problem import Problem
from compiler.planner.strategies import STRATEGIES
from tests.factories import make_graph, make_tree


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_quantiles_of_a_makespan_never_fall(planner):
    problem = Problem(graph=make_tree(8), options=PlanOptions(concurrency=4))
    outlook = look_ahead(problem, STRATEGIES[planner](problem))
    quantiles = [outlook.quantile(percentile) for percentile in (1, 50, 90, 95, 99)]
    assert quantiles == sorted(quantiles)
    assert outlook.statistic(Sla()) == outlook.mean
    assert outlook.statistic(Sla(percentile=95.0)) == outlook.quantile(95)


def test_an_outlook_is_the_same_for_the_same_seed():
    graph = make_tree(8)
    makespans = []
    for seed in (1, 1, 2):
        problem = Problem(graph=graph, options=PlanOptions(concurrency=4, seed=seed))
        makespans.append(look_ahead(problem, STRATEGIES["simple"](problem)).makespans.tolist())
    assert makespans[0] == makespans[1] != makespans[2]


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_one_simulation_of_a_large_graph_tells_the_spread_of_its_makespan_too(planner):
    problem = Problem(graph=make_tree(64), options=PlanOptions(concurrency=4))
    plan = STRATEGIES[planner](problem)
    several, one = look_ahead(problem, plan, runs=16), look_ahead(problem, plan, runs=1)
    for percentile in (10, 50, 90):
        assert one.quantile(percentile) == pytest.approx(several.quantile(percentile), rel=0.1)
    assert one.timeline == several.timeline


def test_cost_counts_every_invocation_and_cold_starts():
    problem = Problem(graph=make_graph("a->b"), options=PlanOptions())
    outlook = look_ahead(problem, assemble(problem, "mine", [0, 1], {0: 2048, 1: 1024 * 4}, ["", ""]))
    used = [
        (one.start_up.ended_at - one.start_up.invoke_time) * one.start_up.memory_mb / 1024
        for one in outlook.timeline.invocations
    ]
    assert outlook.cold == outlook.workers == outlook.cost.requests == 2
    assert outlook.cost.gb_s == pytest.approx(sum(used))
    price = problem.profile.prices.gb_second_usd["x86_64"]
    assert outlook.cost.usd == pytest.approx(outlook.cost.gb_s * price + 2 * problem.profile.prices.request_usd)


def test_assembled_workers_have_the_size_asked_for_and_the_users_keep_theirs():
    graph = make_graph("a->b b->c x->c", pins={"b": "mine"})
    problem = Problem(graph=graph)
    number = {graph.name_of(instance): instance for instance in range(len(graph))}
    worker_of = [0 if name == "b" else 7 for name in number]
    plan = assemble(problem, "mine", worker_of, {0: 4096, 7: 4096}, [""] * len(graph))
    assert plan.workers == ("mine", "w0")
    assert plan.env(number["b"]) == problem.base_env(number["b"])
    assert {plan.env(number[name]).memory_mb for name in "acx"} == {4096}
