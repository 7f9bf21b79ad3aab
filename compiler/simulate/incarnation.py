"""One incarnation of a worker in virtual time: the second driver of `runtime.worker`.

It does what `runtime.driver` does, with durations in place of threads. An environment has two hands. *Main* runs user
code, and does the store's errands while it has none; *io* does them while main is busy. Each does one thing at a time,
so a long upload holds up the fetch behind it here as it does there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from compiler.simulate.exchange import VirtualExchange
from compiler.simulate.places import Place
from compiler.simulate.virtual_time import Shared
from runtime import events as ev
from runtime.calls.calling import in_a_tree
from runtime.plan import Task, slot_name
from runtime.ports import Answer, Begin, Call, Commit, HintMessage, Item, Reference, Status, Store
from runtime.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.timeline import InvocationSpans
from runtime.worker import Worker

if TYPE_CHECKING:
    from compiler.simulate.world import World

Then = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One invocation on its way. `sender` is the incarnation that sent it, "" for the launcher. `values` are the slots
    that travel in its payload, `forward` the calls that it is to send on; `from_launcher`: its records travel inside.
    """

    call: Call
    sent_at: float
    sender: str = ""
    values: frozenset[str] = frozenset()
    forward: tuple[Call, ...] = ()
    from_launcher: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Why things happened in one incarnation when they did, beside its spans.

    `place` numbers its environment, `start` are the grants for which it was called, `arrived` says when each slot that
    was made elsewhere was at hand.
    """

    place: int
    start: tuple[str, ...]
    arrived: Mapping[str, float]


@dataclass(slots=True)
class _Spent:
    """Where the time of an invocation went so far, in seconds."""

    begin: float = 0.0
    fetch: float = 0.0
    decode: float = 0.0
    code: float = 0.0
    commit: float = 0.0
    invoke: float = 0.0
    idle: float = 0.0
    invocations: int = 0


@dataclass(slots=True, kw_only=True)
class _Ran:
    """One attempt, as far as it is known."""

    task: Task
    attempt: int
    started_at: float
    exec_s: float
    inputs: tuple[InputSpan, ...]
    local_bytes: int
    stored: set[str] = field(default_factory=set)
    commit_s: float = 0.0
    committed_at: float = 0.0


class Incarnation:
    """An environment at work on one invocation."""

    def __init__(self, world: World, place: Place, delivery: Delivery, records: Mapping[str, Task]) -> None:
        self.world = world
        self.place = place
        self.delivery = delivery
        self.start_time = world.time.now
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
        conditions = world.conditions
        self._link = Shared(
            world.time,
            capacity=conditions.environment_bytes_per_s,
            most=conditions.environment_bytes_per_s,
        )
        self._jobs: deque[ev.Effect] = deque()
        self._to_run: ev.RunTask | None = None
        self._is_main_busy = True
        self._is_io_busy = False
        self._is_subscribed = False
        self._free_since = 0.0
        self._over = ""
        self._spent = _Spent()
        self._ran: dict[str, _Ran] = {}

    # ---- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The handler's first line: records that did not travel are fetched, code is loaded, the worker begins."""
        world, began = self.world, self.world.time.now
        decode_s = world.conditions.decode_s * len(self.machine.tasks)
        fetch_s = 0.0 if self.delivery.from_launcher else self._trip_s()
        code_s = world.code_load_s(self.place, self.machine.tasks.values())
        self._spent.decode, self._spent.fetch, self._spent.code = decode_s, fetch_s, code_s
        half = self._trip_s() / 2

        def begin() -> None:
            answer = world.coordinator.begin(self.machine.worker, self.machine.token, self.delivery.call.called_at)
            world.time.call_later(half, begun, answer)

        def begun(answer: object) -> None:
            assert isinstance(answer, Begin)
            self._spent.begin = world.time.now - began - decode_s - fetch_s - code_s
            self._is_main_busy, self._free_since = False, world.time.now
            self._feed(ev.Begun(answer))
            if not self._over and answer.status is Status.GO:
                self._forward()

        world.time.call_later(fetch_s + decode_s + code_s + half, begin)

    def _forward(self) -> None:
        for call in self.delivery.forward:
            self.world.invoke(Delivery(call=call, sent_at=0.0, sender=self.machine.token, values=self.delivery.values))

    def _leave(self, reason: str) -> None:
        """What was measured is sent, then the handler returns."""
        self._over = reason
        self._note_idle()
        world = self.world
        world.left(
            self,
            InvocationSpans(
                start_up=self._start_up(), spans=tuple(map(self._span, self._ran.values())), is_complete=True
            ),
            Trace(place=self.place.number, start=self.delivery.call.start, arrived=self._exchange.arrived),
        )
        world.time.call_later(self._trip_s(), self.place.returned)

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
                        if (pause := self._sealing_s(task, slots)) > 0.0:
                            self._occupy_main(pause, ev.Sealed(task))
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
                self._do(self._jobs.popleft(), self._main_free)
            elif self._is_main_busy and not self._is_io_busy and self._jobs:
                self._is_io_busy = True
                self._do(self._jobs.popleft(), self._io_free)
            else:
                return

    def _take_main(self) -> None:
        self._note_idle()
        self._is_main_busy = True

    def _note_idle(self) -> None:
        if not self._is_main_busy:
            self._spent.idle += self.world.time.now - self._free_since

    def _main_free(self) -> None:
        self._is_main_busy, self._free_since = False, self.world.time.now

    def _io_free(self) -> None:
        self._is_io_busy = False

    # ---- user code --------------------------------------------------------------------------------------

    def _run(self, run: ev.RunTask) -> None:
        world, task = self.world, self.machine.tasks[run.task]
        number, began = world.number_of[run.task], world.time.now
        code_s = world.load_code(self.place, number)
        self._spent.code += code_s
        inputs = self._exchange.sources_of(task)
        local_bytes = self._exchange.local_bytes(task)

        def ended() -> None:
            self._ran[run.task] = _Ran(
                task=task,
                attempt=run.attempt,
                started_at=began + code_s,
                exec_s=world.time.now - began - code_s,
                inputs=inputs,
                local_bytes=local_bytes,
            )
            self._main_free()
            self._feed(ev.Executed(run.task))

        world.execute(number, code_s + world.conditions.task_s, ended)

    def _sealing_s(self, task: str, slots: Iterable[str]) -> float:
        return sum(self._exchange.size(slot) for slot in slots) / self.world.conditions.serialize_bytes_per_s

    def _occupy_main(self, seconds: float, then: ev.Event) -> None:
        """Something that the thread which asks for it does at once; it is main's nearly always."""
        was_busy = self._is_main_busy
        if not was_busy:
            self._take_main()

        def done() -> None:
            if not was_busy:
                self._main_free()
            self._feed(then)

        self.world.time.call_later(seconds, done)

    # ---- errands ----------------------------------------------------------------------------------------

    def _trip_s(self) -> float:
        return self.world.conditions.round_trip_s

    def _do(self, effect: ev.Effect, free: Then) -> None:
        match effect:
            case ev.SendCommit():
                self._commit(effect, free)
            case ev.Fetch(slots):
                self._fetch(slots, free)
            case ev.LoadPages(numbers):
                self._load(numbers, free)
            case ev.Renew():
                self._renew(free)
            case _:
                raise AssertionError(f"nothing is lost in a simulation: {effect!r}")

    def _commit(self, effect: ev.SendCommit, free: Then) -> None:
        """Large values first, each with a trip of its own; then the commit; then whom it calls."""
        exchange, world, began = self._exchange, self.world, self.world.time.now
        items = tuple([exchange.filled(item, effect.fill) for item in effect.commit.items])
        large = [item.slot for item in items if isinstance(item, Store) and item.reference and item.slot in effect.fill]
        small = sum(len(item.value) for item in items if isinstance(item, Store) and item.value)

        def send() -> None:
            world.time.call_later(world.conditions.commit_s, self._up, small, arrive)

        def arrive() -> None:
            answer = world.commit(replace(effect.commit, items=items))
            world.time.call_later(self._trip_s() / 2, hear, answer)

        def hear(answer: object) -> None:
            assert isinstance(answer, Answer)
            exchange.commits += 1
            self._spent.commit += world.time.now - began
            self._note_stored(items, effect.fill, world.time.now - began, answer.now)
            self._invoke(answer, items, lambda: done(answer))

        def done(answer: Answer) -> None:
            free()
            self._feed(ev.Committed(answer))

        self._put(deque(large), send)

    def _note_stored(self, items: Iterable[Item], fill: frozenset[str], took: float, at: float) -> None:
        for item in items:
            if isinstance(item, Store) and item.slot in fill and (ran := self._ran.get(item.task)) is not None:
                ran.stored.add(item.slot)
                ran.commit_s, ran.committed_at = took, at

    def _put(self, slots: deque[str], then: Then) -> None:
        """One large value after another."""
        if not slots:
            then()
            return
        slot = slots.popleft()
        self._travel(self._exchange.size(slot), lambda: self._put(slots, then))

    def _travel(self, size: int, then: Then) -> None:
        """There, with so many bytes one way or the other, and back."""
        self._up(size, lambda: self.world.time.call_later(self._trip_s() / 2, then))

    def _up(self, size: int, then: Then) -> None:
        """Half a trip, and so many bytes."""
        self.world.time.call_later(self._trip_s() / 2, self._carry, size, then)

    def _down(self, size: int, then: Then) -> None:
        """So many bytes, and half a trip."""
        self._carry(size, lambda: self.world.time.call_later(self._trip_s() / 2, then))

    def _carry(self, size: int, then: Then) -> None:
        """Over the environment's link and the store's, whichever takes longer."""
        left = [2]

        def half() -> None:
            left[0] -= 1
            if not left[0]:
                then()

        self._link.take(float(size), half)
        self.world.store_link.take(float(size), half)

    def _invoke(self, answer: Answer, items: Iterable[Item], then: Then) -> None:
        """Call whom the answer asks for: a few one after another here, many beside it."""
        tree = in_a_tree(answer.calls)
        if not tree:
            then()
            return
        world, began = self.world, self.world.time.now
        self._spent.invocations += len(tree)
        items = list(items)
        deliveries = [
            Delivery(
                call=call,
                sent_at=0.0,
                sender=self.machine.token,
                values=self._exchange.start_inputs([name for one in (call, *rest) for name in one.start], items),
                forward=rest,
            )
            for call, rest in tree
        ]

        def done() -> None:
            self._spent.invoke += world.time.now - began
            then()

        world.send(deliveries, done, self._confirm)

    def _confirm(self, call: Call) -> None:
        if not self._over:
            self._feed(ev.Invoked(call.worker, call.called_at))

    def _fetch(self, slots: tuple[str, ...], free: Then) -> None:
        world, began = self.world, self.world.time.now
        inside = [slot for slot in slots if slot in self._exchange.inside]
        asked = [slot for slot in slots if slot not in self._exchange.inside]
        for slot in inside:
            self._exchange.admit(slot, "payload", began)
        missing: list[str] = []
        found: list[str] = []

        def look() -> None:
            stored = dict(zip(asked, world.values.fetch(asked), strict=True))
            missing.extend(slot for slot in asked if stored[slot] is None)
            found.extend(slot for slot in asked if stored[slot] is not None)
            large = [slot for slot in found if isinstance(stored[slot], Reference)]
            small = sum(self._exchange.size(slot) for slot in found if slot not in large)
            self._down(small, lambda: self._get(deque(large), done))

        def done() -> None:
            for slot in found:
                self._exchange.admit(slot, "store", world.time.now, world.time.now - began)
            free()
            self._feed(ev.Fetched((*inside, *found), tuple(missing)))

        if asked:
            world.time.call_later(self._trip_s() / 2, look)
        else:
            done()

    def _get(self, slots: deque[str], then: Then) -> None:
        if not slots:
            then()
            return
        slot = slots.popleft()
        self._travel(self._exchange.size(slot), lambda: self._get(slots, then))

    def _load(self, numbers: tuple[int, ...], free: Then) -> None:
        world, began = self.world, self.world.time.now
        tasks = {name: task for number in numbers for name, task in world.workload.pages[number].items()}
        decode_s = world.conditions.decode_s * len(tasks)

        def done() -> None:
            self._spent.fetch += world.time.now - began - decode_s
            self._spent.decode += decode_s
            free()
            self._feed(ev.PagesLoaded(tasks))

        world.time.call_later(self._trip_s() + decode_s, done)

    def _renew(self, free: Then) -> None:
        world, machine = self.world, self.machine
        empty = Commit(worker=machine.worker, token=machine.token, seq=-1, env=machine.env, known=-1)

        def arrive() -> None:
            world.time.call_later(self._trip_s() / 2, hear, world.commit(empty))

        def hear(answer: object) -> None:
            assert isinstance(answer, Answer)
            free()
            self._feed(ev.Renewed(answer))

        world.time.call_later(self._trip_s() / 2, arrive)

    # ---- hints ------------------------------------------------------------------------------------------

    def hint(self, message: HintMessage) -> None:
        """A wake-up was written for this worker: it comes after half a trip."""
        if self._is_subscribed and not self._over:
            self.world.time.call_later(self._trip_s() / 2, self._hear_hint, message)

    def _hear_hint(self, message: HintMessage) -> None:
        if self._over:
            return
        for slot in message.arrived:
            self._exchange.admit(slot, "hint", self.world.time.now)
        self._feed(ev.Hinted(tuple(message.arrived)))

    # ---- what happened ----------------------------------------------------------------------------------

    def _start_up(self) -> StartUp:
        spent, exchange, env = self._spent, self._exchange, self.machine.env
        return StartUp(
            run=self.world.run_id,
            worker=self.machine.worker,
            incarnation=self.machine.token,
            env_class=env.name,
            memory_mb=env.memory_mb,
            state="cold" if self.place.is_cold else "warm",
            invoke_time=self.delivery.sent_at,
            start_time=self.start_time,
            begin_s=spent.begin,
            subdag_fetch_s=spent.fetch,
            subdag_decode_s=spent.decode,
            code_load_s=spent.code,
            ended_at=self.world.time.now,
            commits=exchange.commits,
            commit_s=spent.commit,
            invocations=spent.invocations,
            invoke_s=spent.invoke,
            idle_s=spent.idle,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )

    def _span(self, ran: _Ran) -> TaskSpan:
        task, exchange = ran.task, self._exchange
        return TaskSpan(
            task=task.name,
            attempt=ran.attempt,
            outcome="skipped" if task.is_handler else "done",
            started_at=ran.started_at,
            exec_s=ran.exec_s,
            wait_inputs_s=max((one.fetch_s for one in ran.inputs), default=0.0),
            commit_s=ran.commit_s,
            committed_at=ran.committed_at,
            inputs=ran.inputs,
            local_inputs=len(task.in_edges) - len(ran.inputs),
            local_bytes=ran.local_bytes,
            outputs=tuple(
                [
                    OutputSpan(name=name, bytes=exchange.size(slot), is_stored=slot in ran.stored)
                    for slot, name in _outputs(task)
                ]
            ),
        )


def _outputs(task: Task) -> list[tuple[str, str | None]]:
    return [(slot_name(task.name, name), name) for name in task.outputs] or [(task.name, None)]
