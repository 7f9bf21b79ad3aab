"""What the contract suite acts upon: one run on one backend, whose clock moves only when a test moves it.

Over Redis the scripts are the real ones, on a real server; only the line of lua/common.lua that asks for the time
reads a key of the test's instead, so that leases and late calls need no waiting. That key has the tag of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.backends.memory import MemoryBackend
from runtime.backends.redis import Link, RedisBackend
from runtime.backends.redis_link import Client, Scripts
from runtime.config import WorkerSettings
from runtime.plan import EnvClass, Gate
from runtime.ports import (
    Answer,
    Arrival,
    Begin,
    Call,
    Commit,
    Coordinator,
    Item,
    Mode,
    RebuildPart,
    Settle,
    Signals,
    Store,
    ValueStore,
    Waiter,
    WorkerRow,
)

ENV = EnvClass(memory_mb=1769)
BIG = EnvClass(memory_mb=3008)
SETTINGS = WorkerSettings()
CLOCK_KEY = "test:clock:"
ASK_TIME = "redis.call('TIME')"
START_S = 1_000_000.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = START_S

    def __call__(self) -> float:
        return self.now


class ClockedScripts(Scripts):
    """The real scripts, with the test's clock in place of the server's."""

    def source(self, name: str) -> str:
        text = super().source(name)
        assert ASK_TIME in text, "the scripts ask for the time in one place"
        return text.replace(
            ASK_TIME, f"redis.call('HMGET', '{CLOCK_KEY}' .. string.match(KEYS[1], '{{.-}}'), 's', 'us')"
        )


@dataclass
class World:
    """One run: its ports, its clock, and short words for what tests do."""

    coordinator: Coordinator
    values: ValueStore
    signals: Signals
    clock: Clock
    client: Client | None
    backend: MemoryBackend | RedisBackend
    settings: WorkerSettings = SETTINGS
    seqs: dict[str, int] = field(default_factory=dict)

    def advance(self, seconds: float) -> None:
        self.clock.now += seconds
        if isinstance(self.backend, RedisBackend):
            set_clock(self.client, self.backend.keys.run, self.clock)

    def another_client(self) -> Coordinator:
        """A second coordinator on the same run, as another process would have."""
        if isinstance(self.backend, MemoryBackend):
            return self.backend.another_client()
        return RedisBackend(self.backend.link, "test", self.backend.keys.run, self.settings).coordinator

    def launch(
        self,
        grants: Mapping[str, Mapping[str, int]],
        *,
        idle: tuple[str, ...] = (),
        arrived: Mapping[str, tuple[str, ...]] | None = None,
        done: tuple[tuple[str, str], ...] = (),
        stored: tuple[tuple[str, str], ...] = (),
        dangling: tuple[str, ...] = (),
        held: Mapping[str, Mapping[str, str]] | None = None,
        lines: Mapping[str, tuple[Waiter, ...]] | None = None,
    ) -> tuple[Call, ...]:
        """`rebuild` with these grants; `idle` are pinned workers without any."""
        self.coordinator.rebuild_start()
        part = RebuildPart(
            arrived=arrived or {},
            grants=grants,
            done=done,
            stored=stored,
            dangling=dangling,
            held=held or {},
            lines=lines or {},
        )
        self.coordinator.rebuild_part(part)
        return self.coordinator.rebuild_end([row(worker, bool(grants.get(worker))) for worker in (*grants, *idle)])

    def begin(self, worker: str, token: str = "t1", called_at: float = START_S) -> Begin:
        return self.coordinator.begin(worker, token, called_at)

    def commit(
        self,
        worker: str,
        *items: Item,
        token: str = "t1",
        seq: int | None = None,
        mode: Mode = Mode.STAY,
        take: int = 0,
        known: int = -1,
        env: EnvClass = ENV,
    ) -> Answer:
        """A commit with the next seq of this token, or -1 when there are no items."""
        if seq is None:
            seq = self.next_seq(token) if items else -1
        return self.coordinator.commit(
            Commit(worker=worker, token=token, seq=seq, env=env, items=items, mode=mode, take=take, known=known)
        )

    def next_seq(self, token: str) -> int:
        self.seqs[token] = self.seqs.get(token, 0) + 1
        return self.seqs[token]

    def leave(self, worker: str, *items: Item, token: str = "t1") -> Answer:
        return self.commit(worker, *items, token=token, mode=Mode.LEAVE)

    def hints(self, worker: str, after: str = "0") -> list[dict[str, bytes]]:
        return [dict(hint.arrived) for hint in self.signals.wait_hints(worker, after, 0.001)]

    def events(self, after: str = "0") -> list[str]:
        return [event.kind for event in self.signals.wait_events(after, 0.001)]


def set_clock(client: Client | None, run: str, clock: Clock) -> None:
    if client is not None:
        whole = int(clock.now)
        times = {"s": whole, "us": round((clock.now - whole) * 1_000_000)}
        client.hset(f"{CLOCK_KEY}{{{run}}}", mapping=times)


def memory_world(settings: WorkerSettings = SETTINGS) -> World:
    clock = Clock()
    backend = MemoryBackend(settings, clock)
    return World(backend.coordinator, backend.values, backend.signals, clock, None, backend, settings)


def redis_world(client: Client, run: str, settings: WorkerSettings = SETTINGS, *, user: Client | None = None) -> World:
    """A run over `client`, or over another client of the same Redis, such as one of a user with fewer rights."""
    clock = Clock()
    set_clock(client, run, clock)
    link = Link(user or client, where="the test's server", scripts=ClockedScripts())
    backend = RedisBackend(link, "test", run, settings)
    return World(backend.coordinator, backend.values, backend.signals, clock, client, backend, settings)


def row(worker: str, has_todo: bool, env: EnvClass = ENV) -> WorkerRow:
    return WorkerRow(worker=worker, env=env, subdag=f"digest of {worker}", has_todo=has_todo)


def pinned(consumer: str, worker: str, need: int = 1, env: EnvClass = ENV, gate: Gate | None = None) -> Arrival:
    return Arrival(consumer=consumer, worker=worker, flexible=False, env=env, need=need, gate=gate)


def flexible(
    consumer: str,
    need: int = 1,
    *,
    worker: str = "",
    page: int = 0,
    env: EnvClass = ENV,
    gate: Gate | None = None,
) -> Arrival:
    worker = worker or f"~{consumer}"
    return Arrival(consumer=consumer, worker=worker, flexible=True, env=env, need=need, page=page, gate=gate)


def store(task: str, *arrivals: Arrival, value: bytes | None = b"value", last: bool = True, slot: str = "") -> Store:
    return Store(task=task, slot=slot or task, value=value, arrivals=arrivals, last=last)


def settle(*tasks: str) -> Settle:
    return Settle(tasks=tasks)
