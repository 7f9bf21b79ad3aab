"""The rules of assignment, each on a graph made for it."""

from __future__ import annotations

from collections import Counter

from compiler.manifest.model import Sla
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead
from compiler.planner.uniform import plan_uniform
from tests.factories import graph_of, make_graph
from tests.planner.problems import known_problem, place

MB = 1_000_000


def fan(width, join=True):
    inputs = {"a": [], **{f"m{number}": ["a"] for number in range(width)}}
    return graph_of(inputs | ({"z": [f"m{number}" for number in range(width)]} if join else {}))


def test_a_chain_stays_on_one_worker():
    problem = known_problem(graph_of({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(20)}), seconds=2.0)
    plan = plan_uniform(problem)
    assert plan.workers == ("w0",)


def test_the_only_successor_stays_in_each_branch():
    problem = known_problem(make_graph("a->b,c,d b->e c->f d->g e->h f->i g->j"), seconds=3.0)
    found = place(problem, plan_uniform(problem))
    for branch in ("beh", "cfi", "dgj"):
        assert len({found[name] for name in branch}) == 1
    assert len(set(found.values())) == 3


def test_the_critical_child_has_first_claim_on_its_parents_worker():
    """`s` comes first in every topological order, and is short; `k` leads the long way and takes a large input."""
    graph = graph_of({"p": [], "s": ["p"], "k": ["p"], "l": ["k"], "z": ["l", "s"]})
    problem = known_problem(graph, seconds={"s": 3.0, "k": 4.0, "l": 4.0}, sizes={"p": 30 * MB})
    found = place(problem, plan_uniform(problem))
    assert found["p"] == found["k"] == found["l"] == found["z"] != found["s"]


def test_short_tasks_with_large_outputs_stay_with_their_origin():
    sizes = {f"m{number}": 40 * MB for number in range(12)}
    seconds = {f"m{number}": 0.05 for number in range(12)}
    problem = known_problem(fan(12), seconds=seconds, sizes=sizes)
    assert plan_uniform(problem).workers == ("w0",)


def test_long_tasks_of_a_fan_out_are_spread_and_short_ones_keep_them_company():
    seconds = {f"m{number}": 6.0 if number < 3 else 0.2 for number in range(12)}
    problem = known_problem(fan(12), seconds=seconds)
    found = place(problem, plan_uniform(problem))
    assert len({found[f"m{number}"] for number in range(3)}) == 3
    assert len(set(found.values())) <= 4


def test_tasks_whose_outputs_meet_are_together_and_the_fan_in_too():
    inputs = {"a": []}
    for pair in range(4):
        inputs |= {f"l{pair}": ["a"], f"r{pair}": ["a"], f"j{pair}": [f"l{pair}", f"r{pair}"]}
    names = [name for name in inputs if name != "a"]
    sizes = {name: 50 * MB for name in names if name[0] in "lr"}
    problem = known_problem(graph_of(inputs), seconds=dict.fromkeys(names, 1.0), sizes=sizes)
    found = place(problem, plan_uniform(problem))
    for pair in range(4):
        assert found[f"l{pair}"] == found[f"r{pair}"] == found[f"j{pair}"]
    assert len(set(found.values())) > 1


def test_a_fan_in_goes_where_most_bytes_lie():
    graph = make_graph("a,b,c->z", pins={"a": "left", "b": "right", "c": "right"})
    problem = known_problem(graph, sizes={"a": 60 * MB, "b": MB, "c": MB})
    assert place(problem, plan_uniform(problem))["z"] == "left"


def test_another_worker_is_not_worth_its_start_for_short_tasks():
    problem = known_problem(fan(20), seconds=0.005)
    assert plan_uniform(problem).workers == ("w0",)


def test_cores_that_all_share_bound_what_more_workers_give():
    wide = known_problem(fan(32), seconds=1.0, options=PlanOptions(concurrency=16))
    narrow = known_problem(fan(32), seconds=1.0, options=PlanOptions(concurrency=16, cores=2))
    assert len(plan_uniform(narrow).workers) < len(plan_uniform(wide).workers)


def test_no_more_workers_than_were_asked_for():
    problem = known_problem(fan(32), seconds=1.0, options=PlanOptions(concurrency=16, workers=3))
    assert len(plan_uniform(problem).workers) <= 3


def test_memory_is_paid_for_where_it_makes_the_workflow_shorter():
    slow = known_problem(fan(4), seconds=5.0, exponent=0.0)
    quick = known_problem(fan(4), seconds=5.0, exponent=1.0)
    least = {slow.least_mb(0)}
    assert {env.memory_mb for env in plan_uniform(slow).classes} == least
    assert {env.memory_mb for env in plan_uniform(quick).classes} == {1769}


def test_a_deadline_is_met_as_cheaply_as_can_be():
    seconds = {f"m{number}": 2.0 for number in range(8)}
    quick = known_problem(fan(8), seconds=seconds)
    lax = known_problem(fan(8), seconds=seconds, sla=Sla(deadline_s=60.0))
    fast, cheap = look_ahead(quick, plan_uniform(quick)), look_ahead(lax, plan_uniform(lax))
    assert cheap.cost.usd < fast.cost.usd and cheap.quantile(95) <= 60.0
    assert fast.mean < cheap.mean


def test_clusters_are_balanced_in_a_wide_fan_out():
    problem = known_problem(fan(64), seconds=1.0, options=PlanOptions(concurrency=8))
    plan = plan_uniform(problem)
    load = Counter(plan.worker_of[1:65])
    assert max(load.values()) <= 9
