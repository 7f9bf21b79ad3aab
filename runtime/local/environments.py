"""One execution environment: a process, its Runtime API port, its log, and the invocation it is busy with.

An environment knows nothing of its peers: when it becomes free, finishes or ends it tells its owner
(`dispatch`), who decides what follows. The process itself belongs to a fork server (`spawner`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runtime.local.functions import FunctionConfig, mend
from runtime.local.invocation import (
    MAX_RESPONSE_BYTES,
    Invocation,
    Outcome,
    exited,
    response_too_large,
    timed_out,
    untraced,
)
from runtime.local.link.keeper import Links
from runtime.local.runtime_api import RuntimeApi
from runtime.local.spawner import Launch, Spawner, Watcher, Zygote
from runtime.local.states import State
from runtime.local.usage import is_stopped, memory_of, trim_log
from runtime.local.wire import Reply, Response
from runtime.measures.queueing import with_queue
from runtime.measures.spans import FULL_CPU_MB

TAIL_BYTES = 4096
GRACE_S = 0.5
STOPPED_S = 5.0
"""A process that a signal has stopped for this long does not go on."""
MIN_INIT_S = 10.0


class Owner(Protocol):
    """Who decides about environments."""

    def on_free(self, environment: Environment) -> None:
        """It is idle now: fresh from its initialisation, or after a response."""

    def on_done(self, environment: Environment, invocation: Invocation, outcome: Outcome) -> None:
        """Its invocation came to an end; `on_free` or `on_ended` follows."""

    def on_ended(self, environment: Environment, undelivered: Invocation | None, init_failure: Outcome | None) -> None:
        """It takes no more invocations. `undelivered` was assigned to it but never seen by its process;
        `init_failure` says why it never became ready."""

    def on_gone(self, environment: Environment) -> None:
        """Its process has been reaped, its port is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where environments live: what is the same for all of them."""

    spawner: Spawner
    folder: Path
    region: str
    endpoint: str
    variables: dict[str, str]
    links: Links


class Environment:
    """States: starting → idle ⇄ busy → ended; ended means given up, its process may take a moment to go."""

    def __init__(self, config: FunctionConfig, *, identity: str, site: Site, owner: Owner) -> None:
        self.config = config
        self.identity = identity
        self.state = State.STARTING
        self.is_gone = False
        self.pid: int | None = None
        self.invocations = 0
        self.idle_since = 0.0
        self.made_at = time.time()
        self.log = site.folder / "logs" / config.name / f"{identity}.log"
        self._site = site
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._api = RuntimeApi(self)
        self._zygote: Zygote | None = None
        self._invocation: Invocation | None = None
        self._poll: Reply | None = None
        self._is_delivered = False
        self._given_at = 0.0
        self._delivered_at = 0.0
        self._log_start = 0
        self._log_fd = -1
        self._peak_bytes = 0
        self._stopped_since: float | None = None
        self._init_error: bytes | None = None
        self._init_s = 0.0
        self._started_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._launching = self._loop.create_task(self._launch())

    def deliver(self, invocation: Invocation) -> None:
        """Give an idle environment its next invocation; it is delivered as soon as the process asks."""
        assert self.state is State.IDLE
        self.state = State.BUSY
        self._invocation = invocation
        self._is_delivered = False
        self._given_at = self._loop.time()
        if self._poll is not None:
            self._send()

    def retire(self) -> None:
        """End an environment that is not needed any more: SIGTERM, then SIGKILL."""
        self._signal(signal.SIGTERM)
        self._loop.call_later(GRACE_S, self._signal, signal.SIGKILL)
        self._end(None)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._end(None)

    def look(self) -> None:
        """Hold the log to its bound, and during an invocation the memory to the function's; called now and then."""
        if self._log_fd >= 0:
            trim_log(self._log_fd)
        if self.state is not State.BUSY or not self._is_delivered or self.pid is None:
            return
        used = memory_of(self.pid)
        self._peak_bytes = max(self._peak_bytes, used)
        if used > self.config.memory_mb << 20:
            self._end_busy(f"memory size: {self.config.memory_mb} MB, max used: {used >> 20} MB")
        elif not is_stopped(self.pid):
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = self._loop.time()
        elif self._loop.time() > self._stopped_since + STOPPED_S:
            self._end_busy("a signal has stopped the process")

    # -- what the Runtime API calls ----------------------------------------------------------------------------

    def next_asked(self, reply: Reply) -> None:
        if self.state is State.ENDED:
            return
        self._poll = reply
        if self.state is State.STARTING:
            self._init_s = self._loop.time() - self._started_at
            self._stop_timer()
            self._become_free()
        elif self._invocation is not None and not self._is_delivered:
            self._send()

    def response_came(self, request_id: str, body: bytes, *, is_error: bool) -> int:
        """The process answers; returns the HTTP status for it."""
        if self._invocation is None or not self._is_delivered or self._invocation.request_id != request_id:
            return 400
        if len(body) > MAX_RESPONSE_BYTES:
            self._finish(response_too_large(len(body)))
            return 413
        self._finish(Outcome(body=body, is_error=is_error))
        return 202

    def init_error_came(self, body: bytes) -> None:
        self._init_error = body

    # -- inside ------------------------------------------------------------------------------------------------

    async def _launch(self) -> None:
        try:
            await self._start()
        except OSError as err:
            self._on_exited(None, f"the environment cannot be started: {err}")

    async def _start(self) -> None:
        await self._api.start()
        if self.state is State.ENDED:
            self._go()
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_fd = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        launch = Launch(
            handler=self.config.handler,
            code=self.config.code,
            preload=self.config.preload,
            variables=self._variables(),
            log=self.log,
        )
        mend(self.config.code)
        self._timer = self._loop.call_later(max(MIN_INIT_S, self.config.timeout_s), self._init_timed_out)
        self._zygote = self._site.spawner.start(launch, Watcher(on_started=self._on_started, on_exited=self._on_exited))

    def _variables(self) -> dict[str, str]:
        config, python = self.config, f"python{sys.version_info.major}.{sys.version_info.minor}"
        return {
            **thread_variables(config.memory_mb),
            **self._site.variables,
            **self._site.links.of(config.variables),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.port}",
            "_HANDLER": config.handler,
            "LAMBDA_TASK_ROOT": str(config.code),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{python}",
            "AWS_LAMBDA_FUNCTION_NAME": config.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.identity,
            "AWS_REGION": self._site.region,
            "AWS_DEFAULT_REGION": self._site.region,
        }

    def _on_started(self, pid: int) -> None:
        self.pid = pid
        if self.state is State.ENDED:
            self._signal(signal.SIGKILL)

    def _on_exited(self, status: int | None, reason: str) -> None:
        if self.state is not State.ENDED:
            self._process_died(status, reason)
        self._go()

    def _process_died(self, status: int | None, reason: str) -> None:
        invocation, was_starting = self._invocation, self.state is State.STARTING
        if invocation is not None and self._is_delivered:
            self._complete(exited(invocation.request_id, status, reason))
        if not was_starting:
            self._end(None)
        elif self._init_error is not None:
            self._end(Outcome(body=self._init_error, is_error=True))
        else:
            self._end(exited(self.identity, status, reason))

    def _init_timed_out(self) -> None:
        self._signal(signal.SIGKILL)
        self._end(timed_out(self.identity, max(MIN_INIT_S, self.config.timeout_s)))

    def _time_out(self) -> None:
        assert self._invocation is not None
        request_id = self._invocation.request_id
        text = f"Task timed out after {self.config.timeout_s:.2f} seconds"
        self._write_log(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {request_id} {text}\n")
        self._signal(signal.SIGKILL)
        self._complete(timed_out(request_id, self.config.timeout_s))
        self._end(None)

    def _end_busy(self, why: str) -> None:
        """Kill the process in mid-invocation, as the system does when it takes too much."""
        assert self._invocation is not None
        request_id = self._invocation.request_id
        self._write_log(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {request_id} Killed: {why}\n")
        self._signal(signal.SIGKILL)
        self._complete(exited(request_id, -signal.SIGKILL, why))
        self._end(None)

    def _send(self) -> None:
        invocation, reply = self._invocation, self._poll
        assert invocation is not None and reply is not None
        self._poll = None
        # First: the handler may print before the answer to it is known to be sent.
        log_start = os.fstat(self._log_fd).st_size if invocation.wants_log else 0
        self._write_log(f"START RequestId: {invocation.request_id} Version: $LATEST\n")
        if not reply(Response(status=200, body=invocation.body, headers=self._headers(invocation))):
            return  # The process is gone: its exit is on the way, and hands the invocation back.
        self._is_delivered = True
        self.invocations += 1
        invocation.attempts += 1
        self._delivered_at = self._loop.time()
        self._log_start = log_start
        self._timer = self._loop.call_later(self.config.timeout_s, self._time_out)

    def _headers(self, invocation: Invocation) -> tuple[tuple[str, str], ...]:
        deadline_ms = int((time.time() + self.config.timeout_s) * 1000)
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", invocation.arn),
            ("Lambda-Runtime-Trace-Id", self._trace(invocation)),
        ]
        if invocation.client_context is not None:
            headers.append(("Lambda-Runtime-Client-Context", invocation.client_context))
        return tuple(headers)

    def _trace(self, invocation: Invocation) -> str:
        """The caller's trace header, or one that nobody samples, with the time that the event waited."""
        made_at = self._started_at if not self.invocations else None
        queue_s = invocation.queue_s(given_at=self._given_at, made_at=made_at)
        return with_queue(invocation.trace_id or untraced(invocation.request_id), queue_s)

    def _finish(self, outcome: Outcome) -> None:
        self._complete(outcome)
        self._become_free()

    def _complete(self, outcome: Outcome) -> None:
        """Tell the owner of the outcome; the environment is neither free nor ended by it."""
        invocation = self._invocation
        assert invocation is not None
        self._stop_timer()
        self._invocation = None
        self._write_log(self._report(invocation))
        if invocation.wants_log:
            outcome = Outcome(body=outcome.body, is_error=outcome.is_error, log=self._tail())
        self._owner.on_done(self, invocation, outcome)

    def _report(self, invocation: Invocation) -> str:
        duration_ms = (self._loop.time() - self._delivered_at) * 1000
        report = (
            f"END RequestId: {invocation.request_id}\n"
            f"REPORT RequestId: {invocation.request_id}\tDuration: {duration_ms:.2f} ms\t"
            f"Billed Duration: {int(duration_ms) + 1} ms\tMemory Size: {self.config.memory_mb} MB"
        )
        if self._peak_bytes:
            report += f"\tMax Memory Used: {self._peak_bytes >> 20} MB"
        if self.invocations == 1:
            report += f"\tInit Duration: {self._init_s * 1000:.2f} ms"
        return report + "\n"

    def _become_free(self) -> None:
        self.state = State.IDLE
        self.idle_since = self._loop.time()
        self._owner.on_free(self)

    def _end(self, init_failure: Outcome | None) -> None:
        if self.state is State.ENDED:
            return
        self._stop_timer()
        self.state = State.ENDED
        undelivered, self._invocation = self._invocation, None
        self._owner.on_ended(self, undelivered, init_failure)

    def _go(self) -> None:
        """The process is reaped (or was never made)."""
        if self._log_fd >= 0:
            os.close(self._log_fd)
        self._log_fd = -1
        self.is_gone = True
        self._api.close()
        self._owner.on_gone(self)

    def _signal(self, number: signal.Signals) -> None:
        if self._zygote is not None and self.pid is not None and not self.is_gone:
            self._zygote.kill(self.pid, number)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_log(self, text: str) -> None:
        if self._log_fd >= 0:
            os.write(self._log_fd, text.encode())

    def _tail(self) -> bytes:
        if self._log_fd < 0:
            return b""
        end = os.fstat(self._log_fd).st_size
        start = max(self._log_start, end - TAIL_BYTES)
        return os.pread(self._log_fd, end - start, start)


def thread_variables(memory_mb: int) -> dict[str, str]:
    """How many threads numerical libraries take, unless the function's own variables say: as many as its memory brings
    CPUs. Each would else take all the host's, and environments side by side fight for them."""
    threads = str(max(1, memory_mb // FULL_CPU_MB))
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
