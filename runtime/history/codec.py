"""A history as bytes: compressed JSON, the same for the same history. Data, never code: whatever is read is checked.

    b"treadle history 4 " + sha256 of what follows + zlib(JSON)

What is cut, changed or not a history at all is `HistoryUnreadable`; what a newer treadle wrote is `HistoryNewer`,
which whoever keeps histories leaves alone. Sketches are rows whose bin numbers are written as differences.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from itertools import accumulate
from typing import Any

from runtime.errors import RuntimeFault
from runtime.history.records import EnvironmentHistory, FamilyHistory, FamilyRun, GraphHistory, RunRow, Sample
from runtime.history.relation import LARGEST_BUCKET, LogSums, Relation
from runtime.history.sketch import HIGHEST_BIN, LOWEST_BIN, Sketch
from runtime.promise import PERCENTILES

VERSION = 5
MAGIC = b"treadle history "
LARGEST_BYTES = 256 * 1024 * 1024
"""Uncompressed; a history of 10,000 tasks has a tenth of it."""

LAST_TIME = 32_503_680_000
"""The year 3000, in seconds since 1970."""

MOST_EXPONENT = 4
LEVEL = 1
"""Of compression: 6 takes three times as long and saves a tenth."""


class HistoryUnreadable(RuntimeFault):
    """Bytes that are no history."""

    code = "history-unreadable"


class HistoryOlder(HistoryUnreadable):
    """A history that an older treadle wrote."""

    code = "history-older"


class HistoryNewer(HistoryUnreadable):
    """A history that a newer treadle wrote."""

    code = "history-newer"


def encode_graph(graph: GraphHistory) -> bytes:
    """The bytes of a history."""
    text = json.dumps(_graph_row(graph), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    packed = zlib.compress(text.encode("utf-8", "surrogatepass"), LEVEL)
    return b"%s%d %s%s" % (MAGIC, VERSION, hashlib.sha256(packed).digest(), packed)


def decode_graph(data: bytes) -> GraphHistory:
    """The inverse of `encode_graph`. Raises `HistoryUnreadable`, `HistoryOlder`, `HistoryNewer`."""
    version, _, body = data.removeprefix(MAGIC).partition(b" ")
    if not data.startswith(MAGIC) or not version.isdigit():
        raise HistoryUnreadable("it is no history")
    if int(version[:9]) > VERSION:
        raise HistoryNewer(f"it is of version {int(version[:9])}, but this treadle reads {VERSION}")
    if int(version[:9]) < VERSION:
        raise HistoryOlder(f"it is of version {int(version[:9])}, but this treadle reads {VERSION}")
    digest, packed = body[:32], body[32:]
    if hashlib.sha256(packed).digest() != digest:
        raise HistoryUnreadable("it is cut short or changed")
    try:
        return _graph(json.loads(_unpacked(packed).decode("utf-8", "surrogatepass")))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as err:
        raise HistoryUnreadable("its fields are not those of a history") from err


def _unpacked(packed: bytes) -> bytes:
    machine = zlib.decompressobj()
    try:
        text = machine.decompress(packed, LARGEST_BYTES)
    except zlib.error as err:
        raise HistoryUnreadable("it cannot be decompressed") from err
    if machine.unconsumed_tail or not machine.eof:
        raise HistoryUnreadable(f"it is cut short or larger than {LARGEST_BYTES >> 20} MiB")
    return text


def _graph_row(graph: GraphHistory) -> dict[str, object]:
    seen = sorted({(row.at, row.run) for family in graph.families.values() for row in family.recent})
    places = {run: place for place, run in enumerate(seen)}
    return {
        "signature": graph.signature,
        "workflow": graph.workflow,
        "family_runs": seen,
        "families": [[task, env, *_family_row(family, places)] for (task, env), family in graph.families.items()],
        "environments": [[env, *_environment_row(found)] for env, found in graph.environments.items()],
        "makespans": [[*key, _sketch_row(sketch)] for key, sketch in graph.makespans.items()],
        "states": graph.states,
        "ranks": [[*key, sorted(counts.items())] for key, counts in graph.ranks.items()],
        "runs": [list(astuple(row)) for row in graph.runs],
        "seen": graph.seen_at,
    }


def _graph(row: Any) -> GraphHistory:
    seen = [(_time(at), _text(run)) for at, run in row["family_runs"]]
    return GraphHistory(
        signature=_text(row["signature"]),
        workflow=_text(row["workflow"]),
        families={(_text(task), _text(env)): _family(rest, seen) for task, env, *rest in row["families"]},
        environments={_text(env): _environment(rest) for env, *rest in row["environments"]},
        makespans={
            (_text(planner), _text(sla), _text(link)): _sketch(found) for planner, sla, link, found in row["makespans"]
        },
        states={_text(state): _natural(count) for state, count in row["states"].items()},
        ranks={
            (_text(planner), _text(link), _flag(is_settled)): _ranks(counts)
            for planner, link, is_settled, counts in row["ranks"]
        },
        runs=tuple(_run(found) for found in row["runs"]),
        seen_at=_time(row["seen"]),
    )


def _family_row(family: FamilyHistory, places: Mapping[tuple[float, str], int]) -> list[object]:
    return [
        family.fingerprint,
        _relation_row(family.execs),
        _relation_row(family.first_execs),
        _sketch_row(family.failed),
        _sketch_row(family.cut),
        family.skipped,
        _sketch_row(family.cpu),
        _sketch_row(family.beside),
        [[name, _relation_row(found)] for name, found in family.outputs.items()],
        [
            [places[row.at, row.run], row.count, row.log_mean, row.log_square, *_sample_row(row.samples)]
            for row in family.recent
        ],
        family.seen_at,
    ]


def _family(row: Any, seen: Sequence[tuple[float, str]]) -> FamilyHistory:
    fingerprint, execs, first_execs, failed, cut, skipped, cpu, beside, outputs, recent, seen_at = row
    return FamilyHistory(
        fingerprint=_text(fingerprint),
        execs=_relation(execs),
        first_execs=_relation(first_execs),
        failed=_sketch(failed),
        cut=_sketch(cut),
        skipped=_natural(skipped),
        cpu=_sketch(cpu),
        beside=_sketch(beside),
        outputs={_text(name): _relation(found) for name, found in outputs},
        recent=tuple([_family_run(found, seen) for found in recent]),
        seen_at=_time(seen_at),
    )


def _family_run(row: Any, seen: Sequence[tuple[float, str]]) -> FamilyRun:
    _check_numbers(row)
    place, count, mean, square, *samples = row
    at, run = seen[_natural(place)]
    return FamilyRun(at=at, run=run, count=_natural(count), log_mean=mean, log_square=square, samples=_samples(samples))


def _sample_row(samples: tuple[Sample, ...]) -> list[object]:
    return [value for sample in samples for value in (sample.input_bytes, sample.exec_s, sample.output_bytes)]


def _samples(row: list[Any]) -> tuple[Sample, ...]:
    """Of numbers, in threes."""
    if not all(type(item) is int and item >= 0 for item in (*row[::3], *row[2::3])):
        raise ValueError("bytes are whole numbers")
    triples = zip(row[::3], row[1::3], row[2::3], strict=True)
    return tuple([Sample(input_bytes=size, exec_s=exec_s, output_bytes=given) for size, exec_s, given in triples])


def _environment_row(environment: EnvironmentHistory) -> list[object]:
    return [
        environment.memory_mb,
        environment.exponent,
        environment.link,
        [[kind, _relation_row(relation)] for kind, relation in environment.kinds.items()],
        _sketch_row(environment.peak_memory_mb),
        environment.seen_at,
    ]


def _environment(row: Any) -> EnvironmentHistory:
    memory_mb, exponent, link, kinds, peak, seen_at = row
    return EnvironmentHistory(
        memory_mb=_natural(memory_mb),
        exponent=_between(exponent, 0, MOST_EXPONENT),
        link=_text(link),
        kinds={_text(kind): _relation(relation) for kind, relation in kinds},
        peak_memory_mb=_sketch(peak),
        seen_at=_time(seen_at),
    )


def _ranks(rows: Any) -> dict[int, int]:
    return {_within(rank, 0, PERCENTILES): _natural(count) for rank, count in rows}


def _run(row: Any) -> RunRow:
    at, run, state, planner, sla, makespan_s, tasks, cold, warm, link, model_s = row
    return RunRow(
        at=_time(at),
        run=_text(run),
        state=_text(state),
        planner=_text(planner),
        sla=_text(sla),
        makespan_s=_number(makespan_s),
        tasks=_natural(tasks),
        cold=_natural(cold),
        warm=_natural(warm),
        link=_text(link),
        model_s=_number(model_s),
    )


def _relation_row(relation: Relation) -> list[object]:
    if not relation.buckets:
        return []
    sums = relation.sums
    buckets = [[number, _sketch_row(sketch)] for number, sketch in relation.buckets.items()]
    return [[sums.n, sums.x, sums.y, sums.xx, sums.xy, sums.yy], *buckets]


def _relation(row: Any) -> Relation:
    if not row:
        return Relation()
    n, x, y, xx, xy, yy = map(_whole, row[0])
    sums = LogSums(n=_natural(n), x=x, y=y, xx=xx, xy=xy, yy=yy)
    if not sums.is_possible():
        raise ValueError("sums that no points have")
    buckets = {_within(number, 0, LARGEST_BUCKET): _sketch(sketch) for number, sketch in row[1:]}
    return Relation(buckets=dict(sorted(buckets.items())), sums=sums)


def _sketch_row(sketch: Sketch) -> list[object]:
    if not sketch.count:
        return []
    numbers = list(sketch.bins)
    steps = [number - before for before, number in zip([0, *numbers], numbers, strict=False)]
    return [sketch.zeros, sketch.minimum, sketch.maximum, sketch.total, steps, list(sketch.bins.values())]


def _sketch(row: Any) -> Sketch:
    if not row:
        return Sketch()
    zeros, minimum, maximum, total, steps, counts = row
    _check_numbers([minimum, maximum])
    if {*map(type, steps), *map(type, counts)} - {int} or min(counts, default=1) < 1 or min(steps[1:], default=1) < 1:
        raise ValueError("bins are whole numbers, in order")
    bins = dict(zip(accumulate(steps), counts, strict=True))
    if bins and not (steps[0] >= LOWEST_BIN and sum(steps) <= HIGHEST_BIN):
        raise ValueError("bins beyond their range")
    found = Sketch(bins=bins, zeros=_natural(zeros), minimum=minimum, maximum=maximum, total=_natural(total))
    if not found.count or minimum > maximum:
        raise ValueError("a sketch of nothing")
    return found


def _check_numbers(row: list[Any]) -> None:
    if {*map(type, row)} - {int, float} or not math.isfinite(sum(row)):
        raise TypeError(f"{row!r:.80} are no numbers")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return value


def _time(value: Any) -> float:
    return _between(value, 0, LAST_TIME)


def _between(value: Any, least: float, most: float) -> float:
    if not least <= _number(value) <= most:
        raise ValueError(f"{value!r} is out of range")
    return float(value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _natural(value: Any) -> int:
    return _within(value, 0, None)


def _within(value: Any, least: int, most: int | None) -> int:
    if _whole(value) < least or (most is not None and value > most):
        raise ValueError(f"{value!r} is out of range")
    return int(value)
