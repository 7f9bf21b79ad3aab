"""Wake-ups over Redis streams. All of them may be lost, and an event may come twice when a connection was lost.

Whoever can write to the store can write to a stream: what is no entry of the protocol's is passed over.

A stream's ids begin with the server's milliseconds, so `f"{int(begin.now * 1000)}-0"` is where a worker that has
just begun may start to read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from runtime.backends.keys import RunKeys
from runtime.backends.redis_link import Link
from runtime.backends.redis_reader import Superseded
from runtime.config import WorkerSettings
from runtime.ports import HintMessage, RunEvent

BATCHES_PER_READ = 100


class RedisSignals:
    """`runtime.ports.Signals` for one run."""

    def __init__(self, link: Link, keys: RunKeys, settings: WorkerSettings) -> None:
        self._link = link
        self._keys = keys
        self._life = int(settings.life_s)

    def _read(self, key: str, after: str, timeout_s: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Nothing before its time when another thread of the process reads now: nobody waits for this any more."""
        until = time.monotonic() + timeout_s
        with suppress(Superseded):
            while True:
                left = until - time.monotonic()
                entries = self._link.read_stream(key, after, left)
                if entries or until <= time.monotonic():
                    return entries
        return []

    def wait_hints(self, worker: str, after: str, timeout_s: float) -> list[HintMessage]:
        entries = self._read(self._keys.hint(worker), after, timeout_s)
        return [
            HintMessage.of(
                entry.decode(), {slot.decode(errors="replace"): value for slot, value in fields.items() if slot}
            )
            for entry, fields in entries
        ]

    def wait_events(self, after: str, timeout_s: float) -> list[RunEvent]:
        entries = self._read(self._keys.fixed("events"), after, timeout_s)
        return [
            RunEvent(id=entry.decode(), kind=_text(fields, b"kind"), data=_text(fields, b"data"))
            for entry, fields in entries
        ]

    def emit_events(self, events: Sequence[tuple[str, str]]) -> None:
        if not events:
            return
        key = self._keys.fixed("events")
        adds = [_event(key, kind, data) for kind, data in events]
        self._link.pipeline([*adds, ("EXPIRE", key, self._life)])

    def push_spans(self, texts: Sequence[str], told: str = "") -> None:
        spans, events = self._keys.fixed("spans"), self._keys.fixed("events")
        pushes: list[tuple[object, ...]] = [("RPUSHX", spans, *texts), ("EXPIRE", spans, self._life)] if texts else []
        if told:
            pushes += [_event(events, "span", told), ("EXPIRE", events, self._life)]
        if pushes:
            self._link.pipeline(pushes)

    def read_spans(self) -> list[bytes]:
        key, found = self._keys.fixed("spans"), list[bytes]()
        while piece := self._link.command("LRANGE", key, len(found), len(found) + BATCHES_PER_READ - 1):
            found += piece
            if len(piece) < BATCHES_PER_READ:
                break
        return found


def _event(key: str, kind: str, data: str) -> tuple[object, ...]:
    """Appended only to a stream that is there."""
    return ("XADD", key, "NOMKSTREAM", "MAXLEN", "~", 10_000, "*", "kind", kind, "data", data)


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")
