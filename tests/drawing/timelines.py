"""Timelines for pictures, made by hand: a workflow handed out to workers in turn, each a few invocations."""

from __future__ import annotations

import random
from collections.abc import Sequence

from compiler.drawing.shape import Shape
from runtime.measures.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.timeline import InvocationSpans, Timeline

HOSTILE = (
    'a<b>&"c"',
    "日本語の名前はとても長いことがある",
    "]]>--><script>alert(1)</script>",
    "\u202eright to left",
    "\ufdfd" * 12,
    "e\u0301" * 30,
    "x" * 200,
    "👩\u200d🚀",
    "\x1b[31mred",
)


def random_shape(seed: int, tasks: int, *, names: Sequence[str] = ()) -> Shape:
    """Families of all sizes, each task with a few producers before it."""
    chance = random.Random(seed)
    family_of: list[int] = []
    while len(family_of) < tasks:
        family = family_of[-1] + 1 if family_of else 0
        family_of += [family] * min(tasks - len(family_of), chance.choice((1, 1, 1, 2, 5, tasks // 3 + 1)))
    families = [names[number % len(names)] + str(number) if names else f"task{number}" for number in range(tasks)]
    first = {family: family_of.index(family) for family in set(family_of)}
    many = {family for family in first if family_of.count(family) > 1}
    edges = []
    for number, family in enumerate(family_of):
        before = first[family] if chance.random() < 0.8 else number
        producers = chance.sample(range(before), min(before, chance.choice((0, 1, 1, 2, 4)))) if before else []
        edges.append(tuple((producer, -1) for producer in producers))
    return Shape(
        name="random",
        names=[
            f"{families[family]}[{number - first[family]}]" if family in many else families[family]
            for number, family in enumerate(family_of)
        ],
        families=families[: family_of[-1] + 1] if family_of else [],
        functions=["module:function"] * (family_of[-1] + 1) if family_of else [],
        family_of=family_of,
        in_edges=edges,
        targets=frozenset({tasks - 1}) if tasks else frozenset(),
    )


def random_timeline(shape: Shape, seed: int, *, workers: int, names: Sequence[str] = ()) -> Timeline:
    """Each task on some worker when its inputs are there; workers that wait long end, and begin again warm."""
    chance = random.Random(seed)
    found: list[InvocationSpans] = []
    ready = [0.0] * len(shape)
    lanes = [_Worker(number, names) for number in range(workers)]
    for number, name in enumerate(shape.names):
        lane = chance.choice(lanes)
        inputs_at = max((ready[producer] for producer, _ in shape.in_edges[number]), default=0.0)
        if lane.spans and inputs_at > lane.until + 3:
            found.append(lane.ended())
        begins = lane.begin(inputs_at, chance)
        wait = max(0.0, inputs_at - lane.until)
        exec_s = chance.choice((0.0, 1e-4, 0.05, chance.lognormvariate(-1, 1)))
        ready[number] = begins + exec_s + 0.002
        lane.until = begins + exec_s
        lane.spans.append(
            TaskSpan(
                task=name,
                attempt=1,
                outcome="failed" if chance.random() < 0.02 else "done",
                started_at=begins,
                exec_s=exec_s,
                wait_inputs_s=wait,
                commit_s=0.002,
                committed_at=ready[number],
                inputs=tuple(
                    InputSpan(slot=shape.names[producer], bytes=chance.randrange(10**9), source="store")
                    for producer, _ in shape.in_edges[number]
                ),
                outputs=(OutputSpan(name=None, bytes=chance.randrange(10**9), is_stored=True),),
            )
        )
    found += [lane.ended() for lane in lanes if lane.spans]
    found.sort(key=lambda one: one.start_up.start_time)
    return Timeline(
        run="r",
        workflow=shape.name,
        planner="simple",
        sla="",
        graph_signature="",
        invoked_at=1000.0,
        last_commit=max(ready, default=0.0),
        invocations=tuple(found),
    )


class _Worker:
    """One worker, and its invocation as it grows."""

    def __init__(self, number: int, names: Sequence[str]) -> None:
        self.name = names[number % len(names)] + str(number) if names else f"w{number}"
        self.memory_mb = (512, 1769, 10240)[number % 3]
        self.spans: list[TaskSpan] = []
        self.until = 0.0
        self.turn = 0
        self.called_at = 0.0
        self.began_at = 0.0

    def begin(self, at: float, chance: random.Random) -> float:
        """When a task can begin whose inputs are there `at`."""
        if not self.spans:
            self.turn += 1
            self.called_at = max(1000.0, at, self.until)
            self.began_at = self.called_at + (chance.uniform(0.1, 0.5) if self.turn == 1 else 0.01)
            self.until = self.began_at + 0.05
        return max(self.until, at)

    def ended(self) -> InvocationSpans:
        start = StartUp(
            run="r",
            worker=self.name,
            incarnation=f"{self.name}-{self.turn}",
            env_class=str(self.memory_mb),
            memory_mb=self.memory_mb,
            state="cold" if self.turn == 1 else "warm",
            invoke_time=self.called_at,
            start_time=self.began_at,
            begin_s=0.002,
            code_load_s=0.03,
            ended_at=self.until + 0.1,
            commits=1,
        )
        spans, self.spans = tuple(self.spans), []
        return InvocationSpans(start_up=start, spans=spans, is_complete=True)
