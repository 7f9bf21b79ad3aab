"""The invariants of a run, whatever befalls it.

- Each stored output is committed once, but for those that the store lost.
- The results equal the sequential ones.
- A large value that lost is deleted by who put it, unless that process died.
- Nothing of the run stays in the store, however late a zombie comes back.
- No rebuild without a lost value, or a store that lost the state of the run; what is there then is not run again.
- What `audit` says of the state after every write.
- One incarnation at a time: nobody begins while another's lease lives.
- Whoever reads a stored value reads the one that was committed, even where no two executions give equal ones.
- The watch repeats no call in a run that nothing has befallen.
- A task that must not run twice does not, unless the store forgot it, and nothing follows from it unless it is stored.
- No more tasks of a family with a gate run at once than it has places, but for those of zombies.
- Measurements whose send was answered are there once, and none waited for longer than their strategy says.
- A run fails only when one of its tasks fails for good, and then it does.

That a run ends is the world's to see.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runtime.failures import whole_records
from runtime.plan import Task
from runtime.ports import Answer, Commit, RunStatus, Status
from runtime.timeline import gather
from runtime.values.reading import read_stored
from tests.faults.audit import audit
from tests.faults.scenario import DEADLY
from tests.faults.uploads import Ledger
from tests.faults.values import plain, sequential

if TYPE_CHECKING:
    from tests.faults.world import World


HARMLESS = {"lose_reply", "lose_hint", "duplicate", "cancel", "time_up"}
"""Faults after which no call needs to be repeated."""
UNSURE = frozenset(DEADLY) | {"slow", "lose_reply", "throttle", "resume"}
"""What may leave a worker without its lease, or a task without its result."""


class Violation(AssertionError):
    """An invariant does not hold."""


class Referee:
    """Looks on, and raises `Violation`. `over` says how the run ended, "" before it has.

    `is_farewell_lost`: the reply to a leave was lost. Sent again it is fenced, and whom it called is left to the watch.
    """

    def __init__(self, world: World) -> None:
        self.over = ""
        self.ledger = Ledger()
        self.is_farewell_lost = False
        self._world = world
        self._results: Mapping[str, object] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._owed: dict[str, tuple[str, int]] = {}
        self._writes = 0
        self._mended = 0
        self._rebuilt: tuple[set[str], float, int] = (set(), 0.0, 0)
        self._read: dict[str, list[object]] = {}
        self._in_slots = {name: tuple(edge.slot for edge in task.in_edges) for name, task in world.records.items()}

    def wrote(self) -> None:
        """Something was written: does the state keep its promises?"""
        self._writes += 1
        if self._world.mishaps.vanished > self._mended or self._writes % self._world.store.writes_per_look:
            return
        state = self._world.store.look()
        if state is not None:
            wrong = audit(
                state,
                self._in_slots,
                self._world.scenario.gates,
                is_value_lost=self._world.mishaps.is_value_lost,
            )
            if wrong:
                raise Violation(wrong)

    def believed(self, worker: str, token: str) -> None:
        """A commit of this incarnation was accepted."""
        holder, _ = self._leases.get(worker, (token, 0.0))
        if holder != token:
            raise Violation(f"a commit of {worker} is accepted though another incarnation has begun since")

    def holds(self, worker: str, token: str, until: float) -> None:
        """The store has told an incarnation until when it is the worker; 0 when it let it go."""
        self._leases[worker] = (token, until)
        self._owed.pop(worker, None)

    def begins(self, worker: str, token: str, now: float, until: float) -> None:
        """An incarnation may begin."""
        holder, lease = self._leases.get(worker, ("", 0.0))
        if holder != token and lease > now:
            raise Violation(f"{worker} begins again, {lease - now:.1f} s before the lease of its incarnation ends")
        self.holds(worker, token, until)

    def forgot(self) -> None:
        """The store forgot who had begun."""
        self._leases.clear()
        self._owed.clear()

    def owes(self, commit: Commit, answer: Answer) -> None:
        """The answer to a commit was lost, and nobody knows of the calls that it asked for."""
        self.is_farewell_lost |= answer.left
        new = [call.worker for call in answer.calls if call.called_at == answer.now]
        self._owed.update(dict.fromkeys(new, (commit.token, commit.seq)))

    def hears(self, commit: Commit, answer: Answer) -> None:
        """The answer to a commit came; to one that is sent again it asks for the same calls again.

        But for those that another was asked for meanwhile: who lets somebody in at a gate may ask for all inside.
        """
        calls = {call.worker for call in answer.calls}
        for worker in [worker for worker, owed in self._owed.items() if owed == (commit.token, commit.seq)]:
            del self._owed[worker]
            if worker not in calls and answer.status is Status.OK:
                raise Violation(f"the answer that was lost asked to call {worker}; the one sent again does not")
        for worker in calls:
            self._owed.pop(worker, None)

    def reads(self, slot: str, value: object) -> None:
        """A task is given a value that came from the store, from a hint or inside an invocation."""
        self._read.setdefault(slot, []).append(value)

    def calls_again(self, worker: str) -> None:
        """The watch calls a worker: it was lost, or its call was, or it slept."""
        self._owed.pop(worker, None)
        struck = Counter(kind for kind, _ in self._world.chance.struck)
        is_harmed = set(struck) - HARMLESS or struck["lose_reply"] > 2 or self.is_farewell_lost
        if not (is_harmed or self._world.has_queued or self._world.scenario.flaky):
            raise Violation(f"the watch calls {worker}, and nothing has befallen it")

    def misses(self, worker: str, slot: str) -> None:
        """A worker reports a value that it was granted and cannot read."""
        mishaps = self._world.mishaps
        if not (self.over or mishaps.is_value_lost or mishaps.has_rolled_back):
            raise Violation(f"{worker} was granted a task and {slot} is not stored")

    def starts(self, task: Task) -> None:
        """A process starts a task."""
        world = self._world
        if self.over or world.mishaps.has_forgotten:
            return
        self._count_running(task)
        once, flaky = world.scenario.once, world.scenario.flaky
        if task.name in once - world.repeated_by_hand and world.starts[task.name] > 1 + (task.name in flaky):
            raise Violation(f"{task.name} must not run twice, and does")
        unstored = [edge.slot for edge in task.in_edges if edge.producer in once and not world.store.has(edge.slot)]
        if unstored and not world.mishaps.is_value_lost:
            raise Violation(f"{task.name} starts, and {unstored[0]} is not stored")

    def _count_running(self, task: Task) -> None:
        world = self._world
        gate = world.scenario.gates.get(task.name)
        if gate is None:
            return
        running = {name for worker, token, name in world.running() if self._is_live(worker, token)}
        together = sorted(name for name in running if world.scenario.gates.get(name) == gate)
        if len(together) > gate.places:
            raise Violation(f"{together} run at once, and {gate.name} has {gate.places} places")

    def _is_live(self, worker: str, token: str) -> bool:
        holder, lease = self._leases.get(worker, ("", 0.0))
        return holder == token and lease > self._world.store_time

    def rebuilding(self, seen: RunStatus, why: str) -> None:
        """A launcher is about to build the run anew, because of what it has seen."""
        mishaps, struck = self._world.mishaps, self._world.chance.struck
        if seen.meta == "rewind" and not (mishaps.is_value_lost or mishaps.has_rolled_back):
            raise Violation("a rebuild without a lost value")
        if seen.meta == "run" and not why and not mishaps.vanished:
            raise Violation("tasks are left, and nobody is to run them")
        if not struck:
            raise Violation(f"a rebuild without a fault: {seen.meta or 'no state'}")

    def rebuilt(self, done: set[str], vanished: int, losses: int) -> None:
        """The run was built anew, as things were when so much had been lost; `done` need not run again."""
        self._mended = vanished
        self._rebuilt = (done, self._world.now, losses)

    def runs(self, task: str, began_at: float) -> None:
        """A task is run by an incarnation that began then."""
        done, at, losses = self._rebuilt
        if task in done and began_at >= at and losses == self._world.mishaps.losses:
            raise Violation(f"{task} is run again, and what it gave was there at the rebuild")

    def failing(self, status: RunStatus) -> None:
        """The run has failed: a task that always fails, and its record, must have brought that about.

        So may one that must not run twice, when a process died or a value was lost. A successor may also find it
        cancelled, when a launcher died before it had cleaned.
        """
        is_cancelled = status.meta == "cancelled" and any(kind == "cancel" for kind, _ in self._world.chance.struck)
        fatal = [str(record["task"]) for record in whole_records(status)]
        is_recorded = bool(fatal) or self._world.mishaps.vanished > 0
        due = self._world.scenario.failing if self._world.mishaps.has_rolled_back else self._world.failing
        if any(kind in UNSURE for kind, _ in self._world.chance.struck):
            due |= self._world.scenario.once
        if not (is_cancelled or (due and is_recorded and due.issuperset(fatal))):
            raise Violation(f"the run {status.meta}: {status.reason} {dict(status.errors)}")

    def succeeded(self, values: Mapping[str, object]) -> None:
        """The launcher has read the results."""
        self._results = values
        if self._world.failing:
            raise Violation(f"{set(self._world.failing)} always fails, and the run has a result")
        self._look_for_orphans()
        self._compare_records()
        counts: Counter[str] = Counter()
        for event in self._world.store.signals.wait_events("0", 0.0):
            if event.kind == "stored":
                counts.update(json.loads(event.data)["slots"])
        for slot, count in counts.items():
            if count > 1 + self._world.mishaps.lost_slots[slot]:
                raise Violation(f"{slot} was committed {count} times")
        self._compare_reads()
        self._compare_rows()

    def _compare_rows(self) -> None:
        """Measurements that the store has answered for are there, and each once."""
        mishaps, store = self._world.mishaps, self._world.store
        if mishaps.is_value_lost or mishaps.has_rolled_back or mishaps.vanished:
            return
        gathered = gather(store.signals.read_spans())
        if wrong := "; ".join(gathered.problems) or self.ledger.wrong(gathered.invocations):
            raise Violation(wrong)

    def _compare_reads(self) -> None:
        mishaps, store, trust = self._world.mishaps, self._world.store, self._world.trust
        if mishaps.is_value_lost or mishaps.has_rolled_back:
            return
        slots = list(self._read)
        for slot, stored in zip(slots, store.values.fetch(slots), strict=True):
            packed = read_stored(store.values, trust, slot, stored)
            committed = packed.unpack() if packed is not None else None
            if strange := [value for value in self._read[slot] if value != committed]:
                raise Violation(f"{slot} was read as {strange[0]!r}, and {committed!r} is committed")

    def _compare_records(self) -> None:
        """Of a failure that was let pass the record is kept that its value was made of."""
        mishaps, store, world = self._world.mishaps, self._world.store, self._world
        if mishaps.is_value_lost or mishaps.has_rolled_back or mishaps.vanished:
            return
        errors = store.client().status().errors
        for name, action in world.scenario.policies.on_error.items():
            if action != "continue" or name not in world.scenario.policies.broken or world.records[name].outputs:
                continue
            (stored,) = store.values.fetch([name])
            packed = read_stored(store.values, world.trust, name, stored)
            value = packed.unpack() if packed is not None else None
            if value != (json.loads(errors[name]) if name in errors else None):
                raise Violation(f"{name} gave {value!r}, and its record is {errors.get(name)}")

    def _look_for_orphans(self) -> None:
        world = self._world
        if world.mishaps.is_value_lost or world.mishaps.has_rolled_back:
            return
        for key in world.store.orphans():
            if key.rpartition(":")[2] not in world.unheard():
                raise Violation(f"the large value {key} lost, and its writer left it behind")

    def cleaned(self, how: str) -> None:
        """The launcher has cleaned: at this moment nothing at all is there."""
        self.over = how
        if left := self._world.store.left():
            raise Violation(f"the launcher has cleaned and there is left: {left}")

    def whistle(self) -> None:
        """Nothing more will come, zombies included."""
        store, world = self._world.store, self._world
        if left := [name for name in store.left() if name not in store.late]:
            raise Violation(f"the run is over and a zombie left: {left}")
        if self.over != "succeeded":
            return
        broken = world.scenario.policies.broken
        for slot, digest in sequential(world.records, world.graph.names, world.targets, broken).items():
            if plain(self._results.get(slot)) != digest:
                raise Violation(f"{slot} is {plain(self._results.get(slot))!r}, sequentially {digest!r}")
