"""The record of a run: what attach, resume, a watchdog and `runs` need to know without the bundle's folder.

It has three parts, each sealed by itself: what stands from the launch on (`RunRecord`), how the run ended (`Outcome`),
and what was measured (its timeline), which are not there before. Where records lie is the business of
`runtime.runs.book` and `runtime.runs.archive`; values, code and graph lie under keys of their own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any, TypeVar

from runtime.config import WorkerSettings
from runtime.errors import RuntimeFault
from runtime.links import NO_LINK
from runtime.pages import decode_value, encode_value
from runtime.plan import Value
from runtime.prices import Prices, prices_of, prices_row
from runtime.promise import Promise, promise_of
from runtime.results import RunResult
from runtime.values.envelope import Codec, Kind, Place, Signer, open_sealed, seal

VERSION = 1
START, OUTCOME, TIMELINE = "start", "outcome", "timeline"
T = TypeVar("T")


class RecordUnreadable(RuntimeFault):
    """A record whose fields are not those of this version."""

    code = "record-unreadable"


class RunState(Enum):
    """How a run is. INTERRUPTED: it has no end, and what ran it is gone; `--resume` goes on with it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What stands from the launch on. `bundle` is the digest of the index, `blobs` all that the run needs.

    `graph` and `plan`, two of the blobs, are kept as long as the record. `started` and the other times are seconds
    since 1970; `launched` is that of the newest launch or resumption, from which the deadline counts. `inputs` are the
    names of the run's inputs, `key` is the id of its signing key. `host` is the machine of the newest launch, where the
    logs of environments lie, `link` what lay between its workers and Redis (`links`). `promise` is what was expected
    of it, `prices` are the target's. `is_imported`: the run is another
    deployment's, and only what is shown of it is here.
    """

    run: str
    workflow: str
    planner: str
    sla: str
    tasks: int
    started: float
    launched: float
    bundle: str
    blobs: tuple[str, ...]
    graph: str
    plan: str
    inputs: tuple[str, ...]
    settings: WorkerSettings
    key: str
    host: str = ""
    link: str = NO_LINK
    promise: Promise | None = None
    prices: Prices | None = None
    is_imported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. `code`, `reason`, `hint` and `records` are those of the fault that ended it.

    `result` has the figures of a run that succeeded, its value left out; `tree` and `edges` say how the value is put
    together from the kept slots, and `is_kept` is False when these were too large to be kept.
    """

    state: RunState
    ended: float
    code: str = ""
    reason: str = ""
    hint: str = ""
    records: tuple[dict[str, object], ...] = ()
    result: RunResult | None = None
    tree: Value = None
    edges: tuple[tuple[str, str | None], ...] = ()
    is_kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record as it is found: `outcome` None while the run has no end, `is_live` when a Redis holds it now."""

    record: RunRecord
    outcome: Outcome | None
    is_live: bool = True
    is_watched: bool = False

    @property
    def state(self) -> RunState:
        if self.outcome is not None:
            return self.outcome.state
        return RunState.RUNNING if self.is_live else RunState.INTERRUPTED


def seal_record(signer: Signer, deployment: str, record: RunRecord) -> bytes:
    return _seal(signer, deployment, record.run, START, record_document(record))


def open_record(signer: Signer, deployment: str, run: str, sealed: bytes) -> RunRecord:
    """Raises `SignatureInvalid` (E606), `RecordUnreadable`."""
    return _open(signer, _place(deployment, run, START), sealed, record_of)


def record_document(record: RunRecord) -> dict[str, object]:
    """As JSON holds it; of the settings those that are not at their defaults."""
    prices = None if record.prices is None else prices_row(record.prices)
    return {**asdict(record), "settings": changed_settings(record.settings), "prices": prices}


def record_of(document: dict[str, Any]) -> RunRecord:
    """The inverse of `record_document`. Raises KeyError, TypeError, ValueError on what is none."""
    lists = {name: tuple(document[name]) for name in ("blobs", "inputs")}
    promise = None if document["promise"] is None else promise_of(document["promise"])
    prices = None if document["prices"] is None else prices_of(document["prices"])
    settings = WorkerSettings(**document["settings"])
    return RunRecord(**{**document, **lists, "settings": settings, "promise": promise, "prices": prices})


def seal_outcome(signer: Signer, deployment: str, run: str, outcome: Outcome) -> bytes:
    return _seal(signer, deployment, run, OUTCOME, outcome_document(outcome))


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """As JSON holds it."""
    return {
        "state": outcome.state.value,
        "ended": outcome.ended,
        "code": outcome.code,
        "reason": outcome.reason,
        "hint": outcome.hint,
        "records": outcome.records,
        "result": None
        if outcome.result is None
        else asdict(replace(outcome.result, result=None, timeline=None, promise=None)),
        "tree": encode_value(outcome.tree),
        "edges": outcome.edges,
        "is_kept": outcome.is_kept,
    }


def open_outcome(signer: Signer, deployment: str, run: str, sealed: bytes) -> Outcome:
    """Raises `SignatureInvalid` (E606), `RecordUnreadable`."""
    return _open(signer, _place(deployment, run, OUTCOME), sealed, outcome_of)


def outcome_of(document: dict[str, Any]) -> Outcome:
    """The inverse of `outcome_document`. Raises KeyError, TypeError, ValueError on what is none."""
    result = document["result"]
    return Outcome(
        **{
            **document,
            "state": RunState(document["state"]),
            "records": tuple(document["records"]),
            "result": None if result is None else RunResult(**{**result, "passed": tuple(result["passed"])}),
            "tree": decode_value(document["tree"]),
            "edges": tuple((instance, output) for instance, output in document["edges"]),
        }
    )


def seal_timeline(signer: Signer, deployment: str, run: str, timeline: bytes) -> bytes:
    """The encoded timeline of a run, compressed."""
    return seal(signer, _place(deployment, run, TIMELINE), zlib.compress(timeline, 1), Codec.ZLIB)


def open_timeline(signer: Signer, deployment: str, run: str, sealed: bytes) -> bytes:
    """Raises `SignatureInvalid` (E606)."""
    return zlib.decompress(open_sealed(signer, _place(deployment, run, TIMELINE), sealed)[1])


def changed_settings(settings: WorkerSettings) -> dict[str, object]:
    """Those that are not at their defaults."""
    default = WorkerSettings()
    values = {item.name: getattr(settings, item.name) for item in fields(WorkerSettings)}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _place(deployment: str, run: str, part: str) -> Place:
    return Place(deployment=deployment, run=run, instance=part, kind=Kind.RECORD)


def _seal(signer: Signer, deployment: str, run: str, part: str, document: Mapping[str, object]) -> bytes:
    data = json.dumps({"v": VERSION, **document}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return seal(signer, _place(deployment, run, part), data, Codec.JSON)


def _open(signer: Signer, place: Place, sealed: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    _, data = open_sealed(signer, place, sealed)
    try:
        document = json.loads(data.decode("utf-8", "surrogatepass"))
        del document["v"]
        return read(document)
    except (KeyError, TypeError, ValueError) as err:
        raise RecordUnreadable(
            f"the record of the run {place.run} was written by another version of treadle",
            hint=f"`treadle clean {place.run}` removes it",
        ) from err
