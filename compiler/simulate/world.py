"""A planned run in virtual time: the store, Lambda and the launcher around the incarnations of the real worker.

    simulation = simulate(Workload(source=graph, plan=plan), conditions, draw)
    simulation.timeline.makespan_s

It has no semantics of its own: who runs what, who is called and who waits is decided by `runtime.worker`, by the
protocol's memory twin, and by the dispatcher of the local Lambda service. What things take is `Conditions` and `Draw`.
Nothing is drawn here and nothing depends on a hash: the same input gives the same timeline. Workers do not die in it,
and leases do not run out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from compiler.simulate.conditions import Conditions, Draw
from compiler.simulate.errands import Delivery
from compiler.simulate.incarnation import Incarnation, Trace
from compiler.simulate.places import Owner, Place, function_of
from compiler.simulate.virtual_time import Shared, VirtualTime
from compiler.simulate.workload import Workload
from runtime.backends.memory_coordinator import MemoryCoordinator
from runtime.backends.memory_state import MemoryState
from runtime.backends.memory_values import MemoryValues
from runtime.calls.sending import AT_ONCE, SENDERS
from runtime.config import WorkerSettings
from runtime.local.dispatch import Dispatcher, Limits, MakeEnvironment
from runtime.local.functions import FunctionConfig
from runtime.local.invocation import Invocation
from runtime.measures.spans import CpuTime
from runtime.plan import Task
from runtime.ports import Answer, Call, Commit, HintMessage, Store
from runtime.timeline import InvocationSpans, Timeline
from runtime.watch import rebuild_state

NEVER_S = 1e9
"""Leases and calls of a simulation do not run out: nobody dies in it."""

PAGE_PREFIX = "page:"
NAMED = 5
"""Of what is missing, and of who waits, so many are named."""


class Deadlock(Exception):
    """Nothing is to come, and outputs are `missing`: `waiting` says which worker's tasks lack what, `ready` which tasks
    lack nothing and were not run."""

    def __init__(
        self, missing: Sequence[str], waiting: Mapping[str, Mapping[str, tuple[str, ...]]], ready: Sequence[str]
    ) -> None:
        self.missing = tuple(missing)
        self.waiting = waiting
        self.ready = tuple(ready)
        held = [f"{task} is ready and nobody runs it" for task in ready] + [
            f"{task} on worker {worker} waits for {_listed(slots)}"
            for worker, tasks in waiting.items()
            for task, slots in tasks.items()
        ]
        super().__init__(f"the run stands still without {_listed(missing)}: {'; '.join(held[:NAMED])}")


def _listed(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What came of it. `timeline` begins at 0 with the first invocation sent; `traces` are those of its invocations."""

    timeline: Timeline
    traces: tuple[Trace, ...]

    @property
    def makespan_s(self) -> float:
        return self.timeline.makespan_s

    @property
    def starts(self) -> Counter[str]:
        """How many invocations began cold and warm."""
        return Counter(one.start_up.state for one in self.timeline.invocations)


def simulate(
    workload: Workload, conditions: Conditions, draw: Draw, settings: WorkerSettings | None = None
) -> Simulation:
    """One run of the plan. Raises `Deadlock`."""
    return World(workload, conditions, draw, settings or WorkerSettings()).run()


class _State(MemoryState):
    """The store: hints reach their worker at once, and of the events only the last output's time is kept."""

    def __init__(self, clock: Callable[[], float], hear: Callable[[str, HintMessage], None]) -> None:
        super().__init__(clock)
        self._hear = hear
        self.last_stored = 0.0

    def tell(self, kind: str, data: str) -> None:
        if kind == "stored":
            self.last_stored = self.clock()

    def hint(self, worker: str, arrived: dict[str, bytes]) -> None:
        self._hear(worker, HintMessage.of(self.next_id(), arrived))


