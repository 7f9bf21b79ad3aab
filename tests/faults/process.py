"""One incarnation of a worker in virtual time: the third driver of the state machine, over the real `Exchange`.

It does what `runtime.driver` does, with durations in place of threads: effects are performed after a while, their
answers are heard after another, and before each the process may die, freeze, or be told that its time is up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime import events as ev
from runtime.exchange import Exchange
from runtime.failures import brief_record
from runtime.machine.inputs import argument_slots
from runtime.measures.spans import StartUp
from runtime.plan import Task
from runtime.ports import Call, Commit, Status
from runtime.values.trust import Packed
from runtime.worker import Worker
from tests.faults.policies import failure_of, is_skipped, stand_ins
from tests.faults.ports import Crash, ReplyLost, faulty_ports
from tests.faults.uploads import Uploads

if TYPE_CHECKING:
    from tests.faults.world import World


@dataclass(frozen=True, slots=True)
class Delivery:
    """One invocation on its way. `inside` are the pages that travel in the payload; `values` sealed inputs; `forward`
    the calls that it is to send on."""

    call: Call
    values: Mapping[str, bytes]
    forward: tuple[Call, ...]
    inside: frozenset[int]
    has_subdag: bool


class Process:
    """An environment at work on one invocation."""

    def __init__(self, world: World, delivery: Delivery, records: Mapping[str, Task]) -> None:
        self.world = world
        self.call = delivery.call
        self.is_alive = True
        self.why_over = ""
        self.has_lost_reply = False
        self.running: str | None = None
        self._frozen_until = 0.0
        self.began_at = world.now
        self._renew_at = 0.0
        self._hints_after = "0"
        self._is_subscribed = False
        self._is_hint_due = False
        self._has_begun = False
        self.machine = Worker(
            worker=delivery.call.worker,
            token=f"{world.schedule.getrandbits(64):x}",
            env=delivery.call.env,
            settings=world.scenario.settings,
            tasks=records,
            pages={task.page for task in records.values()},
        )
        self._forward = delivery.forward
        ports = faulty_ports(world, world.send, self.later)
        self._uploads = Uploads(
            self._start_up(), ports.signals.push_spans, world.referee.ledger, lambda: world.now, self._beside
        )
        self.exchange = Exchange(self.machine, ports, world.trust, delivery.values, self._hear)

    # ---- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.later(self.world.latency(), self._begin)

    def later(self, delay: float, act: Callable[[], None]) -> None:
        """Do `act` then, if this process still lives; a fault may come first."""
        self.world.at(delay, lambda: self._act(act))

    def _act(self, act: Callable[[], None]) -> None:
        if not self.is_alive:
            return
        if self.world.now < self._frozen_until:
            self.world.at(self._frozen_until - self.world.now + self.world.latency(), lambda: self._act(act))
            return
        chance = self.world.chance
        if chance.strikes("crash"):
            self.end("crashed")
        elif random := chance.strikes("freeze"):
            self._frozen_until = self.world.now + random.choice((3.0, 11.0, 25.0, 90.0, 300.0))
            self._act(act)
        else:
            try:
                act()
            except Crash:
                self.end("crashed")
            except ReplyLost:
                self.has_lost_reply = True
                self.later(self.world.schedule.uniform(0.05, 3.0), act)

    def _beside(self, delay: float, act: Callable[[], None]) -> None:
        """Do `act` then on a thread beside, where no fault comes first, if this process still lives."""

        def do() -> None:
            if self.is_alive and self.world.now < self._frozen_until:
                self._beside(self._frozen_until - self.world.now, act)
            elif self.is_alive:
                act()

        self.world.at(delay, do)

    def _start_up(self) -> StartUp:
        machine = self.machine
        return StartUp(
            run="run",
            worker=machine.worker,
            incarnation=machine.token,
            env_class=machine.env.name,
            memory_mb=machine.env.memory_mb,
            state="cold",
            invoke_time=self.call.called_at,
            start_time=self.world.now,
        )

    def end(self, why: str) -> None:
        self.is_alive = False
        if why == "crashed" and not self._frozen_until:
            self._uploads.dies()
        self.why_over = why
        self.world.ended(self)

    def _begin(self) -> None:
        machine = self.machine
        self.began_at = self.world.now
        begin = self.exchange.ports.coordinator.begin(machine.worker, machine.token, self.call.called_at)
        self._hints_after = f"{int(begin.now * 1000)}-0"
        self.world.trace(f"{machine.worker} {machine.token[:4]} begins: {begin.status.value} {dict(begin.todo)}")

        def hear() -> None:
            self._renew_at = self.world.now + machine.settings.renew_s
            self.later(machine.settings.renew_s, self._renew)
            self._has_begun = begin.status is Status.GO
            self._feed(ev.Begun(begin))
            if self.is_alive and not machine.has_left:
                self.exchange.forward(self._forward, begin.now)

        self.later(self.world.latency(), hear)

    def _renew(self) -> None:
        if self.world.now >= self._renew_at:
            self._renew_at = self.world.now + self.machine.settings.renew_s
            self._perform(ev.Renew())
        self.later(max(0.001, self._renew_at - self.world.now), self._renew)

    def _hear(self, event: ev.Event) -> None:
        if self.is_alive:
            self._feed(event)

    # ---- the machine ------------------------------------------------------------------------------------

    def _feed(self, event: ev.Event) -> None:
        waiting = [event]
        if random := self.world.chance.strikes("time_up"):
            waiting.append(ev.TimeNearlyUp())
            if self.running is not None and self.machine.may_repeat(self.running) and random.random() < 0.5:
                waiting.append(ev.Cut(self.running))
                self.running = None
        for following in waiting:
            for effect in self.machine.step(following, self.world.now):
                match effect:
                    case ev.Seal(task, _, slots):
                        self.exchange.seal(task, slots)
                        waiting.append(ev.Sealed(task))
                    case ev.Substitute(name, record):
                        self.exchange.keep(stand_ins(self.machine.tasks[name], record))
                        waiting.append(ev.Executed(name))
                    case ev.Salvage():
                        self.exchange.perform(effect)
                    case ev.ReportLost(slot):
                        self.world.trace(f"{self.machine.worker} misses {slot}")
                        self.world.referee.misses(self.machine.worker, slot)
                        self.exchange.perform(effect)
                    case _:
                        self._accept(effect)

    def _accept(self, effect: ev.Effect) -> None:
        match effect:
            case ev.RunTask(name, attempt):
                self.running = name
                task = self.machine.tasks[name]
                self.world.starts[name] += 1
                self.world.referee.starts(task)
                self.later(self.world.duration(), lambda: self._run(task, attempt))
            case ev.SetTimer(name, after_s):
                self.later(after_s, lambda: self._feed(ev.TimerFired(name)))
            case ev.Subscribe():
                self._is_subscribed = True
            case ev.Drop(slots):
                self.exchange.forget(slots)
            case ev.Leave(reason):
                self._leave(reason)
            case _:
                self.later(self.world.latency(), lambda: self._perform(effect))

    def _perform(self, effect: ev.Effect) -> None:
        events = self.exchange.perform(effect)
        if isinstance(effect, ev.SendCommit):
            self.world.trace(f"{self.machine.worker} {self.machine.token[:4]} {_shown(effect.commit)}")
        self._renew_at = self.world.now + self.machine.settings.renew_s

        def hear() -> None:
            for event in events:
                if self.is_alive:
                    self._feed(event)

        self.later(self.world.latency(), hear)

    def _run(self, task: Task, attempt: int) -> None:
        if self.running != task.name:
            return  # cut by the invocation's end
        self.running = None
        inputs = self.exchange.inputs_of(task)
        if absent := argument_slots(task) - {slot for slot in argument_slots(task) if slot in self.exchange._held}:
            raise AssertionError(f"{task.name} is run without {sorted(absent)}")
        packed = {slot: value.unpack() for slot, value in inputs.items() if isinstance(value, Packed)}
        for source in self.exchange.sources_of(task):
            self.world.referee.reads(source.slot, packed.get(source.slot, inputs[source.slot]))
        self.world.executions[task.name] += 1
        self.world.referee.runs(task.name, self.began_at)
        self.world.trace(f"{self.machine.worker} {self.machine.token[:4]} ran {task.name}, attempt {attempt}")
        self._uploads.ended(task.name, attempt)
        scenario = self.world.scenario
        if task.name in scenario.flaky - scenario.policies.broken and self.world.executions[task.name] == 1:
            self._feed(self._failed(task, "once", attempt))
            return
        if task.name in self.world.failing:
            self._feed(self._failed(task, "always", attempt))
            return
        values = {**inputs, **packed}
        if task.name in scenario.policies.broken and not is_skipped(task, values):
            self._feed(self._failed(task, "always", attempt))
            return
        self.exchange.keep(self.world.outputs(task, values))
        self._feed(ev.Executed(task.name))

    def _failed(self, task: Task, message: str, attempt: int) -> ev.Failed:
        record = failure_of(task, message, attempt, self.machine.token)
        return ev.Failed(task.name, record, brief_record("Exception", message), ("Exception",))

    def _leave(self, reason: str) -> None:
        """The last word is said after the store let the worker go, so it may come late."""
        machine, world = self.machine, self.world
        world.trace(f"{machine.worker} {machine.token[:4]} is over: {reason}")
        if reason not in ("left", "handed over"):
            if self._has_begun:
                self._uploads.leaves()
            self.end(reason)
            return

        def flush() -> None:
            self._uploads.leaves()
            self.end(reason)

        self.later(world.latency(), flush)

    # ---- hints ------------------------------------------------------------------------------------------

    def look_for_hints(self) -> None:
        """Something was written: perhaps a hint for this worker."""
        if self._is_subscribed and not self._is_hint_due and not self.machine.has_left:
            self._is_hint_due = True
            self.later(self.world.latency(), self._hint)

    def _hint(self) -> None:
        self._is_hint_due = False
        messages = self.exchange.ports.signals.wait_hints(self.machine.worker, self._hints_after, 0.0)
        if not messages:
            return
        self._hints_after = messages[-1].id
        if self.world.chance.strikes("lose_hint"):
            return
        for event in self.exchange.take_hints(messages):
            if self.is_alive:
                self._feed(event)


def _shown(commit: Commit) -> str:
    items = ", ".join(_item(item) for item in commit.items)
    return f"commit {commit.seq} {commit.mode.value}: {items}"


def _item(item: object) -> str:
    name = getattr(item, "slot", None) or getattr(item, "task", None) or getattr(item, "tasks", None)
    return f"{type(item).__name__} {name or getattr(item, 'worker', '')}"
