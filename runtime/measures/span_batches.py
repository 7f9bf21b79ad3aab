"""How spans travel: batches of one incarnation, JSON text that `schemas/span.json` describes, version 3.

A batch names its invocation once and has a row per attempt. Points in time are whole microseconds after the
start-up's `start_time`, durations whole nanoseconds; what a row does not need at its end is left out.

Spans lie in a list that whoever may write the run's keys may write: they are data, and so are checked like any other
input. What is no batch is a `ValueError`; nothing in one is executed, and sizes are bounded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, NoReturn, get_args

from runtime.errors import SchemaVersionUnsupported
from runtime.measures.spans import (
    OUTCOMES,
    SOURCES,
    STATES,
    CpuTime,
    InputSpan,
    Optimization,
    OutputSpan,
    StartUp,
    TaskSpan,
)

SPANS_VERSION = 3
MAX_BATCH_BYTES = 16 * 1024 * 1024
MAX_NAME = 64 * 1024
MAX_NUMBER = 2**53
NANO, MICRO = 1_000_000_000, 1_000_000
NO_TIME = -(2**53)
"""In a row, of what was not committed."""

INVOKED = "invoked"
"""The one other thing that the list of spans holds: when the entry workers of a launch were invoked, microseconds."""

Row = list[object]
KINDS: dict[str, type[Optimization]] = {kind.__name__: kind for kind in get_args(Optimization)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBatch:
    """Spans of one incarnation. Batches are numbered from 0; `is_last` when no further one follows."""

    start_up: StartUp
    spans: tuple[TaskSpan, ...]
    number: int = 0
    is_last: bool = True


def encode_invoked(at: float) -> str:
    """The entry of the list that says when a launch sent its first invocation, on the store's clock."""
    return json.dumps({INVOKED: round(at * MICRO)}, separators=(",", ":"))


def encode_batch(batch: SpanBatch) -> str:
    """The JSON text of a batch."""
    rows = [row_of(span, batch.start_up.start_time) for span in batch.spans]
    return encode_rows(batch.start_up, rows, number=batch.number, is_last=batch.is_last)


def encode_rows(start_up: StartUp, rows: Sequence[Row], *, number: int, is_last: bool) -> str:
    """The JSON text of a batch whose spans are rows already."""
    document = {"v": SPANS_VERSION, "n": number, "last": is_last, "start": asdict(start_up), "spans": rows}
    return json.dumps(document, separators=(",", ":"))


def exec_cell(exec_s: float, cpu: CpuTime | None) -> int | list[int]:
    """Nanoseconds of execution, with those of work and of waiting for a core where they are known."""
    if cpu is None:
        return round(exec_s * NANO)
    return [round(exec_s * NANO), round(cpu.used_s * NANO), round(cpu.delay_s * NANO)]


def plain_row(
    name: str, attempt: int, outcome: str, times: tuple[int, int | list[int]], sizes: tuple[int, int, int]
) -> Row:
    """The row of an attempt that took nothing from elsewhere, and whose one output went nowhere.

    `times`: microseconds after `start_time` and `exec_cell`; `sizes`: number and bytes of its inputs, and
    bytes of its output. Most attempts of most runs are such: no span is made of them.
    """
    return [name, attempt, outcome, *times, sizes[0], sizes[1], [[None, sizes[2]]]]


def row_of(span: TaskSpan, zero: float) -> Row:
    """The row of a span, its points in time after `zero`."""
    row: Row = [
        span.task,
        span.attempt,
        span.outcome,
        round((span.started_at - zero) * MICRO),
        exec_cell(span.exec_s, span.cpu),
        span.local_inputs,
        span.local_bytes,
        [_output_row(output) for output in span.outputs],
    ]
    if span.inputs or span.wait_inputs_s or span.committed_at or span.optimizations:
        row += (
            [[item.slot, item.bytes, item.source, round(item.fetch_s * NANO)] for item in span.inputs],
            round(span.wait_inputs_s * NANO),
            round(span.commit_s * NANO),
            round((span.committed_at - zero) * MICRO) if span.committed_at else NO_TIME,
        )
    if span.optimizations:
        row.append([{"kind": type(one).__name__, **asdict(one)} for one in span.optimizations])
    return row


def _output_row(output: OutputSpan) -> list[object]:
    if not output.is_stored:
        return [output.name, output.bytes]
    return [output.name, output.bytes, round(output.serialize_s * NANO), round(output.upload_s * NANO)]


def decode_entry(text: str | bytes) -> SpanBatch | float:
    """An entry of the list of spans: a batch, or the time of a launch's first invocation.

    Raises ValueError on text that is neither, `SchemaVersionUnsupported` (E605) on a batch of another version.
    """
    if len(text) > MAX_BATCH_BYTES:
        raise ValueError(f"not a batch of spans: larger than {MAX_BATCH_BYTES >> 20} MiB")
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise ValueError("not a batch of spans: no JSON") from err
    if isinstance(document, dict) and document.keys() == {INVOKED}:
        return _count(document[INVOKED]) / MICRO
    return read_batch(document)


