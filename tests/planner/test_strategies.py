"""What every planner keeps, on graphs by chance: the user's pins, minima and maxima, architectures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.planner.assembly import assemble
from compiler.planner.bounds import bounds
from compiler.planner.outlook import look_ahead, middle_run
from compiler.planner.strategies import STRATEGIES
from compiler.planner.validate import validate_plan
from tests.factories import graph_of
from tests.planner.problems import known_problem, random_problem, seeds_for

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(12)
PRINT_PLANS = """
from compiler.planner.strategies import STRATEGIES
from tests.planner.problems import random_problem
for name in sorted(STRATEGIES):
    for seed in (3,):
        plan = STRATEGIES[name](random_problem(seed))
        rows = list(plan.worker_of), list(plan.env_of), plan.reasons
        print(name, seed, plan.workers, plan.classes, plan.entries, *rows)
"""


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_every_plan_is_whole_keeps_what_the_user_said_and_ends_no_earlier_than_any_plan_can(planner):
    for seed in seeds_for(planner, SEEDS):
        problem = random_problem(seed, concurrency=2 + seed % 4)
        plan, least = STRATEGIES[planner](problem), bounds(problem)
        validate_plan(problem, plan)
        makespan_s = middle_run(problem, plan).makespan_s
        assert makespan_s >= least.critical_path_s - 1e-9
        assert makespan_s >= least.area_s - 1e-9


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_a_higher_percentile_never_predicts_a_shorter_time(planner):
    problem = random_problem(11)
    outlook = look_ahead(problem, STRATEGIES[planner](problem), draws=50)
    quantiles = [outlook.quantile(percentile) for percentile in (1, 25, 50, 75, 90, 95, 99, 99.9)]
    assert quantiles == sorted(quantiles)


def test_more_memory_never_predicts_a_longer_run():
    """A chain on one worker: where tasks meet, a shorter one may delay another (Graham 1969)."""
    chain = graph_of({f"t{number}": [f"t{number - 1}"] if number else [] for number in range(8)})
    problem = known_problem(chain, seconds=1.0, spread=0.3, exponent=0.7)
    for percentile in (50.0, 95.0):
        found = [
            look_ahead(problem, assemble(problem, "mine", [0] * 8, {0: size}, [""] * 8), draws=50, runs=1)
            for size in (1769, 2048, 3538, 10240)
        ]
        assert [one.quantile(percentile) for one in found] == sorted(
            (one.quantile(percentile) for one in found), reverse=True
        )


def test_the_same_problem_gives_the_same_plans_under_any_hash_seed():
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT_PLANS],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(printed) == 1 and printed.pop().count("\n") == len(STRATEGIES)
