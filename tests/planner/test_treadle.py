"""The planner `treadle`: what it promises of its plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.manifest.model import Sla
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead
from compiler.planner.problem import Problem
from compiler.planner.search.effort import effort_for
from compiler.planner.strategies import STRATEGIES
from compiler.planner.treadle import search
from compiler.planner.validate import validate_plan
from tests.factories import make_graph
from tests.planner.problems import known_problem


def problem_of(graph, sla=None, **options):
    sla = sla or Sla()
    graph = replace(graph, manifest=replace(graph.manifest, sla=sla))
    return Problem(graph=graph, options=PlanOptions(**{"concurrency": 4, "rounds": 30, **options}))


@pytest.fixture
def graph():
    return make_graph("a,b,c->d,e d,e->g,h g->i h->j i,j->k")


def test_no_other_planner_is_faster_without_a_budget(graph):
    problem = problem_of(graph, Sla(percentile=95.0))
    mine = look_ahead(problem, STRATEGIES["treadle"](problem)).quantile(95)
    for rival in STRATEGIES:
        assert mine <= look_ahead(problem, STRATEGIES[rival](problem)).quantile(95) * 1.01, rival


@pytest.mark.parametrize("rival", ["simple", "wukong"])
def test_with_a_rivals_cost_for_a_budget_it_is_no_slower_than_that_rival(graph, rival):
    plain = problem_of(graph, Sla(percentile=95.0))
    theirs = look_ahead(plain, STRATEGIES[rival](plain))
    budget = theirs.cost.usd
    problem = problem_of(graph, Sla(percentile=95.0, budget_usd=budget))
    mine = look_ahead(problem, STRATEGIES["treadle"](problem))
    assert mine.cost.usd <= budget
    assert mine.quantile(95) <= theirs.quantile(95)


def test_a_deadline_buys_the_cheapest_plan_that_meets_it(graph):
    fast = problem_of(graph)
    quick = look_ahead(fast, STRATEGIES["treadle"](fast))
    problem = problem_of(graph, Sla(deadline_s=quick.mean * 3))
    cheap = look_ahead(problem, STRATEGIES["treadle"](problem))
    assert cheap.mean <= quick.mean * 3
    assert cheap.cost.usd < quick.cost.usd


def test_the_same_seed_gives_the_same_plan(graph):
    plans = [STRATEGIES["treadle"](problem_of(graph, seed=3)) for _ in range(2)]
    assert plans[0].worker_of == plans[1].worker_of
    assert plans[0].entries == plans[1].entries


def test_pins_and_sizes_of_the_user_are_kept():
    graph = make_graph("a->b,c b->d c->d", pins={"b": "mine"}, memory_mb={"c": 4096})
    problem = problem_of(graph)
    plan = search(problem, [])
    validate_plan(problem, plan)
    number = {graph.name_of(instance): instance for instance in range(len(graph))}
    assert plan.worker_name(number["b"]) == "mine"
    assert plan.env(number["c"]).memory_mb >= 4096


def test_one_task_is_planned():
    problem = problem_of(make_graph("a"))
    validate_plan(problem, search(problem, []))


def test_nothing_gets_less_memory_than_its_class_unless_a_bound_asks_for_it():
    graph = make_graph("a->b,c b->d c->d")
    classes = Problem(graph=graph).classes
    plan = STRATEGIES["treadle"](problem_of(graph))
    assert all(plan.env(n).memory_mb >= classes[0][classes[1][n]].memory_mb for n in range(len(graph)))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_there_are_no_more_workers_than_the_user_says(graph, workers):
    plan = STRATEGIES["treadle"](problem_of(graph, workers=workers))
    assert -1 not in plan.worker_of
    assert len(set(plan.worker_of)) <= workers


def test_effort_follows_what_there_is_to_gain_where_something_is_known():
    problem = known_problem(make_graph("a->b"), seconds={"a": 1.0, "b": 1.0}, options=PlanOptions(concurrency=4))
    efforts = [effort_for(problem, makespan_s).seconds for makespan_s in (1.0, 30.0, 10_000.0)]
    assert efforts == sorted(set(efforts))
    guessed = Problem(graph=problem.graph)
    assert effort_for(guessed, 1.0) == effort_for(guessed, 10_000.0)
    stated = replace(problem, options=replace(problem.options, rounds=10**6))
    assert effort_for(stated, 1.0).seconds > efforts[0]
