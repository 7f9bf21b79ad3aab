"""The real driver of a worker: user code on the main thread, the store beside it, one state machine under a lock.

It holds the bytes and values that the machine only names, does each effect, and feeds what came of it back.
Threads: *main* runs user code, and does the store's work itself while it has nothing to run (no hand-over
between threads when a run is short); *io* does that work while main is busy, renews the lease and fires
timers; *hints* blocks on the worker's hint stream, only for pinned workers with remote inputs.

What a commit's answer asks to be called is invoked right after it, on the thread that committed, so that a
long task never holds up a fan-out.
"""

from __future__ import annotations

import heapq
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from runtime.code import CodeLoader
from runtime.errors import NotSerializable, RuntimeFault
from runtime.events import (
    Begun,
    Committed,
    Drop,
    Effect,
    Event,
    Executed,
    Failed,
    Fetch,
    Fetched,
    Hinted,
    Leave,
    LoadPages,
    PagesLoaded,
    Renew,
    Renewed,
    ReportLost,
    RunTask,
    Seal,
    Sealed,
    SendCommit,
    SetTimer,
    Subscribe,
    TimeNearlyUp,
    TimerFired,
)
from runtime.execute import Execution, Outcome, alarm_handler
from runtime.failures import error_record
from runtime.metrics import MetricsSink
from runtime.pages import decode_subdag
from runtime.plan import Task
from runtime.ports import Call, Commit, Coordinator, Reference, Signals, Store, ValueStore
from runtime.spans import InputSpan, StartUp, TaskSpan
from runtime.trust import Packed, Trust
from runtime.worker import Worker

