"""A quick estimate of a pinned assignment, for searching: what `compiler.simulate` would say, in a tenth of its time.

    quick = Quick(problem)
    rough = quick.evaluate(worker_of, memory_mb)        # makespan, cost, when each task ended

Everything takes what it takes in the middle. It knows what decides between plans: who waits for whom, cold and warm
starts under the limit of environments, lingering, bytes between workers, cores that all share. It leaves out what does
not: pages, the two hands of a worker, payloads, gates, conditions. What a plan promises is never taken from here but
from `compiler.planner.outlook`.

Events are (time, number, what happens, to whom); of one moment they happen in the order in which they were planned,
so that an estimate depends on its input alone. A few microseconds a task.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from compiler.planner.assembly import worker_envs
from compiler.planner.figures import Figures
from compiler.planner.problem import Problem
from runtime.plan import EnvClass
from runtime.prices import MB_PER_GB

SENDERS = 8
"""Calls that a launcher has on their way at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rough:
    """An estimate. Seconds from the first call; `start` and `end` are by instance, of its execution.

    `before[n]` is the instance for which n had to wait last: a producer, or the one that ran before it on its worker;
    -1 for none. `critical()` follows it from the last.
    """

    makespan_s: float
    cost_usd: float
    start: Sequence[float]
    end: Sequence[float]
    before: Sequence[int]
    last: int
    cold: int
    warm: int
    bytes_moved: int

    def critical(self) -> list[int]:
        """The chain of waits that makes the makespan, the first first."""
        chain, at = [], self.last
        while at >= 0:
            chain.append(at)
            at = self.before[at]
        return chain[::-1]


class Quick:
    """One problem, as all its estimates see it."""

    def __init__(self, problem: Problem) -> None:
        graph = problem.graph
        self.problem, self.figures = problem, Figures(problem)
        self.conditions = problem.conditions
        self.linger_s = self.figures.linger_s
        self.needs = [len(sources) for sources in graph.in_edges]
        self.consumers = self.figures.outputs
        self.targets = frozenset(graph.targets)
        self.roots = [instance for instance in problem.order if not self.needs[instance]]

    def seconds(self, memory_mb: int) -> Sequence[float]:
        """By instance the middle of what it takes with so much memory."""
        return self.figures.seconds(memory_mb)

    def evaluate(self, worker_of: Sequence[int], memory_mb: Mapping[int, int]) -> Rough:
        """The estimate of an assignment as `assemble` takes it, with a worker for every instance."""
        return _Run(self, worker_of, worker_envs(self.problem, worker_of, memory_mb)).run()


