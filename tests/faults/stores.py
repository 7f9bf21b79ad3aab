"""The store of a run under faults: memory, or the real scripts on a real Redis, whose clock the driver moves.

Beside the ports it can do what happens to stores: forget the last writes, forget everything, lose one value.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Mapping, Sequence
from random import Random
from typing import Protocol

import redis

from runtime.backends.batch import read_value
from runtime.backends.keys import REFERENCE
from runtime.backends.memory import MemoryBackend
from runtime.backends.memory_state import MemoryState
from runtime.backends.redis import Link, RedisBackend
from runtime.config import WorkerSettings
from runtime.ports import Coordinator, Reference, Signals, ValueStore
from tests.contracts.world import CLOCK_KEY, Clock, ClockedScripts, set_clock
from tests.faults.audit import Snapshot


class Store(Protocol):
    """One run's ports, and what may befall the server behind them."""

    values: ValueStore
    signals: Signals
    writes_per_look: int
    """How often the state is audited: a look at Redis costs as much as a commit."""

    late: Container[str]
    """What a zombie may leave, because it expires: a large value that it put after the end."""

    def client(self) -> Coordinator:
        """A coordinator of one process's own."""
        ...

    def set_time(self, now: float) -> None: ...

    def snapshot(self) -> object: ...

    def restore(self, snapshot: object) -> None: ...

    def forget_all(self) -> None: ...

    def lose_value(self, slots: Sequence[str], random: Random) -> str | None:
        """Lose the bytes of a large value that is stored; returns its slot, None when there is none."""
        ...

    def has(self, slot: str) -> bool:
        """`slot` is stored."""
        ...

    def lose_key(self, random: Random) -> str:
        """Lose a whole key of the run, whichever (its time was over, or it was evicted); returns its name or ""."""
        ...

    def look(self) -> Snapshot | None:
        """The state of a run that goes on, to be audited; None of any other."""
        ...

    def orphans(self) -> list[str]:
        """The keys of large values to which no slot refers; each ends with its writer's token."""
        ...

    def left(self) -> list[str]:
        """What is there of the run."""
        ...

    def grants(self) -> dict[str, list[str]]:
        """Who holds what, for a report."""
        ...


class MemoryStore:
    """Over `MemoryBackend`: some hundred runs a second."""

    writes_per_look = 1

    def __init__(self, settings: WorkerSettings) -> None:
        self._clock = Clock()
        self.late = ("large",)
        self.backend = MemoryBackend(settings, self._clock)
        self.values = self.backend.values
        self.signals = self.backend.signals

    @property
    def state(self) -> MemoryState:
        return self.backend.state

    def client(self) -> Coordinator:
        return self.backend.another_client()

    def set_time(self, now: float) -> None:
        self._clock.now = now

    def snapshot(self) -> object:
        names = [name for name in MemoryState.__slots__ if name not in ("clock", "lock", "entries", "newest_ms")]
        return copy.deepcopy({name: getattr(self.state, name) for name in names})

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, dict)
        for name, value in snapshot.items():
            setattr(self.state, name, value)

    def forget_all(self) -> None:
        self.state.clear()
        self.state.blobs.clear()
        self.state.called = 0

    def lose_value(self, slots: Sequence[str], random: Random) -> str | None:
        large = [slot for slot in slots if isinstance(self.state.out.get(slot), Reference)]
        if not large:
            return None
        slot = random.choice(large)
        reference = self.state.out[slot]
        assert isinstance(reference, Reference)
        return slot if self.state.large.pop(reference.key, None) is not None else None

    def has(self, slot: str) -> bool:
        return slot in self.state.out

    def lose_key(self, random: Random) -> str:
        state = self.state
        named = [(kind, name) for kind in NAMED for name in getattr(state, kind)]
        whole = [(kind, "") for kind in ("meta", "workers", "called", *WHOLE) if getattr(state, kind)]
        if not (found := [*whole, *named]):
            return ""
        kind, name = random.choice(found)
        match kind:
            case "meta":
                state.meta = state.reason = state.rebuild = ""
            case "workers":
                state.workers = None
            case "called":
                state.newest, state.last_begin, state.called = 0.0, 0.0, 0
            case _ if name:
                del getattr(state, kind)[name]
            case _:
                getattr(state, kind).clear()
        return f"{kind}:{name}"

    def look(self) -> Snapshot | None:
        state = self.state
        if state.meta != "run":
            return None
        return Snapshot(
            states={worker: record.state.value for worker, record in (state.workers or {}).items()},
            grants=state.todo,
            done=state.done,
            readable={
                slot
                for slot, value in state.out.items()
                if not isinstance(value, Reference) or value.key in state.large
            },
            arrived=state.arrived,
            called=state.called,
            held=state.held,
            lines={gate: {waiter.task for waiter in line} for gate, line in state.lines.items()},
        )

    def orphans(self) -> list[str]:
        known = {value.key for value in self.state.out.values() if isinstance(value, Reference)}
        return [key for key in self.state.large if key not in known]

    def left(self) -> list[str]:
        if self.state.is_empty():
            return []
        names = [name for name in MemoryState.__slots__ if name not in ("clock", "lock", "blobs", "rebuild")]
        return [name for name in names if getattr(self.state, name) and name not in COUNTERS]

    def grants(self) -> dict[str, list[str]]:
        return {worker: list(tasks) for worker, tasks in self.state.todo.items() if tasks}


WHOLE = ("out", "done", "need", "attempts", "tried", "errors", "events", "pages")
NAMED = ("todo", "arrived", "done_of", "stored_of", "hints", "held", "lines")
COUNTERS = ("entries", "newest_ms", "newest", "last_begin", "called", "built_at")


