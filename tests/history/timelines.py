"""Timelines as real runs leave them, drawn from a seed: families of instances, workers cold and warm, slow runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from runtime.history.gathering import Code
from runtime.measures.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.timeline import InvocationSpans, Timeline

FIRST_RUN = 1_700_000_000.0
CLASSES = ((1769, "1769-x86_64-py311-none"), (512, "512-x86_64-py311-none"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A workflow of `tasks` instances in `families` families on `workers` workers, and where its chance begins."""

    tasks: int = 40
    families: int = 4
    workers: int = 4
    signature: str = "0123456789abcdef"
    seed: int = 1

    @property
    def code(self) -> Code:
        """Fingerprints that are the same in each graph with so many families."""
        return Code(fingerprints={f"t{n}": f"{n:016x}".ljust(64, "0") for n in range(self.families)}, code_bytes=20_000)

    def timelines(self, runs: int) -> Iterator[Timeline]:
        """One run a minute. A run has a pace of its own, which all of its tasks share."""
        chance = Random(self.seed)
        medians = [chance.lognormvariate(-3.0, 1.0) for _ in range(self.families)]
        return (_timeline(_Draw(self, chance, FIRST_RUN + 60 * number, medians)) for number in range(runs))


class _Draw:
    """One run while it is drawn."""

    def __init__(self, shape: Shape, chance: Random, at: float, medians: list[float]) -> None:
        pace = chance.lognormvariate(0.0, 0.2)
        self.shape, self.chance, self.at = shape, chance, at
        self.medians = [median * pace for median in medians]
        self.makespan_s = 10 * pace
        self.run = f"{int(at * 1000)}_flow_{chance.getrandbits(32):08x}_{shape.signature}"


def _timeline(draw: _Draw) -> Timeline:
    return Timeline(
        run=draw.run,
        workflow="flow",
        planner="simple",
        sla="average",
        graph_signature=draw.shape.signature,
        invoked_at=draw.at,
        last_commit=draw.at + draw.makespan_s,
        invocations=tuple(_invocation(draw, worker) for worker in range(draw.shape.workers)),
    )


def _invocation(draw: _Draw, worker: int) -> InvocationSpans:
    chance, at = draw.chance, draw.at
    memory_mb, env = CLASSES[worker % len(CLASSES)]
    is_cold = chance.random() < 0.2
    start_up = StartUp(
        run=draw.run,
        worker=f"w{worker}",
        incarnation=f"{worker:08x}",
        env_class=env,
        memory_mb=memory_mb,
        state="cold" if is_cold else "warm",
        invoke_time=at,
        start_time=at + chance.lognormvariate(-1.5 if is_cold else -5.0, 0.3),
        begin_s=chance.lognormvariate(-6.0, 0.3),
        code_load_s=chance.lognormvariate(-3.0, 0.3) if is_cold else 0.0,
        ended_at=at + 10,
        peak_memory_mb=60 + 10 * chance.random(),
    )
    own = range(worker, draw.shape.tasks, draw.shape.workers)
    return InvocationSpans(start_up=start_up, spans=tuple(_span(draw, task) for task in own), is_complete=True)


def _span(draw: _Draw, number: int) -> TaskSpan:
    chance, shape = draw.chance, draw.shape
    family = number % shape.families
    size = int(chance.lognormvariate(10.0, 1.5))
    is_done, is_stored = chance.random() < 0.99, chance.random() < 0.5
    output = OutputSpan(name=None, bytes=size // 2, is_stored=is_stored, serialize_s=size * 1e-9 if is_stored else 0.0)
    fetched = InputSpan(slot=f"in{number}", bytes=size, source="store", fetch_s=chance.lognormvariate(-6.0, 0.4))
    return TaskSpan(
        task=f"t{family}" if shape.tasks == shape.families else f"t{family}[{number}]",
        attempt=1,
        outcome="done" if is_done else "failed",
        started_at=draw.at + number / 100,
        exec_s=draw.medians[family] * chance.lognormvariate(0.0, 0.3) * (1 + size / 1e5),
        commit_s=chance.lognormvariate(-6.5, 0.3) if is_stored else 0.0,
        committed_at=draw.at + number / 50 if is_stored else 0.0,
        inputs=(fetched,),
        outputs=(output,) if is_done else (),
    )
