"""Less memory for workers that nobody waits for, and for nobody else."""

from __future__ import annotations

from dataclasses import replace

from compiler.manifest.model import Resources, Sla, TaskOptions
from compiler.planner.judging import Judge
from compiler.planner.model import PlanOptions
from compiler.planner.non_uniform import plan_non_uniform
from compiler.planner.outlook import look_ahead
from compiler.planner.uniform import cluster
from tests.factories import graph_of
from tests.planner.problems import known_problem

SMALL = 512


def small(graph):
    """Every task may have 512 MB."""
    return replace(graph, option_table=(TaskOptions(resources=Resources(memory_min_mb=SMALL)),))


def long_and_short(**rest):
    """One long branch, three short ones, and a join."""
    graph = graph_of(
        {"a": [], "k": ["a"], "l": ["k"], **{f"s{n}": ["a"] for n in range(3)}, "z": ["l", "s0", "s1", "s2"]}
    )
    seconds = {"k": 10.0, "l": 10.0, "s0": 2.0, "s1": 2.0, "s2": 2.0}
    sizes = {"a": 20_000_000}
    return known_problem(small(graph), seconds=seconds, sizes=sizes, exponent=1.0, **rest)


def sizes_of(problem, plan):
    return {problem.graph.name_of(n): plan.env(n).memory_mb for n in range(len(problem.graph))}


def start_of(problem):
    judge = Judge(problem)
    return judge.judge(judge.glance(cluster(problem, judge).candidate))


def test_a_worker_that_nobody_waits_for_gets_less_memory_and_the_critical_path_keeps_the_best():
    problem = long_and_short(options=PlanOptions(rounds=20))
    found = sizes_of(problem, plan_non_uniform(problem))
    assert {found[name] for name in "aklz"} == {1769}
    assert max(found[f"s{n}"] for n in range(3)) < 1769


def test_the_statistic_never_grows_and_the_cost_never_rises():
    problem = long_and_short(sla=Sla(percentile=95.0))
    judge = Judge(problem)
    before = start_of(problem)
    plan = plan_non_uniform(problem)
    after = judge.judge(judge.glance(replace(before.candidate, memory_mb=_memory(before, plan))))
    assert after.statistic_s <= before.statistic_s * 1.001
    assert after.cost_usd <= before.cost_usd


def _memory(judged, plan):
    sizes = dict(zip(judged.candidate.worker_of, (plan.env(n).memory_mb for n in range(len(plan.env_of))), strict=True))
    return {worker: sizes[worker] for worker in judged.candidate.memory_mb}


def test_few_rounds_find_what_can_be_spared_among_many_workers():
    """Twelve branches of one worker each, of which one is long: all others are lowered in one step."""
    inputs = {"a": [], **{f"b{n}": ["a"] for n in range(12)}, "z": [f"b{n}" for n in range(12)]}
    seconds = {f"b{n}": 30.0 if n == 5 else 10.0 for n in range(12)}
    options = PlanOptions(concurrency=12, workers=12, rounds=3)
    problem = known_problem(small(graph_of(inputs)), seconds=seconds, exponent=1.0, options=options)
    found = sizes_of(problem, plan_non_uniform(problem))
    assert found["b5"] == 1769
    assert sum(found[f"b{n}"] < 1769 for n in range(12)) >= 6


def test_no_rounds_leave_all_at_the_best_size():
    problem = long_and_short(options=PlanOptions(rounds=0))
    assert set(sizes_of(problem, plan_non_uniform(problem)).values()) == {1769}


def test_a_minimum_that_was_stated_is_kept():
    problem = long_and_short()
    problem = replace(
        problem,
        graph=replace(problem.graph, option_table=(TaskOptions(resources=Resources(memory_min_mb=1024)),)),
    )
    assert min(sizes_of(problem, plan_non_uniform(problem)).values()) >= 1024


def test_with_a_deadline_the_plan_is_cheaper_and_meets_it():
    quick, lax = long_and_short(), long_and_short(sla=Sla(deadline_s=80.0))
    fast, cheap = look_ahead(quick, plan_non_uniform(quick)), look_ahead(lax, plan_non_uniform(lax))
    assert cheap.mean <= 80.0 and cheap.cost.usd <= fast.cost.usd
