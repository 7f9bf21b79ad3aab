"""The start-up record of one incarnation as it grows: what was measured before its driver, and by it.

Responsible for the figures of an invocation as a whole; those of its tasks are `metrics`', those of the store's
work `traffic`'s. `Measuring.record` may be asked for at any time, by any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic, time

from runtime.measures.clocks import StoreClock
from runtime.measures.memory_peak import mark_memory, peak_memory_mb
from runtime.measures.spans import StartUp
from runtime.measures.traffic import Traffic
from runtime.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """An invocation up to its driver. `first_line` of the handler is on the monotonic clock, `sent_at` on the store's.

    `exponent` and `queue_s` are those of `StartUp`. The seconds are those of finding the worker's records and its code.
    """

    first_line: float = field(default_factory=monotonic)
    sent_at: float = 0.0
    is_cold: bool = False
    setup_s: float = 0.0
    subdag_fetch_s: float = 0.0
    subdag_decode_s: float = 0.0
    code_load_s: float = 0.0
    exponent: float = 0.0
    start_cpu_s: float = 0.0
    delay_s: float = 0.0
    queue_s: float = 0.0


def cpu_exponent(variables: Mapping[str, str]) -> float:
    """How far the memory of an environment bounds its CPU share, from the function's variables: `StartUp.exponent`.

    Lambda shares its CPUs by memory. The local service, which says where it is to be found, gives every environment all
    that the machine has; so does a process that is no function.
    """
    is_lambda = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" in variables
    return 1.0 if is_lambda and "AWS_ENDPOINT_URL_LAMBDA" not in variables else 0.0


class Measuring:
    """One incarnation's. `load_s` is how long its process has loaded code so far."""

    def __init__(
        self, run: str, worker: Worker, beginning: Beginning, clock: StoreClock, load_s: Callable[[], float]
    ) -> None:
        self.clock = clock
        self.traffic = Traffic(subdag_fetch_s=beginning.subdag_fetch_s, subdag_decode_s=beginning.subdag_decode_s)
        self.begin_s = 0.0
        self.idle_s = 0.0
        self.errand_s = 0.0
        self._run = run
        self._worker = worker
        self._beginning = beginning
        self._load_s = load_s
        self._loaded_s = load_s()

    def begun(self, now: float, asked_at: float, answered_at: float) -> None:
        """The store let it begin, at its time `now`."""
        self.clock.heard(now, asked_at, answered_at)
        self.begin_s = answered_at - asked_at
        mark_memory()

    def record(self, *, is_last: bool) -> StartUp:
        """The record as far as it is known; `is_last`: the invocation has ended."""
        worker, beginning, clock, traffic = self._worker, self._beginning, self.clock, self.traffic
        here = monotonic()
        return StartUp(
            run=self._run,
            worker=worker.worker,
            incarnation=worker.token,
            env_class=worker.env.name,
            memory_mb=worker.env.memory_mb,
            state="cold" if beginning.is_cold else "warm",
            invoke_time=beginning.sent_at,
            start_time=clock.at(beginning.first_line),
            clock_offset_s=clock.at(here) - time(),
            clock_error_s=clock.error(here),
            setup_s=beginning.setup_s,
            begin_s=self.begin_s,
            subdag_fetch_s=traffic.subdag_fetch_s,
            subdag_decode_s=traffic.subdag_decode_s,
            code_load_s=beginning.code_load_s + self._load_s() - self._loaded_s,
            ended_at=clock.at(here) if is_last else 0.0,
            commits=traffic.commits,
            commit_s=traffic.commit_s,
            invocations=traffic.invocations,
            invoke_s=traffic.invoke_s,
            idle_s=self.idle_s,
            errand_s=self.errand_s,
            bytes_in=traffic.bytes_in,
            bytes_out=traffic.bytes_out,
            peak_memory_mb=peak_memory_mb(),
            exponent=beginning.exponent,
            start_cpu_s=beginning.start_cpu_s,
            delay_s=beginning.delay_s,
            queue_s=beginning.queue_s,
        )
