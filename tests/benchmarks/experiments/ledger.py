"""The CSV file: a row for each run that was made, appended whole or not at all.

A row is one write, then on the disk. What a crash left of a row is cut off when the file is opened next. One driver
writes a file at a time.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.experiments.cases import KEY, Case

PREDICTED = (
    "predicted_average_s",
    "predicted_p50_s",
    "predicted_p90_s",
    "predicted_p95_s",
    "predicted_p99_s",
    "predicted_objective_s",
    "predicted_cost_usd",
    "predicted_cold",
    "predicted_warm",
    "samples",
)
REAL = (
    "makespan_s",
    "wall_s",
    "cost_usd",
    "gb_s",
    "workers",
    "sizes_mb",
    "invocations",
    "cold",
    "warm",
    "bytes_moved",
    "tasks",
)
AROUND = ("outcome", "run", "took_s", "planning_s", "time", "commit", "cores", "python", "message")

COLUMNS = (*KEY, *AROUND[:2], *REAL, *PREDICTED, *AROUND[2:])

Row = Mapping[str, str]


class LedgerUnfit(Exception):
    """A file that is not one of this driver's, or that another driver writes."""


class Ledger:
    """Rows by their keys. `rows` are in the order in which they were made."""

    def __init__(self, descriptor: int, rows: list[Row]) -> None:
        self._descriptor = descriptor
        self.rows = rows
        self._keys = {tuple(row[name] for name in KEY) for row in rows}

    def has(self, case: Case) -> bool:
        return case.key in self._keys

    def append(self, case: Case, values: Mapping[str, object]) -> Row:
        assert not values.keys() - set(COLUMNS), "every value has its column"
        row = {name: "" for name in COLUMNS} | dict(zip(KEY, case.key, strict=True))
        row |= {name: _text(value) for name, value in values.items()}
        line = _line([row[name] for name in COLUMNS])
        written = os.write(self._descriptor, line)
        assert written == len(line), "a regular file takes a row whole, or the disk is full"
        os.fsync(self._descriptor)
        self.rows.append(row)
        self._keys.add(case.key)
        return row


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """The file with what it holds; made when there is none. Raises LedgerUnfit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise LedgerUnfit(f"{path} is being written by another driver") from err
        whole = path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        os.ftruncate(descriptor, len(kept))
        if not kept:
            os.write(descriptor, _line(COLUMNS))
        yield Ledger(descriptor, read_rows(path))
    finally:
        os.close(descriptor)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file. Raises LedgerUnfit."""
    with path.open(newline="", encoding="utf-8") as file:
        found = csv.DictReader(file)
        if tuple(found.fieldnames or ()) != COLUMNS:
            raise LedgerUnfit(f"{path} has other columns than this driver's: name another file, or move it away")
        return [row for row in found if None not in row.values()]


def _line(cells: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([" ".join(cell.split()) for cell in cells])
    return buffer.getvalue().encode()


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.9g}"
        case _:
            return str(value)
