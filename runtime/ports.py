"""The ports of the runtime: what a worker and a launcher ask of the world, and nothing of how it is done.

`runtime.backends` holds the real ones (memory, redis, awslambda). One contract suite runs on all of them.
The words and the rules are those of the coordination protocol: a worker is idle, called or running; a
*grant* is a field of `todo:<worker>` (instance → page), which is also the worker's inbox; a *stored*
value lies in `out`; a *settled* task has arrived at all its consumers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from runtime.plan import EnvClass, Gate
from runtime.values.bulk import Sealed


class Mode(Enum):
    """What a commit does with its worker when it is done.

    Who leaves or hands over with grants that all wait for their next attempt falls asleep: the watch calls it when
    the first of them is due, a new grant at once.
    """

    STAY = "none"
    LEAVE = "leave"
    HANDOVER = "handover"


class Status(Enum):
    """How the store answered a worker.

    OK: accepted. GO: begun. NOTHING: no such worker, idle, or nothing granted. BUSY: another incarnation
    lives. FENCED: this incarnation is no longer the worker; nothing was written. ENDED: the run is over.
    """

    OK = "ok"
    GO = "go"
    NOTHING = "nothing"
    BUSY = "busy"
    FENCED = "fenced"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One edge's end at its consumer.

    `worker` is the consumer's pinned worker, or for a flexible consumer the name proposed for a new
    flexible worker (several consumers may share one: a list of start tasks). `flexible` says which.
    `gate` is that of the consumer's family: a complete consumer waits in its line for a place before it is granted.
    `page` is the consumer's page (-1 when pinned); `need` its number of in-edges. A new flexible worker's
    record gets the subDAG "page:<page>"; a pinned worker's record was written by `rebuild_end`.
    """

    consumer: str
    worker: str
    flexible: bool
    env: EnvClass
    need: int
    page: int = -1
    gate: Gate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Store one slot's value and let it arrive.

    `task` is the instance, `slot` the stored value's name. `value` is a sealed envelope, or None when the
    slot is known to be stored and only its arrivals are sent (again, or the next batch); `reference` is the
    key of a large value that was put before (then `value` is None too).
    `last` settles the task: this is the last batch of arrivals of its last slot. `joins`: fan-ins whose
    width (`need`) this store fixes at run time; arrivals at them carry `need` 0 and may come before it.
    """

    task: str
    slot: str
    value: bytes | None
    reference: str | None = None
    arrivals: tuple[Arrival, ...] = ()
    last: bool = True
    joins: tuple[Arrival, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """These tasks, stored nowhere, have all their consumers settled."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A settled task gives back its place: in the same script the first that waits for it is granted."""

    task: str
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Attempt number `number` (from 1) of a task is about to run, or has failed with `error` and will be repeated.

    `error` is a short record, JSON text; "" announces the attempt. `delay_s`: how long the next one waits.
    `gate`: a failed attempt gives its place back for that long; one that is announced needs it again, or waits in line.
    """

    task: str
    number: int
    error: str = ""
    delay_s: float = 0.0
    gate: Gate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Attempt `number` of a task was announced and did not begin: as if it had not been announced."""

    task: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The worker was invoked as this worker's previous answer asked; `called_at` is that answer's time."""

    worker: str
    called_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task failed for good. `record` is JSON text.

    Without a `slot` the run fails. With one the failure is let pass: what stands for the task's output is stored there
    in the same commit, and the record is kept if that value is the one that counts ("": in any case).
    """

    task: str
    record: str
    slot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """This commit stores a result in `slot`: a failure of the task that was let pass before is none any more."""

    task: str
    slot: str = ""


