"""A small world in virtual time for the worker's state machine: many incarnations over one memory backend.

A seed decides who acts next, what is lost, delayed, delivered twice and killed. Values are tuples of names, so
that a wrong input shows in the result. There are no threads and no clock but the world's own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from random import Random

from runtime import events as ev
from runtime.backends.memory import MemoryBackend
from runtime.bundle import LoadedBundle
from runtime.config import WorkerSettings
from runtime.pages import decode_subdag
from runtime.plan import Ref, Task, map_refs
from runtime.ports import Call, Commit, Store
from runtime.tasks.remedies import substitutes
from runtime.watch import rebuild_state
from runtime.worker import Worker

MAX_STEPS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities per action, and how many kills there may be in all."""

    kill: float = 0.0
    kills: int = 6
    lose_hint: float = 0.0
    duplicate: float = 0.0
    lose_call: float = 0.0
    time_up: float = 0.0


def value_of(task: Task, inputs: Mapping[str, object]) -> object:
    """What a task of the tests returns: its name with all that it was given."""

    def read(leaf: object) -> object:
        assert isinstance(leaf, Ref)
        return inputs[task.in_edges[leaf.edge].slot]

    return (task.name, *(map_refs(arg, read) for arg in task.args))


@dataclass(slots=True, eq=False)
class Incarnation:
    """One begun invocation."""

    machine: Worker
    settings: WorkerSettings
    values: dict[str, object] = field(default_factory=dict)
    sealed: dict[str, bytes] = field(default_factory=dict)
    effects: deque[ev.Effect] = field(default_factory=deque)
    timers: list[tuple[float, str]] = field(default_factory=list)
    is_subscribed: bool = False
    hint_cursor: str = "0"
    renewed_at: float = 0.0
    until: float = inf


