"""A planned graph as its workers see it: task records without code and arguments, pages, and who starts with what.

A simulation needs these for every candidate of a search, so they are made from the plan's columns and never encoded.
Where the real pages are cut, by bytes, is `compiler.emit.layout`'s; here a page holds a fixed number of records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from compiler.graph.gates import family_gates
from compiler.graph.model import Graph
from compiler.manifest.model import Call
from compiler.planner.model import FLEXIBLE, Plan
from runtime.bundle import PinnedWorker, RunGraph
from runtime.plan import Entry, EnvClass, Function, InEdge, OnError, OutEdge, Task


@dataclass(kw_only=True, eq=False)
class Workload:
    """What is to be simulated. It has what a launch reads of a bundle: `graph()`, `classes`, `workers`, `entries`."""

    source: Graph
    plan: Plan
    page_tasks: int = 24

    @property
    def classes(self) -> tuple[EnvClass, ...]:
        return self.plan.classes

    @cached_property
    def names(self) -> list[str]:
        return [self.source.name_of(instance) for instance in range(len(self.source))]

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def groups(self) -> list[list[int]]:
        """The flexible instances page by page, in the plan's order."""
        flexible = [one for one in self.plan.order if self.plan.worker_of[one] == FLEXIBLE]
        return [flexible[at : at + self.page_tasks] for at in range(0, len(flexible), self.page_tasks)]

    @cached_property
    def page_of(self) -> list[int]:
        pages = [-1] * len(self.source)
        for number, group in enumerate(self.groups):
            for instance in group:
                pages[instance] = number
        return pages

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(replace(entry, page=self.page_of[self.number_of[entry.start[0]]]) for entry in self.plan.entries)

    @cached_property
    def workers(self) -> Mapping[str, PinnedWorker]:
        """Pinned workers; each one's SubDag goes by its name."""
        env_of = dict(zip(self.plan.worker_of, self.plan.env_of, strict=True))
        return {
            name: PinnedWorker(env=env_of[number], subdag=name)
            for number, name in enumerate(self.plan.workers)
            if number in env_of
        }

    def graph(self) -> RunGraph:
        """The columns that a launch reads."""
        return self._columns

    @cached_property
    def _columns(self) -> RunGraph:
        graph, targets = self.source, frozenset(self.source.targets)
        return RunGraph(
            names=self.names,
            in_edges=list(graph.in_edges),
            outputs=[graph.families[family].outputs for family in graph.family_of],
            workers=[self.plan.worker_name(instance) for instance in range(len(graph))],
            envs=list(self.plan.env_of),
            pages=self.page_of,
            targets=[instance in targets for instance in range(len(graph))],
            lines=[0] * len(graph),
            fingerprints={},
            gates=list(family_gates(graph)),
        )

    @cached_property
    def subdags(self) -> Mapping[str, Mapping[str, Task]]:
        """The records of each pinned worker."""
        members: dict[str, dict[str, Task]] = {name: {} for name in self.workers}
        for instance in self.plan.order:
            if (name := self._columns.workers[instance]) is not None:
                members[name][self.names[instance]] = self.tasks[instance]
        return members

    @cached_property
    def pages(self) -> list[Mapping[str, Task]]:
        return [{self.names[one]: self.tasks[one] for one in group} for group in self.groups]

    @cached_property
    def tasks(self) -> list[Task]:
        """The record of each instance."""
        graph, columns, plan = self.source, self._columns, self.plan
        consumers, targets, needs = graph.consumers(), frozenset(graph.targets), list(map(len, graph.in_edges))
        functions = [Function(unit="", module="", qualname=family.task) for family in graph.families]
        outputs = columns.outputs
        return [
            Task(
                name=self.names[one],
                function=functions[graph.family_of[one]],
                env=plan.env(one),
                in_edges=tuple(
                    [
                        InEdge(
                            producer=self.names[producer],
                            output=_named(outputs[producer], output),
                            worker=columns.workers[producer],
                        )
                        for producer, output in graph.in_edges[one]
                    ]
                ),
                args=graph.args[one],
                kwargs=graph.kwargs[one],
                when=graph.conditions.get(one, True),
                out_edges=tuple(
                    [
                        OutEdge(
                            consumer=self.names[consumer],
                            need=needs[consumer],
                            env=plan.env(consumer),
                            output=_named(outputs[one], output),
                            worker=columns.workers[consumer],
                            page=self.page_of[consumer],
                            gate=columns.gates[consumer],
                        )
                        for output, consumer in consumers[one]
                    ]
                ),
                outputs=outputs[one],
                worker=columns.workers[one],
                page=self.page_of[one],
                is_target=one in targets,
                timeout_s=graph.option_of(one).timeout_s,
                is_idempotent=graph.option_of(one).is_idempotent,
                gate=columns.gates[one],
                retry=graph.option_of(one).repetition,
                on_error=OnError(action=graph.option_of(one).on_error.action),
                is_handler=bool(graph.families[graph.family_of[one]].handles),
            )
            for one in range(len(graph))
        ]

    @cached_property
    def code_of(self) -> Sequence[str]:
        """By family the code that an environment imports once: a module, "" for a command."""
        return [family.body.target if isinstance(family.body, Call) else "" for family in self.source.families]


def _named(outputs: Sequence[str], output: int) -> str | None:
    return None if output < 0 else outputs[output]
