"""The protocol's scripts and their twin in memory, driven side by side by hypothesis: the same steps, the same answers.

    python -m tests.contracts.stateful --examples 500 --steps 80

A small DAG with pinned and flexible tasks is run by several incarnations, which begin, commit in one batch or several,
send a batch again, come late, leave, hand over, put off attempts, die, and are watched, rebuilt, cancelled and cleaned
in any order. After each step both answers are equal, both states are equal and pass the audit of the fault driver, and
what is stored is what the model saw accepted first. At the end the run is brought to its end, if it still goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, ClassVar

import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runtime.config import WorkerSettings
from runtime.plan import Gate
from runtime.ports import (
    Answer,
    Arrival,
    Attempt,
    Begin,
    Call,
    Called,
    Commit,
    Coordinator,
    Item,
    Mode,
    RebuildPart,
    Release,
    RunEnd,
    RunStatus,
    Settle,
    Status,
    Store,
    Waiter,
)
from tests.contracts.server import client_of, start_server
from tests.contracts.swarm import Dag, random_dag
from tests.contracts.world import ENV, START_S, row
from tests.faults.audit import audit
from tests.faults.stores import MemoryStore, RedisStore
from tests.faults.stores import Store as FaultStore

SETTINGS = WorkerSettings(max_tries=50)
ALL_WORKERS = 50
"""More than there are: with fewer, each twin might call others of those that are due."""

MANY_STEPS = 400
WORKERS = ("w0", "w1", "w2")
PICK = st.integers(min_value=0, max_value=1_000)


@dataclass(eq=False)
class Incarnation:
    """A process as the test plays it. `batch` is its newest commit, `parts` what is left of a task's batches."""

    worker: str
    token: str
    begun_at: float
    todo: dict[str, int]
    seq: int = 0
    batch: Commit | None = None
    parts: list[Item] = field(default_factory=list)
    calls: tuple[Call, ...] = ()


