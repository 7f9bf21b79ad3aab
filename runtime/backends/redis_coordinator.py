"""The coordination protocol, and its form over Redis: each method is one script, except where the port says batches.

There is no scheduler. Workers read and write one run's state, every write is one script, and whoever writes decides by
what it finds. This page says what holds and why; the steps are lua/*.lua, and `memory_coordinator` is the same again.

Words. A value is *stored* when `out` has it or a reference to it. A task is *settled* (`done`) when every stored output
of its has arrived at all consumers, and every other one is needed by nobody who is not settled. A *grant* is a field of
`todo:<worker>`: the worker may run the task, and shall. A worker is *idle*, *called* (invoked, or about to be),
*running*, or *asleep* (all its grants wait for their next attempt). An *incarnation* is one process's life as a
worker, named by a random token: not a number, which a store that forgets would give twice, nor Lambda's request id,
which a retry shares.

Invariants, between any two scripts of a run whose `meta` is `run`:

 1. What has arrived is stored: an arrival is written after the value, or with it.
 2. A task that is ready (all its inputs have arrived) and not settled is granted to somebody, or stands in the line of
    its family's gate, whose places are all held by granted tasks.
 3. Who holds a grant is not idle, so somebody is due to look at it: the process that runs, or after its time the watch.
 4. Of each worker at most one incarnation is believed: the token in its record, at its next number.
 5. A slot, once stored, keeps its value.
 6. `called` counts the called workers. (It makes waiting workers leave sooner and nothing else.)

From 2 and 3 follows that while tasks are left somebody is not idle, which is how lost keys are noticed. The audit of
the fault driver looks for 1 to 3 and 6 after every write, its referee for 4 and 5.

Why each step keeps them.

- `begin` makes the caller *the* incarnation if grants are there and no lease lives. The same token again before its
  first commit is a lost reply and gets the same answer. It counts `tries`, begins with no new output and no new failed
  attempt in between; over the bound the run fails and names what it holds: no worker dies and comes back for ever.
- `commit` looks first: token, and number (the one after the last, or the last again, which is a lost reply; renewals
  have none). Anything else is refused whole (4). A lease that ran out refuses nobody: if no other has begun, nothing is
  lost by going on. Then its items, in order. *Store*: the first writer wins and the other is told the value (5). The
  value, put before (1), arrives at consumers; the arrival that completes a task grants it in the same script (2), to
  its pinned worker, to the caller while its share lasts, or to a worker made for it; that worker is called unless it
  runs (3). Arrivals are sets, so sending them again counts nothing twice, and a long list goes in several batches, of
  which the last settles the task. *Settle* takes a grant away, and only settling does: a grant is withheld from settled
  tasks and never from merely stored ones, whose other arrivals may be missing.
- *Gates* (`fanout.concurrency`). A place is a grant: a ready task of such a family stands in line, the end of each
  script lets in as many as there are places, and the one that settles a task gives its place on (2). So the state says
  who holds, and deaths, hand-overs, rebuilds and restarts that forget need nothing of their own. Such a task runs only
  where it is granted, and its outputs are always stored: having run is being settled. Let in is the caller's own next,
  then the first of a worker that holds no place, then the first. An attempt that waits long
  for its time gives its place back and stays granted; the next is announced, and that asks for a place again: without
  one the task stands in line, and the answer says so. Answers carry their `seq`, so that an older one grants nothing.
- *Leaving* is a mode of a commit: the script lets a worker go only if `todo` is empty, so that no grant given meanwhile
  stays unseen (3). Before, outputs kept in memory that others may still need are stored (*spill*), so that nothing
  that arrives later lacks them. With nothing but waiting attempts it falls asleep until the first is due. A *hand-over*
  makes it called again, for a new incarnation.
- A batch sent again finds its work done and asks again for the calls of its lost answer. The reply to a leave that was
  lost is an exception: sent again it is refused, and its calls are left to the watch.
- `watch` is everybody's: a due worker without grants becomes idle; one that was lost (its lease is over), that sleeps
  and is due, or whose call is overdue is called again; the token is kept, so whoever was only slow goes on. Calls that
  Lambda took are repeated only when younger ones have begun or nothing has for long: a throttled queue breeds none.
- `rebuild_*` is launch, resume and recovery: everybody is fenced, then absolute values are written that follow from the
  outputs which can be read. It begins only if the run is still what the caller saw, each part carries the rebuild's
  nonce, and a rebuild that goes on is left alone while its steps are young: launchers side by side do not mix.
- `lost`: a granted input that cannot be read, or a page, sends the run to a rebuild, if that is still how it stands.
  So does a look (`status`) at a run with tasks left and nobody active. A store that restarts from an earlier moment
  has the state between two scripts, with all invariants, and the fence refuses what came after: leases do the rest.
- `end` and `finish` take `workers` away first: no record, no write. What comes after that changes nothing.

What is not promised. A task may *run* more than once, also at the same time (its incarnation was believed dead); one
with `idempotent: false` is announced, stored and answered before anything follows. Tasks that give another value each
time: whoever reads from the store reads the value that is there, but a consumer in the same process may have started on
one that lost. Lost hints, calls, confirmations and events cost time and nothing else.

What Redis adds:

- The arrivals of a slot at consumers that need nothing else are one set of the slot's, `reach:<slot>`, in place of a
  set per consumer: a fan-out is a few commands. A rebuild, which does not know widths, writes both forms.
- Whom a gate lets in is known in the script only, so the keys of that line, and of that worker's grants and hints, are
  made from the run's prefix and not declared; they lie in its slot.
- A large value has a key with its writer's token. Who loses deletes it; who is refused looks first whether it is what
  the slot refers to, for the batch may have been accepted before. A zombie's expires.
- `att` holds for each task when its next attempt may begin, or that its newest one has no end yet.
- `watch` renews the expiry of the run's keys four times in their life, by SCAN; scripts set it when a key is written.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from runtime.backends.batch import (
    micros,
    read_answer,
    read_begin,
    read_calls,
    seconds,
    write_commit,
    write_env,
    write_value,
)
from runtime.backends.keys import FIXED, REFERENCE, RunKeys
from runtime.backends.objects import Objects
from runtime.backends.redis_link import Argument, Link
from runtime.config import WorkerSettings
from runtime.errors import ObjectStoreUnavailable, RebuildSuperseded
from runtime.ports import Answer, Begin, Call, Commit, RebuildPart, Reference, RunEnd, RunStatus, WorkerRow

KEYS_PER_CALL = 400
NAMES_PER_CALL = 10_000
NAMES_PER_ENTRY = 2_000
T = TypeVar("T")
Entry = tuple[str, str, list[object]]
"""(field of the rebuild script's part, key, values): one key, or a piece of a long one."""


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


class RedisCoordinator:
    """`runtime.ports.Coordinator` for one run."""

    def __init__(
        self,
        link: Link,
        keys: RunKeys,
        settings: WorkerSettings,
        clock: Callable[[], float] = time.monotonic,
        objects: Objects | None = None,
    ) -> None:
        self._link = link
        self._objects = objects
        self._keys = keys
        self._settings = settings
        self._life = int(settings.life_s)
        self._rebuild = ""
        self._is_launch = False
        self._clock = clock
        self._renew_at = clock() + self._life / 4

    def _fixed(self, *kinds: str) -> list[str]:
        return [self._keys.fixed(kind) for kind in kinds]

    def rebuild_start(self, seen: RunStatus | None = None) -> None:
        self._rebuild = secrets.token_hex(8)
        self._is_launch = seen is None
        expected = [] if seen is None else [seen.meta, seen.rebuild]
        keys = self._fixed("meta", "workers", "errors", "att", "out", "done", "queue", "events", "need", "tried")
        earlier = self._link.script("rebuild_start", keys, [self._rebuild, self._life, *expected])
        if earlier < 0:
            raise _superseded()
        if earlier:
            for pattern in self._keys.stale_patterns():
                for found in self._link.scan(pattern):
                    self._link.pipeline([("UNLINK", key) for key in found])

    def rebuild_part(self, part: RebuildPart) -> None:
        """One call per `KEYS_PER_CALL` keys or `NAMES_PER_CALL` names: none of them holds the server up for long."""
        batch: list[Entry] = []
        names = 0
        for entry in self._entries(part):
            if batch and (len(batch) == KEYS_PER_CALL or names + len(entry[2]) > NAMES_PER_CALL):
                self._send_part(batch)
                batch, names = [], 0
            batch.append(entry)
            names += len(entry[2])
        if batch:
            self._send_part(batch)

    def _entries(self, part: RebuildPart) -> Iterator[Entry]:
        members: dict[str, list[object]] = {}
        for consumer, slots in part.arrived.items():
            yield "arrived", self._keys.arrived(consumer), list(slots)
            if len(slots) == 1:
                members.setdefault(self._keys.reach(slots[0]), []).append(consumer)
        for worker, grants in part.grants.items():
            key = self._keys.todo(worker)
            yield "clear", key, []
            for piece in batches(grants.items(), NAMES_PER_ENTRY):
                yield "grants", key, [text for pair in piece for text in pair]
        for worker, task in part.done:
            members.setdefault(self._keys.fixed("done"), []).append(task)
            if worker:
                members.setdefault(self._keys.done_of(worker), []).append("=" + task)
        for worker, slot in part.stored:
            if worker:
                members.setdefault(self._keys.done_of(worker), []).append("+" + slot)
        for key, names in members.items():
            for chunk in batches(names, NAMES_PER_ENTRY):
                yield "sets", key, chunk
        yield from self._gates(part)
        for gone in batches(part.dangling, NAMES_PER_ENTRY):
            yield "dangling", "", list(gone)
        for widths in batches(part.widths.items(), NAMES_PER_ENTRY):
            yield "widths", "", [text for pair in widths for text in pair]

    def _gates(self, part: RebuildPart) -> Iterator[Entry]:
        for gate, holders in part.held.items():
            for piece in batches(holders.items(), NAMES_PER_ENTRY):
                yield "hashes", self._keys.gate(gate), [text for pair in piece for text in pair]
        for gate, waiters in part.lines.items():
            lines: dict[str, list[object]] = {}
            for number, waiter in enumerate(waiters, -len(waiters)):
                text = f"{waiter.task}\n{waiter.page}\n{write_env(waiter.env)}"
                lines.setdefault(waiter.worker or f"~{write_env(waiter.env)}", []).extend((number, text))
            yield (
                "zsets",
                self._keys.line(gate),
                [text for line, entries in lines.items() for text in (entries[0], line)],
            )
            for line, entries in lines.items():
                for chunk in batches(entries, NAMES_PER_ENTRY):
                    yield "zsets", self._keys.wait(gate, line), chunk

    def _send_part(self, entries: Sequence[Entry]) -> None:
        keys = self._fixed("meta", "done", "out", "need")
        kinds = ("arrived", "grants", "sets", "hashes", "zsets", "dangling", "widths")
        part: dict[str, list[object]] = {kind: [] for kind in kinds}
        for kind, key, values in entries:
            if kind in ("dangling", "widths"):
                part[kind].extend(values)
                continue
            keys.append(key)
            if kind in ("clear", "grants"):
                part["grants"].append([len(keys), values, int(kind == "clear")])
            else:
                part[kind].append([len(keys), values])
        text = json.dumps(part, separators=(",", ":"))
        if not self._link.script("rebuild_part", keys, [self._rebuild, self._life, text]):
            raise _superseded()

    def rebuild_end(self, rows: Sequence[WorkerRow]) -> tuple[Call, ...]:
        text = json.dumps([[row.worker, write_env(row.env), row.subdag, int(row.has_todo)] for row in rows])
        limit = micros(self._settings.call_limit_s)
        args: list[Argument] = [self._rebuild, self._life, limit, int(self._is_launch), text]
        accepted, calls = self._link.script("rebuild_end", self._fixed("meta", "workers", "queue", "spans"), args)
        if not accepted:
            raise _superseded()
        return read_calls(calls)

    def begin(self, worker: str, token: str, called_at: float) -> Begin:
        keys = [
            *self._fixed("meta", "workers", "queue"),
            self._keys.todo(worker),
            self._keys.done_of(worker),
            *self._fixed("att", "events"),
        ]
        settings = self._settings
        args: list[Argument] = [
            worker,
            token,
            micros(called_at),
            micros(settings.lease_s),
            self._life,
            settings.max_tries,
        ]
        return read_begin(self._link.script("begin", keys, args))

    def commit(self, commit: Commit) -> Answer:
        keys, args = write_commit(commit, self._keys, self._settings)
        return read_answer(self._link.script("commit", keys, args))

    def confirm(self, worker: str, called_at: float) -> None:
        self._link.script("confirm", self._fixed("workers"), [worker, micros(called_at)])

    def watch(self, at_most: int) -> tuple[Call, ...]:
        """Rule 8: a look at who is due, then one script over those with their `todo` declared."""
        self._renew_expiry()
        limit = micros(self._settings.call_limit_s)
        fixed = self._fixed("meta", "workers", "queue")
        living, *workers = self._link.script("due", fixed, [at_most, limit]).decode().split("\n")
        workers = [worker for worker in workers if worker]
        if not workers:
            return ()
        keys = [*fixed, *map(self._keys.todo, workers)]
        return read_calls(self._link.script("watch", keys, [at_most, limit, living, *workers]))

    def _renew_expiry(self) -> None:
        now = self._clock()
        if now < self._renew_at:
            return
        self._renew_at = now + self._life / 4
        for pattern in self._keys.patterns():
            for found in self._link.scan(pattern):
                self._link.pipeline([("EXPIRE", key, self._life) for key in found])

    def lost(self, worker: str, token: str, slot: str, reference: str) -> None:
        keys = self._fixed("workers", "out", "meta", "events")
        committed = REFERENCE + reference.encode() if reference else b""
        self._link.script("lost", keys, [worker, token, slot, committed, self._life])

    def fail(self, worker: str, token: str, reason: str) -> None:
        self._link.script("fail", self._fixed("meta", "workers", "events"), [worker, token, reason, self._life])

    def salvage(self, worker: str, values: Mapping[str, bytes | Reference], *, is_last: bool) -> frozenset[str] | None:
        texts = [part for slot, value in values.items() for part in (slot, write_value(value))]
        args: list[Argument] = [worker, int(is_last), self._life, *texts]
        taken = self._link.script("salvage", self._fixed("meta", "out", "events"), args)
        return None if taken is None else frozenset(slot.decode() for slot in taken)

    def end(self, how: RunEnd, reason: str) -> None:
        self._link.script("end", self._fixed("meta", "workers", "events"), [how.value, reason, self._life])

    def status(self) -> RunStatus:
        meta, reason, stored, done, errors, tried, rebuild, since, active = self._link.script(
            "status", self._fixed("meta", "out", "done", "errors", "att", "tried", "workers"), []
        )
        texts = [text.decode(errors="replace") for text in errors]
        earlier: dict[str, tuple[tuple[int, str], ...]] = {}
        for task, number, record in batches([part.decode() for part in tried], 3):
            earlier[task] = (*earlier.get(task, ()), (int(number), record))
        return RunStatus(
            meta=meta.decode(),
            reason=reason.decode(),
            stored=stored,
            done=done,
            active=active,
            rebuild=rebuild.decode(),
            building_s=seconds(since),
            errors=dict(zip(texts[::2], texts[1::2], strict=True)),
            earlier=earlier,
        )

    def finish(self) -> None:
        """The run needs nothing any more: objects that cannot be deleted now are left to the bucket's own rule."""
        self._link.command("UNLINK", self._keys.fixed("workers"))
        self._link.pipeline([("UNLINK", key) for key in self._fixed(*FIXED)])
        for pattern in self._keys.patterns():
            for found in self._link.scan(pattern):
                self._link.pipeline([("UNLINK", key) for key in found])
        if self._objects is not None:
            with suppress(ObjectStoreUnavailable):
                self._objects.clear()


def _superseded() -> RebuildSuperseded:
    return RebuildSuperseded(
        "another launcher rebuilds this run at the same time", hint="let one of them end, then attach to the run"
    )
