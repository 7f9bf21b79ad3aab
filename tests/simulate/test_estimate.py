"""Many makespans from a few simulations: beside simulating each, on plans of every kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.simulate.conditions import Conditions
from compiler.simulate.estimate import Draws, Estimate, sample_makespans
from compiler.simulate.workload import Workload
from compiler.simulate.world import simulate
from tests.simulate.planned import workload

CONDITIONS = Conditions(
    concurrency=6, round_trip_s=0.001, invoke_s=0.002, environment_bytes_per_s=78e6, task_s=3e-5, commit_s=1e-4
)
SAMPLES = 80
TREE = """
tasks:
  leaf: {foreach: {i: "${{ range(16) }}"}, call: "functions:f", args: ["${{ i }}"]}
  pair:
    foreach: {i: "${{ range(8) }}"}
    call: functions:f
    args: ["${{ tasks.leaf[2*i] }}", "${{ tasks.leaf[2*i+1] }}"]
  end: {call: "functions:g", args: ["${{ tasks.pair }}"]}
result: ${{ tasks.end }}
"""
FAN = """
tasks:
  list: {call: "functions:f"}
  map: {foreach: {i: "${{ range(24) }}"}, call: "functions:f", args: ["${{ tasks.list }}"]}
  mix: {foreach: {i: "${{ range(6) }}"}, call: "functions:g", args: ["${{ tasks.map }}"]}
  end: {call: "functions:g", args: ["${{ tasks.mix }}"]}
result: ${{ tasks.end }}
"""


def draws(load: Workload, *, sigma: float, seed: int = 3) -> Draws:
    """Log-normal times around a mean of each family's own; starts that vary."""
    random, count = np.random.default_rng(seed), len(load.source)
    mean = random.uniform(0.02, 0.2, len(load.source.families))[list(load.source.family_of)]
    return Draws(
        exec_s=mean[:, None] * np.exp(sigma * random.standard_normal((count, SAMPLES)) - sigma**2 / 2),
        cpu_share=np.ones(count),
        bytes_of=lambda instance, output: 200_000,
        cold_s={env.name: random.uniform(0.18, 0.22, SAMPLES) for env in load.classes},
        warm_s={env.name: random.uniform(0.005, 0.015, SAMPLES) for env in load.classes},
        code_load_s=lambda module: 0.01,
        ready_s=random.uniform(0.1, 0.12, SAMPLES),
    )


@pytest.mark.parametrize("planner", ["simple", "wukong"])
@pytest.mark.parametrize("body", [TREE, FAN], ids=["tree", "fan"])
def test_quantiles_are_those_of_simulating_every_draw(tmp_path: Path, body: str, planner: str) -> None:
    load = workload(tmp_path, body, planner=planner, concurrency=6)
    drawn = draws(load, sigma=0.2)
    exact = np.array([simulate(load, CONDITIONS, drawn.draw(number)).makespan_s for number in range(SAMPLES)])
    found = sample_makespans(load, CONDITIONS, drawn)
    for percent in (50, 90, 95):
        assert np.percentile(found, percent) == pytest.approx(np.percentile(exact, percent), rel=0.03)


@pytest.mark.parametrize("planner", ["simple", "wukong"])
def test_draw_is_estimated_exactly_beside_its_own_simulation(tmp_path: Path, planner: str) -> None:
    load = workload(tmp_path, FAN, planner=planner, concurrency=6)
    drawn = draws(load, sigma=0.5)
    for number in range(5):
        simulation = simulate(load, CONDITIONS, drawn.draw(number))
        estimated = Estimate(load, simulation, drawn, number).makespans()[number]
        assert estimated == pytest.approx(simulation.makespan_s, rel=0.005)


def test_longer_times_never_make_an_estimate_shorter(tmp_path: Path) -> None:
    load = workload(tmp_path, TREE, concurrency=6)
    drawn = draws(load, sigma=0.3)
    simulation = simulate(load, CONDITIONS, drawn.draw(0))
    longer = replace(drawn, exec_s=np.concatenate([drawn.exec_s[:, :1], drawn.exec_s[:, 1:] * 1.1], axis=1))
    before = Estimate(load, simulation, drawn, 0).makespans()
    assert (Estimate(load, simulation, longer, 0).makespans() >= before).all()


def test_few_draws_are_all_simulated(tmp_path: Path) -> None:
    load = workload(tmp_path, TREE, concurrency=6)
    drawn = draws(load, sigma=0.3)
    few = replace(drawn, exec_s=drawn.exec_s[:, :4])
    exact = [simulate(load, CONDITIONS, drawn.draw(number)).makespan_s for number in range(4)]
    assert list(sample_makespans(load, CONDITIONS, few)) == exact