class _Run:
    """One evaluation."""

    def __init__(self, quick: Quick, worker_of: Sequence[int], envs: Mapping[int, EnvClass]) -> None:
        conditions, platform = quick.conditions, quick.problem.predictions.platform
        self.quick, self.worker_of, self.now = quick, worker_of, 0.0
        self.trip_s, self.byte_s = conditions.round_trip_s, 1.0 / conditions.environment_bytes_per_s
        self.invoke_s, self.commit_s, self.linger_s = conditions.invoke_s, conditions.commit_s, quick.linger_s
        count = len(worker_of)
        self.lacking = list(quick.needs)
        self.fetch_s = [0.0] * count
        self.start, self.end, self.before = [0.0] * count, [0.0] * count, [-1] * count
        self.seconds = {worker: quick.seconds(env.memory_mb) for worker, env in envs.items()}
        self.workers = {worker: _Worker(worker, env) for worker, env in envs.items()}
        for number in worker_of:
            self.workers[number].left += 1
        profile = quick.problem.profile
        self.price_s = {
            env: env.memory_mb / MB_PER_GB * profile.prices.gb_second(env.name) for env in set(envs.values())
        }
        cold_s, warm_s = platform.code_load_s + conditions.setup_cold_s, conditions.setup_warm_s
        self.cold_s = {env: platform.start(env.name, "cold").median + cold_s for env in self.price_s}
        self.warm_s = {env: platform.start(env.name, "warm").median + warm_s for env in self.price_s}
        self.request_usd = profile.prices.request_usd
        self.cost_usd = 0.0
        self.cold = self.warm = self.bytes_moved = self.environments = 0
        self.idle: dict[EnvClass, list[float]] = {env: [] for env in self.price_s}
        self.starting: dict[EnvClass, deque[_Worker]] = {env: deque() for env in self.price_s}
        for env, pool in self.idle.items():
            pool.extend([0.0] * min(conditions.warm.get(env.name, 0), conditions.concurrency - self.environments))
            self.environments += len(pool)
        self.queue: deque[_Worker] = deque()
        self.last, self.last_stored = -1, 0.0
        self.cores = _Cores(conditions.cores, self._plan, self._executed) if conditions.cores < inf else None
        self.heap: list[tuple[float, int, Callable[[int], None], int]] = []
        self.planned = 0

    def run(self) -> Rough:
        self._launch()
        heap = self.heap
        while heap:
            self.now, _, happens, whom = heapq.heappop(heap)
            happens(whom)
        return Rough(
            makespan_s=self.last_stored,
            cost_usd=self.cost_usd,
            start=self.start,
            end=self.end,
            before=self.before,
            last=self.last,
            cold=self.cold,
            warm=self.warm,
            bytes_moved=self.bytes_moved,
        )

    def _plan(self, after_s: float, happens: Callable[[int], None], whom: int) -> None:
        self.planned += 1
        heapq.heappush(self.heap, (self.now + after_s, self.planned, happens, whom))

    def _launch(self) -> None:
        """The entries: each worker with a root is called with all of them."""
        called: dict[int, int] = {}
        for root in self.quick.roots:
            worker = self.workers[self.worker_of[root]]
            worker.ready.append(root)
            if worker.number not in called:
                called[worker.number] = len(called)
                worker.is_called = True
                self._plan(self.invoke_s * (1 + called[worker.number] // SENDERS), self._called, worker.number)

    # ---- environments -----------------------------------------------------------------------------------

    def _call(self, worker: _Worker) -> None:
        worker.is_called = True
        self._plan(self.invoke_s, self._called, worker.number)

    def _called(self, number: int) -> None:
        """An event waits for an environment: an idle one, a new one, or the next that becomes free."""
        worker = self.workers[number]
        if self._is_idle(worker.env):
            self._start(worker, is_cold=False)
        elif self.environments < self.quick.conditions.concurrency or self._evict():
            self.environments += 1
            self._start(worker, is_cold=True)
        else:
            self.queue.append(worker)

    def _is_idle(self, env: EnvClass) -> bool:
        """Take an idle environment of that class, if there is one that has not expired."""
        pool = self.idle[env]
        while pool:
            if self.now - pool.pop() <= self.quick.conditions.idle_expiry_s:
                return True
            self.environments -= 1
        return False

    def _evict(self) -> bool:
        """End an idle environment of another class."""
        pool = min((pool for pool in self.idle.values() if pool), key=lambda pool: pool[0], default=None)
        if pool is None:
            return False
        pool.pop(0)
        self.environments -= 1
        return True

    def _start(self, worker: _Worker, *, is_cold: bool) -> None:
        if is_cold:
            self.starting[worker.env].append(worker)
            self._plan(self.cold_s[worker.env], self._is_up, worker.number)
        else:
            self.warm += 1
            self._begin(worker, self.warm_s[worker.env], self.now)

    def _is_up(self, number: int) -> None:
        """A new environment is ready for the event for which it was made, unless another one took that."""
        env = self.workers[number].env
        if self.starting[env]:
            self.cold += 1
            self._begin(self.starting[env].popleft(), 0.0, self.now - self.cold_s[env])
        else:
            self._free(env)

    def _begin(self, worker: _Worker, after_s: float, since: float) -> None:
        worker.since = since
        self._plan(after_s + self.trip_s, self._begun, worker.number)

    def _begun(self, number: int) -> None:
        worker = self.workers[number]
        worker.is_active, worker.is_called = True, False
        waiting, worker.ready = worker.ready, []
        for task in waiting:
            self._fetch(worker, task)

    def _rest(self, worker: _Worker) -> None:
        """Nothing to do: it leaves when it has sent its last, or lingers when there is more to come."""
        worker.idle_since = self.now
        worker.pause_s = self.linger_s if worker.left else self.trip_s + self.commit_s
        self._plan(worker.pause_s, self._leave, worker.number)

    def _leave(self, number: int) -> None:
        """The pause is over, unless there was work meanwhile."""
        worker = self.workers[number]
        if worker.is_active and not worker.at_work and self.now >= worker.idle_since + worker.pause_s - 1e-12:
            worker.is_active = False
            self.cost_usd += (self.now - worker.since) * self.price_s[worker.env] + self.request_usd
            self._free(worker.env)

    def _free(self, env: EnvClass) -> None:
        """An environment is free: for an event that waits for a new one, for the queue, or it stays warm."""
        if self.starting[env]:
            self._start(self.starting[env].popleft(), is_cold=False)
            return
        self.idle[env].append(self.now)
        if self.queue:
            self._called(self.queue.popleft().number)

    # ---- tasks ------------------------------------------------------------------------------------------

    def _ready(self, task: int, because_of: int) -> None:
        """Its last input is stored, or was made on its own worker."""
        worker = self.workers[self.worker_of[task]]
        self.before[task] = because_of
        if worker.is_active:
            self._fetch(worker, task)
        else:
            worker.ready.append(task)
            if not worker.is_called:
                self._call(worker)

    def _fetch(self, worker: _Worker, task: int) -> None:
        worker.at_work += 1
        if (fetch_s := self.fetch_s[task]) > 0.0:
            self._plan(fetch_s, self._at_hand, task)
        else:
            self._at_hand(task)

    def _at_hand(self, task: int) -> None:
        worker = self.workers[self.worker_of[task]]
        if worker.is_busy:
            worker.runnable.append(task)
        else:
            self._execute(worker, task)

    def _execute(self, worker: _Worker, task: int) -> None:
        worker.is_busy = True
        self.start[task] = self.now
        seconds = self.seconds[worker.number][task]
        if self.cores is None:
            self._plan(seconds, self._executed, task)
        else:
            self.cores.take(self.now, seconds, task)

    def _executed(self, task: int) -> None:
        worker = self.workers[self.worker_of[task]]
        self.end[task] = self.now
        worker.is_busy, worker.at_work, worker.left = False, worker.at_work - 1, worker.left - 1
        self._deliver(worker, task)
        if worker.runnable and not worker.is_busy:
            following = worker.runnable.popleft()
            self.before[following] = task
            self._execute(worker, following)
        elif not worker.at_work:
            self._rest(worker)

    def _deliver(self, worker: _Worker, task: int) -> None:
        """Consumers here have it at once, those elsewhere when it is stored."""
        here, largest, is_stored = [], 0, task in self.quick.targets
        for consumer, size in self.quick.consumers[task]:
            if self.worker_of[consumer] == worker.number:
                here.append(consumer)
            else:
                is_stored, largest = True, max(largest, size)
                self.bytes_moved += size
                self.fetch_s[consumer] = max(self.fetch_s[consumer], self.trip_s) + size * self.byte_s
        if is_stored:
            self._plan(self.commit_s + self.trip_s + largest * self.byte_s, self._stored, task)
        for consumer in here:
            self._settle(consumer, task)

    def _stored(self, task: int) -> None:
        if task in self.quick.targets:
            self.last, self.last_stored = task, self.now
        number = self.worker_of[task]
        for consumer, _ in self.quick.consumers[task]:
            if self.worker_of[consumer] != number:
                self._settle(consumer, task)

    def _settle(self, consumer: int, producer: int) -> None:
        self.lacking[consumer] -= 1
        if not self.lacking[consumer]:
            self._ready(consumer, producer)


class _Worker:
    """A worker's state. `ready` wait for its begin, `runnable` for its hand.

    `at_work` counts the tasks that are ready, `left` all that it has to do yet.
    """

    __slots__ = (
        "at_work",
        "env",
        "idle_since",
        "is_active",
        "is_busy",
        "is_called",
        "left",
        "number",
        "pause_s",
        "ready",
        "runnable",
        "since",
    )

    def __init__(self, number: int, env: EnvClass) -> None:
        self.number, self.env = number, env
        self.ready: list[int] = []
        self.runnable: deque[int] = deque()
        self.is_active = self.is_called = self.is_busy = False
        self.at_work = self.left = 0
        self.since = self.idle_since = self.pause_s = 0.0


class _Cores:
    """Cores that executions share fairly, each on one at most: `compiler.simulate.virtual_time.Shared` for numbers."""

    def __init__(
        self, cores: float, plan: Callable[[float, Callable[[int], None], int], None], done: Callable[[int], None]
    ) -> None:
        self._cores, self._plan, self._done = cores, plan, done
        self._jobs: list[tuple[float, int]] = []
        self._level = self._at = self._until = 0.0
        self._turn = 0

    def take(self, now: float, work: float, task: int) -> None:
        self._advance(now)
        heapq.heappush(self._jobs, (self._level + work, task))
        self._look_again()

    def _advance(self, now: float) -> None:
        if self._jobs:
            self._level += (now - self._at) * min(1.0, self._cores / len(self._jobs))
        self._at = now

    def _look_again(self) -> None:
        self._turn += 1
        if self._jobs:
            rate = min(1.0, self._cores / len(self._jobs))
            after_s = max(0.0, (self._jobs[0][0] - self._level) / rate)
            self._until = self._at + after_s
            self._plan(after_s, self._end_first, self._turn)

    def _end_first(self, turn: int) -> None:
        if turn == self._turn:
            self._advance(self._until)
            level, task = heapq.heappop(self._jobs)
            self._level = max(self._level, level)
            self._look_again()
            self._done(task)