def read_batch(document: Any) -> SpanBatch:
    """The batch that is in parsed JSON. Raises as `decode_entry`."""
    try:
        check_version(document["v"])
        start_up = _start_up(document["start"])
        return SpanBatch(
            start_up=start_up,
            spans=tuple([_span(row, start_up.start_time) for row in document["spans"]]),
            number=_count(document["n"]),
            is_last=_flag(document["last"]),
        )
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as err:
        raise ValueError(f"not a batch of spans: {type(err).__name__}") from err


def check_version(version: object) -> None:
    """Raises `SchemaVersionUnsupported` (E605) unless it is this one."""
    if version != SPANS_VERSION:
        raise SchemaVersionUnsupported(
            f"spans of schema version {version!r:.20}, but this treadle reads version {SPANS_VERSION}",
            hint="read them with the treadle that wrote them, or a newer one",
        )


def _start_up(document: dict[str, Any]) -> StartUp:
    if document.keys() != _START_FIELDS.keys():
        raise ValueError("not a batch of spans: its start-up has other fields")
    start = StartUp(**{name: check(document[name]) for name, check in _START_FIELDS.items()})
    if start.state not in STATES:
        raise ValueError("not a batch of spans: no such state")
    return start


def _span(row: list[Any], zero: float) -> TaskSpan:
    """The rows of a run are many: what is usual is looked at once."""
    task, attempt, outcome, started, taken, local_inputs, local_bytes, outputs, *rest = row
    exec_ns, cpu = (taken, None) if type(taken) is int else _exec(*taken)
    inputs, wait_ns, commit_ns, committed, *more = rest or ((), 0, 0, NO_TIME)
    (optimizations,) = more or ((),)
    if outcome not in OUTCOMES:
        raise ValueError("not a batch of spans: no such outcome")
    _check_counts(attempt, exec_ns, local_inputs, local_bytes, wait_ns, commit_ns)
    return TaskSpan(
        task=_name(task),
        attempt=attempt,
        outcome=outcome,
        started_at=zero + _int(started) / MICRO,
        exec_s=exec_ns / NANO,
        wait_inputs_s=wait_ns / NANO,
        commit_s=commit_ns / NANO,
        committed_at=0.0 if committed == NO_TIME else zero + _int(committed) / MICRO,
        inputs=tuple([_input(*item) for item in inputs]) if inputs else (),
        local_inputs=local_inputs,
        local_bytes=local_bytes,
        outputs=tuple([_output(*item) for item in outputs]),
        optimizations=tuple(map(_optimization, optimizations)) if optimizations else (),
        cpu=cpu,
    )


def _exec(exec_ns: Any, used_ns: Any, delay_ns: Any) -> tuple[int, CpuTime]:
    _check_counts(exec_ns, used_ns, delay_ns)
    return exec_ns, CpuTime(used_s=used_ns / NANO, delay_s=delay_ns / NANO)


def _input(slot: Any, size: Any, source: Any, fetch_ns: Any) -> InputSpan:
    if source not in SOURCES:
        raise ValueError("not a batch of spans: no such source")
    _check_counts(size, fetch_ns)
    return InputSpan(slot=_name(slot), bytes=size, source=source, fetch_s=fetch_ns / NANO)


def _output(name: Any, size: Any, serialize_ns: Any = None, upload_ns: Any = 0) -> OutputSpan:
    if name is not None:
        _name(name)
    if serialize_ns is None:
        _check_counts(size)
        return OutputSpan(name=name, bytes=size, is_stored=False)
    _check_counts(size, serialize_ns, upload_ns)
    return OutputSpan(name=name, bytes=size, is_stored=True, serialize_s=serialize_ns / NANO, upload_s=upload_ns / NANO)


def _optimization(document: dict[str, Any]) -> Optimization:
    kind = KINDS[_name(document["kind"])]
    return kind(**{item.name: _CHECKS[str(item.type)](document[item.name]) for item in fields(kind)})


def _name(value: object) -> str:
    if type(value) is not str or len(value) > MAX_NAME:
        raise ValueError("not a batch of spans: a name is expected")
    return value


def _int(value: object) -> int:
    if type(value) is not int or not -MAX_NUMBER < value < MAX_NUMBER:
        raise ValueError("not a batch of spans: a whole number is expected")
    return value


def _count(value: object) -> int:
    _check_counts(value)
    assert isinstance(value, int)
    return value


def _check_counts(*values: object) -> None:
    for value in values:
        if type(value) is not int or not 0 <= value < MAX_NUMBER:
            raise ValueError("not a batch of spans: a number of things is expected")


def _number(value: object) -> float:
    if type(value) not in (int, float) or not isfinite(value) or abs(value) > MAX_NUMBER:  # type: ignore[arg-type]
        raise ValueError("not a batch of spans: a number is expected")
    return float(value)  # type: ignore[arg-type]


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("not a batch of spans: true or false is expected")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"not a batch of spans: {text}")


def _names(value: object) -> tuple[str, ...]:
    if type(value) is not list:
        raise ValueError("not a batch of spans: a list of names is expected")
    return tuple(map(_name, value))


_CHECKS: dict[str, Callable[[object], Any]] = {
    "str": _name,
    "int": _count,
    "float": _number,
    "tuple[str, ...]": _names,
}
_START_FIELDS = {item.name: _CHECKS[str(item.type)] for item in fields(StartUp)}
