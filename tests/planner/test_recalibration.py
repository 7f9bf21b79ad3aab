"""What a promise learns from how far off earlier ones were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler.manifest.model import Sla
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead
from compiler.planner.problem import Problem
from compiler.planner.recalibration import conformal_quantiles, next_residual, promise_from, recalibrated
from compiler.planner.strategies import STRATEGIES
from runtime.history.records import RunRow
from tests.factories import make_tree
from tests.planner.problems import known_problem


def run(number: int, makespan_s: float, *, planner: str = "simple", model_s: float = 1.0) -> RunRow:
    return RunRow(
        at=1e9 - number,
        run=f"run{number}",
        state="succeeded",
        planner=planner,
        sla="average",
        makespan_s=makespan_s,
        tasks=15,
        cold=1,
        warm=0,
        model_s=model_s,
    )


@pytest.fixture(scope="module")
def outlook():
    problem = Problem(graph=make_tree(8))
    return look_ahead(problem, STRATEGIES["simple"](problem))


def after(runs):
    """The tree's problem when these runs are known."""
    problem = Problem(graph=make_tree(8))
    problem.predictions.own_runs = runs
    return problem


def test_a_promise_without_earlier_ones_is_the_simulation_s(outlook):
    others = [run(n, 9.0, model_s=0.0) for n in range(30)]
    assert recalibrated(after(others), "simple", outlook) is outlook


def test_planners_that_have_hardly_run_are_off_by_the_same(outlook):
    problem = after([run(n, 3.0, planner="wukong") for n in range(19)] + [run(19, 3.0)])
    assert {recalibrated(problem, planner, outlook).quantile(95) for planner in ("simple", "wukong", "dask")} == {
        recalibrated(problem, "simple", outlook).quantile(95)
    }
    assert recalibrated(problem, "dask", outlook).quantile(50) > 2 * outlook.quantile(50)


def test_a_few_runs_move_the_promise_part_of_the_way(outlook):
    moved = recalibrated(after([run(n, 2.0) for n in range(5)]), "simple", outlook)
    assert moved.quantile(50) == pytest.approx(outlook.quantile(50) * 2**0.5)
    assert moved.model_s == outlook.model_s


def test_a_few_runs_that_were_far_off_widen_the_promise(outlook):
    sure = replace(outlook, makespans=np.linspace(0.98, 1.02, 200), model_s=1.0)
    alike = recalibrated(after([run(n, 1.0) for n in range(4)]), "simple", sure)
    apart = recalibrated(after([run(n, 1.0 + 2 * (n % 2)) for n in range(4)]), "simple", sure)
    assert sure.quantile(95) < alike.quantile(95) < apart.quantile(95)
    assert apart.quantile(95) / apart.quantile(50) > 1.5


def test_with_enough_runs_the_promise_is_as_wide_as_the_simulation_was_off(outlook):
    random = np.random.default_rng(1)
    runs = [run(n, float(1.5 * np.exp(0.1 * random.standard_normal()))) for n in range(200)]
    found = recalibrated(after(runs), "simple", outlook)
    assert found.quantile(50) / outlook.model_s == pytest.approx(1.5, rel=0.04)
    assert found.quantile(95) / found.quantile(50) == pytest.approx(np.exp(0.1645), rel=0.08)


@pytest.mark.parametrize("count", [20, 60, 256])
def test_the_share_of_runs_within_a_percentile_is_that_percentile(count):
    """The next of values that are alike lies below the p-quantile p of the time, on average over what was seen."""
    random, weights = np.random.default_rng(count), 0.5 ** (np.arange(count) / 40)
    parts = np.array([0.5, 0.9, 0.95])
    seen = random.standard_t(4, size=(4000, count))
    quantiles = np.array([conformal_quantiles(row, weights, parts) for row in seen])
    covered = (random.standard_t(4, size=(4000, 1)) <= quantiles).mean(axis=0)
    assert covered == pytest.approx(parts, abs=0.025)


MOODS = {
    "chance alone": lambda random, size: random.standard_t(4, size),
    "drift": lambda random, size: np.cumsum(random.standard_normal(size)) + random.standard_normal(size),
    "other days": lambda random, size: (
        random.standard_normal(size) + 10 * random.standard_normal(9)[np.arange(size) // 50]
    ),
}


@pytest.mark.parametrize("mood", MOODS)
def test_promises_are_kept_whatever_the_mood_of_the_machine(mood):
    """420 runs one after another, each promised from those before it."""
    residuals, parts = MOODS[mood](np.random.default_rng(7), 420), np.array([0.5, 0.9, 0.95])
    promised = np.array([next_residual(residuals[:number][::-1], parts) for number in range(20, 420)])
    covered = (residuals[20:, None] <= promised).mean(axis=0)
    assert covered == pytest.approx(parts, abs=0.04)


def test_a_drift_is_followed_and_chance_is_not():
    random, part = np.random.default_rng(1), np.array([0.5])
    steady = random.standard_normal(100)
    (calm,) = next_residual(np.append(3.0, steady), part)
    (moved,) = next_residual(np.append(np.linspace(3.0, 0.0, 60), 0.01 * steady[:40]), part)
    assert abs(calm) < 0.5
    assert moved > 2.5


def test_a_promise_tells_every_percentile_and_the_rank_of_a_run(outlook):
    promise = promise_from(replace(outlook, makespans=np.linspace(1.0, 2.0, 1001)))
    assert promise.within(50) == pytest.approx(1.5)
    assert promise.within(99.9) == promise.within(99)
    assert [promise.rank(seconds) for seconds in (0.5, promise.within(95), 1.9501, 3.0)] == [0, 94, 95, 99]


@pytest.mark.parametrize("planner", ["treadle", "uniform"])
@pytest.mark.parametrize("count", [8, 30])
def test_a_deadline_is_met_by_the_promise_and_not_by_the_simulation_alone(planner, count):
    """Of runs that took twice as long as was simulated, by a planner that would rather be cheap than early."""

    def promised(deadline_s):
        sla = Sla(percentile=90, deadline_s=deadline_s)
        problem = known_problem(make_tree(8), seconds=1.0, sla=sla, options=PlanOptions(concurrency=4, rounds=20))
        problem.predictions.own_runs = [run(n, 2.0 + 0.1 * (n % 3), planner=planner) for n in range(count)]
        return recalibrated(problem, planner, look_ahead(problem, STRATEGIES[planner](problem))).quantile(90)

    soonest = promised(1e-3)
    assert promised(soonest * 1.3) <= soonest * 1.3
