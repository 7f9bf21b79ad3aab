"""The real driver of a worker: user code on the main thread, the store beside it, one state machine under a lock.

It does each effect of the machine and feeds what came of it back; values and the store are `runtime.exchange`'s.
Threads: *main* runs user code, and does the store's work itself while it has nothing to run (no hand-over
between threads when a run is short); *io* does that work while main is busy, renews the lease and fires
timers; *hints* blocks on the worker's hint stream, only for pinned workers with remote inputs.

What a commit's answer asks to be called is invoked right after it, a few on the thread that committed, many beside
it (`runtime.calls.sending`), so that neither a long task nor a throttled Lambda holds up anything.
"""

from __future__ import annotations

import faulthandler
import heapq
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from runtime import events as ev
from runtime.code import CodeLoader
from runtime.errors import NotSerializable, RuntimeFault, StoreUnavailable
from runtime.exchange import Exchange, Ports
from runtime.machine.remaining import Deadline
from runtime.markers import LogMarks
from runtime.measures.clocks import StoreClock
from runtime.measures.cpu_time import CpuMeter
from runtime.measures.measuring import Beginning, Measuring
from runtime.measures.metrics import NOTHING, InvocationMetrics, MetricsSink
from runtime.measures.spans import CpuTime, InputSpan
from runtime.measures.upload import parse_upload
from runtime.measures.uploader import Uploader
from runtime.plan import Task
from runtime.ports import Call, Status
from runtime.secrecy.log import Log
from runtime.secrecy.reading import RunSecrets
from runtime.tasks.endings import end_environment
from runtime.tasks.execute import Execution, TaskFailure, time_limit_failure
from runtime.tasks.failed import failed_attempt
from runtime.tasks.time_limit import leave_alarms_to_main
from runtime.values.trust import Trust
from runtime.worker import Worker

HINT_BLOCK_S = 0.5
TIMEOUT_GRACE_S = 5.0
TIME_UP = "time-up"
MOMENT_S = 0.001
"""What an attempt that begins too late has: an alarm of nothing would never go off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One invocation of one worker. `values` are sealed inputs from the payload, `pages` encoded task records from it
    that nobody has decoded yet, `forward` the calls that it is to send on; `deadline` is on the monotonic clock, None
    for no end. `clock` is the store's as this process knows it.

    `may_exit`: the process is an environment's own, so that a task stuck beyond its timeout may end it.
    """

    worker: Worker
    run: str
    trust: Trust
    called_at: float
    values: Mapping[str, bytes] = field(default_factory=dict)
    pages: Mapping[int, bytes] = field(default_factory=dict)
    forward: tuple[Call, ...] = ()
    deadline: Deadline | None = None
    beginning: Beginning = field(default_factory=Beginning)
    clock: StoreClock = field(default_factory=StoreClock)
    may_exit: bool = False


