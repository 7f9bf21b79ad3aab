"""The records of what happened: one `StartUp` per invocation of a worker, one `TaskSpan` per attempt that ended in it.

Simulated, local and Lambda runs yield the same records. Durations come from monotonic clocks, in seconds. Points in
time are seconds since 1970 on the *store's* clock: each machine estimates how far off its own is (`clocks`), so
that records of several machines fit one timeline. How they travel is `span_batches`, how those of a run are put
together `runtime.timeline`, who measures them `metrics`.

What no record holds is named where it is known once: task and keys are those of `parse_instance_name(span.task)`, run,
worker, incarnation and class those of the start-up, planner and sla those of the timeline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Union

SOURCES = ("local", "payload", "hint", "preloaded", "store", "stream")
OUTCOMES = ("done", "failed", "cut", "skipped")
STATES = ("cold", "warm")
NORM_MB = 512
FULL_CPU_MB = 1_769
"""Lambda gives a function one vCPU at 1,769 MB, and below that a share in proportion
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpan:
    """One input that this incarnation did not make. `source` is one of `SOURCES`; "local" is what it had before.

    `bytes` as it was stored; `fetch_s` is the time of the round trip that brought it, 0 when it came unasked. Inputs
    that came with one trip share it. One that several tasks here take is named by each of them, and fetched once.
    """

    slot: str
    bytes: int
    source: str
    fetch_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpan:
    """One output. `name` is that of a task with several outputs, else None.

    `bytes` is as serialised; of a value that never left the worker an estimate, and `is_stored` False. `serialize_s`
    is spent once for each output, `upload_s` on putting a large one; a small one goes inside a commit, and it is 0.
    """

    name: str | None
    bytes: int
    is_stored: bool
    serialize_s: float = 0.0
    upload_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preloaded:
    """Inputs were fetched before their task was granted. `used` of the `bytes` were needed in the end."""

    origin: str
    tasks: tuple[str, ...]
    bytes: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prewarmed:
    """Environments of these workers were asked for before the workers were called."""

    origin: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """These tasks ran here too, in place of a wait for their outputs. `won` of them were the first."""

    origin: str
    tasks: tuple[str, ...]
    won: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """These inputs came piece by piece while their producer still ran."""

    origin: str
    slots: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """These tasks were run in one piece."""

    origin: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """The upload of these outputs was put off. `avoided` bytes of them were never needed by others."""

    origin: str
    slots: tuple[str, ...]
    avoided: int


Optimization = Union[Preloaded, Prewarmed, Duplicated, Streamed, Clustered, Deferred]
"""What an optimization did for one task. `origin` is its directive's: "user", or "planner/pass"."""


