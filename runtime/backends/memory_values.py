"""Values, blobs and wake-ups in memory, under the same lock as the protocol's state."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from runtime.backends.memory_state import MemoryState
from runtime.ports import HEAD_BYTES, HintMessage, Reference, RunEvent, nothing_else
from runtime.values.bulk import Bulk, Sealed

Entry = TypeVar("Entry", HintMessage, RunEvent)


def entry_order(entry_id: str) -> tuple[int, int]:
    """Stream ids compare by their two numbers; a lone number means the first entry of that millisecond."""
    major, _, minor = entry_id.partition("-")
    return int(major), int(minor or 0)


class MemoryValues:
    """`runtime.ports.ValueStore`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def fetch(self, slots: Sequence[str]) -> list[bytes | Reference | None]:
        with self._state.lock:
            return [self._state.out.get(slot) for slot in slots]

    def readable(self) -> tuple[frozenset[str], frozenset[str]]:
        """(slots whose values can be read, slots whose reference is dangling): what a rebuild starts from."""
        with self._state.lock:
            dangling = frozenset(
                slot
                for slot, value in self._state.out.items()
                if isinstance(value, Reference) and value.key not in self._state.large
            )
            return frozenset(self._state.out) - dangling, dangling

    def put_large(self, task: str, output: str | None, token: str, sealed: Sealed) -> str:
        key = f"{task}:{output or ''}:{token}"
        kept = sealed.isolated() if isinstance(sealed, Bulk) else sealed
        with self._state.lock:
            self._state.large[key] = kept
        return key

    def get_large(self, key: str) -> Sealed | None:
        with self._state.lock:
            return self._state.large.get(key)

    def each_large(self, keys: Sequence[str]) -> Iterator[Sealed | None]:
        return map(self.get_large, keys)

    def delete_large(self, key: str) -> None:
        with self._state.lock:
            self._state.large.pop(key, None)

    def put_blobs(self, blobs: Mapping[str, bytes], stands: Callable[[str, bytes], bool] = nothing_else) -> None:
        with self._state.lock:
            for digest, data in blobs.items():
                found = self._state.blobs.get(digest, b"")
                if len(found) != len(data) or not stands(digest, found[:HEAD_BYTES]):
                    self._state.blobs[digest] = data

    def get_blobs(self, digests: Sequence[str]) -> list[bytes | None]:
        with self._state.lock:
            return [self._state.blobs.get(digest) for digest in digests]

    def put_pages(self, pages: Mapping[int, bytes]) -> None:
        with self._state.lock:
            self._state.pages.update(pages)

    def get_pages(self, numbers: Sequence[int]) -> list[bytes | None]:
        with self._state.lock:
            return [self._state.pages.get(number) for number in numbers]

    def put_inputs(self, inputs: Mapping[str, bytes | Reference]) -> None:
        with self._state.lock:
            self._state.inputs.update(inputs)

    def get_inputs(self, names: Sequence[str]) -> list[bytes | Reference | None]:
        with self._state.lock:
            return [self._state.inputs.get(name) for name in names]

    def put_graph(self, data: bytes) -> None:
        with self._state.lock:
            self._state.graph = data

    def get_graph(self) -> bytes | None:
        with self._state.lock:
            return self._state.graph


class MemorySignals:
    """`runtime.ports.Signals`. Waiting takes real time, whatever clock the protocol has."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def _wait(self, entries: Callable[[], Sequence[Entry]], after: str, timeout_s: float) -> list[Entry]:
        floor = entry_order(after)
        until = time.monotonic() + timeout_s
        with self._state.lock:
            while True:
                held = entries()
                newer = list(held[bisect_right(held, floor, key=lambda entry: entry_order(entry.id)) :])
                left = until - time.monotonic()
                if newer or left <= 0:
                    return newer
                self._state.lock.wait(left)

    def wait_hints(self, worker: str, after: str, timeout_s: float) -> list[HintMessage]:
        return self._wait(lambda: self._state.hints.get(worker, ()), after, timeout_s)

    def wait_events(self, after: str, timeout_s: float) -> list[RunEvent]:
        return self._wait(lambda: self._state.events, after, timeout_s)

    def emit_events(self, events: Sequence[tuple[str, str]]) -> None:
        with self._state.lock:
            for kind, data in events if self._state.events else ():
                self._state.tell(kind, data)
            self._state.lock.notify_all()

    def push_spans(self, texts: Sequence[str], told: str = "") -> None:
        with self._state.lock:
            if self._state.spans:
                self._state.spans.extend(text.encode() for text in texts)
        if told:
            self.emit_events([("span", told)])

    def read_spans(self) -> list[bytes]:
        with self._state.lock:
            return list(self._state.spans)
