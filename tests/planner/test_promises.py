"""Deadlines, budgets and percentiles: what a plan is refused for, and what is only said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from compiler.diagnostics import ManifestError
from compiler.manifest.model import Sla
from compiler.planner.bounds import bounds
from compiler.planner.model import Plan, PlanOptions
from compiler.planner.problem import Problem, know_nothing
from compiler.planner.promises import samples_wanted
from compiler.planner.quick import Quick
from compiler.planner.registry import ALLOWED
from compiler.planner.simple import plan_simple
from compiler.planner.strategies import STRATEGIES
from compiler.planning import Posed, solve
from tests.factories import make_graph
from tests.planner.problems import known_problem

GRAPH = make_graph("a->b,c,d b,c,d->e")
OPTIONS = PlanOptions(concurrency=4, rounds=20)


def posed_by(sla: Sla, *, is_known: bool = True) -> Posed:
    """Five tasks of which each took a second, 48 times; or of which nothing is known."""
    problem = known_problem(GRAPH, seconds=1.0, sla=sla, options=OPTIONS)
    learn = problem.learn if is_known else know_nothing
    return Posed(graph=problem.graph, options=OPTIONS, learn=learn, collect=lambda: pytest.fail("no code is needed"))


def refusal(sla: Sla, planner: str) -> list[str]:
    """Messages and hints of E511."""
    with pytest.raises(ManifestError) as raised:
        solve(posed_by(sla), planner)
    assert {one.code for one in raised.value.diagnostics} == {"E511"}
    return [f"{one.message}; {one.hint}" for one in raised.value.diagnostics]


@pytest.mark.parametrize("planner", ["simple", "wukong", "treadle"])
def test_a_deadline_shorter_than_the_critical_path_is_refused_with_the_best_there_is(planner: str) -> None:
    (text,) = refusal(Sla(percentile=95.0, deadline_s=2.0), planner)
    assert f"`{planner}` is predicted to take " in text
    assert "at p95, and the deadline is 2s" in text
    assert "the best plan known is " in text and "at p95 for $0.000" in text


def test_a_budget_below_the_cost_is_refused() -> None:
    (text,) = refusal(Sla(percentile=50.0, budget_usd=1e-6), "simple")
    assert "is predicted to cost $0.00" in text and "and the budget is $0.00000100" in text


def test_who_misses_a_deadline_that_another_planner_meets_is_told_of_that_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_one_worker(problem: Problem) -> Plan:
        return plan_simple(replace(problem, options=replace(problem.options, workers=1)))

    monkeypatch.setitem(STRATEGIES, "lazy", on_one_worker)
    monkeypatch.setitem(ALLOWED, "lazy", ())
    posed = posed_by(Sla(percentile=95.0, deadline_s=4.5))
    with pytest.raises(ManifestError) as raised:
        solve(posed, "lazy")
    (found,) = raised.value.diagnostics
    assert found.hint is not None and found.hint.startswith("plan with `--planner treadle`: 4.")
    assert solve(posed, "treadle").outlook.quantile(95) <= 4.5


def test_guesses_refuse_nothing() -> None:
    planned = solve(posed_by(Sla(percentile=95.0, deadline_s=0.001), is_known=False), "simple")
    (found,) = planned.warnings
    assert found.code == "W511" and "and the deadline is 1ms" in found.message


def test_a_wide_percentile_of_few_samples_refuses_nothing_that_half_of_the_runs_meet() -> None:
    problem = known_problem(GRAPH, seconds=1.0, spread=0.5, sla=Sla(percentile=99.0), options=OPTIONS)
    posed = Posed(graph=problem.graph, options=OPTIONS, learn=problem.learn, collect=lambda: pytest.fail("no code"))
    outlook = solve(posed, "simple").outlook
    between = (outlook.quantile(50) + outlook.quantile(99)) / 2
    sla = Sla(percentile=99.0, deadline_s=between)
    graph = replace(problem.graph, manifest=replace(problem.graph.manifest, sla=sla))
    found = solve(replace(posed, graph=graph), "simple").warnings
    assert [one.code for one in found] == ["W511", "W512"]
    assert found[0].hint == "run it more often: 48 executions tell little of what is rare; half of the runs meet it"


def test_a_percentile_of_few_samples_is_planned_and_said() -> None:
    planned = solve(posed_by(Sla(percentile=99.0)), "treadle")
    (found,) = planned.warnings
    assert found.code == "W512"
    assert found.message == "p99 is predicted from 48 executions of a function, and wants 500"


def test_enough_samples_and_objectives_that_are_met_are_not_mentioned() -> None:
    sla = Sla(percentile=90.0, deadline_s=60.0, budget_usd=1.0)
    assert not [one for one in solve(posed_by(sla), "simple").warnings if one.code != "W512"]
    assert not solve(posed_by(Sla(percentile=50.0, deadline_s=60.0)), "simple").warnings


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_a_percentile_alone_makes_nobody_predict(planner: str) -> None:
    planned = solve(
        Posed(
            graph=GRAPH,
            options=OPTIONS,
            learn=lambda graph: pytest.fail("nobody wants to know"),
            collect=lambda: pytest.fail("no code is needed"),
        ),
        planner,
    )
    assert not planned.problem.is_learnt


@pytest.mark.parametrize("planner", ["simple", "treadle"])
def test_a_task_that_takes_longer_than_its_timeout_is_warned_of_once_predictions_are_looked_at(planner: str) -> None:
    problem = known_problem(GRAPH, seconds={"c": 420.0, "d": 1200.0}, options=OPTIONS)
    posed = Posed(graph=problem.graph, options=OPTIONS, learn=problem.learn, collect=lambda: pytest.fail("no code"))
    planned = solve(posed, planner)
    assert bool(planned.warnings) == planned.is_predicted
    assert planned.outlook.quantile(50) < 310
    first, second = [*planned.warnings, *planned.doubts()]
    assert first.code == second.code == "W502"
    assert re.fullmatch(r"`c` is predicted to take 7m0\ds, and its timeout is 5m", first.message)
    assert first.label == "known from 48 samples" and first.hint == "give it time enough, such as `timeout: 15m`"
    assert second.message.startswith("`d` is predicted to take ")
    assert second.hint == "split it: no invocation lasts longer than 15m"


def test_defaults_are_no_reason_to_doubt_a_timeout() -> None:
    short = replace(GRAPH, option_table=(replace(GRAPH.option_table[0], timeout_s=0.01),))
    posed = Posed(graph=short, options=OPTIONS, learn=know_nothing, collect=lambda: pytest.fail("no code"))
    planned = solve(posed, "treadle")
    assert planned.problem.is_learnt and not planned.warnings


def test_no_estimate_takes_a_task_for_longer_than_its_timeout() -> None:
    problem = known_problem(GRAPH, seconds=738.0, options=OPTIONS)
    assert bounds(problem).critical_path_s == pytest.approx(900, rel=0.01)
    assert max(Quick(problem).seconds(1769)) == pytest.approx(300, rel=0.01)


def test_percentiles_want_five_samples_beyond_them() -> None:
    assert [samples_wanted(percentile) for percentile in (50, 90, 95, 99)] == [10, 50, 100, 500]
    assert samples_wanted(100) == 50_000