class World:
    """Everything that one simulated run shares."""

    def __init__(self, workload: Workload, conditions: Conditions, draw: Draw, settings: WorkerSettings) -> None:
        self.workload = workload
        self.conditions = conditions
        self.settings = replace(
            settings, lease_s=NEVER_S, renew_s=NEVER_S / 4, call_limit_s=NEVER_S, fan_out=conditions.concurrency
        )
        self.time = VirtualTime()
        self.run_id = "simulated"
        self.number_of = workload.number_of
        self.store_link = Shared(self.time, capacity=conditions.store_bytes_per_s)
        self._state = _State(self.time.time, self._hint)
        self.coordinator = MemoryCoordinator(self._state, self.settings)
        self.values = MemoryValues(self._state)
        self._draw = draw
        self._cores = Shared(self.time, capacity=conditions.cores, most=1.0)
        self._dispatcher = Dispatcher(
            limits=Limits(concurrency=conditions.concurrency, idle_expiry_s=conditions.idle_expiry_s),
            timer=self.time,
            make=cast(MakeEnvironment, self._make),
        )
        self._env_of = {env.name: env for env in workload.classes}
        self._on_their_way: dict[str, Delivery] = {}
        self._running: dict[str, Incarnation] = {}
        self._found: list[tuple[InvocationSpans, Trace]] = []
        self._missing = {
            slot
            for instance, is_target in enumerate(workload.graph().targets)
            if is_target
            for slot in workload.graph().slots(instance)
        }
        self._tokens = 0
        self._is_furnished = False
        self.sizes = _Sizes(workload, draw)

    def run(self) -> Simulation:
        for env in self.workload.classes:
            self._dispatcher.configure(function_of(env), reserved=None, retries=None)
        self._furnish()
        state = rebuild_state(self.workload, fan_out=self.settings.fan_out)
        self.coordinator.rebuild_start()
        self.coordinator.rebuild_part(state.part)
        calls = self.coordinator.rebuild_end(state.rows)
        launches = [Delivery(call=call, sent_at=0.0, from_launcher=True) for call in calls]
        self.send(launches, lambda: None, lambda call: self.coordinator.confirm(call.worker, call.called_at))
        if not self.time.run(lambda: not self._missing):
            raise self._deadlock()
        self.time.run(lambda: not self._running)
        self._found.sort(key=lambda found: found[0].start_up.start_time)
        return Simulation(timeline=self._timeline(), traces=tuple([trace for _, trace in self._found]))

    def next_token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:x}"

    def _furnish(self) -> None:
        """Before anything happens each environment that is there already is made, and serves an event, in no time."""
        left = self.conditions.concurrency
        for env in self.workload.classes:
            count = min(left, self.conditions.warm.get(env.name, 0))
            left -= count
            for _ in range(count):
                self._dispatcher.invoke(self._event(env.name, ""))
        self.time.run(lambda: not self._dispatcher.is_busy)
        self._is_furnished = True

    # ---- the store --------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Answer:
        answer = self.coordinator.commit(commit)
        self._missing.difference_update([item.slot for item in commit.items if isinstance(item, Store)])
        return answer

    def _hint(self, worker: str, message: HintMessage) -> None:
        if (incarnation := self._running.get(worker)) is not None:
            incarnation.hint(message)

    # ---- Lambda -----------------------------------------------------------------------------------------

    def send(self, deliveries: Sequence[Delivery], done: Callable[[], object], taken: Callable[[Call], object]) -> None:
        """Send invocations as `runtime.calls.sending` does: a few one after another, and the caller waits; many by
        a few threads beside it."""
        is_few = len(deliveries) <= AT_ONCE
        left = deque(deliveries)

        def send_next() -> None:
            if left:
                delivery = left.popleft()
                self.invoke(delivery)
                self.work(self.conditions.invoke_s, partial(answered, delivery.call))
            elif is_few:
                done()

        def answered(call: Call) -> None:
            taken(call)
            send_next()

        for _ in range(1 if is_few else SENDERS):
            send_next()
        if not is_few:
            self.time.call_later(0.0, done)

    def work(self, seconds: float, done: Callable[[], None]) -> None:
        """Something that takes so long alone, on the CPUs that all environments share."""
        self._cores.take(seconds, done)

    def invoke(self, delivery: Delivery) -> None:
        """Lambda accepts an event: it comes to an environment, or waits for one."""
        invocation = self._event(delivery.call.env.name, str(len(self._on_their_way)))
        invocation.queued_at += self.conditions.deliver_s
        self._on_their_way[invocation.request_id] = replace(delivery, sent_at=self.time.now)
        self.time.call_later(self.conditions.deliver_s, self._dispatcher.invoke, invocation)

    def _event(self, function: str, request_id: str) -> Invocation:
        return Invocation(
            function=function,
            arn="",
            body=b"",
            is_async=True,
            done=lambda _: None,
            queued_at=self.time.now,
            request_id=request_id,
        )

    def _make(self, config: FunctionConfig, identity: str, owner: Owner) -> Place:
        if not self._is_furnished:
            at_once = partial(self.time.call_later, 0.0)
            loaded = self.workload.code_of if self.conditions.is_code_loaded else ()
            return Place(
                config, owner, self.time, self._serve, number=int(identity), start=at_once, loaded=filter(None, loaded)
            )
        cold_s, ready_s = self._draw.cold_s(self._env_of[config.name]), max(0.0, self._draw.ready_s - self.time.now)
        work_s = min(cold_s, self.conditions.start_work_s)

        def start(ready: Callable[[], None]) -> None:
            self.time.call_later(ready_s + cold_s - work_s, self.work, work_s, ready)

        return Place(config, owner, self.time, self._serve, number=int(identity), start=start)

    def _serve(self, place: Place, invocation: Invocation) -> None:
        if not self._is_furnished:
            self.time.call_later(0.0, place.returned)
            return
        delivery = self._on_their_way[invocation.request_id]
        start_s = 0.0 if place.is_cold else self._draw.warm_s(delivery.call.env)
        self.time.call_later(start_s, self._begin, place, delivery)

    def _begin(self, place: Place, delivery: Delivery) -> None:
        incarnation = Incarnation(self, place, delivery, self._records(delivery))
        self._running[delivery.call.worker] = incarnation
        incarnation.start()

    def _records(self, delivery: Delivery) -> Mapping[str, Task]:
        """The task records that an invocation has before it begins."""
        subdag = delivery.call.subdag
        if not subdag.startswith(PAGE_PREFIX):
            return self.workload.subdags[subdag]
        if not delivery.from_launcher:
            return {}
        columns, number_of = self.workload.graph(), self.number_of
        numbers = dict.fromkeys(
            columns.pages[number_of[name]]
            for entry in self.workload.entries
            if entry.worker == delivery.call.worker
            for name in entry.start
        )
        return {name: task for number in numbers for name, task in self.workload.pages[number].items()}

    def left(self, incarnation: Incarnation, invocation: InvocationSpans, trace: Trace) -> None:
        """An incarnation is over."""
        if self._running.get(incarnation.machine.worker) is incarnation:
            del self._running[incarnation.machine.worker]
        self._found.append((invocation, trace))

    # ---- user code --------------------------------------------------------------------------------------

    def execute(self, instance: int, before_s: float, done: Callable[[], None]) -> None:
        """Run an instance: its work, and its waiting."""
        if self.workload.tasks[instance].is_handler:
            self.time.call_later(before_s, done)
            return
        work_s = min(self._draw.cpu_s[instance], self._draw.exec_s[instance]) + before_s
        rest_s = max(0.0, self._draw.exec_s[instance] + before_s - work_s)
        self.work(work_s, partial(self.time.call_later, rest_s, done))

    def hold_s(self, instance: int) -> float:
        """How much longer an errand takes beside an instance."""
        return self._draw.hold_s(instance)

    def cpu_of(self, instance: int, exec_s: float) -> CpuTime:
        """What an execution had of the CPU: what it took beyond its time alone, it waited for a core."""
        used_s = min(self._draw.cpu_s[instance], self._draw.exec_s[instance])
        alone_s = self._draw.exec_s[instance] + self.conditions.task_s
        return CpuTime(used_s=used_s, delay_s=max(0.0, exec_s - alone_s))

    def code_load_s(self, place: Place, tasks: Iterable[Task]) -> float:
        """What an environment spends on code that it needs for the first time."""
        return sum(self.load_code(place, self.number_of[task.name]) for task in tasks)

    def load_code(self, place: Place, instance: int) -> float:
        """The first function of a module that an environment runs pays for its import."""
        code = self.workload.code_of[self.workload.source.family_of[instance]]
        if not code or code in place.loaded:
            return 0.0
        place.loaded.add(code)
        return self._draw.code_load_s(code)

    # ---- what came of it --------------------------------------------------------------------------------

    def _timeline(self) -> Timeline:
        return Timeline(
            run=self.run_id,
            workflow=self.workload.source.name,
            planner=self.workload.plan.planner,
            sla="",
            graph_signature="",
            invoked_at=0.0,
            last_commit=self._state.last_stored,
            invocations=tuple([invocation for invocation, _ in self._found]),
            link=self.conditions.link,
        )

    def _deadlock(self) -> Deadlock:
        waiting = {worker: one.machine.waits_for() for worker, one in self._running.items()}
        ran = {span.task for invocation, _ in self._found for span in invocation.spans}
        ran.update(task for one in self._running.values() for task in one.ran)
        ready = [
            task.name
            for task in self.workload.tasks
            if task.name not in ran and all(edge.producer in ran for edge in task.in_edges)
        ]
        return Deadlock(sorted(self._missing), waiting, ready)


class _Sizes(dict[str, int]):
    """The serialised size of a slot, drawn when somebody asks."""

    def __init__(self, workload: Workload, draw: Draw) -> None:
        super().__init__()
        self._workload = workload
        self._draw = draw

    def __missing__(self, slot: str) -> int:
        number, output = self._of(slot)
        size = self[slot] = self._draw.bytes_of(number, output)
        return size

    def _of(self, slot: str) -> tuple[int, int]:
        number = self._workload.number_of.get(slot)
        if number is not None:
            return number, -1
        name, _, output = slot.rpartition(".")
        number = self._workload.number_of[name]
        outputs = self._workload.graph().outputs[number]
        return number, outputs.index(output) if output in outputs else -1
