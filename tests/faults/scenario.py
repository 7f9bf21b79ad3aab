"""What one seed of the fault driver stands for: a DAG with its plan, a target, and how often which fault strikes.

Two families of scenarios. *Tight*: at most two deadly faults, the runtime's own bounds on tries and retries, so that
no run may fail. *Loose*: many more, with bounds out of the way, so that the runs go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import TypeVar

from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.plan import Gate, Retry
from tests.faults.chance import Kind
from tests.faults.policies import Policies, draw_policies
from tests.worker.graphs import bundle_of, random_inputs

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 24, 40)
PLANNERS = ("simple", "wukong")
"""Those that a seed draws: all pinned, and all flexible. Another may be asked for; it simulates while it plans."""

DEADLY: tuple[Kind, ...] = (
    *("crash", "freeze", "time_up", "rollback", "flush"),
    *("lose_value", "clock_jump", "lose_call", "vanish"),
)
RATES: Mapping[Kind, tuple[float, ...]] = {
    "crash": (0.01, 0.03, 0.1),
    "freeze": (0.005, 0.02),
    "time_up": (0.02, 0.1),
    "lose_reply": (0.05, 0.2),
    "lose_hint": (0.3, 1.0),
    "lose_call": (0.1, 0.3),
    "duplicate": (0.3, 0.6, 1.0),
    "delay": (0.1, 0.4),
    "throttle": (0.2, 0.6),
    "slow": (0.01, 0.05),
    "rollback": (0.02, 0.05),
    "flush": (0.02,),
    "lose_value": (0.02, 0.1),
    "clock_jump": (0.02, 0.05),
    "launcher_death": (0.05, 0.2),
    "cancel": (0.0, 0.02),
    "vanish": (0.01, 0.05),
    "second_launcher": (0.05, 0.2),
    "resume": (1.0,),
}
BUDGETS: Mapping[Kind, int] = {
    "crash": 8,
    "freeze": 4,
    "time_up": 6,
    "lose_reply": 12,
    "lose_hint": 1_000,
    "lose_call": 4,
    "duplicate": 60,
    "delay": 12,
    "throttle": 20,
    "slow": 6,
    "rollback": 3,
    "flush": 1,
    "lose_value": 2,
    "clock_jump": 3,
    "launcher_death": 3,
    "cancel": 1,
    "vanish": 2,
    "second_launcher": 2,
    "resume": 1,
}
MANY = 100_000
NEVER = Retry(max=0)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run to be: the same seed, planner and size give the same one.

    `durations`: seconds that a task may take. `padded`: bytes that every third task's value is longer by. `flaky`
    tasks fail at their first execution and wait `delay_s` for the next, `failing` ones at each: such a run shall fail.
    `once` are not idempotent, and nothing says that they may be repeated after a death.
    `is_deterministic`: executions of a task give equal values. `gates`: of the tasks of families that have one.
    """

    seed: int
    planner: str
    inputs: Mapping[str, list[str]]
    outputs: Mapping[str, tuple[str, ...]]
    pins: Mapping[str, str]
    memory_mb: Mapping[str, int]
    workers: int
    environments: int
    arrivals_per_commit: int
    tree_from: int
    settings: WorkerSettings
    durations: tuple[float, ...]
    padded: int
    flaky: frozenset[str]
    delay_s: float
    failing: frozenset[str]
    once: frozenset[str]
    is_deterministic: bool
    gates: Mapping[str, Gate]
    retry: Retry
    rates: Mapping[Kind, float] = field(default_factory=dict)
    budgets: Mapping[Kind, int] = field(default_factory=dict)

    @cached_property
    def bundle(self) -> LoadedBundle:
        return bundle_of(
            {name: list(sources) for name, sources in self.inputs.items()},
            self.planner,
            workers=self.workers,
            concurrency=self.environments,
            pins=dict(self.pins),
            outputs=dict(self.outputs),
            memory_mb=dict(self.memory_mb),
            gates=dict(self.gates),
        )

    @cached_property
    def policies(self) -> Policies:
        """What is skipped, and what may fail."""
        return draw_policies(self.seed, self.inputs, self.once | self.failing)

    def retry_of(self, task: str) -> Retry:
        is_repeated = task in self.flaky - self.failing - self.policies.broken
        if task in self.once:
            return Retry(max=MANY, kills_only=False, on=("Exception",)) if is_repeated else NEVER
        return Retry(max=MANY, kills_only=False, delay_s=self.delay_s) if is_repeated else self.retry