class Twins(RuleBasedStateMachine):
    """Both stores, and a model: which value of each slot was accepted first."""

    client: ClassVar[redis.Redis]

    def __init__(self) -> None:
        super().__init__()
        self.stores: tuple[FaultStore, ...] = (MemoryStore(SETTINGS), RedisStore(self.client, SETTINGS))
        self.coordinators: list[Coordinator] = [store.client() for store in self.stores]
        self.now = START_S
        self.random = Random(0)
        self.dag = Dag((), ())
        self.gates: dict[str, Gate] = {}
        self.alive: list[Incarnation] = []
        self.sent: list[Call] = []
        self.first: dict[str, bytes] = {}
        self.begun = 0

    # ---- both twins -------------------------------------------------------------------------------------

    def both(self, ask: Callable[[Coordinator], Any]) -> Any:
        """Ask both; their answers are equal."""
        mine, theirs = [told(ask(coordinator)) for coordinator in self.coordinators]
        assert mine == theirs, f"in memory {mine}, on Redis {theirs}"
        return mine

    def set_time(self, now: float) -> None:
        """Whole microseconds, as Redis has them."""
        self.now = round(now * 1_000_000) / 1_000_000
        for store in self.stores:
            store.set_time(self.now)

    @initialize(
        seed=PICK,
        size=st.integers(2, 7),
        share=st.sampled_from((0.0, 0.5, 1.0)),
        gated=st.sampled_from((0.0, 0.0, 0.5, 1.0)),
        places=st.integers(1, 2),
    )
    def launch(self, seed: int, size: int, share: float, gated: float, places: int) -> None:
        self.random = Random(seed)
        self.dag = random_dag(self.random, size, share)
        names = [self.dag.name(task) for task in range(len(self.dag.inputs))]
        self.gates = {name: Gate("g", places) for name in names if self.random.random() < gated}
        self.rebuild()

    # ---- incarnations -----------------------------------------------------------------------------------

    @precondition(lambda self: self.sent)
    @rule(pick=PICK, again=st.booleans())
    def deliver(self, pick: int, again: bool) -> None:
        """An invocation arrives; it may arrive once more, later."""
        at = pick % len(self.sent)
        call = self.sent[at] if again else self.sent.pop(at)
        self.begin(call.worker, call.called_at)

    @rule(worker=st.sampled_from(WORKERS))
    def begin_uncalled(self, worker: str) -> None:
        self.begin(worker, self.now)

    def begin(self, worker: str, called_at: float) -> None:
        self.begun += 1
        token = f"token{self.begun}"
        begin: Begin = self.both(lambda one: one.begin(worker, token, called_at))
        if begin.status is Status.GO:
            self.alive.append(Incarnation(worker, token, called_at, dict(begin.todo)))

    @precondition(lambda self: self.alive)
    @rule(pick=PICK)
    def begin_again(self, pick: int) -> None:
        """The reply to a begin was lost: the same token asks again, or asks after it has committed."""
        me = self.alive[pick % len(self.alive)]
        self.both(lambda one: one.begin(me.worker, me.token, me.begun_at))

    @precondition(lambda self: self.alive)
    @rule(pick=PICK, task=PICK, cut=PICK, take=st.integers(0, 3), mode=st.sampled_from(Mode))
    def commit(self, pick: int, task: int, cut: int, take: int, mode: Mode) -> None:
        """Store what a granted task gives, in one batch or two, or send what is left of the last; settle a chain."""
        me = self.alive[pick % len(self.alive)]
        items: list[Item] = [Called(worker=call.worker, called_at=call.called_at) for call in me.calls if take]
        if me.parts:
            items += self.rest(me.parts.pop(0))
        elif me.todo:
            items += self.walk(me, sorted(me.todo)[task % len(me.todo)], cut)
        me.calls = ()
        me.seq += bool(items)
        me.batch = Commit(
            worker=me.worker,
            token=me.token,
            seq=me.seq if items else -1,
            env=ENV,
            items=tuple(items),
            mode=mode if not me.parts else Mode.STAY,
            take=take,
            known=self.random.choice((-1, len(me.todo))),
        )
        self.send(me, me.batch)

    def walk(self, me: Incarnation, name: str, cut: int) -> list[Item]:
        task = int(name[2:-1])
        settled: list[str] = []
        while (follower := self.follower(task)) is not None and cut % 2:
            settled.append(self.dag.name(task))
            task = follower
        arrivals = tuple(self.arrival(consumer) for consumer in self.dag.consumers(task))
        at = cut % (len(arrivals) + 1)
        name = self.dag.name(task)
        value = f"{name} {me.token}".encode()
        first = Store(task=name, slot=name, value=value, arrivals=arrivals[:at], last=at == len(arrivals))
        if not first.last:
            me.parts = [replace(first, value=None, arrivals=arrivals[at:], last=True), Settle(tasks=tuple(settled))]
            return [first]
        return [first, Settle(tasks=tuple(settled)), *self.releases(name)]

    def rest(self, part: Item) -> list[Item]:
        return [part, *self.releases(part.task)] if isinstance(part, Store) else [part]

    def arrival(self, consumer: int) -> Arrival:
        return replace(self.dag.arrival(consumer), gate=self.gates.get(self.dag.name(consumer)))

    def releases(self, name: str) -> list[Item]:
        """A place goes back with the batch that settles its task."""
        return [Release(task=name, gate=self.gates[name])] if name in self.gates else []

    def follower(self, task: int) -> int | None:
        match self.dag.consumers(task):
            case [only] if self.dag.inputs[only] == (task,) and self.dag.home[only] == self.dag.home[task]:
                return None if self.gates.keys() & {self.dag.name(task), self.dag.name(only)} else only
        return None

    def send(self, me: Incarnation, batch: Commit) -> None:
        answer: Answer = self.both(lambda one: one.commit(batch))
        if answer.status is not Status.OK or answer.left:
            self.alive = [one for one in self.alive if one is not me]
        if answer.status is Status.OK:
            for item in batch.items:
                if isinstance(item, Store) and item.value is not None:
                    self.first.setdefault(item.slot, item.value)
            me.todo = dict(answer.todo) if answer.todo is not None else me.todo
            me.calls = answer.calls
            self.sent += answer.calls

    @precondition(lambda self: any(me.batch for me in self.alive))
    @rule(pick=PICK)
    def send_again(self, pick: int) -> None:
        """An answer was lost."""
        senders = [me for me in self.alive if me.batch]
        me = senders[pick % len(senders)]
        assert me.batch is not None
        self.send(me, me.batch)

    @precondition(lambda self: self.alive)
    @rule(pick=PICK, ahead=st.integers(1, 3))
    def commit_out_of_turn(self, pick: int, ahead: int) -> None:
        """A batch from before the newest one, or one that skips its predecessor: nothing is written."""
        me = self.alive[pick % len(self.alive)]
        for seq in (me.seq - ahead, me.seq + 1 + ahead):
            if seq > 0:
                batch = Commit(worker=me.worker, token=me.token, seq=seq, env=ENV, items=(Settle(tasks=("x",)),))
                answer = self.both(lambda one, batch=batch: one.commit(batch))
                assert answer.status in (Status.FENCED, Status.ENDED)

    @precondition(lambda self: self.alive)
    @rule(pick=PICK)
    def renew(self, pick: int) -> None:
        me = self.alive[pick % len(self.alive)]
        self.send(me, Commit(worker=me.worker, token=me.token, seq=-1, env=ENV))

    @precondition(lambda self: any(me.todo and not me.parts for me in self.alive))
    @rule(pick=PICK, delay=st.sampled_from((0.0, 0.5, 20.0)), number=st.integers(1, 3), fails=st.booleans())
    def put_off(self, pick: int, delay: float, number: int, fails: bool) -> None:
        """Attempts of all that is granted are announced, or have failed and wait; who has nothing else may sleep."""
        holders = [me for me in self.alive if me.todo and not me.parts]
        me = holders[pick % len(holders)]
        error = "it failed" if fails else ""
        items = tuple(Attempt(task=task, number=number, error=error, delay_s=delay * fails) for task in me.todo)
        me.seq += 1
        me.batch = Commit(worker=me.worker, token=me.token, seq=me.seq, env=ENV, items=items, mode=Mode.LEAVE)
        self.send(me, me.batch)

    @precondition(lambda self: self.alive)
    @rule(pick=PICK)
    def die(self, pick: int) -> None:
        self.alive.pop(pick % len(self.alive))

    # ---- the launcher, time and the end -----------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.001, 1.003, 4.007, 11.009, 70.013, 700.017, -5.021)))
    def pass_time(self, seconds: float) -> None:
        self.set_time(self.now + seconds)

    @rule()
    def watch(self) -> None:
        self.sent += self.both(lambda one: one.watch(ALL_WORKERS))

    @precondition(lambda self: self.sent)
    @rule(pick=PICK)
    def confirm(self, pick: int) -> None:
        call = self.sent[pick % len(self.sent)]
        self.both(lambda one: one.confirm(call.worker, call.called_at))

    @precondition(lambda self: self.alive)
    @rule(pick=PICK, slot=PICK, reference=st.sampled_from(("", "key")))
    def report_lost(self, pick: int, slot: int, reference: str) -> None:
        """Of a value that is there, or of a reference that is not the one committed: nothing follows."""
        me = self.alive[pick % len(self.alive)]
        if self.first:
            name = sorted(self.first)[slot % len(self.first)]
            self.both(lambda one: one.lost(me.worker, me.token, name, reference))

    @rule(is_rare=PICK)
    def rebuild_from_what_is_stored(self, is_rare: int) -> None:
        if is_rare % 7 == 0:
            self.rebuild()

    @rule(is_rare=PICK, how=st.sampled_from(RunEnd))
    def end_and_launch_again(self, is_rare: int, how: RunEnd) -> None:
        """The run is cancelled or fails; all who live are refused; then it is resumed, or cleaned and launched anew."""
        if is_rare % 13:
            return
        self.both(lambda one: one.end(how, "so"))
        for me in list(self.alive):
            self.salvage(me)
            self.send(me, Commit(worker=me.worker, token=me.token, seq=-1, env=ENV))
        assert not self.alive
        if is_rare % 2:
            self.both(lambda one: one.finish())
            assert [store.left() for store in self.stores] == [[], []]
            self.first.clear()
        self.rebuild()

    def salvage(self, me: Incarnation) -> None:
        """Last words: what a resume of a failed run need not make again; of a cancelled one nothing is taken."""
        values = {name: f"{name} {me.token}, saved".encode() for name in me.todo}
        taken = self.both(lambda one: one.salvage(me.worker, values, is_last=True))
        self.first.update({name: values[name] for name in taken or ()})

    @precondition(lambda self: self.alive)
    @rule(pick=PICK, is_rare=PICK, is_mine=st.booleans())
    def fail_for_all(self, pick: int, is_rare: int, is_mine: bool) -> None:
        """A worker's environment is broken: that fails the run, if the token still holds the worker."""
        if is_rare % 13 == 0:
            me = self.alive[pick % len(self.alive)]
            self.both(lambda one: one.fail(me.worker, me.token if is_mine else "another", "so"))
            if self.both(lambda one: one.status()).meta == "failed":
                self.alive.clear()
                self.rebuild()

    def rebuild(self) -> None:
        """As a launcher does, from what can be read."""
        names = [self.dag.name(task) for task in range(len(self.dag.inputs))]
        needed: set[int] = set()
        for task in reversed(range(len(names))):
            consumers = self.dag.consumers(task)
            is_target = not consumers
            if names[task] not in self.first and (is_target or any(consumer in needed for consumer in consumers)):
                needed.add(task)
        arrived: dict[str, tuple[str, ...]] = {}
        grants: dict[str, dict[str, int]] = {}
        places: dict[str, str] = {}
        line: list[Waiter] = []
        for task in sorted(needed):
            slots = tuple(names[i] for i in self.dag.inputs[task] if names[i] in self.first)
            if slots:
                arrived[names[task]] = slots
            if len(slots) == len(self.dag.inputs[task]):
                page = -1 if self.dag.home[task] else task % 5
                gate = self.gates.get(names[task])
                if gate is not None and len(places) == gate.places:
                    home = self.dag.home[task] or ""
                    line.append(Waiter(task=names[task], worker=home, env=ENV, page=page))
                    continue
                if gate is not None:
                    places[names[task]] = self.dag.worker(task)
                grants.setdefault(self.dag.worker(task), {})[names[task]] = page
        done = tuple((self.dag.home[task] or "", names[task]) for task in range(len(names)) if task not in needed)
        rows = [row(worker, worker in grants) for worker in sorted({*WORKERS, *grants})]
        part = RebuildPart(
            arrived=arrived, grants=grants, done=done, held={"g": places}, lines={"g": tuple(line)} if line else {}
        )
        self.both(lambda one: one.rebuild_start())
        self.both(lambda one: one.rebuild_part(part))
        self.sent = list(self.both(lambda one: one.rebuild_end(rows)))
        assert self.both(lambda one: one.rebuild_end(rows)) == tuple(self.sent)

    # ---- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def both_states_are_equal_and_sound(self) -> None:
        mine, theirs = [store.look() for store in self.stores]
        assert (mine is None) == (theirs is None)
        if mine is None or theirs is None:
            return
        assert dict(mine.states) == dict(theirs.states)
        assert held(mine.grants) == held(theirs.grants)
        assert set(mine.done) == set(theirs.done)
        assert held(mine.arrived) == held(theirs.arrived)
        assert mine.called == theirs.called
        assert set(mine.readable) == set(theirs.readable) == set(self.first)
        assert held(mine.held) == held(theirs.held)
        assert held(mine.lines) == held(theirs.lines)
        wrong = audit(mine, self.in_slots(), self.gates)
        assert not wrong, wrong
        self.both(lambda one: one.status())

    @invariant()
    def the_first_writer_has_won(self) -> None:
        slots = sorted(self.first)
        for store in self.stores:
            assert store.values.fetch(slots) == [self.first[slot] for slot in slots]

    def in_slots(self) -> dict[str, tuple[str, ...]]:
        names = [self.dag.name(task) for task in range(len(self.dag.inputs))]
        return {name: tuple(names[i] for i in inputs) for name, inputs in zip(names, self.dag.inputs, strict=True)}

    def teardown(self) -> None:
        """Whatever has happened, the run can be brought to its end: processes die, the watch calls, they run."""
        if not self.dag.inputs:
            return
        self.alive.clear()
        for _ in range(MANY_STEPS):
            if self.both(lambda one: one.status()).done == len(self.dag.inputs):
                return
            self.set_time(self.now + 100.023)
            self.watch()
            while self.sent:
                call = self.sent.pop()
                self.begin(call.worker, call.called_at)
                while self.alive:
                    me = self.alive[0]
                    if len(me.parts) == 1:
                        me.parts.clear()
                    self.commit(0, 0, 0, 0, Mode.STAY if me.todo else Mode.LEAVE)
        raise AssertionError(f"the run does not end: {[store.grants() for store in self.stores]}")