LEAST_ALONE = 0.02
"""The part of an execution that is not taken for waiting, whatever the scheduler's figures say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTime:
    """Of one execution: `used_s` of work by all its threads and child processes, and `delay_s` during which it was
    ready to go on while others had every core."""

    used_s: float
    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpan:
    """One attempt of one instance (`task`). `outcome` is one of `OUTCOMES`.

    done: it returned. failed: it did not, or its output could not be serialised; also of an attempt whose failure is
    let pass. cut: the invocation ended before it. skipped: its `when` was false, or it is a handler of a task that did
    not fail.

    `exec_s` is raw: from its inputs at hand to its result, the unpacking of inputs with it, the loading of its code
    left out (`StartUp.code_load_s`); `StartUp.normalised` makes times of several classes comparable. `cpu` says what it
    had of the CPU; None of a short one, which is taken to be all work.
    `wait_inputs_s` begins when the worker knew of the task's grant, and lacked inputs, and ends when all were here.
    `commit_s` is the round trip of the commit that stored its output, which it may share with other tasks, and
    `committed_at` the store's own time of it; both 0 when nothing of it left the worker.
    `local_inputs` were made by this very incarnation, `local_bytes` is an estimate of their size.
    """

    task: str
    attempt: int
    outcome: str
    started_at: float
    exec_s: float
    wait_inputs_s: float = 0.0
    commit_s: float = 0.0
    committed_at: float = 0.0
    inputs: tuple[InputSpan, ...] = ()
    local_inputs: int = 0
    local_bytes: int = 0
    outputs: tuple[OutputSpan, ...] = ()
    optimizations: tuple[Optimization, ...] = ()
    cpu: CpuTime | None = None

    @property
    def alone_s(self) -> float:
        """What the execution takes where nobody shares its cores; never nothing, however much it waited."""
        return self.exec_s if self.cpu is None else max(LEAST_ALONE * self.exec_s, self.exec_s - self.cpu.delay_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """One invocation of one worker, an *incarnation*: sent with each batch of its spans, the newest one counts.

    `state`: cold when the environment was newly made for it, warm when it was reused; an event that only made the
    environment ready (prewarm) makes the next one warm. `invoke_time`: this very invocation was sent, also when it
    repeats another or was forwarded; `start_time`: the handler's first line. `clock_offset_s` is the store's clock less
    this machine's wall clock, `clock_error_s` how wrong a point in time of this invocation may be: half of the best
    round trip, and what the clocks may have drifted since.

    Spent once: `setup_s` from the handler's first line on, on connections and on reading the payload; `begin_s` on the
    round trip of `begin`; `subdag_fetch_s` and `subdag_decode_s` on task records that were not in the payload, and on
    all of them; `code_load_s` on fetching and importing the user's code.
    `ended_at` is 0 while it goes on. `commits` are trips with something inside, without renewals, `commit_s` their sum;
    `invocations` the calls handed out and `invoke_s` what that took the worker. `idle_s`: the main thread had neither a
    task nor an errand, because inputs were on their way or it lingered; `errand_s`: it had no task, and did the store's
    work itself. What other threads do beside a task holds nothing up, so that with `setup_s`, `begin_s`, loading,
    execution and serialising these two make up the invocation, but for what the worker's own logic takes.
    `bytes_in` and `bytes_out` are what came from the store, with hints and in the payload, and what went to the store.
    `peak_memory_mb` is the largest resident size of this process since the begin, or of its life where the system does
    not say; memory of processes that tasks start is not in it.
    `start_cpu_s` is the work of a new environment's process before the first line, `delay_s` what the handler waited
    between its first line and `begin` for a core that others had.
    `queue_s` went from the event accepted to its delivery to an environment that others had held, or to the begin of
    the one that was made for it; a service that does not say it, as AWS's, leaves it in the start-up.
    `exponent` says how far memory bounds the CPU share: 1 on Lambda, 0 where every environment has a whole CPU.
    """

    run: str
    worker: str
    incarnation: str
    env_class: str
    memory_mb: int
    state: str
    invoke_time: float
    start_time: float
    clock_offset_s: float = 0.0
    clock_error_s: float = 0.0
    setup_s: float = 0.0
    begin_s: float = 0.0
    subdag_fetch_s: float = 0.0
    subdag_decode_s: float = 0.0
    code_load_s: float = 0.0
    ended_at: float = 0.0
    commits: int = 0
    commit_s: float = 0.0
    invocations: int = 0
    invoke_s: float = 0.0
    idle_s: float = 0.0
    errand_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    peak_memory_mb: float = 0.0
    exponent: float = 0.0
    start_cpu_s: float = 0.0
    delay_s: float = 0.0
    queue_s: float = 0.0

    @property
    def given_at(self) -> float:
        """When there was an environment for it, or one began to be made: between the invocation sent and the first
        line, whatever clocks say."""
        return min(self.invoke_time + self.queue_s, max(self.invoke_time, self.start_time))

    @property
    def start_up_s(self) -> float:
        """From there to the handler's first line, never less than nothing."""
        return max(0.0, self.start_time - self.given_at)

    def normalised(self, exec_s: float) -> float:
        """What `exec_s` of this environment would have been at 512 MB; more memory than one vCPU's changes nothing.

        That is right for one thread, which is what a task has unless it makes others.
        """
        share = min(self.memory_mb, FULL_CPU_MB) / NORM_MB
        return exec_s * math.pow(share, self.exponent)
