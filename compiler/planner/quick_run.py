"""One quick estimate (`compiler.planner.quick`): the events of a run in which everything takes what it takes in the
middle.

Events are (time, number, what happens, to whom); of one moment they happen in the order in which they were planned,
so that an estimate depends on its input alone. A few microseconds a task.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isqrt
from typing import TYPE_CHECKING

from runtime.calls.calling import TREE_FROM
from runtime.calls.sending import AT_ONCE, SENDERS
from runtime.machine.lingering import WHILE_CALLED_S
from runtime.plan import EnvClass
from runtime.prices import MB_PER_GB

if TYPE_CHECKING:
    from compiler.planner.quick import Quick


Slot = tuple[int, int]
"""An instance, and which of its outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rough:
    """An estimate. Seconds from the first call; `start` and `end` are by instance, of its execution.

    `before[n]` is the instance for which n had to wait last: a producer, or the one that ran before it on its worker;
    -1 for none. `critical()` follows it from the last.

    The rest says why, for who asks what other times would bring: `order` is that in which tasks were executed, `stored`
    when an output was in the store (0.0: never), `fetch_s` what inputs from elsewhere took, `freed_by` the last task of
    the worker whose environment it waited for (-1: none), `is_cold` whether it was the first in a new environment.
    `envs` are the workers' classes.
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
    worker_of: Sequence[int]
    envs: Mapping[int, EnvClass]
    order: Sequence[int]
    stored: Sequence[float]
    fetch_s: Sequence[float]
    freed_by: Sequence[int]
    is_cold: Sequence[bool]

    def critical(self) -> list[int]:
        """The chain of waits that makes the makespan, the first first."""
        chain, at = [], self.last
        while at >= 0:
            chain.append(at)
            at = self.before[at]
        return chain[::-1]


class Run:
    """One evaluation."""

    def __init__(self, quick: Quick, worker_of: Sequence[int], envs: Mapping[int, EnvClass]) -> None:
        conditions, platform = quick.conditions, quick.problem.predictions.platform
        self.quick, self.worker_of, self.envs, self.now = quick, worker_of, envs, 0.0
        self.trip_s, self.byte_s = conditions.round_trip_s, 1.0 / conditions.environment_bytes_per_s
        self.invoke_s, self.commit_s, self.linger_s = conditions.invoke_s, conditions.commit_s, quick.linger_s
        self.leave_s = conditions.leave_s
        count = len(worker_of)
        self.lacking = list(quick.needs)
        self.fetch_s = [0.0] * count
        self.away: list[list[tuple[Slot, int]]] = [[] for _ in range(count)]
        self.start, self.end, self.before = [0.0] * count, [0.0] * count, [-1] * count
        self.order: list[int] = []
        self.calls: list[_Worker] = []
        self.waiting = 0
        self.stored, self.freed_by, self.is_cold = [0.0] * count, [-1] * count, [False] * count
        self.seconds = {worker: quick.seconds(env.memory_mb) for worker, env in envs.items()}
        self.workers = {worker: _Worker(worker, env) for worker, env in envs.items()}
        for number in worker_of:
            self.workers[number].left += 1
        profile = quick.problem.profile
        self.price_s = {
            env: env.memory_mb / MB_PER_GB * profile.prices.gb_second(env.name) for env in set(envs.values())
        }
        cold_s, warm_s = platform.code_load_s + conditions.setup_cold_s, conditions.setup_warm_s
        self.ready_s = platform.ready.median
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
            worker_of=self.worker_of,
            envs=self.envs,
            order=self.order,
            stored=self.stored,
            fetch_s=self.fetch_s,
            freed_by=self.freed_by,
            is_cold=self.is_cold,
        )

    def _plan(self, after_s: float, happens: Callable[[int], None], whom: int) -> None:
        self.planned += 1
        heapq.heappush(self.heap, (self.now + after_s, self.planned, happens, whom))

    def _launch(self) -> None:
        """The entries: each worker with a root is called with all of them."""
        called: dict[int, _Worker] = {}
        for root in self.quick.roots:
            worker = self.workers[self.worker_of[root]]
            worker.ready.append(root)
            worker.is_called = worker.is_launched = True
            called[worker.number] = worker
        self.waiting = len(called)
        self._send([*called.values()])

    # ---- environments -----------------------------------------------------------------------------------

    def _send(self, called: Sequence[_Worker]) -> float:
        """Call these, a few one after another, many by a few threads or in a tree; how long the caller waits."""
        if len(called) >= TREE_FROM:
            size = isqrt(len(called) - 1) + 1
            for at in range(0, len(called), size):
                called[at].forward = called[at + 1 : at + size]
            called = called[::size]
        side_by_side = 1 if len(called) <= AT_ONCE else SENDERS
        for number, worker in enumerate(called):
            self._plan(number // side_by_side * self.invoke_s, self._called, worker.number)
        return len(called) * self.invoke_s if side_by_side == 1 else 0.0

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
            worker.made_at = self.now
            self.starting[worker.env].append(worker)
            self._plan(max(0.0, self.ready_s - self.now) + self.cold_s[worker.env], self._is_up, worker.number)
        else:
            self.warm += 1
            self._begin(worker, self.warm_s[worker.env], self.now)

    def _is_up(self, number: int) -> None:
        """A new environment is ready for the event for which it was made, unless another one took that."""
        env = self.workers[number].env
        if self.starting[env]:
            self.cold += 1
            self._begin(self.starting[env].popleft(), 0.0, self.workers[number].made_at)
        else:
            self._free(env, -1)

    def _begin(self, worker: _Worker, after_s: float, since: float) -> None:
        worker.since, worker.is_cold = since, after_s == 0.0
        records_s, worker.is_launched = 0.0 if worker.is_launched else self.trip_s, False
        self._plan(after_s + records_s + self.trip_s, self._begun, worker.number)

    def _begun(self, number: int) -> None:
        worker = self.workers[number]
        worker.is_active, worker.is_called = True, False
        self.waiting -= 1
        waiting, worker.ready = worker.ready, []
        worker.has_begun = True
        worker.held.clear()
        for task in waiting:
            self._fetch(worker, task)
        for following in worker.forward:
            self._plan(0.0, self._called, following.number)
        worker.forward = ()

    def _rest(self, worker: _Worker) -> None:
        """Nothing to do: it leaves, or lingers when there is more to come, but hardly while others wait to begin."""
        worker.idle_since = self.now
        linger_s = min(self.linger_s, WHILE_CALLED_S) if self.waiting else self.linger_s
        worker.pause_s = self.leave_s + (linger_s if worker.left else 0.0)
        self._plan(worker.pause_s, self._leave, worker.number)

    def _leave(self, number: int) -> None:
        """The pause is over, unless there was work meanwhile."""
        worker = self.workers[number]
        if worker.is_active and not worker.has_work and self.now >= worker.idle_since + worker.pause_s - 1e-12:
            worker.is_active = False
            self.cost_usd += (self.now - worker.since) * self.price_s[worker.env] + self.request_usd
            self._plan(self.trip_s, self._left, number)

    def _left(self, number: int) -> None:
        self._free(self.workers[number].env, self.workers[number].last)

    def _free(self, env: EnvClass, last: int) -> None:
        """An environment is free after that task: for an event that waits for a new one, for the queue, or it stays
        warm."""
        if self.starting[env]:
            self._start(self.starting[env].popleft(), is_cold=False)
            return
        self.idle[env].append(self.now)
        if self.queue:
            following = self.queue.popleft()
            following.freed_by = last
            self._called(following.number)

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
                worker.is_called = True
                self.waiting += 1
                self.calls.append(worker)

    def _fetch(self, worker: _Worker, task: int) -> None:
        worker.at_work += 1
        if not self.away[task]:
            self._at_hand(task)
            return
        self.fetch_s[task] = -self.now
        worker.unfetched.append(task)
        if not worker.fetched:
            self._get(worker)

    def _get(self, worker: _Worker) -> None:
        """All that is wanted goes together; what it has already does not come again."""
        worker.fetched, worker.unfetched = worker.unfetched, []
        missing = 0
        for task in worker.fetched:
            for slot, size in self.away[task]:
                if slot not in worker.held:
                    worker.held.add(slot)
                    missing += size
        self._plan(self.trip_s + missing * self.byte_s, self._got, worker.number)

    def _got(self, number: int) -> None:
        worker = self.workers[number]
        tasks, worker.fetched = worker.fetched, []
        for task in tasks:
            self.fetch_s[task] += self.now
            self._at_hand(task)
        if worker.unfetched:
            self._get(worker)

    def _at_hand(self, task: int) -> None:
        worker = self.workers[self.worker_of[task]]
        if worker.is_busy:
            worker.runnable.append(task)
        else:
            self._execute(worker, task)

    def _execute(self, worker: _Worker, task: int) -> None:
        if worker.has_begun:
            worker.has_begun = False
            self.freed_by[task], self.is_cold[task] = worker.freed_by, worker.is_cold
        worker.is_busy, worker.last = True, task
        self.order.append(task)
        self.start[task] = self.now
        seconds = self.seconds[worker.number][task]
        if self.cores is None:
            self._plan(seconds, self._executed, task)
        else:
            self.cores.take(self.now, seconds, task)

    def _executed(self, task: int) -> None:
        worker = self.workers[self.worker_of[task]]
        self.end[task] = self.now
        worker.at_work, worker.left = worker.at_work - 1, worker.left - 1
        self._deliver(worker, task)
        worker.is_busy = False
        self._go_on(worker, task)

    def _go_on(self, worker: _Worker, after: int) -> None:
        """Its hand is free after that task: for the next one, else for errands."""
        if worker.runnable and not worker.is_busy:
            following = worker.runnable.popleft()
            self.before[following] = after
            self._execute(worker, following)
        if worker.unsent and not worker.on_their_way:
            self._commit(worker)
        if not worker.has_work:
            self._rest(worker)

    def _commit(self, worker: _Worker) -> None:
        """Whatever has ended meanwhile goes together, by the hand that executes if that has nothing to do."""
        worker.on_their_way, worker.unsent = worker.unsent, []
        worker.commits_by_hand = not worker.is_busy
        worker.is_busy = True
        takes_s = self.commit_s + self.trip_s + worker.unsent_bytes * self.byte_s
        worker.unsent_bytes = 0
        self._plan(takes_s, self._committed, worker.number)

    def _deliver(self, worker: _Worker, task: int) -> None:
        """Consumers here have it at once, those elsewhere when it is stored."""
        here, sent, is_stored = list[int](), dict[int, int](), task in self.quick.targets
        for consumer, size, output in self.quick.consumers[task]:
            if self.worker_of[consumer] == worker.number:
                here.append(consumer)
            else:
                is_stored, sent[output] = True, size
                self.bytes_moved += size
                self.away[consumer].append(((task, output), size))
        if is_stored:
            worker.unsent.append(task)
            worker.unsent_bytes += sum(sent.values())
        for consumer in here:
            self._settle(consumer, task)

    def _committed(self, number: int) -> None:
        """Outputs are in the store, and the workers that wait for them are called."""
        worker = self.workers[number]
        for task in worker.on_their_way:
            self._stored(task)
        called, self.calls = self.calls, []
        self._plan(self._send(called), self._sent, number)

    def _sent(self, number: int) -> None:
        worker = self.workers[number]
        worker.on_their_way = []
        if worker.commits_by_hand:
            worker.is_busy = worker.commits_by_hand = False
        self._go_on(worker, worker.last)

    def _stored(self, task: int) -> None:
        self.stored[task] = self.now
        if task in self.quick.targets:
            self.last, self.last_stored = task, self.now
        number = self.worker_of[task]
        for consumer, _, _ in self.quick.consumers[task]:
            if self.worker_of[consumer] != number:
                self._settle(consumer, task)

    def _settle(self, consumer: int, producer: int) -> None:
        self.lacking[consumer] -= 1
        if not self.lacking[consumer]:
            self._ready(consumer, producer)


class _Worker:
    """A worker's state. `ready` wait for its begin, `runnable` for its hand, `unsent` for the commit `on_their_way`,
    `unfetched` for what is `fetched` now. It has `held` these since it begun.

    `last` is what it ran last, and it `has_begun` when that is still to come. `at_work` counts the tasks that are
    ready, `left` all that it has to do yet.
    """

    __slots__ = (
        "at_work",
        "commits_by_hand",
        "env",
        "fetched",
        "forward",
        "freed_by",
        "has_begun",
        "held",
        "idle_since",
        "is_active",
        "is_busy",
        "is_called",
        "is_cold",
        "is_launched",
        "last",
        "left",
        "made_at",
        "number",
        "on_their_way",
        "pause_s",
        "ready",
        "runnable",
        "since",
        "unfetched",
        "unsent",
        "unsent_bytes",
    )

    def __init__(self, number: int, env: EnvClass) -> None:
        self.number, self.env = number, env
        self.ready: list[int] = []
        self.runnable: deque[int] = deque()
        self.unsent: list[int] = []
        self.unfetched: list[int] = []
        self.fetched: list[int] = []
        self.held: set[Slot] = set()
        self.on_their_way: list[int] = []
        self.forward: Sequence[_Worker] = ()
        self.is_launched = self.commits_by_hand = False
        self.is_active = self.is_called = self.is_busy = self.is_cold = self.has_begun = False
        self.last = self.freed_by = -1
        self.at_work = self.left = self.unsent_bytes = 0
        self.since = self.made_at = self.idle_since = self.pause_s = 0.0

    @property
    def has_work(self) -> bool:
        return bool(self.at_work or self.on_their_way or self.unsent)


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
