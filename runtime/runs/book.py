"""The runs of a deployment as one Redis knows them: their records, their ends, their kept results.

    treadle:<deployment>:runs            sorted set: run by the time it started, the newest 200
    treadle:<deployment>:record:<run>    hash: start, outcome and timeline (sealed), blobs (the digests that the run
                                         needs), keeps (those of graph and plan)
    treadle:<deployment>:result:<run>    hash: what the result is made of (sealed), each under its kind and name
    treadle:<deployment>:watched:<run>   there while somebody follows the run: for a few seconds at a time
    treadle:<deployment>:removed:<run>   the run was removed a moment ago: nobody brings it back

A record has no expiry; a result lives as long as the keys of a run. Graph and plan are blobs, which several runs may
share: they have no expiry as long as a record names them. None of this is the protocol's, and no worker reads it. The
first outcome stands until the run is opened again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.backends.redis_link import Link
from runtime.errors import RuntimeFault
from runtime.runs.record import (
    Entry,
    Outcome,
    RunRecord,
    open_outcome,
    open_record,
    open_timeline,
    seal_outcome,
    seal_record,
    seal_timeline,
)
from runtime.values.envelope import Signer

KEPT_RUNS = 200
WATCHED_S = 5
REMOVED_S = 60
BLOB_LIFE_S = 48 * 3600
"""Of a graph or a plan that no record names any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is written when a run ends: the encoded `timeline`, the sealed `parts` of its result, the digests of graph
    and plan (`keeps`)."""

    outcome: Outcome
    parts: Mapping[str, bytes] = field(default_factory=dict)
    timeline: bytes = b""
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKeys:
    """The keys of one run's record, which have the run's tag."""

    deployment: str
    run: str

    def of(self, kind: str) -> str:
        return f"treadle:{self.deployment}:{kind}:{{{self.run}}}"

    def all(self) -> list[str]:
        return [self.of(kind) for kind in ("record", "result", "watched")]


class RunBook:
    """The records of one deployment behind one link."""

    def __init__(self, link: Link, deployment: str, signer: Signer) -> None:
        self.link = link
        self.deployment = deployment
        self._signer = signer
        self._index = f"treadle:{deployment}:runs"

    def keys(self, run: str) -> RecordKeys:
        return RecordKeys(deployment=self.deployment, run=run)

    def open(self, record: RunRecord) -> None:
        """The run begins, or begins again: no end is known of it."""
        keys, keeps = self.keys(record.run), (record.graph, record.plan)
        sealed = seal_record(self._signer, self.deployment, record)
        fields: dict[str, str | bytes] = {"start": sealed, "blobs": "\n".join(record.blobs), "keeps": "\n".join(keeps)}
        answers = self.link.pipeline(
            [
                ("HDEL", keys.of("record"), "outcome", "timeline"),
                ("HSET", keys.of("record"), *_flat(fields)),
                ("UNLINK", keys.of("result"), keys.of("removed")),
                *(("PERSIST", self._blob(digest)) for digest in keeps),
                ("ZADD", self._index, record.started, record.run),
                ("ZCARD", self._index),
            ]
        )
        if answers[-1] > KEPT_RUNS:
            self._prune()

    def close(self, run: str, ending: Ending, life_s: float) -> bool:
        """The run has ended, in one round trip; False when another said so first, or nobody opened it."""
        keys = self.keys(run)
        record, result = keys.of("record"), keys.of("result")
        sealed = seal_outcome(self._signer, self.deployment, run, ending.outcome)
        parts = _flat(ending.parts)
        timeline = seal_timeline(self._signer, self.deployment, run, ending.timeline) if ending.timeline else b""
        kept = [("HSET", result, *parts), ("EXPIRE", result, int(life_s))] if parts else []
        is_first, *_, is_open = self.link.pipeline(
            [
                ("HSETNX", record, "outcome", sealed),
                *([("HSETNX", record, "timeline", timeline)] if timeline else []),
                *(("PERSIST", self._blob(digest)) for digest in ending.keeps),
                *kept,
                ("UNLINK", keys.of("watched")),
                ("HEXISTS", record, "start"),
            ]
        )
        if not is_open:
            self.forget(run)
        return bool(is_first and is_open)

    def entry(self, run: str) -> Entry | None:
        """The record of a run. Raises `SignatureInvalid` (E606)."""
        (start, outcome), watched = self._looks([run])
        return None if start is None else self._entry(run, start, outcome, bool(watched))

    def entries(self) -> Iterator[Entry]:
        """Every run, the newest first; a record that cannot be read here is left out."""
        runs = self.runs()
        answers = iter(self._looks(runs))
        for run in runs:
            (start, outcome), watched = next(answers), next(answers)
            if start is None:
                continue
            try:
                yield self._entry(run, start, outcome, bool(watched))
            except RuntimeFault:
                continue

    def _looks(self, runs: Sequence[str]) -> list[Any]:
        """Of each run its sealed parts, then whether it is watched, in one round trip."""
        looks: list[tuple[object, ...]] = []
        for keys in map(self.keys, runs):
            looks += [("HMGET", keys.of("record"), "start", "outcome"), ("EXISTS", keys.of("watched"))]
        return self.link.pipeline(looks) if looks else []

    def runs(self) -> list[str]:
        """The ids of all runs, the newest first."""
        return [run.decode() for run in self.link.command("ZREVRANGE", self._index, 0, -1)]

    def parts(self, run: str) -> dict[str, bytes]:
        """What the result is made of, sealed; nothing when it was not kept or its time is over."""
        answer = self.link.command("HGETALL", self.keys(run).of("result"))
        pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        return {name.decode(): data for name, data in pairs}

    def timeline(self, run: str) -> bytes | None:
        """The run's encoded timeline; None when there is none. Raises `SignatureInvalid` (E606)."""
        sealed: bytes | None = self.link.command("HGET", self.keys(run).of("record"), "timeline")
        return None if sealed is None else open_timeline(self._signer, self.deployment, run, sealed)

    def blob(self, digest: str) -> bytes | None:
        """A blob that a record keeps, sealed; unlike a worker's reading, this does not say how long it lives."""
        found: bytes | None = self.link.command("GET", self._blob(digest))
        return found

    def watch(self, run: str) -> None:
        """Somebody follows the run."""
        self.link.command("SET", self.keys(run).of("watched"), "1", "EX", WATCHED_S)

    def is_removed(self, run: str) -> bool:
        """Whether the run was removed a moment ago."""
        return bool(self.link.command("EXISTS", self.keys(run).of("removed")))

    def remove(self, run: str) -> None:
        """Forget the run. Who follows it finds out that it was removed."""
        keys, keeps = self.keys(run), self._keeps([run])
        self.link.pipeline(
            [
                ("SET", keys.of("removed"), "1", "EX", REMOVED_S),
                ("ZREM", self._index, run),
                ("UNLINK", *keys.all()),
            ]
        )
        self._release(keeps)

    def forget(self, run: str) -> None:
        """Take the run out of this Redis: it lies elsewhere now."""
        self.link.pipeline([("ZREM", self._index, run), ("UNLINK", *self.keys(run).all())])

    def _entry(self, run: str, start: bytes, outcome: bytes | None, is_watched: bool) -> Entry:
        return Entry(
            record=open_record(self._signer, self.deployment, run, start),
            outcome=None if outcome is None else open_outcome(self._signer, self.deployment, run, outcome),
            is_watched=is_watched,
        )

    def _prune(self) -> None:
        """The oldest runs go; one that has no end stays."""
        runs: Sequence[str] = self.runs()[KEPT_RUNS:]
        ends = self.link.pipeline([("HEXISTS", self.keys(run).of("record"), "outcome") for run in runs])
        gone = [run for run, has_end in zip(runs, ends, strict=True) if has_end]
        keeps = self._keeps(gone)
        for run in gone:
            self.forget(run)
        self._release(keeps)

    def _keeps(self, runs: Sequence[str]) -> set[str]:
        """The digests that the records of these runs keep."""
        fields = self.link.pipeline([("HGET", self.keys(run).of("record"), "keeps") for run in runs]) if runs else []
        return {digest for field in fields if field for digest in field.decode().split("\n")}

    def _release(self, digests: set[str]) -> None:
        """Blobs that no other record keeps have an end again; a run that is opened meanwhile says so once more."""
        if free := digests - self._keeps(self.runs()):
            self.link.pipeline([("EXPIRE", self._blob(digest), BLOB_LIFE_S) for digest in sorted(free)])

    def _blob(self, digest: str) -> str:
        return f"treadle:{self.deployment}:blob:{digest}"


def _flat(fields: Mapping[str, str | bytes]) -> list[str | bytes]:
    return [item for pair in fields.items() for item in pair]
