"""A random graph, and simple workers that run it over the ports while a seed kills, repeats, delays and forgets.

Each worker knows the protocol and nothing else: it begins, runs what it is granted, stores and settles, invokes whom
the answer names, and leaves. One thread takes all steps, in an order that the seed draws, so a failure repeats.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from runtime.ports import Arrival, Begin, Call, Called, Commit, Item, Mode, Settle, Status, Store
from tests.contracts.world import ENV, World, flexible, pinned

STEP_LIMIT = 20_000


@dataclass(frozen=True)
class Dag:
    """Tasks are numbers in topological order; `home` is a pinned worker, or None when flexible."""

    inputs: tuple[tuple[int, ...], ...]
    home: tuple[str | None, ...]

    def name(self, task: int) -> str:
        return f"t[{task}]"

    def consumers(self, task: int) -> list[int]:
        return [other for other, inputs in enumerate(self.inputs) if task in inputs]

    def worker(self, task: int) -> str:
        return self.home[task] or f"~{self.name(task)}"

    def arrival(self, task: int) -> Arrival:
        need, home = len(self.inputs[task]), self.home[task]
        return flexible(self.name(task), need, page=task % 5) if home is None else pinned(self.name(task), home, need)

    def value(self, task: int, inputs: Sequence[bytes]) -> bytes:
        return sha256(repr((task, *inputs)).encode()).digest()

    def sequential(self) -> dict[str, bytes]:
        """What every run must store, in as far as it stores it."""
        values: list[bytes] = []
        for task, inputs in enumerate(self.inputs):
            values.append(self.value(task, [values[i] for i in inputs]))
        return {self.name(task): value for task, value in enumerate(values)}


def random_dag(rng: random.Random, size: int, pinned_share: float) -> Dag:
    inputs = tuple(
        tuple(sorted(rng.sample(range(task), min(task, rng.choice((0, 1, 1, 1, 2, 3)))))) for task in range(size)
    )
    homes = [f"w{i}" for i in range(3)]
    return Dag(inputs, tuple(rng.choice(homes) if rng.random() < pinned_share else None for _ in range(size)))


@dataclass(eq=False)
class Incarnation:
    """One life of a worker: what it was granted, and the batch that it has sent without hearing of it."""

    worker: str
    token: str
    todo: dict[str, int]
    settled: set[str]
    seq: int = 0
    reports: list[Called] = field(default_factory=list)
    unheard: Commit | None = None


@dataclass
class Swarm:
    world: World
    dag: Dag
    rng: random.Random
    faults: float
    rebuilds: float = 0.0
    invocations: list[Call] = field(default_factory=list)
    alive: list[Incarnation] = field(default_factory=list)
    tokens: int = 0

    def run(self, stored: frozenset[int] = frozenset()) -> None:
        """From a rebuild over `stored` to the last output of the graph."""
        self.invocations += rebuild(self.world, self.dag, stored)
        targets = [self.dag.name(task) for task in range(len(self.dag.inputs)) if not self.dag.consumers(task)]
        for _ in range(STEP_LIMIT):
            if all(value is not None for value in self.world.values.fetch(targets)):
                return
            self.step()
        raise AssertionError(f"stuck: {self.world.coordinator.status()}, {self.alive}, {self.invocations}")

    def chance(self) -> bool:
        return self.rng.random() < self.faults

    def step(self) -> None:
        """One thing happens: an invocation is delivered, a worker goes on, or time passes and the watch looks.

        Where the seed says so the run is rebuilt now and then under everyone's feet, and all who live are zombies
        from then on; not in every seed, because a rebuild would also heal what is wrong.
        """
        if self.rng.random() < self.rebuilds:
            self.send(rebuild(self.world, self.dag, self.readable()))
        elif self.invocations and self.rng.random() < 0.5:
            self.deliver(self.invocations.pop(self.rng.randrange(len(self.invocations))))
        elif self.alive and self.rng.random() < 0.95:
            self.go_on(self.rng.choice(self.alive))
        else:
            self.world.advance(self.rng.choice((0.5, 3.0, 11.0)))
            self.send(self.world.coordinator.watch(self.rng.choice((1, 2, 50))))

    def readable(self) -> frozenset[int]:
        tasks = range(len(self.dag.inputs))
        values = self.world.values.fetch([self.dag.name(task) for task in tasks])
        return frozenset(task for task, value in zip(tasks, values, strict=True) if value is not None)

    def send(self, calls: Sequence[Call]) -> list[Called]:
        """Invoke; a call may be lost on its way, or be delivered twice."""
        sent: list[Called] = []
        for call in calls:
            if self.chance():
                continue
            self.invocations += [call] * (2 if self.chance() else 1)
            sent.append(Called(worker=call.worker, called_at=call.called_at))
        return sent

    def deliver(self, call: Call) -> None:
        self.tokens += 1
        token = f"token{self.tokens}"
        begun: Begin = self.world.coordinator.begin(call.worker, token, call.called_at)
        if begun.status is Status.GO and not self.chance():
            known = set(begun.done)
            assert not known & set(begun.todo), "a settled task is granted to nobody"
            self.alive.append(Incarnation(call.worker, token, dict(begun.todo), known))

    def go_on(self, me: Incarnation) -> None:
        if me.unheard is not None:
            self.hear(me, me.unheard)
            return
        items: list[Item] = list(me.reports)
        me.reports.clear()
        granted = sorted(me.todo)
        if granted:
            items += self.walk(int(self.rng.choice(granted)[2:-1]))
        mode = Mode.STAY if granted else Mode.LEAVE
        if granted and self.rng.random() < 0.05:
            mode = Mode.HANDOVER
        me.seq += bool(items)
        seq = me.seq if items else -1
        take = self.rng.choice((0, 1, 2))
        batch = Commit(worker=me.worker, token=me.token, seq=seq, env=ENV, items=tuple(items), mode=mode, take=take)
        if self.chance():
            self.alive.remove(me)
            return
        self.hear(me, batch)

    def walk(self, task: int) -> list[Item]:
        """Run a granted task, and what follows from it alone on the same worker; store the last, settle the rest."""
        values = self.world.values.fetch([self.dag.name(i) for i in self.dag.inputs[task]])
        assert None not in values, f"{task} was granted with an absent input"
        value = self.dag.value(task, [value for value in values if isinstance(value, bytes)])
        settled: list[str] = []
        while (follower := self.follower(task)) is not None and self.rng.random() < 0.7:
            settled.append(self.dag.name(task))
            value = self.dag.value(follower, [value])
            task = follower
        return [*self.batches(task, value), Settle(tasks=tuple(settled))]

    def follower(self, task: int) -> int | None:
        """The one consumer, when it needs nothing else and has the same home."""
        match self.dag.consumers(task):
            case [only] if self.dag.inputs[only] == (task,) and self.dag.home[only] == self.dag.home[task]:
                return only
        return None

    def batches(self, task: int, value: bytes) -> list[Item]:
        name = self.dag.name(task)
        arrivals = tuple(self.dag.arrival(consumer) for consumer in self.dag.consumers(task))
        cut = self.rng.randrange(len(arrivals) + 1)
        first = Store(task=name, slot=name, value=value, arrivals=arrivals[:cut], last=cut == len(arrivals))
        rest = Store(task=name, slot=name, value=None, arrivals=arrivals[cut:])
        return [first] if first.last else [first, rest]

    def hear(self, me: Incarnation, batch: Commit) -> None:
        """Send the batch; its answer may be lost, and then it is sent again, or its sender dies."""
        answer = self.world.coordinator.commit(batch)
        if self.chance():
            if self.rng.random() < 0.5:
                self.alive.remove(me)
            else:
                me.unheard = batch
            return
        me.unheard = None
        if answer.status is not Status.OK or answer.left:
            self.send(answer.calls)
            self.alive.remove(me)
            return
        assert answer.todo is not None
        assert answer.winners is None, "values are deterministic"
        me.todo = dict(answer.todo)
        me.reports += self.send(answer.calls)


def rebuild(world: World, dag: Dag, stored: frozenset[int]) -> tuple[Call, ...]:
    """What a launcher computes from the outputs that can be read."""
    tasks = range(len(dag.inputs))
    needed: set[int] = set()
    for task in reversed(tasks):
        consumers = dag.consumers(task)
        if task not in stored and (not consumers or any(consumer in needed for consumer in consumers)):
            needed.add(task)
    arrived = {dag.name(task): tuple(dag.name(i) for i in dag.inputs[task] if i in stored) for task in needed}
    grants: dict[str, dict[str, int]] = {}
    for task in sorted(needed):
        if all(i in stored for i in dag.inputs[task]):
            grants.setdefault(dag.worker(task), {})[dag.name(task)] = max(-1, dag.arrival(task).page)
    homes = {home for home in dag.home if home is not None}
    done = tuple((dag.home[task] or "", dag.name(task)) for task in tasks if task not in needed)
    return world.launch(grants, idle=tuple(sorted(homes - set(grants))), arrived=arrived, done=done)


def store_first(world: World, dag: Dag, stored: frozenset[int]) -> None:
    """An earlier life that stored these outputs and nothing more."""
    values = dag.sequential()
    world.coordinator.rebuild_start()
    world.launch({"w0": {"x": -1}})
    world.begin("w0", "earlier")
    items = [Store(task=name, slot=name, value=values[name], last=False) for name in map(dag.name, sorted(stored))]
    world.commit("w0", *items, token="earlier")


def stored_counts(world: World) -> Counter[str]:
    """How often each slot was told to be newly stored."""
    counts: Counter[str] = Counter()
    for event in world.signals.wait_events("0", 0.0):
        if event.kind == "stored":
            counts.update(json.loads(event.data)["slots"])
    return counts
