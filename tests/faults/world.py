"""A run in virtual time under a seed's faults: environments, the invocation queue, the launcher, and the invariants.

A heap of things to come, no threads, no clock but its own. What must hold:

- each stored output is committed once, but for those that the store lost;
- the results equal the sequential ones;
- the run ends; one that does not is reported with who holds what and waits for what;
- nothing of the run stays in the store, however late a zombie comes back;
- no rebuild without a lost value, or a store that forgot the run itself;
- no granted task with an absent input.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from random import Random

from runtime import outbox
from runtime.envelope import Signer
from runtime.pages import decode_subdag, encode_subdag
from runtime.plan import Ref, Task, map_refs
from runtime.ports import Call, RunStatus
from runtime.trust import Trust
from tests.faults.chance import Chance
from tests.faults.launcher import Launcher
from tests.faults.process import Delivery, Process
from tests.faults.scenario import Scenario
from tests.faults.stores import Store

MAX_STEPS = 200_000
QUIET_S = 2_000.0
"""Longer than the protocol's longest patience, with a call that was confirmed and lost: 600 s, while others live."""

START_S = 1_000_000.0
PAGE_PREFIX = "page:"


class Violation(AssertionError):
    """An invariant does not hold."""


class World:
    """One run of one scenario."""

    def __init__(
        self, scenario: Scenario, chance: Chance, store: Store, trace: Callable[[str], None] | None = None
    ) -> None:
        self.scenario = scenario
        self.chance = chance
        self.store = store
        self.now = START_S
        self.schedule = Random(f"{scenario.seed}/schedule")
        self.trust = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
        self.executions: Counter[str] = Counter()
        self.steps = 0
        self._trace = trace
        self._skew = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._pushed = 0
        self._busy: list[Process] = []
        self._busy_at = START_S
        self._waiting: list[Delivery] = []
        self._over = ""
        self._excuses: list[str] = []
        self._lost_slots: Counter[str] = Counter()
        self._is_value_lost = False
        self._rollback: tuple[object, int] | None = None
        self._launcher: Launcher | None = None
        self._results: dict[str, object] | None = None
        self._read_bundle()

    def _read_bundle(self) -> None:
        bundle = self.scenario.bundle
        self.graph = bundle.graph()
        self.targets = [
            slot for n, is_target in enumerate(self.graph.targets) if is_target for slot in self.graph.slots(n)
        ]
        self._page_records = [self._records(bundle.page(number)) for number in range(len(bundle.pages))]
        self._subdag_records = {row.subdag: self._records(bundle.blob(row.subdag)) for row in bundle.workers.values()}
        self.pages = {
            number: self.trust.seal_page(number, encode_subdag(tasks.values()))
            for number, tasks in enumerate(self._page_records)
        }
        self.blobs = {
            digest: self.trust.seal_blob(digest, encode_subdag(tasks.values()))
            for digest, tasks in self._subdag_records.items()
        }
        self.records: dict[str, Task] = {}
        for tasks in (*self._page_records, *self._subdag_records.values()):
            self.records.update(tasks)
        self._in_slots = {name: tuple(edge.slot for edge in task.in_edges) for name, task in self.records.items()}

    def _records(self, data: bytes) -> dict[str, Task]:
        return {
            name: replace(task, retry=self.scenario.retry_of(name)) for name, task in decode_subdag(data).tasks.items()
        }

    # ---- time -------------------------------------------------------------------------------------------

    def at(self, delay: float, act: Callable[[], None]) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (self.now + delay, self._pushed, act))

    def latency(self) -> float:
        """A round trip; a slow store makes it seconds."""
        random = self.chance.strikes("slow")
        return random.choice((0.5, 3.0, 9.0, 12.0)) if random else self.schedule.expovariate(1 / 0.002)

    def duration(self) -> float:
        return self.schedule.choice(self.scenario.durations)

    def trace(self, text: str) -> None:
        if self._trace is not None:
            self._trace(f"{self.now - START_S:10.3f}  {text}")

    # ---- a run ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """To the end and beyond it, until nothing is to come. Raises `Violation`."""
        whole = outbox.ARRIVALS_PER_COMMIT
        outbox.ARRIVALS_PER_COMMIT = self.scenario.arrivals_per_commit
        try:
            self._launch(is_first=True)
            self._go()
        finally:
            outbox.ARRIVALS_PER_COMMIT = whole
        self._check_end()

    def _go(self) -> None:
        while self._heap:
            at, _, act = heapq.heappop(self._heap)
            self.steps += 1
            self.now = max(self.now, at)
            if self.steps > MAX_STEPS or self.now > self._busy_at + QUIET_S:
                raise Violation(f"no end after {self.steps} steps, {self.now - START_S:.0f} s: {self._stuck()}")
            self.store.set_time(self.now + self._skew)
            act()

    def _stuck(self) -> str:
        waits = {process.machine.worker: process.machine.waits_for() for process in self._busy}
        return f"granted {self.store.grants()}, alive {waits}, queued {[d.call.worker for d in self._waiting]}"

    def _launch(self, *, is_first: bool) -> None:
        self._launcher = launcher = Launcher(self)
        life = launcher.life(is_first=is_first)
        self.at(0.0, lambda: self._lead(launcher, life))

    def _lead(self, launcher: Launcher, life: Iterator[float]) -> None:
        if random := self.chance.strikes("launcher_death"):
            self.trace("the launcher dies")
            self._excuses.append("a launcher died")
            self.at(random.uniform(0.5, 30.0), lambda: self._launch(is_first=False))
            return
        pause = next(life, None)
        if pause is not None:
            self.at(pause, lambda: self._lead(launcher, life))

    # ---- invocations ------------------------------------------------------------------------------------

    def send(self, call: Call, values: Mapping[str, bytes], *, from_launcher: bool = False) -> None:
        """Lambda has accepted an asynchronous invocation: it is delivered once, late, twice, or never."""
        self._busy_at = self.now
        delivery = Delivery(call, values, self._inside(call) if from_launcher else frozenset(), from_launcher)
        if self.chance.strikes("lose_call"):
            self.trace(f"the call of {call.worker} is lost")
            return
        self._deliver_later(delivery)
        if random := self.chance.strikes("duplicate"):
            self.at(random.choice((0.0, 0.01, 1.0, 20.0)), lambda: self._deliver_later(delivery))

    def _inside(self, call: Call) -> frozenset[int]:
        """The pages that the launcher's payload holds."""
        for entry in self.scenario.bundle.entries:
            if entry.worker == call.worker:
                return frozenset(self.scenario.bundle.entry_pages(entry))
        return frozenset((int(call.subdag.removeprefix(PAGE_PREFIX)),) if call.subdag.startswith(PAGE_PREFIX) else ())

    def _deliver_later(self, delivery: Delivery) -> None:
        random = self.chance.strikes("delay")
        delay = random.choice((1.0, 5.0, 12.0, 25.0, 70.0)) if random else self.schedule.expovariate(1 / 0.02)
        self.at(delay, lambda: self._deliver(delivery))

    def _deliver(self, delivery: Delivery) -> None:
        if len(self._busy) >= self.scenario.environments:
            self._waiting.append(delivery)
            return
        records = self._records_of(delivery)
        if records is None:
            return
        process = Process(self, delivery, records)
        self._busy.append(process)
        process.start()

    def _records_of(self, delivery: Delivery) -> dict[str, Task] | None:
        """What the handler has of the graph before it begins; None when its SubDag is not in the store."""
        call = delivery.call
        if call.subdag.startswith(PAGE_PREFIX):
            return {name: task for number in delivery.inside for name, task in self._page_records[number].items()}
        if not delivery.has_subdag and self.store.values.get_blobs([call.subdag]) == [None]:
            return None
        return dict(self._subdag_records[call.subdag])

    def ended(self, process: Process) -> None:
        """An environment is free again: the queue's next invocation is delivered."""
        if process.why_over == "crashed":
            self.trace(f"{process.machine.worker} {process.machine.token[:4]} crashes")
        self._busy.remove(process)
        if self._waiting:
            delivery = self._waiting.pop(self.schedule.randrange(len(self._waiting)))
            self.at(self.latency(), lambda: self._deliver(delivery))

    # ---- tasks ------------------------------------------------------------------------------------------

    def outputs(self, task: Task, inputs: Mapping[str, object]) -> dict[str, object]:
        """A task's outputs by slot: digests of its name and of what it was given, some of them long."""
        nonce = "" if self.scenario.is_deterministic else f"/{self.schedule.getrandbits(32):x}"
        return {
            slot: None if digest is None else digest + "." * self._padding(task) + nonce
            for slot, digest in output_digests(task, inputs).items()
        }

    def _padding(self, task: Task) -> int:
        return self.scenario.padded if sha256(task.name.encode()).digest()[0] % 3 == 0 else 0

    # ---- what befalls the store -------------------------------------------------------------------------

    def wrote(self) -> None:
        """A process wrote: workers may have hints, and the store may be struck."""
        self._busy_at = self.now
        for process in self._busy:
            process.look_for_hints()
        if self._over:
            return
        self._befall()
        if not self._is_value_lost and (absent := self.store.absent_inputs(self._in_slots)):
            raise Violation(absent)

    def _befall(self) -> None:
        chance = self.chance
        if self._rollback is not None:
            self._roll_back_soon()
        elif random := chance.strikes("rollback"):
            self._rollback = (self.store.snapshot(), random.choice((1, 1, 2, 4)))
        elif chance.strikes("flush"):
            self.trace("the store forgets everything")
            self._excuses.append("the store was flushed")
            self._is_value_lost = True
            self.store.forget_all()
        if random := chance.strikes("lose_value"):
            slot = self.store.lose_value(sorted(self._slots()), random)
            if slot is not None:
                self.trace(f"the value of {slot} is lost")
                self._excuses.append(f"{slot} was lost")
                self._is_value_lost = True
                self._lost_slots[slot] += 1
        if random := chance.strikes("clock_jump"):
            self._skew += random.choice((-30.0, -3.0, 3.0, 30.0, 3600.0))
            self.store.set_time(self.now + self._skew)

    def _slots(self) -> set[str]:
        return {slot for slots in self._in_slots.values() for slot in slots} | set(self.targets)

    def _roll_back_soon(self) -> None:
        assert self._rollback is not None
        snapshot, writes = self._rollback
        if writes > 0:
            self._rollback = (snapshot, writes - 1)
            return
        self._rollback = None
        self.trace("the store restarts and forgets its last writes")
        self.store.restore(snapshot)

    # ---- the end ----------------------------------------------------------------------------------------

    def lost(self, process: Process, slot: str) -> None:
        """A worker reports a value that it was granted and cannot read."""
        self.trace(f"{process.machine.worker} misses {slot}")
        if not self._over and not self._is_value_lost and not any(kind == "rollback" for kind, _ in self.chance.struck):
            raise Violation(f"{process.machine.worker} was granted a task and {slot} is not stored")

    def rebuilding(self, why: str) -> None:
        """The run is rebuilt, for a reason: a value or the run's own state was lost."""
        if why == "rewind" and not self._is_value_lost:
            raise Violation("a rebuild without a lost value")
        if why != "rewind" and not self.chance.struck:
            raise Violation(f"a rebuild without a fault: {why or 'no state'}")

    def failing(self, status: RunStatus) -> None:
        """The run has failed: only a task that always fails, and its record, may have brought that about.

        A successor may also find it cancelled, when a launcher died before it had cleaned.
        """
        is_cancelled = status.meta == "cancelled" and any(kind == "cancel" for kind, _ in self.chance.struck)
        if not (is_cancelled or (status.errors and self.scenario.failing.issuperset(status.errors))):
            raise Violation(f"the run {status.meta}: {status.reason} {dict(status.errors)}")

    def succeeded(self, values: dict[str, object]) -> None:
        self.trace("the launcher has the results")
        self._results = values
        self._count_stores()
        if self.scenario.failing:
            raise Violation(f"{set(self.scenario.failing)} always fails, and the run has a result")

    def cleaned(self, how: str) -> None:
        """The launcher has cleaned: at this moment nothing at all is there."""
        self.trace(f"the run has {how}, the launcher has cleaned")
        self._over = how
        if left := self.store.left():
            raise Violation(f"the launcher has cleaned and there is left: {left}")

    def _count_stores(self) -> None:
        counts: Counter[str] = Counter()
        for event in self.store.signals.wait_events("0", 0.0):
            if event.kind == "stored":
                counts.update(json.loads(event.data)["slots"])
        for slot, count in counts.items():
            if count > 1 + self._lost_slots[slot]:
                raise Violation(f"{slot} was committed {count} times")

    def _check_end(self) -> None:
        if left := [name for name in self.store.left() if name not in self.store.late]:
            raise Violation(f"the run is over and a zombie left: {left}")
        if self._over == "succeeded":
            self._check_results(self._results or {})

    def _check_results(self, got: Mapping[str, object]) -> None:
        expected = sequential(self)
        for slot, digest in expected.items():
            value = got.get(slot)
            plain = value.partition("/")[0].rstrip(".") if isinstance(value, str) else value
            if plain != digest:
                raise Violation(f"{slot} is {plain!r}, sequentially {digest!r}")


def output_digests(task: Task, inputs: Mapping[str, object]) -> dict[str, str | None]:
    def read(leaf: object) -> object:
        assert isinstance(leaf, Ref)
        value = inputs[task.in_edges[leaf.edge].slot]
        return value.partition("/")[0].rstrip(".") if isinstance(value, str) else value

    text = repr((task.name, [map_refs(arg, read) for arg in task.args]))
    if not task.outputs:
        return {task.name: sha256(text.encode()).hexdigest()[:16]}
    found: dict[str, str | None] = {
        f"{task.name}.{output}": sha256(f"{output} {text}".encode()).hexdigest()[:16] for output in task.outputs
    }
    return {**found, task.name: None}


def sequential(world: World) -> dict[str, str | None]:
    """The targets' digests, computed one task after another."""
    values: dict[str, str | None] = {}
    for name in world.graph.names:
        values.update(output_digests(world.records[name], values))
    return {slot: values[slot] for slot in world.targets}