def told(answer: Any) -> Any:
    """An answer without what may differ between the twins: orders, names of rebuilds, what a refusal leaves unsaid."""
    match answer:
        case Begin() if answer.status is not Status.GO:
            return Begin(status=answer.status, todo={}, now=answer.now)
        case RunStatus():
            return replace(answer, rebuild="", building_s=0.0)
        case Answer():
            return replace(answer, calls=told(answer.calls), winners=dict(answer.winners or {}))
        case tuple():
            calls = [replace(call, start=tuple(sorted(call.start))) for call in answer]
            return tuple(sorted(calls, key=lambda call: call.worker))
    return answer


def held(sets: Any) -> dict[str, set[str]]:
    return {name: set(members) for name, members in sets.items() if members}


def run_twins(
    client: redis.Redis, *, examples: int, steps: int, derandomize: bool = False, phases: Iterable[Phase] = Phase
) -> None:
    """Drive the machine. Raises AssertionError with the shortest run of steps that fails."""
    machine = type("Machine", (Twins,), {"client": client})
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomize,
        phases=tuple(phases),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=profile)  # type: ignore[no-untyped-call]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=80)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tr", dir="/tmp") as folder:
        process, url = start_server(folder)
        with process, client_of(url) as client:
            try:
                run_twins(client, examples=args.examples, steps=args.steps)
            finally:
                process.terminate()
    print(f"{args.examples} runs of at most {args.steps} steps: both twins answer alike")


if __name__ == "__main__":
    main()