class Driver:
    """Runs one incarnation to its end."""

    def __init__(
        self,
        invocation: Invocation,
        ports: Ports,
        loader: CodeLoader,
        literals: Callable[[str], object],
        inputs: Callable[[str], object],
        *,
        secrets: RunSecrets,
        log: Log,
    ) -> None:
        self.unfit = ""
        """Why the process should serve no other invocation."""
        self._invocation = invocation
        self._deadline = invocation.deadline
        self._worker = invocation.worker
        self._settings = invocation.worker.settings
        self._ports = ports
        self._execution = Execution(loader, literals, inputs, secrets)
        self._secrets = secrets
        self._hide = secrets.masks.hide
        self._log = log
        self._lock = threading.Lock()
        self._main_wakes = threading.Condition(self._lock)
        self._io_wakes = threading.Condition(self._lock)
        self._jobs: deque[ev.Effect] = deque()
        self._to_run: ev.RunTask | None = None
        self._is_main_busy = False
        self._loader = loader
        self._measuring = Measuring(
            invocation.run, invocation.worker, invocation.beginning, invocation.clock, lambda: loader.load_s
        )
        self._exchange = Exchange(
            invocation.worker,
            ports,
            invocation.trust,
            invocation.values,
            self._hear,
            invocation.clock,
            self._measuring.traffic,
            pages=invocation.pages,
        )
        self._timers: list[tuple[float, str]] = []
        self._renew_at = 0.0
        self._hints_after = "0"
        self._running: ev.RunTask | None = None
        self._stuck_at: float | None = None
        self._given_up = ""
        self._began = 0.0
        self._cpu = CpuMeter()
        self._took: CpuTime | None = None
        self._fetched: tuple[InputSpan, ...] = ()
        self._refused = ""
        """The task whose output could not be serialised, until the next one runs."""
        self._over = ""
        self._fault: BaseException | None = None
        self._metrics = InvocationMetrics(
            MetricsSink(ports.signals.push_spans),
            lambda is_last: self._measuring.record(is_last=is_last),
            invocation.clock,
            self._measuring.traffic,
        )
        self._uploader = Uploader(self._metrics, parse_upload(self._settings.metrics_upload or "shutdown"))
        self._marks: LogMarks | None = None

    def run(self) -> str:
        """Begin, work, leave; returns why it ended. Raises what the store raised when it could not be reached."""
        asked_at = monotonic()
        begin = self._ports.coordinator.begin(self._worker.worker, self._worker.token, self._invocation.called_at)
        self._measuring.begun(begin.now, asked_at, monotonic())
        self._renew_at = time.monotonic() + self._settings.renew_s
        self._hints_after = f"{int(begin.now * 1000)}-0"
        switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        io = threading.Thread(target=self._io, name="treadle-io", daemon=True)
        try:
            self._feed(ev.Begun(begin))
            if not self._over:
                if self._invocation.may_exit:
                    self._marks = LogMarks(self._invocation.run, self._worker.worker, self._worker.token, self._log)
                io.start()
                self._uploader.begin()
                self._exchange.forward(self._invocation.forward, begin.now)
                if self._deadline is not None:
                    with self._lock:
                        self._accept(ev.SetTimer(TIME_UP, self._deadline.until - time.monotonic()))
                with self._execution.listening():
                    self._main_loop()
                    if self._running is not None and self._invocation.may_exit:
                        self.unfit = self.unfit or self._execution.unfit(self._running.task)
        finally:
            with self._lock:
                self._over = self._over or "stopped"
                self._io_wakes.notify_all()
            sys.setswitchinterval(switch_interval)
            self._cpu.close()
        if io.ident is not None:
            io.join()
            self._uploader.end(is_last=not isinstance(self._fault, StoreUnavailable))
        self._exchange.clear()
        if self._fault is not None:
            raise self._fault
        self._exchange.abandon()
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

    def _io(self) -> None:
        leave_alarms_to_main()
        if self._invocation.may_exit:
            self._show_life()
        self._guarded(self._io_loop)
        faulthandler.cancel_dump_traceback_later()
        if self._given_up:
            self._uploader.end(is_last=True)
            end_environment(self.unfit)
        if self._over == Status.ENDED.value and self._invocation.may_exit:
            with self._lock:
                is_running = self._stuck_at is not None
            if is_running:
                # The run was cancelled, or has failed elsewhere: nobody waits for what this task does.
                end_environment("its run is over, and a task of it is not")

    def _show_life(self) -> None:
        """Who cannot say this for three leases, because a task holds the interpreter, is dead to all others: end it."""
        faulthandler.dump_traceback_later(3 * self._settings.lease_s, exit=True, file=2)

    def _mark_running(self) -> None:
        """What a long task writes is known to be its, also when its process is killed."""
        if self._marks is not None and self._running is not None and self._stuck_at is not None:
            self._marks.runs(self._running.task, self._running.attempt)

    def _main_loop(self) -> None:
        while True:
            with self._lock:
                self._is_main_busy = False
                while not (self._over or self._to_run or self._jobs):
                    began = monotonic()
                    self._main_wakes.wait()
                    self._measuring.idle_s += monotonic() - began
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
                began = monotonic()
                self._do(job)
                self._measuring.errand_s += monotonic() - began

    def _io_loop(self) -> None:
        while True:
            job: ev.Effect | None = None
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
                    if self._invocation.may_exit:
                        self._show_life()
                        self._mark_running()
                    job = ev.Renew()
                    self._renew_at = now + self._settings.renew_s
            for name in fired:
                self._feed(ev.TimerFired(name) if name != TIME_UP else ev.TimeNearlyUp())
            if job is not None:
                self._do(job)
            self._give_up_if_stuck()

    def _pause(self) -> float:
        """Seconds until the io thread has something to do by the clock."""
        times = [self._renew_at]
        if self._timers:
            times.append(self._timers[0][0])
        if self._stuck_at is not None and self._invocation.may_exit:
            times.append(self._stuck_at)
        return max(0.0, min(times) - time.monotonic())

    def _hint_loop(self) -> None:
        leave_alarms_to_main()
        after = self._hints_after
        while not self._over:
            try:
                messages = self._ports.signals.wait_hints(self._worker.worker, after, HINT_BLOCK_S)
            except RuntimeFault:
                return  # hints may be lost; the commit's connection says what is wrong
            if not messages or self._over:
                continue
            after = messages[-1].id
            for event in self._exchange.take_hints(messages):
                self._feed(event)

    def _give_up_if_stuck(self) -> None:
        """A task that no alarm ends is given up: its failure is told, the rest handed over, and the process ends."""
        with self._lock:
            now, at, run = time.monotonic(), self._stuck_at, self._running
            if run is None or at is None or now < at or not self._invocation.may_exit:
                return
            self._given_up, self._stuck_at = run.task, None
        task = self._worker.tasks[run.task]
        self._hand_over(f"{task.name} does not end")
        if self._deadline is not None and at == self._deadline.stuck_at:
            cut = self._cut(run, self._deadline.limit_s, stderr=self._execution.stderr_text())
            self._note(run, _outcome_of(cut), monotonic() - self._began)
            self._feed(cut)
            return
        self._note(run, "failed", monotonic() - self._began)
        message = f"{task.name} ran longer than its timeout of {task.timeout_s:g} s, and did not let itself be ended"
        failure = TaskFailure(
            kind="Timeout",
            message=message,
            traceback=f"{self._execution.where()}Timeout: {message}",
            hint="let TaskTimeout pass: catch Exception, not BaseException, and leave SIGALRM alone",
            stderr=self._execution.stderr_text(),
        )
        self._feed(self._failed(task, run.attempt, failure))

    def _gives_up_at(self, task: Task) -> float:
        """When `task`, which begins now, is taken to be stuck."""
        at = time.monotonic() + task.timeout_s + TIMEOUT_GRACE_S
        return at if self._deadline is None else min(at, self._deadline.stuck_at)

    def _hand_over(self, reason: str) -> None:
        """Nothing more may start in this process."""
        self.unfit = reason
        self._feed(ev.TimeNearlyUp())

    # ---- the machine ------------------------------------------------------------------------------------

    def _hear(self, event: ev.Event) -> None:
        """Feed an event on a thread that is not the driver's own."""
        self._guarded(lambda: self._feed(event))

    def _feed(self, event: ev.Event) -> None:
        """Step the machine and take its effects on; what cannot wait is done at once, on this thread, and fed back."""
        waiting = [event]
        for following in waiting:
            with self._lock:
                effects = self._worker.step(following, time.monotonic())
                at_once = [effect for effect in effects if not self._accept(effect)]
                self._wake()
            for effect in at_once:
                if isinstance(effect, ev.Seal):
                    waiting.append(self._seal(effect))
                elif isinstance(effect, ev.Substitute):
                    waiting.append(self._substitute(effect))
                else:
                    if isinstance(effect, ev.Salvage):
                        # Before the run's last words, after which nobody waits for more.
                        self._uploader.end(is_last=True)
                    self._do(effect)

    def _accept(self, effect: ev.Effect) -> bool:
        """Take on one effect; False for what the caller has to do at once."""
        match effect:
            case ev.RunTask():
                self._to_run = effect
            case ev.SetTimer(name, after_s):
                heapq.heappush(self._timers, (time.monotonic() + after_s, name))
                self._io_wakes.notify()
            case ev.Drop(slots):
                self._exchange.forget(slots)
            case ev.Leave(reason):
                self._over = reason
            case ev.Subscribe():
                hints = threading.Thread(
                    target=self._guarded, args=(self._hint_loop,), name="treadle-hints", daemon=True
                )
                hints.start()
            case ev.Seal() | ev.Substitute() | ev.ReportLost() | ev.Salvage():
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

    def _do(self, job: ev.Effect) -> None:
        try:
            events = self._exchange.perform(job)
        except RuntimeFault as fault:
            self._stop(fault)
            return
        self._renew_at = time.monotonic() + self._settings.renew_s
        for event in events:
            self._feed(event)
        self._uploader.more()

    def _note(self, run: ev.RunTask, outcome: str, exec_s: float, outputs: Mapping[str, object] = NOTHING) -> None:
        """An attempt ended, and what is to be stored of it is sealed."""
        task = self._worker.tasks[run.task]
        waited_s = self._worker.waited_s(run.task)
        note = task, run.attempt, outcome, self._began, exec_s, waited_s, self._fetched, self._took
        self._metrics.ended(note, outputs)
        self._uploader.more()

    # ---- user code --------------------------------------------------------------------------------------

    def _run_task(self, run: ev.RunTask) -> None:
        task = self._worker.tasks[run.task]
        self._began = began = monotonic()
        self._running, self._stuck_at = run, self._gives_up_at(task)
        self._fetched, self._refused, apart_s = self._exchange.sources_of(task), "", self._apart_s()
        self._took = None
        self._cpu.begin(began)
        if self._marks is not None and run.attempt > 1:
            self._marks.runs(run.task, run.attempt)
        inputs = self._exchange.inputs_of(task, lambda slot: self._shares(task, slot))
        if self._deadline is None:
            outcome = self._execution.run(task, inputs)
        else:
            left_s = max(MOMENT_S, self._deadline.until - began)
            outcome = self._execution.run(task, inputs, left_s, self._deadline.grace_s)
        ended, apart_s = monotonic(), self._apart_s() - apart_s
        exec_s = max(0.0, ended - began - apart_s)
        self._took = self._cpu.took(began, ended, apart_s)
        if self._marks is not None:
            self._marks.ended(run.task, run.attempt)
        with self._lock:
            self._stuck_at = None
            is_given_up = bool(self._given_up)
        if is_given_up:
            _wait_for_the_end()
        if (spoiled := self._execution.tidy(task, exec_s)) and not self.unfit:
            self._hand_over(spoiled)
        if outcome.is_cut and self._deadline is not None:
            self._feed(ev.TimeNearlyUp())
            stderr = outcome.failure.stderr if outcome.failure is not None else ""
            cut = self._cut(run, self._deadline.limit_s, stderr=stderr)
            self._note(run, _outcome_of(cut), exec_s)
            self._feed(cut)
            return
        if outcome.failure is not None:
            self._note(run, "failed", exec_s)
            self._feed(self._failed(task, run.attempt, outcome.failure))
            return
        self._exchange.keep(outcome.outputs)
        self._feed(ev.Executed(task.name))
        is_refused = self._refused == task.name
        self._note(
            run, "failed" if is_refused else "skipped" if outcome.is_skipped else "done", exec_s, outcome.outputs
        )

    def _apart_s(self) -> float:
        """What a task waits for that is no execution: its code, its secrets."""
        return self._loader.load_s + self._secrets.read_s

    def _shares(self, task: Task, slot: str) -> bool:
        with self._lock:
            return self._worker.shares(task.name, slot)

    def _cut(self, run: ev.RunTask, limit_s: int, stderr: str) -> ev.Cut | ev.Failed:
        """The invocation's end has cut an attempt: a failure, when no fresh invocation has more time for it."""
        if self._worker.may_repeat(run.task):
            return ev.Cut(run.task)
        task = self._worker.tasks[run.task]
        return self._failed(task, run.attempt, time_limit_failure(task, limit_s, stderr))

    def _failed(self, task: Task, attempt: int, failure: TaskFailure) -> ev.Failed:
        return failed_attempt(task, attempt, failure, worker=self._worker.worker, hide=self._hide)

    def _seal(self, seal: ev.Seal) -> ev.Event:
        task = self._worker.tasks[seal.task]
        is_on_main = threading.current_thread() is threading.main_thread()
        if is_on_main:
            self._stuck_at = self._gives_up_at(task)
        try:
            self._exchange.seal(seal.task, seal.slots)
        except NotSerializable as err:
            self._refused = seal.task
            failure = TaskFailure(kind="NotSerializable", message=err.message, hint=err.hint)
            return self._failed(task, seal.attempt, failure)
        except BaseException as err:  # noqa: BLE001  pickling calls methods of the user's classes
            self._refused = seal.task
            return self._failed(task, seal.attempt, self._execution.failure_of(task, err))
        finally:
            if is_on_main:
                with self._lock:
                    self._stuck_at = None
                if self._given_up:
                    _wait_for_the_end()
        return ev.Sealed(seal.task)

    def _substitute(self, effect: ev.Substitute) -> ev.Event:
        self._exchange.keep(self._execution.substitutes(self._worker.tasks[effect.task], effect.record))
        return ev.Executed(effect.task)


def _outcome_of(event: ev.Cut | ev.Failed) -> str:
    return "cut" if isinstance(event, ev.Cut) else "failed"


def _wait_for_the_end() -> None:
    """The failure of what ran here is told already, and the process about to end."""
    threading.Event().wait()
