"""The planner `wukong`: every task is flexible, unless the user pinned it.

Who finishes the last input of a task goes on with it, fan-outs are delegated at run time; there is nothing
to decide here but the entries. After WUKONG (Carver et al., "Wukong: a scalable and locality-enhanced
framework for serverless parallel computing", SoCC 2020).
"""

from __future__ import annotations

from compiler.graph.depth_first import depth_first_order
from compiler.graph.model import Graph
from compiler.planner.classes import environment_classes
from compiler.planner.entries import make_entries
from compiler.planner.model import FLEXIBLE, Plan, PlanOptions
from compiler.planner.pins import user_pins
from compiler.planner.problem import Problem


def plan_wukong(problem: Problem) -> Plan:
    """The strategy; it looks at no prediction."""
    return wukong(problem.graph, problem.options)


def wukong(graph: Graph, options: PlanOptions) -> Plan:
    """Pins as the user set them, everything else flexible; linear time."""
    workers, worker_of = user_pins(graph)
    classes, env_of = environment_classes(graph, python=options.python)
    order = depth_first_order(graph)
    return Plan(
        planner="wukong",
        workers=workers,
        worker_of=worker_of,
        classes=classes,
        env_of=env_of,
        order=order,
        entries=make_entries(
            graph,
            workers=workers,
            worker_of=worker_of,
            classes=classes,
            env_of=env_of,
            order=order,
            concurrency=options.concurrency,
        ),
        reasons=["flexible" if worker == FLEXIBLE else "pinned by the manifest" for worker in worker_of],
    )