def draw(seed: int, *, planner: str | None = None, size: int | None = None) -> Scenario:
    """The scenario of a seed; `planner` and `size` replace what it draws, all else stays as like as can be."""
    random = Random(f"{seed}/scenario")
    drawn_planner, drawn_size = random.choice(PLANNERS), random.choice(SIZES)
    is_tight = random.random() < 0.5
    rates, budgets = _faults(random, is_tight)
    whole = _graph(seed, drawn_size)
    names = list(whole)[:size] if size else list(whole)
    outputs = {name: ("x", "y") for name in names if Random(f"{seed}/outputs/{name}").random() < 0.2}
    inputs = {name: _with_outputs(seed, name, whole[name], outputs) for name in names}
    pinned = random.choice((0.0, 0.0, 0.4, 1.0))
    pins = {name: _choose(seed, "pin", name, "pqr") for name in names if _chance(seed, "pinned", name) < pinned}
    two_classes = random.random() < 0.2
    return Scenario(
        seed=seed,
        planner=planner or drawn_planner,
        inputs=inputs,
        outputs=outputs,
        pins=pins,
        memory_mb={n: 3008 for n in names if two_classes and n not in pins and _chance(seed, "memory", n) < 0.3},
        workers=random.choice((1, 2, 3, 5)),
        environments=random.choice((1, 2, 3, 4, 10)),
        arrivals_per_commit=random.choice((1, 2, 3, 450)),
        tree_from=Random(f"{seed}/tree").choice((2, 3, 33)),
        settings=WorkerSettings(
            fan_out=random.choice((1, 2, 3, 8)),
            max_tries=5 if is_tight else MANY,
            store_value_bytes=random.choice((1, 150, 64 * 1024)),
        ),
        durations=random.choice(((0.001,), (0.001, 0.01, 0.1), (0.001, 0.1, 3.0, 14.0))),
        padded=random.choice((0, 300)),
        flaky=frozenset(name for name in names if random.random() < 0.1) if random.random() < 0.3 else frozenset(),
        delay_s=random.choice((0.0, 0.02, 7.0)),
        failing=frozenset(random.sample(names, 1)) if random.random() < 0.1 else frozenset(),
        once=_once(seed, names),
        is_deterministic=random.random() < 0.7,
        gates=_gates(seed, names),
        retry=Retry() if is_tight else Retry(max=MANY),
        rates=rates,
        budgets=budgets,
    )


def _gates(seed: int, names: list[str]) -> dict[str, Gate]:
    """Most seeds have none; the others one family or two, of neighbours and of tasks that wait for one another."""
    random = Random(f"{seed}/gates")
    share = random.choice((0.0, 0.0, 0.3, 0.8))
    families = [Gate("g", random.choice((1, 1, 2, 3))), Gate("h", random.choice((1, 2)))][: random.choice((1, 1, 2))]
    return {name: _choose(seed, "gate", name, families) for name in names if _chance(seed, "gated", name) < share}


def _once(seed: int, names: list[str]) -> frozenset[str]:
    share = Random(f"{seed}/once").choice((0.0, 0.0, 0.0, 0.0, 0.2, 0.6))
    return frozenset(name for name in names if _chance(seed, "once", name) < share)


def _faults(random: Random, is_tight: bool) -> tuple[dict[Kind, float], dict[Kind, int]]:
    """About a third of the kinds strike, sometimes all; in a tight scenario two deadly faults, of one or two kinds."""
    share = random.choice((0.2, 0.35, 0.35, 0.5, 1.0))
    rates = {kind: random.choice(choices) for kind, choices in RATES.items() if random.random() < share}
    budgets = {kind: BUDGETS[kind] for kind in rates}
    if is_tight:
        deadly = [kind for kind in rates if kind in DEADLY]
        random.shuffle(deadly)
        for number, kind in enumerate(deadly):
            budgets[kind] = (2 if len(deadly) == 1 else 1) if number < 2 else 0
    return rates, budgets


def _graph(seed: int, size: int) -> dict[str, list[str]]:
    """Random, or one of the shapes that break protocols: wide fan-outs, shared fan-ins, chains."""
    match Random(f"{seed}/shape").randrange(10):
        case 0:
            middle = [f"m{n}" for n in range(size)]
            return {"top": [], **{name: ["top"] for name in middle}, "end": middle}
        case 1:
            roots = [f"r{n}" for n in range(max(1, size // 2))]
            joins = {f"j{n}": roots for n in range(max(1, size // 3))}
            return {**{name: [] for name in roots}, **joins, "end": list(joins)}
        case 2:
            return {f"c{n}": [f"c{n - 1}"] if n else [] for n in range(size)}
        case _:
            return random_inputs(seed, size)


def _with_outputs(seed: int, name: str, sources: list[str], outputs: Mapping[str, object]) -> list[str]:
    """An edge from a task of several outputs takes one of them, or only comes after it."""
    return [
        source + _choose(seed, name, source, (".x", ".y", "")) if source in outputs else source for source in sources
    ]


def _chance(seed: int, what: str, name: str) -> float:
    return Random(f"{seed}/{what}/{name}").random()


T = TypeVar("T")


def _choose(seed: int, what: str, name: str, choices: Sequence[T]) -> T:
    return Random(f"{seed}/{what}/{name}").choice(choices)