class World:
    """Runs a bundle to its end under a seed."""

    def __init__(
        self,
        bundle: LoadedBundle,
        seed: int,
        *,
        environments: int = 4,
        faults: Faults = Faults(),
        fan_out: int = 3,
        work: Callable[[Task, Mapping[str, object]], object] = value_of,
    ) -> None:
        self.random = Random(seed)
        self.now = 1_000.0
        self.settings = WorkerSettings(fan_out=fan_out)
        self.backend = MemoryBackend(self.settings, lambda: self.now)
        self.bundle = bundle
        self.environments = environments
        self.faults = faults
        self.work = work
        self.limit_s = inf
        self.kills = 0
        self.executions: dict[str, int] = {}
        self.invocations = 0
        self.incarnations: list[Incarnation] = []
        self.queue: list[Call] = []
        self.objects: dict[bytes, object] = {}
        self.records = {worker: dict(decode_subdag(bundle.subdag(worker)).tasks) for worker in bundle.workers}
        self.pages = [dict(decode_subdag(bundle.page(number)).tasks) for number in range(len(bundle.pages))]

    def run(self) -> dict[str, object]:
        """The stored values of the targets, by slot. Fails with names when nothing can happen any more."""
        graph = self.bundle.graph()
        targets = [slot for n, flag in enumerate(graph.targets) if flag for slot in graph.slots(n)]
        state = rebuild_state(self.bundle, fan_out=self.settings.fan_out)
        self.backend.coordinator.rebuild_start()
        self.backend.coordinator.rebuild_part(state.part)
        self.queue.extend(self.backend.coordinator.rebuild_end(state.rows))
        for _ in range(MAX_STEPS):
            stored = self.backend.values.fetch(targets)
            if None not in stored:
                return {
                    slot: self.objects[value]
                    for slot, value in zip(targets, stored, strict=True)
                    if isinstance(value, bytes)
                }
            status = self.backend.coordinator.status()
            assert status.meta == "run", f"{status.meta}: {status.reason} {dict(status.errors)}"
            self._act()
        waits = {inc.machine.worker: inc.machine.waits_for() for inc in self.incarnations}
        raise AssertionError(f"no end after {MAX_STEPS} steps; {waits}; queue {self.queue}")

    # ---- acting -----------------------------------------------------------------------------------------

    def _act(self) -> None:
        actions: list[Callable[[], None]] = []
        if self.queue and len(self.incarnations) < self.environments:
            actions.append(self._begin)
        for incarnation in self.incarnations:
            if incarnation.effects:
                actions.append(lambda inc=incarnation: self._perform(inc, inc.effects.popleft()))
            elif self._due_timers(incarnation):
                actions.append(lambda inc=incarnation: self._fire(inc))
            if incarnation.is_subscribed:
                actions.append(lambda inc=incarnation: self._hint(inc))
        useful = [action for action in actions if action is not None]
        if useful and (len(useful) > self._idle_hints() or self.random.random() < 0.5):
            self.random.choice(useful)()
        else:
            self._pass_time()
        self._maybe_kill()

    def _idle_hints(self) -> int:
        return sum(inc.is_subscribed for inc in self.incarnations)

    def _due_timers(self, incarnation: Incarnation) -> bool:
        return any(at <= self.now for at, _ in incarnation.timers)

    def _pass_time(self) -> None:
        """To the next timer, renewal or watch."""
        times = [at for inc in self.incarnations for at, _ in inc.timers]
        times += [inc.renewed_at + self.settings.renew_s for inc in self.incarnations]
        self.now = max(self.now + 0.01, min([*times, self.now + 1.0]))
        for incarnation in list(self.incarnations):
            if incarnation.renewed_at + self.settings.renew_s <= self.now:
                self._perform(incarnation, ev.Renew())
        self._call(self.backend.coordinator.watch(10))

    def _maybe_kill(self) -> None:
        if self.incarnations and self.kills < self.faults.kills and self.random.random() < self.faults.kill:
            self.kills += 1
            self.incarnations.remove(self.random.choice(self.incarnations))
        elif self.incarnations and self.random.random() < self.faults.time_up:
            self._feed(self.random.choice(self.incarnations), ev.TimeNearlyUp())

    def _call(self, calls: tuple[Call, ...]) -> None:
        for call in calls:
            if self.random.random() < self.faults.lose_call:
                continue
            self.queue.append(call)
            if self.random.random() < self.faults.duplicate:
                self.queue.append(call)

    def _begin(self) -> None:
        call = self.queue.pop(self.random.randrange(len(self.queue)))
        self.invocations += 1
        token = f"t{self.random.getrandbits(48):x}"
        pinned = self.records.get(call.worker)
        page = -1 if pinned is not None else int(call.subdag.removeprefix("page:"))
        machine = Worker(
            worker=call.worker,
            token=token,
            env=call.env,
            settings=self.settings,
            tasks=pinned if pinned is not None else self.pages[page],
            pages=() if pinned is not None else (page,),
            until=self.now + self.limit_s,
        )
        incarnation = Incarnation(machine=machine, settings=self.settings, renewed_at=self.now)
        incarnation.until = self.now + self.limit_s
        self.incarnations.append(incarnation)
        self._feed(incarnation, ev.Begun(self.backend.coordinator.begin(call.worker, token, call.called_at)))

    # ---- a driver's work --------------------------------------------------------------------------------

    def _feed(self, incarnation: Incarnation, event: ev.Event) -> None:
        for effect in incarnation.machine.step(event, self.now):
            match effect:
                case ev.Seal(_, _, slots):
                    for slot in slots:
                        incarnation.sealed[slot] = self._seal(slot, incarnation.values[slot])
                    incarnation.effects.append(effect)
                case ev.SetTimer(name, after_s):
                    incarnation.timers.append((self.now + after_s, name))
                case ev.Subscribe():
                    incarnation.is_subscribed = True
                case ev.Drop(slots):
                    for slot in slots:
                        incarnation.values.pop(slot, None)
                case ev.Leave():
                    if incarnation in self.incarnations:
                        self.incarnations.remove(incarnation)
                case _:
                    incarnation.effects.append(effect)

    def _seal(self, slot: str, value: object) -> bytes:
        sealed = f"{slot}={value!r}".encode()
        self.objects[sealed] = value
        return sealed

    def _perform(self, incarnation: Incarnation, effect: ev.Effect) -> None:
        coordinator, values = self.backend.coordinator, self.backend.values
        machine = incarnation.machine
        match effect:
            case ev.RunTask(name, attempt):
                self._run(incarnation, machine.tasks[name], attempt)
            case ev.Seal(task, _, _):
                self._feed(incarnation, ev.Sealed(task))
            case ev.Substitute(name, record):
                incarnation.values.update(substitutes(machine.tasks[name], record, _no_leaf))
                self._feed(incarnation, ev.Executed(name))
            case ev.SendCommit(commit, fill):
                items = tuple(
                    replace(item, value=incarnation.sealed[item.slot])
                    if isinstance(item, Store) and item.slot in fill
                    else item
                    for item in commit.items
                )
                answer = coordinator.commit(replace(commit, items=items))
                incarnation.renewed_at = self.now
                self._call(answer.calls)
                self._feed(incarnation, ev.Committed(answer))
                for call in answer.calls:
                    self._feed(incarnation, ev.Invoked(call.worker, call.called_at))
            case ev.Fetch(slots):
                found = []
                for slot, value in zip(slots, values.fetch(slots), strict=True):
                    if isinstance(value, bytes):
                        incarnation.values[slot] = self.objects[value]
                        found.append(slot)
                missing = tuple(slot for slot in slots if slot not in found)
                self._feed(incarnation, ev.Fetched(tuple(found), missing))
            case ev.LoadPages(numbers):
                records = {name: task for number in numbers for name, task in self.pages[number].items()}
                self._feed(incarnation, ev.PagesLoaded(records))
            case ev.Renew():
                incarnation.renewed_at = self.now
                empty = Commit(worker=machine.worker, token=machine.token, seq=-1, env=machine.env, known=-1)
                self._feed(incarnation, ev.Renewed(coordinator.commit(empty)))
            case ev.ReportLost(slot):
                raise AssertionError(f"{slot} was granted to {machine.worker} and is not stored")

    def _run(self, incarnation: Incarnation, task: Task, attempt: int) -> None:
        self.executions[task.name] = self.executions.get(task.name, 0) + 1
        try:
            value = self.work(task, incarnation.values)
        except ArithmeticError as err:
            self._feed(
                incarnation, ev.Failed(task.name, f'{{"message": "{err}"}}', str(err) or "-", (type(err).__name__,))
            )
            return
        if task.outputs:
            assert isinstance(value, dict)
            incarnation.values.update({f"{task.name}.{name}": item for name, item in value.items()} | {task.name: None})
        else:
            incarnation.values[task.name] = value
        self._feed(incarnation, ev.Executed(task.name))

    def _fire(self, incarnation: Incarnation) -> None:
        timer = next(item for item in incarnation.timers if item[0] <= self.now)
        incarnation.timers.remove(timer)
        self._feed(incarnation, ev.TimerFired(timer[1]))

    def _hint(self, incarnation: Incarnation) -> None:
        messages = self.backend.signals.wait_hints(incarnation.machine.worker, incarnation.hint_cursor, 0.0)
        if not messages:
            return
        incarnation.hint_cursor = messages[-1].id
        if self.random.random() < self.faults.lose_hint:
            return
        slots: list[str] = []
        stored = tuple([slot for message in messages for slot in message.stored])
        for message in messages:
            for slot, value in message.arrived.items():
                incarnation.values.setdefault(slot, self.objects[value])
                slots.append(slot)
        self._feed(incarnation, ev.Hinted(tuple(dict.fromkeys(slots)), stored))


def _no_leaf(leaf: object) -> object:
    raise AssertionError(f"no test gives {leaf} in the place of a result")


def sequential(
    bundle: LoadedBundle, work: Callable[[Task, Mapping[str, object]], object] = value_of
) -> dict[str, object]:
    """The targets' values, computed one task after another."""
    records: dict[str, Task] = {}
    for worker in bundle.workers:
        records.update(decode_subdag(bundle.subdag(worker)).tasks)
    for number in range(len(bundle.pages)):
        records.update(decode_subdag(bundle.page(number)).tasks)
    graph = bundle.graph()
    values: dict[str, object] = {}
    left = deque(range(len(graph)))
    while left:
        instance = left.popleft()
        task = records[graph.names[instance]]
        if any(edge.slot not in values for edge in task.in_edges):
            left.append(instance)
            continue
        value = work(task, values)
        if task.outputs:
            assert isinstance(value, dict)
            values.update({f"{task.name}.{name}": item for name, item in value.items()} | {task.name: None})
        else:
            values[task.name] = value
    return {slot: values[slot] for n, flag in enumerate(graph.targets) if flag for slot in graph.slots(n)}
