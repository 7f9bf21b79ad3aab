"""A timeline for a terminal: a row for each worker, a character for each stretch of time, an axis below.

    w0        ▒▒▒▓██████████████████─────▄▄███████  4 tasks
    w1         ▒▒▓█████████▀                        1 task
    critical  ▒▒▒▓████████▀▒▒▒▓▓▓██████████▀█████
              0         1.0       2.0       3.0 s

Kinds are told apart by the character, never by colour; `is_ascii` takes characters that every terminal has. A character
shows what takes most of its time; the last row what the run as a whole waited for. Names of workers are tamed: no text
of a user's steers a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.drawing.axis import ticks
from compiler.drawing.lanes import Bar, Kind, Lane, Lanes, lanes_of
from compiler.drawing.shape import Shape
from runtime.critical_path import CriticalPath
from runtime.display import tame
from runtime.timeline import Timeline

ROWS = 20
LEAST_PLOT = 20
LONGEST_NAME = 24
UNICODE: Mapping[Kind, str] = {
    Kind.QUEUE: "·",
    Kind.COLD: "▒",
    Kind.WARM: "░",
    Kind.LOAD: "▓",
    Kind.FETCH: "▂",
    Kind.EXECUTION: "█",
    Kind.UPLOAD: "▀",
    Kind.COORDINATION: "▀",
    Kind.IDLE: "─",
}
ASCII: Mapping[Kind, str] = {
    Kind.QUEUE: ".",
    Kind.COLD: "%",
    Kind.WARM: ":",
    Kind.LOAD: "+",
    Kind.FETCH: "<",
    Kind.EXECUTION: "#",
    Kind.UPLOAD: ">",
    Kind.COORDINATION: ">",
    Kind.IDLE: "-",
}
WORDS: Mapping[Kind, str] = {
    Kind.QUEUE: "environment wait",
    Kind.COLD: "cold start",
    Kind.WARM: "warm start",
    Kind.LOAD: "load",
    Kind.FETCH: "input wait",
    Kind.EXECUTION: "execution",
    Kind.COORDINATION: "upload, coordination",
    Kind.IDLE: "idle",
}
CHARACTERS = "".join(UNICODE.values()) + "…"
"""What a stream must be able to show for the fine form."""
SENT = frozenset({Kind.UPLOAD, Kind.COORDINATION})
PATH = "critical path"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    name: str
    bars: Sequence[Bar]
    tasks: int
    is_critical: bool


def timeline_lines(
    shape: Shape,
    timeline: Timeline,
    *,
    width: int = 80,
    rows: int = ROWS,
    is_ascii: bool = False,
    path: CriticalPath | None = None,
) -> list[str]:
    """The rows, the axis and the legend, none wider than `width` cells; nothing when nobody ran."""
    lanes = lanes_of(timeline, shape.path_of(timeline) if path is None else path)
    if lanes.end_s <= lanes.start_s:
        return []
    return list(_Text(lanes, width, rows, is_ascii=is_ascii).lines())


def _rows(lanes: Sequence[Lane]) -> list[_Row]:
    """One for each worker, its invocations one after another."""
    by_worker: dict[str, list[Lane]] = {}
    for lane in lanes:
        by_worker.setdefault(lane.worker, []).append(lane)
    return [
        _Row(
            name=tame(worker),
            bars=[bar for lane in own for bar in lane.bars],
            tasks=sum(lane.tasks for lane in own),
            is_critical=any(lane.is_critical for lane in own),
        )
        for worker, own in by_worker.items()
    ]


class _Text:
    """The lines, for rows that are chosen and cut to a width."""

    def __init__(self, lanes: Lanes, width: int, most: int, *, is_ascii: bool) -> None:
        self._signs = ASCII if is_ascii else UNICODE
        self._more = "..." if is_ascii else "…"
        self._is_ascii = is_ascii
        self._all = _rows(lanes.lanes)
        self._shown = _chosen(self._all, most)
        self._path = lanes.path
        self._start = lanes.start_s
        self._counts = [f"{row.tasks:,}" for row in self._shown]
        longest = min(LONGEST_NAME, max(len(PATH), width // 3))
        self._names = [_cut(self._plain(row.name), longest, self._more) for row in self._shown]
        self._left = max(map(_cells, [*self._names, PATH])) + 4
        self._count = max(map(len, self._counts))
        self._width = max(LEAST_PLOT, width - self._left - 2 - self._count)
        self._step = (lanes.end_s - lanes.start_s) / self._width

    def lines(self) -> Iterator[str]:
        kinds: set[Kind] = set()
        yield f"{'':<{self._left}}{'tasks':>{self._width + 2 + self._count}}"
        for row, name, count in zip(self._shown, self._names, self._counts, strict=True):
            yield f"{self._drawn(name, row.bars, kinds)}  {count:>{self._count}}"
        if hidden := len(self._all) - len(self._shown):
            tasks = sum(row.tasks for row in self._all) - sum(row.tasks for row in self._shown)
            yield f"  {self._more} {hidden:,} more worker{'s' if hidden > 1 else ''} with {tasks:,} tasks"
        if self._path:
            yield self._drawn(PATH, self._path, kinds).rstrip()
        yield self._axis()
        yield from self._legend(kinds)

    def _plain(self, name: str) -> str:
        return name.encode("ascii", "replace").decode() if self._is_ascii else name

    def _drawn(self, name: str, bars: Sequence[Bar], kinds: set[Kind]) -> str:
        """A name and its characters; `kinds` grows by what these show."""
        cells = self._cells_of(bars)
        kinds.update(kind for kind in cells if kind is not None)
        signs = "".join(self._signs[kind] if kind is not None else " " for kind in cells)
        return f"  {name}{' ' * (self._left - 2 - _cells(name))}{signs}"

    def _cells_of(self, bars: Sequence[Bar]) -> list[Kind | None]:
        """What takes most of each character's time; anything rather than idling, and nothing where nobody is."""
        seconds: list[dict[Kind, float]] = [{} for _ in range(self._width)]
        for bar in bars:
            kind = Kind.COORDINATION if bar.kind in SENT else bar.kind
            first = min(self._width - 1, int((bar.start_s - self._start) / self._step))
            last = min(self._width - 1, int((bar.end_s - self._start) / self._step))
            for cell in range(first, last + 1):
                begins = self._start + cell * self._step
                share = min(bar.end_s, begins + self._step) - max(bar.start_s, begins)
                if share > 0.0 or first == last:
                    seconds[cell][kind] = seconds[cell].get(kind, 0.0) + share
        return [self._most(one) for one in seconds]

    def _most(self, seconds: Mapping[Kind, float]) -> Kind | None:
        if sum(seconds.values()) < self._step / 4 and Kind.EXECUTION not in seconds:
            return None
        return max(seconds, key=lambda kind: (seconds[kind] * (0.25 if kind is Kind.IDLE else 1.0), kind.value))

    def _axis(self) -> str:
        line = [" "] * (self._width + self._count + 2)
        end = -1
        found = list(ticks(self._start, self._start + self._width * self._step, max(1, self._width // 10)))
        for number, (at, label) in enumerate(found):
            text = f"{label} s" if number == len(found) - 1 else label
            place = min(round((at - self._start) / self._step), len(line) - len(text))
            if place > end:
                line[place : place + len(text)] = text
                end = place + len(text)
        return f"{'':<{self._left}}{''.join(line)}".rstrip()

    def _legend(self, kinds: set[Kind]) -> Iterator[str]:
        """What the characters say, in as many lines as that takes."""
        line = " "
        for entry in [f" {self._signs[kind]} {word}" for kind, word in WORDS.items() if kind in kinds]:
            if len(line) > 1 and len(line) + 1 + len(entry) > self._left + self._width:
                yield line.rstrip()
                line = " "
            line += f"{entry} "
        yield line.rstrip()


def _chosen(rows: Sequence[_Row], most: int) -> list[_Row]:
    """All, or so many: those of the critical path first, then those with most to do; the order stays."""
    if len(rows) <= most:
        return list(rows)
    busy = [sum(bar.seconds for bar in row.bars if bar.kind is Kind.EXECUTION) for row in rows]
    ranked = sorted(range(len(rows)), key=lambda number: (not rows[number].is_critical, -busy[number]))
    return [rows[number] for number in sorted(ranked[:most])]


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def _cut(text: str, cells: int, more: str) -> str:
    """The text within so many cells, its end left out."""
    if _cells(text) <= cells:
        return text
    while text and _cells(text) + len(more) > cells:
        text = text[:-1]
    return text + more
