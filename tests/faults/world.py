"""A run in virtual time under a seed's faults: environments, the invocation queue and the launcher.

A heap of things to come, no threads, no clock but its own. A run that does not end is reported with who
holds what and waits for what; what else must hold is the referee's.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random

from runtime.calls import calling
from runtime.calls.calling import Outgoing
from runtime.machine import outbox
from runtime.pages import decode_subdag, encode_subdag
from runtime.plan import Task
from runtime.ports import Call
from runtime.tasks.remedies import skipped
from runtime.values.envelope import Signer
from runtime.values.trust import Trust
from tests.faults.chance import Chance
from tests.faults.launcher import Launcher
from tests.faults.mishaps import Mishaps
from tests.faults.policies import is_skipped
from tests.faults.process import Delivery, Process
from tests.faults.referee import Referee, Violation
from tests.faults.scenario import Scenario
from tests.faults.stores import Store
from tests.faults.values import dressed, output_digests

MAX_STEPS = 30_000
QUIET_S = 2_000.0
"""Longer than the protocol's longest patience, with a call that was confirmed and lost: 600 s, while others live."""

START_S = 1_000_000.0
PAGE_PREFIX = "page:"


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
        self.starts: Counter[str] = Counter()
        self.executions: Counter[str] = Counter()
        self.steps = 0
        self._trace = trace
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._pushed = 0
        self._busy: list[Process] = []
        self._crashed: set[str] = set()
        self._busy_at = START_S
        self._waiting: list[Delivery] = []
        self._read_bundle()
        slots = {edge.slot for task in self.records.values() for edge in task.in_edges}
        self.mishaps = Mishaps(chance, store, sorted(slots.union(self.targets)), self.trace)
        self.has_queued = False
        self.failing = scenario.failing
        self.repeated_by_hand: set[str] = set()
        self.book = ""
        self.leading = 0
        self.referee = Referee(self)

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

    def _records(self, data: bytes) -> dict[str, Task]:
        scenario = self.scenario
        return {
            name: replace(
                scenario.policies.dress(task), retry=scenario.retry_of(name), is_idempotent=name not in scenario.once
            )
            for name, task in decode_subdag(data).tasks.items()
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
        whole = outbox.ARRIVALS_PER_COMMIT, calling.TREE_FROM
        outbox.ARRIVALS_PER_COMMIT, calling.TREE_FROM = self.scenario.arrivals_per_commit, self.scenario.tree_from
        try:
            self._launch(is_first=True)
            self._go()
        finally:
            outbox.ARRIVALS_PER_COMMIT, calling.TREE_FROM = whole
        self.referee.whistle()

    def _go(self) -> None:
        while self._heap:
            at, _, act = heapq.heappop(self._heap)
            self.steps += 1
            self.now = max(self.now, at)
            if self.steps > MAX_STEPS or self.now > self._busy_at + QUIET_S:
                raise Violation(f"no end after {self.steps} steps, {self.now - START_S:.0f} s: {self._stuck()}")
            self.store.set_time(self.store_time)
            act()

    def _stuck(self) -> str:
        waits = {process.machine.worker: process.machine.waits_for() for process in self._busy}
        return f"granted {self.store.grants()}, alive {waits}, queued {[d.call.worker for d in self._waiting]}"

    def _launch(self, *, is_first: bool) -> None:
        launcher = Launcher(self)
        self.leading += 1
        life = launcher.life(is_first=is_first)
        self.at(0.0, lambda: self._lead(launcher, life))

    def _lead(self, launcher: Launcher, life: Iterator[float]) -> None:
        if random := self.chance.strikes("launcher_death"):
            self.trace("the launcher dies")
            self.leading -= 1
            self.at(random.uniform(0.5, 30.0), lambda: self._launch(is_first=False))
            return
        pause = next(life, None)
        if pause is not None:
            self.at(pause, lambda: self._lead(launcher, life))
            if self.chance.strikes("second_launcher"):
                self.trace("another launcher takes part")
                self._launch(is_first=False)
        else:
            self.leading -= 1

    # ---- invocations ------------------------------------------------------------------------------------

    def send(self, one: Outgoing, *, from_launcher: bool = False) -> None:
        """Lambda has accepted an asynchronous invocation: it is delivered once, late, twice, or never."""
        self._busy_at = self.now
        call = one.call
        inside = self._inside(call) if from_launcher else frozenset()
        delivery = Delivery(call, one.values, one.forward, inside, from_launcher)
        if self.chance.strikes("lose_call"):
            self.trace(f"the call of {call.worker} is lost")
            return
        self._deliver_later(delivery)
        if random := self.chance.strikes("duplicate"):
            self.at(random.choice((0.0, 0.01, 1.0, 20.0, 120.0, 900.0)), lambda: self._deliver_later(delivery))

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
            self.has_queued = True
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
        if process.why_over == "crashed" or process.has_lost_reply:
            self._crashed.add(process.machine.token)
        self._busy.remove(process)
        if self._waiting:
            delivery = self._waiting.pop(self.schedule.randrange(len(self._waiting)))
            self.at(self.latency(), lambda: self._deliver(delivery))

    @property
    def store_time(self) -> float:
        return self.now + self.mishaps.skew

    def running(self) -> list[tuple[str, str, str]]:
        """Worker, token and task of each process that runs one."""
        return [(p.machine.worker, p.machine.token, p.running) for p in self._busy if p.is_alive and p.running]

    def unheard(self) -> set[str]:
        """The tokens of processes that died, or have perhaps not heard yet what the store said."""
        return self._crashed.union(process.machine.token for process in self._busy)

    # ---- tasks ------------------------------------------------------------------------------------------

    def outputs(self, task: Task, inputs: Mapping[str, object]) -> dict[str, object]:
        """What an execution of a task returns, by slot."""
        if is_skipped(task, inputs):
            return skipped(task)
        nonce = "" if self.scenario.is_deterministic else f"{self.schedule.getrandbits(32):x}"
        return dressed(task, output_digests(task, inputs), self.scenario.padded, nonce)

    def wrote(self) -> None:
        """A process wrote: workers may have hints, and the store may be struck."""
        self._busy_at = self.now
        for process in self._busy:
            process.look_for_hints()
        if not self.referee.over:
            if self.mishaps.befall():
                self.referee.forgot()
            self.store.set_time(self.store_time)
            self.referee.wrote()