KEY_PATTERN = "treadle:test:{run}:*"
EVERYTHING = """
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'hash' then found[#found + 1] = {key, redis.call('HGETALL', key)}
  elseif kind == 'set' then found[#found + 1] = {key, redis.call('SMEMBERS', key)}
  elseif kind == 'zset' then found[#found + 1] = {key, redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')} end
end
return found
"""
STATES = {b"i": "idle", b"c": "called", b"r": "running", b"s": "asleep"}


def snapshot_of(found: Mapping[str, list[bytes]], is_there: Callable[[str], bool]) -> Snapshot | None:
    """The state that lies under these keys; `is_there` asks for the key of a large value."""

    def table(key: str) -> dict[str, bytes]:
        parts = found.get(key, [])
        return {name.decode(): value for name, value in zip(parts[::2], parts[1::2], strict=True)}

    def members(key: str) -> set[str]:
        return {name.decode() for name in found.get(key, [])}

    def named(kind: str) -> list[str]:
        return [key[len(kind) :] for key in found if key.startswith(kind)]

    if table("meta").get("state") != b"run":
        return None
    arrived = {consumer: members("arr:" + consumer) for consumer in named("arr:")}
    for slot in named("reach:"):
        for consumer in members("reach:" + slot):
            arrived[consumer] = {*arrived.get(consumer, ()), slot}
    lines: dict[str, set[str]] = {}
    for name in named("wait:"):
        line = lines.setdefault(name.partition(":")[0], set())
        line.update(text.partition("\n")[0] for text in table("wait:" + name))
    stored = {slot: read_value(value) for slot, value in table("out").items()}
    return Snapshot(
        states={worker: STATES[record[:1]] for worker, record in table("workers").items()},
        grants={worker: set(table("todo:" + worker)) for worker in named("todo:")},
        done=members("done"),
        readable={s for s, value in stored.items() if not isinstance(value, Reference) or is_there(value.key)},
        arrived=arrived,
        called=int(table("queue").get("called", 0)),
        held={gate: {task: w.decode() for task, w in table("gate:" + gate).items()} for gate in named("gate:")},
        lines=lines,
    )


RUN = "run"


class LargeKeys:
    """Every key of a large value."""

    def __contains__(self, key: object) -> bool:
        return "{run/" in str(key)


class PromptLink(Link):
    """Streams are read without waiting: in virtual time nothing comes meanwhile."""

    def read_stream(self, key: str, after: str, timeout_s: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        reply = self.command("XREAD", "STREAMS", key, after)
        return [(entry, fields or {}) for _, entries in reply or () for entry, fields in entries]


class RedisStore:
    """Over `RedisBackend` on a server of the test's own; nothing else may be in it."""

    writes_per_look = 3

    def __init__(self, client: redis.Redis, settings: WorkerSettings) -> None:
        client.flushall()
        self._redis = client
        self.late = LargeKeys()
        self._settings = settings
        self._clock = Clock()
        set_clock(client, RUN, self._clock)
        self._link = PromptLink(client, where="the test's server", scripts=ClockedScripts())
        backend = RedisBackend(self._link, "test", RUN, settings)
        self._keys = backend.keys
        self.values = backend.values
        self.signals = backend.signals

    def client(self) -> Coordinator:
        return RedisBackend(self._link, "test", RUN, self._settings).coordinator

    def set_time(self, now: float) -> None:
        if now != self._clock.now:
            self._clock.now = now
            set_clock(self._redis, RUN, self._clock)

    def _names(self) -> list[bytes]:
        return [key for key in self._redis.scan_iter() if not key.startswith(CLOCK_KEY.encode())]

    def snapshot(self) -> object:
        return {key: self._redis.dump(key) for key in self._names()}

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, dict)
        self.forget_all()
        for key, value in snapshot.items():
            self._redis.restore(key, int(self._settings.life_s * 1000), value)

    def forget_all(self) -> None:
        for key in self._names():
            self._redis.delete(key)

    def lose_value(self, slots: Sequence[str], random: Random) -> str | None:
        found = dict(zip(slots, self.values.fetch(slots), strict=True))
        large = [slot for slot, value in found.items() if isinstance(value, Reference)]
        if not large:
            return None
        slot = random.choice(large)
        reference = found[slot]
        assert isinstance(reference, Reference)
        return slot if self._redis.delete(reference.key) else None

    def has(self, slot: str) -> bool:
        return bool(self._redis.hexists(self._keys.fixed("out"), slot))

    def lose_key(self, random: Random) -> str:
        keys = sorted(key.decode() for key in self._names() if b"{run}:" in key)
        key = random.choice(keys) if keys else ""
        return key.partition("}:")[2] if key and self._redis.delete(key) else ""

    def look(self) -> Snapshot | None:
        """One trip for all of it."""
        found = {
            key.decode().partition("}:")[2]: content for key, content in self._redis.eval(EVERYTHING, 0, KEY_PATTERN)
        }
        return snapshot_of(found, lambda key: bool(self._redis.exists(key)))

    def orphans(self) -> list[str]:
        known = {value[1:] for value in self._redis.hvals(self._keys.fixed("out")) if value[:1] == REFERENCE}
        return [key.decode() for key in self._names() if key.decode() in self.late and key not in known]

    def left(self) -> list[str]:
        return [key.decode() for key in self._names() if b":blob:" not in key]

    def grants(self) -> dict[str, list[str]]:
        return {
            key.decode(): [task.decode() for task in self._redis.hkeys(key)]
            for key in self._names()
            if b":todo:" in key
        }
