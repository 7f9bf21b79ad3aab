"""Bundles for tests of the worker: random DAGs under a planner, with pins drawn from a seed."""

from __future__ import annotations

from random import Random
from unittest.mock import patch

from compiler.emit import bundle as emit
from compiler.emit.bundle import make_build
from compiler.planner.model import PlanOptions
from compiler.planner.problem import Problem
from compiler.planner.strategies import STRATEGIES
from runtime.bundle import LoadedBundle
from runtime.plan import Gate
from tests.factories import graph_of, make_functions


def random_inputs(seed: int, size: int) -> dict[str, list[str]]:
    """A DAG of `size` tasks: chains, fan-ins, fan-outs and edges that skip levels; some tasks feed nothing."""
    random = Random(seed)
    inputs: dict[str, list[str]] = {}
    reach = random.choice((2, 4, size))
    for number in range(size):
        earlier = [f"t{other}" for other in range(max(0, number - reach), number)]
        width = min(len(earlier), random.choice((0, 1, 1, 1, 2, 2, 3, 6)))
        inputs[f"t{number}"] = random.sample(earlier, width)
    return inputs


def bundle_of(
    inputs: dict[str, list[str]],
    planner: str,
    *,
    workers: int = 3,
    concurrency: int = 4,
    pins: dict[str, str] | None = None,
    outputs: dict[str, tuple[str, ...]] | None = None,
    memory_mb: dict[str, int] | None = None,
    gates: dict[str, Gate] | None = None,
) -> LoadedBundle:
    """A bundle of plain tasks that pass their inputs on."""
    graph = graph_of(inputs, pins=pins, outputs=outputs, memory_mb=memory_mb)
    plan = STRATEGIES[planner](Problem(graph=graph, options=PlanOptions(workers=workers, concurrency=concurrency)))
    of_each = [(gates or {}).get(name) for name in inputs]
    with patch.object(emit, "family_gates", lambda _: of_each):
        return make_build(graph, plan, make_functions(graph)).loaded


def random_bundle(seed: int, planner: str, size: int) -> LoadedBundle:
    """As `bundle_of`, about a third of the seeds with pins of the user's (a mixed plan under wukong)."""
    random = Random(seed)
    inputs = random_inputs(seed, size)
    pins = {name: random.choice("pq") for name in inputs if random.random() < 0.3} if seed % 3 == 0 else None
    return bundle_of(inputs, planner, pins=pins, workers=random.choice((1, 2, 3, 5)))