Item = Store | Settle | Release | Attempt | Withdraw | Called | Failure | Recovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One round trip of a worker. `seq` counts the item-carrying commits of this incarnation from 1; -1 renews only.

    `take`: how many newly completed flexible consumers the caller may be granted itself.
    `known`: how many grants the caller believes it has after this commit; when that is so, the answer's
    `todo` is None (unchanged), which keeps answers small.
    """

    worker: str
    token: str
    seq: int
    env: EnvClass
    items: tuple[Item, ...] = ()
    mode: Mode = Mode.STAY
    take: int = 0
    known: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A worker that is to be invoked now. `start` are its grants, as far as the caller knows (a hint)."""

    worker: str
    env: EnvClass
    subdag: str
    called_at: float
    start: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The store's answer to a commit.

    `todo`: instance → page, or None when it is as the caller believed. `winners`: slot → sealed value (or a
    `Reference`) of slots that another incarnation had stored first. `called`: how many workers of the run
    are called but not running. `now`: the store's time in seconds.
    `seq`: the number of the newest item-carrying commit that it knows of. `queued`: announced tasks that got no place:
    they are granted no more, until they are let in.
    """

    status: Status
    todo: Mapping[str, int] | None = None
    calls: tuple[Call, ...] = ()
    winners: Mapping[str, bytes | Reference] | None = None
    called: int = 0
    now: float = 0.0
    left: bool = False
    seq: int = 0
    queued: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A large value lies under this key."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The newest attempt of a task that the store knows of: its number, from 1.

    `is_open`: it was announced, and nothing is known of its end. `due`: the store's time before which the next attempt
    may not begin, 0 when it need not wait.
    """

    number: int
    is_open: bool = False
    due: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The store's answer to a worker that begins. `done` are the worker's settled tasks, `stored` its stored slots.

    `attempts`: what is written of attempts, by task. `tries` counts this worker's begins since its last
    new stored output, this one included.
    """

    status: Status
    todo: Mapping[str, int]
    done: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    attempts: Mapping[str, Tried] | None = None
    tries: int = 1
    now: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """What `rebuild_end` writes of one worker: whom to invoke, how, and whether it has grants."""

    worker: str
    env: EnvClass
    subdag: str
    has_todo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A complete task that waits for a place. `worker` is its pinned worker, "" when it is flexible."""

    task: str
    worker: str
    env: EnvClass
    page: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildPart:
    """Absolute values for a part of the run's state; writing it twice changes nothing.

    `arrived`: consumer → slots that have arrived (replaces). `grants`: worker → instance → page (replaces).
    `done`: (worker or "", task) pairs that are settled or not needed. `stored`: (worker or "", slot) pairs
    that are stored but not settled, so that the worker's `begin` returns them and their arrivals are sent again.
    `held`: gate → task → worker, the places that are taken by what is granted. `lines`: gate → who waits, in order.
    `dangling`: slots whose reference cannot be read, to be forgotten. `widths`: consumer → width known at run time.
    """

    arrived: Mapping[str, tuple[str, ...]]
    grants: Mapping[str, Mapping[str, int]]
    done: tuple[tuple[str, str], ...]
    stored: tuple[tuple[str, str], ...] = ()
    dangling: tuple[str, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lines: Mapping[str, tuple[Waiter, ...]] = field(default_factory=dict)


class RunEnd(Enum):
    """What `meta` says of a run that is over."""

    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The launcher's look at a run: `meta` is "building", "run", "failed", "cancelled", "rewind" or "" (gone).

    `rebuild` names the rebuild that wrote it, `building_s` is how long ago its newest step was. `active`: workers that
    are called, running or asleep; while tasks are left somebody is, unless keys of the run have vanished.
    `errors`: task → record of its failure. `earlier`: of these tasks, (number, short record) of attempts before.
    """

    meta: str
    reason: str
    stored: int
    done: int
    active: int
    errors: Mapping[str, str]
    rebuild: str = ""
    building_s: float = 0.0
    earlier: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)


class Coordinator(Protocol):
    """The scripts of the protocol, for one run. Every method is one atomic round trip (rebuild_part: one per batch).

    Every method raises `StoreUnavailable` when the store cannot be reached, `RuntimeFault` otherwise.
    """

    def rebuild_start(self, seen: RunStatus | None = None) -> None:
        """Fence everyone and begin a rebuild: of whatever is there, or only if that is still what was `seen`.

        Raises `RebuildSuperseded` when somebody has rebuilt, ended or cleaned the run since.
        """
        ...

    def rebuild_part(self, part: RebuildPart) -> None: ...

    def rebuild_end(self, rows: Sequence[WorkerRow]) -> tuple[Call, ...]: ...

    def begin(self, worker: str, token: str, called_at: float) -> Begin: ...

    def commit(self, commit: Commit) -> Answer: ...

    def confirm(self, worker: str, called_at: float) -> None: ...

    def watch(self, at_most: int) -> tuple[Call, ...]: ...

    def lost(self, worker: str, token: str, slot: str, reference: str) -> None: ...

    def fail(self, worker: str, token: str, reason: str) -> None:
        """The run fails by this worker, if `token` still holds it: every incarnation is fenced from here on."""
        ...

    def salvage(self, worker: str, values: Mapping[str, bytes | Reference], *, is_last: bool) -> frozenset[str] | None:
        """The last words of a worker whose run has failed: values by slot that a resume need not make again.

        First writer wins; nothing arrives anywhere. Returns the slots that were taken, None when the run does not stand
        as failed. `is_last`: the worker is gone after this.
        """
        ...

    def end(self, how: RunEnd, reason: str) -> None:
        """Set `meta` and delete `workers`, whoever works: this is the client's word."""
        ...

    def status(self) -> RunStatus: ...

    def finish(self) -> None:
        """Delete every key of the run: `workers` first, then the rest in batches, by prefix with SCAN."""
        ...


HEAD_BYTES = 64
"""What is looked at of a blob that is there already; it holds the signature."""


def nothing_else(_digest: str, _head: bytes) -> bool:
    """No blob stands but one with the very bytes that it shall have."""
    return False


class ValueStore(Protocol):
    """Values and blobs, as sealed bytes; sealing and opening is the caller's."""

    def fetch(self, slots: Sequence[str]) -> list[bytes | Reference | None]:
        """The stored values of `slots`, in order, in one round trip; None where nothing is stored."""
        ...

    def put_large(self, task: str, output: str | None, token: str, sealed: Sealed) -> str:
        """Put a large value under a key of its own before it is committed; returns that key."""
        ...

    def get_large(self, key: str) -> Sealed | None:
        """What was put under that key, or None; its chunks are read one by one as they are taken."""
        ...

    def each_large(self, keys: Sequence[str]) -> Iterator[Sealed | None]:
        """`get_large` of each key, in order, a few of them in one round trip."""
        ...

    def delete_large(self, key: str) -> None: ...

    def put_blobs(self, blobs: Mapping[str, bytes], stands: Callable[[str, bytes], bool] = nothing_else) -> None:
        """Publish the deployment's immutable blobs (digest → bytes); those that exist are renewed, not sent.

        What begins otherwise, but is as long, stays when `stands` says so of its digest and its first bytes.
        """
        ...

    def get_blobs(self, digests: Sequence[str]) -> list[bytes | None]: ...

    def put_pages(self, pages: Mapping[int, bytes]) -> None:
        """Publish this run's pages."""
        ...

    def get_pages(self, numbers: Sequence[int]) -> list[bytes | None]: ...

    def put_inputs(self, inputs: Mapping[str, bytes | Reference]) -> None:
        """Publish this run's inputs by name; a large value is put first and given by its reference."""
        ...

    def get_inputs(self, names: Sequence[str]) -> list[bytes | Reference | None]: ...

    def put_graph(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """What the run's event stream tells: wake-ups for the launcher, the truth stays in state.

    kind: "stored" | "settled" | "begun" | "left" | "span" | "failed" | "ended"; `data` is JSON. A `span` says that an
    incarnation has sent its last batch of spans.
    """

    id: str
    kind: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HintMessage:
    """A wake-up for a live worker: new grants, or slots that arrived with their sealed values inside; `stored` are
    those whose values are not, and lie in the store."""

    id: str
    arrived: Mapping[str, bytes]
    stored: tuple[str, ...] = ()

    @classmethod
    def of(cls, id: str, slots: Mapping[str, bytes]) -> HintMessage:
        """From slots with their values, empty where these are not inside."""
        arrived = {slot: value for slot, value in slots.items() if value}
        return cls(id=id, arrived=arrived, stored=tuple([slot for slot, value in slots.items() if not value]))


class Signals(Protocol):
    """Wake-ups. All of them may be lost; nobody's correctness depends on one."""

    def wait_hints(self, worker: str, after: str, timeout_s: float) -> list[HintMessage]:
        """Block for hints newer than id `after` ("0" from the start), at most `timeout_s`; [] on time-out."""
        ...

    def wait_events(self, after: str, timeout_s: float) -> list[RunEvent]: ...

    def emit_events(self, events: Sequence[tuple[str, str]]) -> None:
        """Append (kind, data) pairs to the run's event stream, trimmed approximately.

        Only to a stream that is there: what a worker says after the run was cleaned is not kept.
        """
        ...

    def push_spans(self, texts: Sequence[str], told: str = "") -> None:
        """Append batches of spans to the run's list, in one round trip, which may be repeated when its reply is lost.

        Only to a list that is there: whoever builds the run makes it. `told`: the data of an event `span` that follows.
        """
        ...

    def read_spans(self) -> list[bytes]:
        """The whole list: what workers pushed, and when the run was launched (`runtime.measures.span_batches`)."""
        ...
