"""What every planner keeps, on graphs by chance: the user's pins, minima and maxima, architectures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.planner.outlook import look_ahead, middle_run
from compiler.planner.strategies import STRATEGIES
from compiler.planner.validate import validate_plan
from tests.planner.problems import random_problem, seeds_for

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 30
PRINT_PLANS = """
import zlib
from compiler.planner.strategies import STRATEGIES
from tests.planner.problems import random_problem
for name in sorted(STRATEGIES):
    for seed in (3, 7):
        plan = STRATEGIES[name](random_problem(seed))
        rows = list(plan.worker_of), list(plan.env_of), plan.reasons
        print(name, seed, plan.workers, plan.classes, plan.entries, *rows)
"""


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_every_plan_is_whole_and_keeps_what_the_user_said(planner):
    for seed in seeds_for(planner, range(SEEDS)):
        problem = random_problem(seed)
        validate_plan(problem, STRATEGIES[planner](problem))


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_every_plan_ends_in_simulation(planner):
    for seed in seeds_for(planner, range(SEEDS, SEEDS + 10)):
        problem = random_problem(seed, concurrency=2)
        assert middle_run(problem, STRATEGIES[planner](problem)).makespan_s > 0


@pytest.mark.parametrize("planner", sorted(STRATEGIES))
def test_a_higher_percentile_never_predicts_a_shorter_time(planner):
    problem = random_problem(5)
    outlook = look_ahead(problem, STRATEGIES[planner](problem), draws=50)
    quantiles = [outlook.quantile(percentile) for percentile in (1, 25, 50, 75, 90, 95, 99, 99.9)]
    assert quantiles == sorted(quantiles)


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
    assert len(printed) == 1 and printed.pop().count("\n") == 2 * len(STRATEGIES)
