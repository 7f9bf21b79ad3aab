"""How a commit travels: one JSON text with indices into the script's KEYS and ARGV, and how its answer is read.

Neighbours with the same destination, width and page form a group, so that a fan-out of hundreds is a few numbers and
its names. Consumers that need one slot alone share that slot's set; the others have consecutive keys, and their
names are the ends of these. Values and long task lists are arguments of their own. Times are whole microseconds.
Not responsible for what the script does with it (lua/commit.lua).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

from runtime.backends.keys import INLINE, REFERENCE, RunKeys
from runtime.config import WorkerSettings
from runtime.plan import EnvClass, Gate
from runtime.ports import (
    Answer,
    Arrival,
    Attempt,
    Begin,
    Call,
    Called,
    Commit,
    Failure,
    Item,
    Recovered,
    Reference,
    Release,
    Settle,
    Status,
    Store,
    Tried,
    Withdraw,
)

COMMIT_KINDS = ("meta", "workers", "queue", "out", "done")
FIRST_KEY = 13
"""Index of the first key after the fixed ones (Lua counts from 1)."""


def micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def seconds(text: bytes | int) -> float:
    return int(text) / 1_000_000


def write_env(env: EnvClass) -> str:
    return f"{env.memory_mb}|{env.arch}|{env.python}|{env.layer}"


def read_env(text: str) -> EnvClass:
    memory, arch, python, layer = text.split("|")
    return EnvClass(memory_mb=int(memory), arch=arch, python=python, layer=layer)


def subdag_of(arrival: Arrival) -> str:
    """What the record of a worker says that a grant creates: its page, or nothing for a pinned one."""
    return f"page:{arrival.page}" if arrival.flexible else ""


@dataclass(slots=True)
class CommitScript:
    """KEYS and ARGV of one commit, as they are gathered."""

    keys: RunKeys
    args: list[str | bytes | int] = field(default_factory=lambda: [""])
    names: list[str] = field(default_factory=list)
    dests: list[list[object]] = field(default_factory=list)
    dest_of: dict[str, int] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)

    def key(self, name: str) -> int:
        self.names.append(name)
        return FIRST_KEY + len(self.names) - 1

    def value(self, data: bytes | str) -> int:
        self.args.append(data)
        return len(self.args)

    def dest(self, arrival: Arrival) -> int:
        """The index of the arrival's worker among the destinations."""
        index = self.dest_of.get(arrival.worker)
        if index is None:
            index = self.dest_of[arrival.worker] = len(self.dests) + 1
            todo, hint = self.key(self.keys.todo(arrival.worker)), self.key(self.keys.hint(arrival.worker))
            env, flexible = write_env(arrival.env), int(arrival.flexible)
            self.dests.append([arrival.worker, todo, hint, env, subdag_of(arrival), flexible])
        return index

    def groups(self, arrivals: tuple[Arrival, ...]) -> list[list[object]]:
        """Runs of neighbours: [dest, need, page, first key, count, gate], those of single inputs with their names."""
        dests = [self.dest(arrival) for arrival in arrivals]
        groups: list[list[object]] = []
        for (dest, need, page, gate), run in groupby(zip(dests, arrivals, strict=True), key=_group_of):
            names = [arrival.consumer for _, arrival in run]
            if need == 1:
                groups.append([dest, need, page, names, 0, self.gate(gate)])
            else:
                keys = [self.key(self.keys.arrived(name)) for name in names]
                groups.append([dest, need, page, keys[0], len(keys), self.gate(gate)])
        return groups

    def join(self, arrival: Arrival) -> list[int]:
        dest = self.dest(arrival)
        key = self.key(self.keys.arrived(arrival.consumer))
        return [dest, arrival.need, arrival.page, key, self.gate(arrival.gate)]

    def gate(self, gate: Gate | None) -> int:
        """The index of a gate among those of the batch, 0 for none."""
        if gate is None:
            return 0
        if gate not in self.gates:
            self.gates.append(gate)
        return self.gates.index(gate) + 1

    def item(self, item: Item) -> list[object]:
        match item:
            case Store():
                value = 0
                if item.value is not None:
                    value = self.value(write_value(item.value))
                elif item.reference is not None:
                    value = self.value(write_value(Reference(key=item.reference)))
                joins = [self.join(arrival) for arrival in item.joins]
                groups = self.groups(item.arrivals)
                reach = self.key(self.keys.reach(item.slot)) if any(group[1] == 1 for group in groups) else 0
                return ["store", item.task, item.slot, value, int(item.last), groups, joins, reach]
            case Settle():
                return ["settle", self.value(json.dumps(item.tasks, separators=(",", ":")))]
            case Attempt():
                error = self.value(item.error) if item.error else 0
                return ["attempt", item.task, item.number, error, micros(item.delay_s), self.gate(item.gate)]
            case Release():
                return ["release", item.task, self.gate(item.gate)]
            case Withdraw():
                return ["withdraw", item.task, item.number]
            case Called():
                return ["called", item.worker, micros(item.called_at)]
            case Recovered():
                return ["recovered", item.task, item.slot]
            case Failure():
                return ["error", item.task, self.value(item.record), item.slot]