HINT_BLOCK_S = 0.5
TIMEOUT_GRACE_S = 5.0
STUCK_EXIT_CODE = 75
TIME_UP = "time-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the driver asks of the world. `invoke` sends one invocation with small sealed inputs of its start tasks."""

    coordinator: Coordinator
    values: ValueStore
    signals: Signals
    invoke: Callable[[Call, Mapping[str, bytes]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One invocation of one worker. `values` are sealed inputs from the payload; `deadline` is monotonic or None.

    `may_exit`: the process is an environment's own, so that a task stuck beyond its timeout may end it.
    """

    worker: Worker
    run: str
    trust: Trust
    called_at: float
    values: Mapping[str, bytes] = field(default_factory=dict)
    deadline: float | None = None
    is_cold: bool = False
    may_exit: bool = False


class Driver:
    """Runs one incarnation to its end."""

    def __init__(
        self,
        invocation: Invocation,
        ports: Ports,
        loader: CodeLoader,
        literals: Callable[[str], object],
    ) -> None:
        self._invocation = invocation
        self._worker = invocation.worker
        self._settings = invocation.worker.settings
        self._ports = ports
        self._trust = invocation.trust
        self._execution = Execution(loader, literals)
        self._lock = threading.Lock()
        self._main_wakes = threading.Condition(self._lock)
        self._io_wakes = threading.Condition(self._lock)
        self._jobs: deque[Effect] = deque()
        self._to_run: RunTask | None = None
        self._is_main_busy = False
        self._values: dict[str, object] = {}
        self._sealed: dict[str, bytes] = {}
        self._sources: dict[str, InputSpan] = {}
        self._timers: list[tuple[float, str]] = []
        self._renew_at = 0.0
        self._hints_after = "0"
        self._running_until: float | None = None
        self._over = ""
        self._fault: BaseException | None = None
        self._serialize_s = 0.0
        self._bytes_in = 0
        self._bytes_out = 0
        self._commits = 0
        self._sink = MetricsSink(ports.signals.emit_events)

    def run(self) -> str:
        """Begin, work, leave; returns why it ended. Raises what the store raised when it could not be reached."""
        start = time.time()
        begin = self._ports.coordinator.begin(self._worker.worker, self._worker.token, self._invocation.called_at)
        self._renew_at = time.monotonic() + self._settings.renew_s
        self._hints_after = f"{int(begin.now * 1000)}-0"
        switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        io = threading.Thread(target=self._guarded, args=(self._io_loop,), name="treadle-io", daemon=True)
        try:
            self._feed(Begun(begin))
            if not self._over:
                io.start()
                if self._invocation.deadline is not None:
                    with self._lock:
                        self._accept(SetTimer(TIME_UP, self._invocation.deadline - time.monotonic()))
                with alarm_handler():
                    self._main_loop()
        finally:
            with self._lock:
                self._over = self._over or "stopped"
                self._io_wakes.notify_all()
            sys.setswitchinterval(switch_interval)
        if io.ident is not None:
            io.join()
        if self._fault is not None:
            raise self._fault
        if self._over in ("left", "handed over"):
            self._flush(start)
        return self._over

    # ---- threads ----------------------------------------------------------------------------------------

    def _guarded(self, loop: Callable[[], None]) -> None:
        """The boundary of a thread: what ends it unforeseen ends the incarnation, and is raised by `run`."""
        try:
            loop()
        except BaseException as err:  # noqa: BLE001
            self._stop(err)

    def _stop(self, fault: BaseException) -> None:
        with self._lock:
            self._fault = self._fault or fault
            self._over = self._over or "fault"
            self._wake()

    def _main_loop(self) -> None:
        while True:
            with self._lock:
                self._is_main_busy = False
                while not (self._over or self._to_run or self._jobs):
                    self._main_wakes.wait()
                if self._over:
                    return
                task, self._to_run = self._to_run, None
                job = self._jobs.popleft() if task is None else None
                self._is_main_busy = True
                if self._jobs:
                    self._io_wakes.notify()
            if task is not None:
                self._run_task(task)
            elif job is not None:
                self._do(job)

    def _io_loop(self) -> None:
        while True:
            job: Effect | None = None
            fired: list[str] = []
            with self._lock:
                if not (self._over or (self._jobs and self._is_main_busy)):
                    self._io_wakes.wait(self._pause())
                if self._over:
                    return
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    fired.append(heapq.heappop(self._timers)[1])
                if self._jobs and self._is_main_busy:
                    job = self._jobs.popleft()
                elif self._renew_at <= now:
                    job = Renew()
                    self._renew_at = now + self._settings.renew_s
            for name in fired:
                self._feed(TimerFired(name) if name != TIME_UP else TimeNearlyUp())
            if job is not None:
                self._do(job)
            self._end_if_stuck()

    def _pause(self) -> float:
        """Seconds until the io thread has something to do by the clock."""
        times = [self._renew_at]
        if self._timers:
            times.append(self._timers[0][0])
        if self._running_until is not None and self._invocation.may_exit:
            times.append(self._running_until + TIMEOUT_GRACE_S)
        return max(0.0, min(times) - time.monotonic())

    def _hint_loop(self) -> None:
        after = self._hints_after
        while not self._over:
            try:
                messages = self._ports.signals.wait_hints(self._worker.worker, after, HINT_BLOCK_S)
            except RuntimeFault:
                return  # hints may be lost; the commit's connection says what is wrong
            if not messages or self._over:
                continue
            after = messages[-1].id
            slots: dict[str, None] = {}
            for message in messages:
                for slot, sealed in message.arrived.items():
                    if self._admit_value(slot, sealed, "hint"):
                        slots[slot] = None
            if slots:
                self._feed(Hinted(tuple(slots)))
            if any(not message.arrived for message in messages):
                self._feed(Hinted(()))

    def _end_if_stuck(self) -> None:
        until = self._running_until
        if self._invocation.may_exit and until is not None and time.monotonic() > until + TIMEOUT_GRACE_S:
            os._exit(STUCK_EXIT_CODE)

    # ---- the machine ------------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        """Step the machine and take its effects on; seals are done at once, on this thread, and fed back."""
        waiting = [event]
        for following in waiting:
            with self._lock:
                effects = self._worker.step(following, time.monotonic())
                seals = [effect for effect in effects if not self._accept(effect)]
                self._wake()
            waiting.extend(self._seal(seal) for seal in seals if isinstance(seal, Seal))

    def _accept(self, effect: Effect) -> bool:
        """Take on one effect; False for what the caller has to do at once."""
        match effect:
            case RunTask():
                self._to_run = effect
            case SetTimer(name, after_s):
                heapq.heappush(self._timers, (time.monotonic() + after_s, name))
                self._io_wakes.notify()
            case Drop(slots):
                for slot in slots:
                    self._values.pop(slot, None)
                    self._sources.pop(slot, None)
            case Leave(reason):
                self._over = reason
            case Subscribe():
                hints = threading.Thread(
                    target=self._guarded, args=(self._hint_loop,), name="treadle-hints", daemon=True
                )
                hints.start()
            case Seal():
                return False
            case _:
                self._jobs.append(effect)
        return True

    def _wake(self) -> None:
        """Wake whoever has work: main for user code, and for the store while it is idle; io for the rest."""
        if self._over:
            self._main_wakes.notify()
            self._io_wakes.notify()
        elif not self._is_main_busy and (self._to_run or self._jobs):
            self._main_wakes.notify()
            if len(self._jobs) > (self._to_run is None):
                self._io_wakes.notify()
        elif self._jobs and (self._to_run or threading.current_thread() is not threading.main_thread()):
            self._io_wakes.notify()

    def _do(self, job: Effect) -> None:
        try:
            event = self._perform(job)
        except RuntimeFault as fault:
            self._stop(fault)
            return
        if event is not None:
            self._feed(event)

    def _perform(self, job: Effect) -> Event | None:
        match job:
            case SendCommit():
                return self._commit(job)
            case Fetch(slots):
                return self._fetch(slots)
            case LoadPages(numbers):
                return self._load_pages(numbers)
            case Renew():
                empty = Commit(
                    worker=self._worker.worker, token=self._worker.token, seq=-1, env=self._worker.env, known=-1
                )
                return Renewed(self._ports.coordinator.commit(empty))
            case ReportLost(slot):
                (found,) = self._ports.values.fetch([slot])
                key = found.key if isinstance(found, Reference) else ""
                self._ports.coordinator.lost(self._worker.worker, self._worker.token, slot, key)
                return None
            case _:
                raise AssertionError(f"no job: {job!r}")

    # ---- the store --------------------------------------------------------------------------------------

    def _commit(self, effect: SendCommit) -> Event:
        items = tuple(
            self._filled(item) if isinstance(item, Store) and item.slot in effect.fill else item
            for item in effect.commit.items
        )
        answer = self._ports.coordinator.commit(replace(effect.commit, items=items))
        self._commits += 1
        self._renew_at = time.monotonic() + self._settings.renew_s
        for slot, winner in (answer.winners or {}).items():
            self._adopt(slot, winner)
        for call in answer.calls:
            self._ports.invoke(call, self._inputs_of(call, effect.commit))
        for slot in effect.fill:
            self._sealed.pop(slot, None)
        return Committed(answer)

    def _filled(self, item: Store) -> Store:
        sealed = self._sealed[item.slot]
        self._bytes_out += len(sealed)
        if len(sealed) <= self._settings.store_value_bytes:
            return replace(item, value=sealed)
        output = item.slot[len(item.task) + 1 :] or None
        key = self._ports.values.put_large(item.task, output, self._worker.token, sealed)
        return replace(item, reference=key)

    def _inputs_of(self, call: Call, commit: Commit) -> dict[str, bytes]:
        """The sealed values of this commit that the called worker's start tasks take: no trip to fetch them."""
        start = set(call.start)
        return {
            item.slot: self._sealed[item.slot]
            for item in commit.items
            if isinstance(item, Store)
            and item.slot in self._sealed
            and any(arrival.consumer in start for arrival in item.arrivals)
        }

    def _fetch(self, slots: tuple[str, ...]) -> Event:
        began = time.monotonic()
        inside = {slot: self._invocation.values[slot] for slot in slots if slot in self._invocation.values}
        asked = [slot for slot in slots if slot not in inside]
        stored = self._ports.values.fetch(asked) if asked else []
        found: list[str] = [slot for slot, sealed in inside.items() if self._admit_value(slot, sealed, "payload")]
        for slot, value in zip(asked, stored, strict=True):
            sealed = self._ports.values.get_large(value.key) if isinstance(value, Reference) else value
            if sealed is not None and self._admit_value(slot, sealed, "store", began):
                found.append(slot)
        return Fetched(tuple(found), tuple(slot for slot in slots if slot not in set(found)))

    def _admit_value(self, slot: str, sealed: bytes, source: str, began: float | None = None) -> bool:
        value = self._trust.verify_value(slot, sealed)
        waited = time.monotonic() - began if began is not None else 0.0
        with self._lock:
            self._bytes_in += len(sealed)
            self._values.setdefault(slot, value)
            self._sources[slot] = InputSpan(slot=slot, bytes=len(sealed), source=source, fetch_s=waited)
        return True

    def _adopt(self, slot: str, winner: bytes | Reference) -> None:
        """Another incarnation stored this slot first: its value is the one that counts."""
        sealed = self._ports.values.get_large(winner.key) if isinstance(winner, Reference) else winner
        if sealed is not None:
            value = self._trust.verify_value(slot, sealed)
            with self._lock:
                if slot in self._values:
                    self._values[slot] = value

    def _load_pages(self, numbers: tuple[int, ...]) -> Event:
        tasks: dict[str, Task] = {}
        missing: list[int] = []
        for number, sealed in zip(numbers, self._ports.values.get_pages(numbers), strict=True):
            if sealed is None:
                missing.append(number)
            else:
                tasks.update(decode_subdag(self._trust.open_page(number, sealed)).tasks)
        return PagesLoaded(tasks, tuple(missing))

    # ---- user code --------------------------------------------------------------------------------------

    def _run_task(self, run: RunTask) -> None:
        task = self._worker.tasks[run.task]
        started_at, began = time.time(), time.monotonic()
        self._running_until = began + task.timeout_s
        with self._lock:
            inputs = {edge.slot: self._values.get(edge.slot) for edge in task.in_edges}
        packed = [slot for slot, value in inputs.items() if isinstance(value, Packed)]
        outcome = self._execution.run(task, inputs)
        if packed:
            with self._lock:
                self._values.update({slot: inputs[slot] for slot in packed if slot in self._values})
        self._running_until = None
        exec_s = time.monotonic() - began
        self._sink.add(self._span(task, run.attempt, started_at, exec_s))
        if outcome.failure is not None:
            self._feed(Failed(task.name, self._record(task, run.attempt, outcome)))
            return
        with self._lock:
            self._values.update(outcome.outputs)
        self._feed(Executed(task.name))

    def _record(self, task: Task, attempt: int, outcome: Outcome) -> str:
        failure = outcome.failure
        assert failure is not None
        return error_record(
            task=task.name,
            attempt=attempt,
            worker=self._worker.worker,
            kind=failure.kind,
            message=failure.message,
            traceback=failure.traceback,
            line=task.line,
            hint=failure.hint,
        )

    def _seal(self, seal: Seal) -> Event:
        began = time.monotonic()
        try:
            sealed = {slot: self._trust.seal_value(slot, self._values[slot]) for slot in seal.slots}
        except NotSerializable as err:
            task = self._worker.tasks[seal.task]
            return Failed(
                seal.task,
                error_record(
                    task=seal.task,
                    attempt=1,
                    worker=self._worker.worker,
                    kind="NotSerializable",
                    message=err.message,
                    line=task.line,
                    hint=err.hint,
                ),
            )
        self._sealed.update(sealed)
        self._serialize_s += time.monotonic() - began
        return Sealed(seal.task)

    # ---- spans ------------------------------------------------------------------------------------------

    def _span(self, task: Task, attempt: int, started_at: float, exec_s: float) -> TaskSpan:
        sources = self._sources
        fetched = tuple(sources[edge.slot] for edge in task.in_edges if edge.slot in sources) if sources else ()
        return TaskSpan(
            task=task.name,
            attempt=attempt,
            started_at=started_at,
            exec_s=exec_s,
            inputs=fetched,
            local_inputs=len(task.in_edges) - len(fetched),
        )

    def _flush(self, start: float) -> None:
        worker = self._worker
        self._sink.flush(
            StartUp(
                run=self._invocation.run,
                worker=worker.worker,
                incarnation=worker.token,
                env_class=worker.env.name,
                state="cold" if self._invocation.is_cold else "warm",
                invoke_time=self._invocation.called_at,
                start_time=start,
                commits=self._commits,
                bytes_in=self._bytes_in,
                bytes_out=self._bytes_out,
            )
        )
