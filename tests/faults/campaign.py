"""One run of a campaign under a bound, how it ended, and the table of many.

A run that has not ended within `BOUND_S` hangs: its state is written out, it is cancelled, and the campaign goes on.
What happens to the run meanwhile is the campaign's: an *interference* is a thread that is told when the run is over.
"""

from __future__ import annotations

import faulthandler
import json
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from compiler.emit.bundle import Build
from runtime.config import WorkerSettings
from runtime.errors import LambdaUnavailable, RunFailed, RuntimeFault
from runtime.launcher import Target, launch
from tests.integration.running import Bench, descendants_of, is_alive

BOUND_S = 75.0
"""Longer than any run's own deadline here."""

LAST_WORDS_S = 30.0
KINDS = ("right", "bounded", "error", "wrong", "hang")
UNPACKED = "return cjson.encode(cmsgpack.unpack(string.sub(ARGV[1], 2)))"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended. `hit` says what happened to it, "" for nothing: it was over before.

    `kind`: "right"; "bounded", the documented end of a run that stores nothing new in as many tries as it may have;
    "error", any other fault; "wrong", a wrong result; "hang", no end within the bound, or only by its deadline.
    """

    kind: str
    hit: str
    detail: str = ""
    seconds: float = 0.0


class Interference:
    """Something that happens to a run while it runs, on a thread of its own. `act` returns what it did, or ""."""

    def __init__(self, act: Callable[[threading.Event], str]) -> None:
        self._act = act
        self._over = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._watch)
        self.hit = ""

    def __enter__(self) -> Interference:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def _watch(self) -> None:
        try:
            self.hit = self._act(self._over)
        except LambdaUnavailable:
            self.hit = ""  # the service is too busy to say who is busy: the run counts as not hit
        except BaseException as err:  # noqa: BLE001  raised again by the campaign's thread
            self._problem = err


class _Bounded:
    """A launch on a thread, so that one that never returns can be told."""

    def __init__(self, build: Build, target: Target, settings: WorkerSettings, *, keep: bool) -> None:
        self._asked = (build.loaded, target, settings)
        self._keep = keep
        self._thread = threading.Thread(target=self._launch, daemon=True)
        self.value: object = None
        self.fault: RuntimeFault | None = None
        self.problem: BaseException | None = None

    def ends_within(self, bound_s: float) -> bool:
        if self._thread.ident is None:
            self._thread.start()
        self._thread.join(bound_s)
        return not self._thread.is_alive()

    def _launch(self) -> None:
        try:
            self.value = launch(*self._asked, keep=self._keep).result
        except RuntimeFault as fault:
            self.fault = fault
        except BaseException as err:  # noqa: BLE001  told as a wrong end
            self.problem = err


def run_under(
    bench: Bench,
    build: Build,
    expected: object,
    act: Callable[[threading.Event], str],
    *,
    settings: WorkerSettings,
    target: Target | None = None,
    keep: bool = False,
) -> Outcome:
    """One run while `act(over)` interferes; `keep` leaves its keys to the caller."""
    began = time.monotonic()
    bounded = _Bounded(build, target or bench.target, settings, keep=keep)
    with Interference(act) as interference:
        if not bounded.ends_within(BOUND_S):
            return Outcome("hang", interference.hit or "?", _stop_hanging(bench, bounded), BOUND_S)
    seconds = time.monotonic() - began
    return _judged(bounded, expected, interference.hit, seconds)


def _judged(bounded: _Bounded, expected: object, hit: str, seconds: float) -> Outcome:
    fault = bounded.fault
    if bounded.problem is not None:
        return Outcome("wrong", hit, f"no RuntimeFault: {bounded.problem!r}", seconds)
    if fault is not None:
        return Outcome(_kind_of(fault), hit, f"{fault.code}: {fault.message}", seconds)
    return Outcome("right" if bounded.value == expected else "wrong", hit, repr(bounded.value)[:60], seconds)


def _kind_of(fault: RuntimeFault) -> str:
    if "times without storing a new output" in fault.message:
        return "bounded"
    if isinstance(fault, RunFailed) and fault.records and all(one["type"] == "Killed" for one in fault.records):
        return "bounded"
    return "hang" if "deadline" in fault.message else "error"


def _stop_hanging(bench: Bench, bounded: _Bounded) -> str:
    """The state of a run that hangs; it is cancelled then."""
    state = dump(bench)
    for key in bench.client.scan_iter("*:meta"):
        bench.client.hset(key, "state", "cancelled")
    if not bounded.ends_within(LAST_WORDS_S):
        faulthandler.dump_traceback(file=sys.stderr)
        state += "\nthe launcher does not end: see its threads on stderr"
    return state


def dump(bench: Bench) -> str:
    """What is known of the runs in the store, and of the service: for whoever has to explain a hang."""
    lines: list[str] = []
    try:
        lines.extend(_dump_store(bench.client))
    except redis.RedisError as err:
        lines.append(f"the store does not answer: {err}")
    with suppress(RuntimeFault):
        status = bench.stack.status()
        lines.append(f"service: queue {status['queue_depth']}, {status['functions']}")
        lines += [f"environment {one['id']}: {one['state']}, pid {one['pid']}" for one in bench.environments()]
    return "\n".join(lines)


def _dump_store(client: redis.Redis) -> Iterable[str]:
    for name in sorted(key.decode() for key in client.scan_iter("treadle:*", count=1000)):
        kind = name.rpartition("}:")[2]
        if kind in ("meta", "queue") or kind.startswith("todo:"):
            yield f"{kind}: {client.hgetall(name)}"
        elif kind == "workers":
            for worker, record in client.hgetall(name).items():
                fields = json.loads(client.eval(UNPACKED, 0, record))
                yield f"worker {worker.decode()}: {record[:1].decode()} {fields}"
        elif kind in ("out", "done"):
            yield f"{kind}: {client.hlen(name) if kind == 'out' else client.scard(name)}"


class Table:
    """Counts by row; `print` shows them, `is_good` judges them."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._seconds: dict[str, list[float]] = {}

    def add(self, row: str, outcome: Outcome, *, keys_left: int) -> None:
        counts = self._counts.setdefault(row, Counter())
        counts["runs"] += 1
        counts["hit"] += bool(outcome.hit)
        counts[outcome.kind] += 1
        counts["keys left"] += keys_left
        self._seconds.setdefault(row, []).append(outcome.seconds)

    def hits(self, row: str) -> int:
        return self._counts.get(row, Counter())["hit"]

    @property
    def total(self) -> Counter[str]:
        return sum(self._counts.values(), Counter())

    def is_good(self, *, bounded_share: float = 0.01) -> bool:
        total = self.total
        faults = total["wrong"] + total["hang"] + total["error"] + total["keys left"]
        return not faults and total["bounded"] <= bounded_share * total["runs"]

    def print(self) -> None:
        columns = ("runs", "hit", *KINDS, "keys left")
        width = max(len(row) for row in [*self._counts, "all"]) + 2
        print(f"\n{'':{width}}" + "".join(f"{name:>10}" for name in columns) + f"{'median s':>10}{'max s':>8}")
        rows = [*self._counts.items(), ("all", self.total)]
        for row, counts in rows:
            seconds = self._seconds.get(row) or [one for some in self._seconds.values() for one in some]
            figures = "".join(f"{counts[name]:10}" for name in columns)
            print(f"{row:{width}}{figures}{statistics.median(seconds):10.1f}{max(seconds):8.1f}", flush=True)


def left_behind(family: Iterable[int], directory: Path) -> list[str]:
    """What a service that has ended left: processes of its `family`, its folder."""
    left = [f"process {pid}" for pid in family if is_alive(pid)]
    return [*left, f"folder {directory}"] if directory.exists() else left


def family_of(bench: Bench) -> list[int]:
    return [bench.stack.pid, *descendants_of(bench.stack.pid)]