def _group_of(member: tuple[int, Arrival]) -> tuple[int, int, int, Gate | None]:
    return member[0], member[1].need, member[1].page, member[1].gate


def write_commit(commit: Commit, keys: RunKeys, settings: WorkerSettings) -> tuple[list[str], list[str | bytes | int]]:
    """KEYS and ARGV of the commit script."""
    script = CommitScript(keys)
    items = [script.item(item) for item in commit.items if item != Settle(tasks=())]
    script.args[0] = json.dumps(
        {
            "worker": commit.worker,
            "token": commit.token,
            "seq": commit.seq,
            "mode": commit.mode.value,
            "take": commit.take,
            "known": commit.known,
            "env": write_env(commit.env),
            "lease": micros(settings.lease_s),
            "limit": micros(settings.call_limit_s),
            "life": int(settings.life_s),
            "hint": settings.store_value_bytes,
            "dests": script.dests,
            "gates": [[gate.name, gate.places] for gate in script.gates],
            "items": items,
        },
        separators=(",", ":"),
    )
    fixed = [keys.fixed(kind) for kind in COMMIT_KINDS]
    own = [keys.done_of(commit.worker), keys.todo(commit.worker)]
    late = [keys.fixed(kind) for kind in ("att", "errors", "events", "need", "tried")]
    return [*fixed, *own, *late, *script.names], script.args


def read_lines(text: bytes) -> list[str]:
    return text.decode().split("\n") if text else []


def read_pairs(text: bytes) -> dict[str, int]:
    """ "name\\nnumber\\n…" as a mapping."""
    lines = read_lines(text)
    return dict(zip(lines[::2], map(int, lines[1::2]), strict=True))


def read_attempts(text: bytes) -> dict[str, Tried]:
    """ "name\\nnumber due\\n…": due is -1 for an attempt whose end is not known."""
    lines = read_lines(text)
    return {name: _read_tried(*value.split(" ")) for name, value in zip(lines[::2], lines[1::2], strict=True)}


def _read_tried(number: str, due: str) -> Tried:
    is_open = due == "-1"
    return Tried(number=int(number), is_open=is_open, due=0.0 if is_open else int(due) / 1_000_000)


def read_calls(text: bytes) -> tuple[Call, ...]:
    return tuple(map(_read_call, text.decode().split("\0"))) if text else ()


def _read_call(line: str) -> Call:
    worker, env, subdag, called_at, *start = line.split("\n")
    return Call(
        worker=worker, env=read_env(env), subdag=subdag, called_at=int(called_at) / 1_000_000, start=tuple(start)
    )


def write_value(value: bytes | Reference) -> bytes:
    """A value as a field of `out` or `inputs` holds it."""
    return REFERENCE + value.key.encode() if isinstance(value, Reference) else INLINE + value


def read_value(field_value: bytes) -> bytes | Reference:
    """A field of `out` or `inputs`: the sealed bytes, or the reference to a large value."""
    if field_value[:1] == REFERENCE:
        return Reference(key=field_value[1:].decode(errors="replace"))
    return field_value[1:]


def read_answer(reply: list[bytes | None]) -> Answer:
    head, calls, todo, *winners = reply
    assert head is not None, "a commit's answer has a status"
    line, *queued = head.decode().split("\n")
    status, now, called, left, seq = line.split(" ")
    found: Mapping[str, bytes | Reference] | None = None
    if winners:
        texts = [part for part in winners if part is not None]
        found = {slot.decode(): read_value(value) for slot, value in zip(texts[::2], texts[1::2], strict=True)}
    return Answer(
        status=Status(status),
        todo=None if todo is None else read_pairs(todo),
        calls=read_calls(calls or b""),
        winners=found,
        called=int(called),
        now=seconds(int(now)),
        left=left == "1",
        seq=int(seq),
        queued=tuple(queued),
    )


def read_begin(reply: list[bytes]) -> Begin:
    head, todo, done, attempts = reply
    status, now, tries = head.split(b" ")
    members = read_lines(done)
    return Begin(
        status=Status(status.decode()),
        todo=read_pairs(todo),
        done=frozenset(name[1:] for name in members if name[0] == "="),
        stored=frozenset(name[1:] for name in members if name[0] == "+"),
        attempts=read_attempts(attempts),
        tries=int(tries),
        now=seconds(now),
    )
