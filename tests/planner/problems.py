"""Problems of which it is known what everything takes: for planners that look at predictions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from compiler.graph.model import Graph
from compiler.manifest.model import Resources, Sla, TaskOptions
from compiler.planner.model import Plan, PlanOptions
from compiler.planner.problem import Problem
from compiler.predict.distribution import around
from compiler.predict.platform import Platform
from compiler.predict.predictions import Predictions, predict
from tests.factories import graph_of
from tests.predict.histories import environment, family, history

PLATFORM = Platform(
    starts={("", "cold"): around(0.3, 0.05, "test"), ("", "warm"): around(0.01, 0.05, "test")},
    round_trip_s=0.001,
    commit_s=0.0005,
    invoke_s=0.003,
    code_load_s=0.02,
    bytes_per_s=78e6,
    source="test",
)


def known_problem(
    graph: Graph,
    *,
    seconds: Mapping[str, float] | float = 0.1,
    sizes: Mapping[str, int] | int = 1000,
    spread: float = 0.02,
    platform: Platform = PLATFORM,
    exponent: float = 0.0,
    options: PlanOptions | None = None,
    sla: Sla | None = None,
) -> Problem:
    """Each task (a family of its own) has run so often that what it takes is known: `seconds` at 1,769 MB, and so many
    bytes out. With an `exponent` times fall with memory."""

    def learn(graph: Graph) -> Predictions:
        chance = random.Random(5)
        marks = [one.task for one in graph.families]
        families = {
            task: family(
                [[_of(seconds, task) * chance.lognormvariate(0, spread) for _ in range(4)] for _ in range(12)],
                output=[(1000, _of(sizes, task))] * 8,
                fingerprint=task,
            )
            for task in marks
        }
        known = history(families, {"env": environment(1769, exponent)})
        return replace(predict(graph, marks, known), platform=platform)

    if sla is not None:
        graph = replace(graph, manifest=replace(graph.manifest, sla=sla))
    return Problem(graph=graph, options=options or PlanOptions(), learn=learn)


def _of(table: Mapping[str, float] | float, task: str) -> float:
    return table if isinstance(table, (int, float)) else table.get(task, 0.1)


def place(problem: Problem, plan: Plan) -> dict[str, str | None]:
    """The worker of each instance, by name."""
    return {problem.graph.name_of(instance): plan.worker_name(instance) for instance in range(len(problem.graph))}


def random_problem(seed: int, *, concurrency: int = 4) -> Problem:
    """A graph of some layers, with pins, minima and maxima of memory, and two architectures, all by chance."""
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(1, 40))]
    inputs = {
        name: sorted({names[chance.randrange(number)] for _ in range(chance.choice((0, 1, 1, 2, 4)))} if number else [])
        for number, name in enumerate(names)
    }
    graph = graph_of(inputs)
    table = tuple(
        TaskOptions(worker=worker, resources=Resources(memory_min_mb=least, memory_max_mb=most, arch=arch))
        for worker, least, most, arch in (
            (None, None, None, None),
            (None, 512, None, None),
            (None, 3000, None, None),
            (None, 256, 1024, None),
            (None, None, 1200, "arm64"),
            ("mine", 2048, None, None),
            ("other", None, None, "arm64"),
        )
    )
    weights = [8, 2, 1, 1, 1, 1, 1]
    options = [chance.choices(range(len(table)), weights)[0] for _ in names]
    seconds = {name: chance.choice((0.001, 0.05, 0.3, 2.0)) for name in names}
    sizes = {name: chance.choice((10, 10_000, 5_000_000, 40_000_000)) for name in names}
    return known_problem(
        replace(graph, options=options, option_table=table),
        seconds=seconds,
        sizes=sizes,
        exponent=chance.choice((0.0, 1.0)),
        options=PlanOptions(concurrency=concurrency, cores=chance.choice((2.0, float("inf"))), seed=seed),
    )


def seeds_for(planner: str, seeds: range) -> range:
    """Of so many seeds a few for a planner that simulates what it finds, a second or so for each plan."""
    return seeds[:2] if planner == "treadle" else seeds
