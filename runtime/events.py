"""What a worker is told and what it asks for: the events and effects of its state machine, frozen data.

An *event* is something that happened to the worker; an *effect* is something its driver shall do. Neither
carries a value of the user's: the machine decides over names, the driver holds the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.plan import Task
from runtime.ports import Answer, Begin, Commit, Store

# ---- events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    begin: Begin


@dataclass(frozen=True, slots=True)
class Executed:
    """The user's function returned, or something stands for what it would have; the outputs are in memory."""

    task: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The outputs that are to be stored are serialised and signed."""

    task: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt failed. `record` is the JSON error record, `brief` a short one; `names` is what `retry.on` may say."""

    task: str
    record: str
    brief: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """An attempt was interrupted because the invocation ends, and `Worker.may_repeat` it; it does not count."""

    task: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a `Fetch`: which slots are in memory now, and which are not in the store."""

    found: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PagesLoaded:
    """Pages of task records have come; `missing` numbers are not in the store."""

    tasks: Mapping[str, Task]
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """The answer to the commit in flight, its calls already invoked."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Renewed:
    """The answer to a commit that carried nothing."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Hinted:
    """Slots arrived, their values in memory; none of them: look at the grants. Those `stored` have no value here."""

    slots: tuple[str, ...]
    stored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Invoked:
    """A worker that an answer asked to call was invoked."""

    worker: str
    called_at: float


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer set by `SetTimer` went off."""

    name: str


@dataclass(frozen=True, slots=True)
class TimeNearlyUp:
    """The invocation nears its time limit: nothing starts any more."""


Event = (
    Begun
    | Executed
    | Sealed
    | Failed
    | Cut
    | Fetched
    | PagesLoaded
    | Committed
    | Renewed
    | Hinted
    | Invoked
    | TimerFired
    | TimeNearlyUp
)

# ---- effects --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTask:
    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Seal:
    """Serialise and sign these slots now, before any other task could change the values; answered by `Sealed`."""

    task: str
    attempt: int
    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Substitute:
    """The task has failed for good, and may: put what its `on_error` says in the place of its outputs.

    `record` is the error record. Done at once, as a `Seal` is; answered by `Executed`.
    """

    task: str
    record: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Read slots from the payload or the store, in one round trip; answered by `Fetched`."""

    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadPages:
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SendCommit:
    """Send the commit, the sealed value put into each `Store` whose slot is in `fill`; then invoke what it asks for.

    Slots that another incarnation had stored first get the winner's value. Answered by `Committed`.
    """

    commit: Commit
    fill: frozenset[str]


@dataclass(frozen=True, slots=True)
class Renew:
    """Send an empty commit; answered by `Renewed`."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Start to listen to this worker's hints."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    name: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Drop:
    """No task here needs these slots any more: forget their values."""

    slots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportLost:
    """A value that was committed cannot be found: have the run rebuilt."""

    slot: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """The run has ended: leave in the store, for a resume, those of these outputs that are in memory.

    To be done at once. `stores` carry no values.
    """

    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """The incarnation is over. `reason`: left, handed over, fenced, ended, nothing, busy, lost."""

    reason: str


Effect = (
    RunTask
    | Seal
    | Substitute
    | Fetch
    | LoadPages
    | SendCommit
    | Renew
    | Subscribe
    | SetTimer
    | Drop
    | ReportLost
    | Salvage
    | Leave
)
