"""One incarnation of a worker in virtual time: the second driver of `runtime.worker`.

It does what `runtime.driver` does, with durations in place of threads. An environment has two hands. *Main* runs user
code, and does the store's errands while it has none; *io* does them while main is busy. Each does one thing at a time,
so a long upload holds up the fetch behind it here as it does there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from compiler.simulate.errands import Delivery, Errands
from compiler.simulate.exchange import VirtualExchange
from compiler.simulate.link import Link
from compiler.simulate.notes import Notes, Ran, base_record
from compiler.simulate.places import Place
from runtime import events as ev
from runtime.plan import Task
from runtime.ports import Begin, HintMessage, Status
from runtime.timeline import InvocationSpans
from runtime.worker import Worker

if TYPE_CHECKING:
    from compiler.simulate.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Why things happened in one incarnation when they did, beside its spans.

    `place` numbers its environment, `start` are the grants for which it was called, `arrived` says when each slot that
    was made elsewhere was at hand.
    """

    place: int
    start: tuple[str, ...]
    arrived: Mapping[str, float]


class Incarnation:
    """An environment at work on one invocation."""

    def __init__(self, world: World, place: Place, delivery: Delivery, records: Mapping[str, Task]) -> None:
        self.world = world
        self.place = place
        self.delivery = delivery
        self.machine = Worker(
            worker=delivery.call.worker,
            token=world.next_token(),
            env=delivery.call.env,
            settings=world.settings,
            tasks=records,
            pages={task.page for task in records.values()},
        )
        self._exchange = VirtualExchange(
            world.settings, world.conditions, world.sizes, delivery.values, self.machine.token
        )
        self._record = base_record(
            delivery.call.env,
            run=world.run_id,
            worker=self.machine.worker,
            token=self.machine.token,
            state="cold" if place.is_cold else "warm",
            sent_at=delivery.sent_at,
            now=world.time.now,
            start_cpu_s=world.conditions.start_work_s if place.is_cold else 0.0,
            queue_s=place.queue_s,
        )
        self._notes = Notes()
        self._link = Link(world)
        self._errands = Errands(
            world,
            self.machine,
            exchange=self._exchange,
            link=self._link,
            notes=self._notes,
            feed=self._feed,
            hold_s=self._hold_s,
        )
        self._jobs: deque[ev.Effect] = deque()
        self._to_run: ev.RunTask | None = None
        self._is_main_busy = True
        self._is_io_busy = False
        self._is_subscribed = False
        self._executing: int | None = None
        self._free_since = 0.0
        self._over = ""

    @property
    def ran(self) -> Iterable[str]:
        """The tasks that have ended here."""
        return self._notes.ran

    # ---- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The handler's first line: records that did not travel are fetched, code is loaded, the worker begins."""
        world, notes, conditions = self.world, self._notes, self.world.conditions
        decode_s = conditions.decode_s * len(self.machine.tasks)
        code_s = world.code_load_s(self.place, self.machine.tasks.values())
        setup_s = conditions.setup_cold_s if self.place.is_cold else conditions.setup_warm_s
        work_s = setup_s + decode_s + code_s
        notes.fetch_s = 0.0 if self.delivery.from_launcher else self._link.trip_s
        half, arrived_at = self._link.trip_s / 2, world.time.now

        def prepared() -> None:
            stretch = (world.time.now - arrived_at - notes.fetch_s) / work_s if work_s else 1.0
            notes.setup_s, notes.decode_s, notes.code_s = setup_s * stretch, decode_s * stretch, code_s * stretch
            world.time.call_later(half, begin, world.time.now)

        def begin(asked_at: float) -> None:
            answer = world.coordinator.begin(self.machine.worker, self.machine.token, self.delivery.call.called_at)
            world.time.call_later(half, begun, answer, asked_at)

        def begun(answer: object, asked_at: float) -> None:
            assert isinstance(answer, Begin)
            notes.begin_s = world.time.now - asked_at
            self._is_main_busy, self._free_since = False, world.time.now
            self._feed(ev.Begun(answer))
            if not self._over and answer.status is Status.GO:
                self._forward()

        world.time.call_later(notes.fetch_s, world.work, work_s, prepared)

    def _forward(self) -> None:
        for call in self.delivery.forward:
            self.world.invoke(Delivery(call=call, sent_at=0.0, values=self.delivery.values))

    def _leave(self, reason: str) -> None:
        """What was measured is sent, then the handler returns."""
        self._over = reason
        self._note_idle()
        self.world.work(self.world.conditions.leave_s, self._left)

    def _left(self) -> None:
        world = self.world
        world.left(
            self,
            InvocationSpans(
                start_up=self._notes.start_up(self._record, self._exchange, world.time.now),
                spans=self._notes.spans(self._exchange),
                is_complete=True,
            ),
            Trace(place=self.place.number, start=self.delivery.call.start, arrived=self._exchange.arrived),
        )
        world.time.call_later(self._link.trip_s, self.place.returned)

    # ---- the machine ------------------------------------------------------------------------------------

    def _feed(self, event: ev.Event) -> None:
        waiting = [event]
        for following in waiting:
            if self._over:
                return
            for effect in self.machine.step(following, self.world.time.now):
                match effect:
                    case ev.RunTask():
                        self._to_run = effect
                    case ev.SetTimer(name, after_s):
                        self.world.time.call_later(after_s, self._fire, name)
                    case ev.Subscribe():
                        self._is_subscribed = True
                    case ev.Drop(slots):
                        self._exchange.forget(slots)
                    case ev.Leave(reason):
                        self._leave(reason)
                    case ev.Seal(task, _, slots):
                        if self.world.conditions.serialize_bytes_per_s < inf:
                            self._seal(task, slots)
                        else:
                            waiting.append(ev.Sealed(task))
                    case _:
                        self._jobs.append(effect)
        self._assign()

    def _fire(self, name: str) -> None:
        self._feed(ev.TimerFired(name))

    def _assign(self) -> None:
        """Give the hands what there is to do: user code to main, errands to main while it is idle, else to io."""
        while not self._over:
            if not self._is_main_busy and self._to_run is not None:
                run, self._to_run = self._to_run, None
                self._take_main()
                self._run(run)
            elif not self._is_main_busy and self._jobs:
                self._take_main()
                self._errands.do(self._jobs.popleft(), partial(self._errand_done, self.world.time.now))
            elif self._is_main_busy and not self._is_io_busy and self._jobs:
                self._is_io_busy = True
                self._errands.do(self._jobs.popleft(), self._io_free)
            else:
                return

    def _take_main(self) -> None:
        self._note_idle()
        self._is_main_busy = True

    def _note_idle(self) -> None:
        if not self._is_main_busy:
            self._notes.idle_s += self.world.time.now - self._free_since

    def _hold_s(self) -> float:
        """What an errand that begins now waits for the task that main runs."""
        return 0.0 if self._executing is None else self.world.hold_s(self._executing)

    def _main_free(self) -> None:
        self._is_main_busy, self._free_since = False, self.world.time.now

    def _errand_done(self, began: float) -> None:
        self._notes.errand_s += self.world.time.now - began
        self._main_free()

    def _io_free(self) -> None:
        self._is_io_busy = False

    # ---- user code --------------------------------------------------------------------------------------

    def _run(self, run: ev.RunTask) -> None:
        world, task = self.world, self.machine.tasks[run.task]
        number, began = world.number_of[run.task], world.time.now
        code_s = world.load_code(self.place, number)
        self._notes.code_s += code_s
        inputs = self._exchange.sources_of(task)
        local_bytes = self._exchange.local_bytes(task)
        self._executing = number

        def ended() -> None:
            self._executing = None
            self._notes.ran[run.task] = Ran(
                task=task,
                attempt=run.attempt,
                started_at=began + code_s,
                exec_s=world.time.now - began - code_s,
                inputs=inputs,
                local_bytes=local_bytes,
                waited_s=self.machine.waited_s(run.task),
                cpu=world.cpu_of(number, world.time.now - began - code_s),
            )
            self._main_free()
            self._feed(ev.Executed(run.task))

        world.execute(number, code_s + world.conditions.task_s, ended)

    def _seal(self, task: str, slots: Sequence[str]) -> None:
        """The thread that asks for it packs and signs at once; it is main's nearly always."""
        was_busy, began = self._is_main_busy, self.world.time.now
        sizes = {slot: self._exchange.size(slot) for slot in slots}
        total = sum(sizes.values())
        if not was_busy:
            self._take_main()

        def done() -> None:
            took_s = self.world.time.now - began
            self._notes.serialize_s.update({slot: took_s * size / total for slot, size in sizes.items()})
            if not was_busy:
                self._main_free()
            self._feed(ev.Sealed(task))

        self.world.work(total / self.world.conditions.serialize_bytes_per_s, done)

    # ---- hints ------------------------------------------------------------------------------------------

    def hint(self, message: HintMessage) -> None:
        """A wake-up was written for this worker: it comes after half a trip."""
        if self._is_subscribed and not self._over:
            self.world.time.call_later(self._link.trip_s / 2, self._hear_hint, message)

    def _hear_hint(self, message: HintMessage) -> None:
        if self._over:
            return
        for slot in message.arrived:
            self._exchange.admit(slot, "hint", self.world.time.now)
        self._feed(ev.Hinted(tuple(message.arrived), message.stored))
