"""The timeline of a run as a panel: a lane for each invocation, its bars over an axis of seconds, a legend.

    makespan 2.41 s                                                            |
    w0  1,769 MB   |////|::| leaf[0]        |--| add[0]    |==|                |
    w1  1,769 MB     |////|::| leaf[1]  |==|                                   |
    critical path  |////|::| leaf[0]        |--| add[0]    |==|                |
                   0            1            2

Every kind of bar has its own pattern, so that it is told apart without colour; executions have the tone of their
worker, as in the graph. The critical path has a black outline, one around all that follows without a gap, a dashed
line from lane to lane, and a row of its own.
A name stands in its bar where it fits; every bar has it as a tooltip. Bars that are too short to be seen are drawn
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from compiler.drawing.axis import ticks
from compiler.drawing.canvas import Canvas, coord, fitting, text_width
from compiler.drawing.inks import CRITICAL, FAINT, GRID, INK, LINE, PAPER, PLAIN, pattern, sample_of, tone_of
from compiler.drawing.lanes import Bar, Kind, Lane, Lanes, merged
from runtime.quantities import seconds_text

PLOT, WIDEST_PLOT = 1_100.0, 1_800.0
MOST_LANES = 200
SHORTEST = 2.0
"""Bars of fewer pixels are drawn together with their neighbours."""
LEGEND, AXIS, TOP, GAP, PATH_ROW = 30.0, 26.0, 22.0, 10.0, 32.0
PATH_BAR = 20.0
SMALL, LABEL = 11.0, 9.5
OVER = 36.0
"""Half of the last label of the axis stands out by this at most."""
LONGEST_WORKER = 190.0
SAMPLE = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """How high a lane is and how much of it its bars fill, and the size of its texts."""

    pitch: float
    bar: float
    font: float


def _rows(lanes: int) -> _Rows:
    if lanes <= 30:
        return _Rows(pitch=26, bar=20, font=11)
    return _Rows(pitch=18, bar=14, font=10) if lanes <= 90 else _Rows(pitch=12, bar=10, font=8.5)


class TimelinePanel:
    """The timeline as a part of a sheet, about `width` wide. `workers` numbers the workers for tones and samples."""

    def __init__(self, lanes: Lanes, workers: Mapping[str, int], *, width: float = 0.0, most: int = MOST_LANES) -> None:
        self._all = lanes
        self._workers = workers
        self._lanes = _busiest(lanes.lanes, most)
        self._rows = _rows(len(self._lanes))
        self._names = [fitting(_name(lane), LONGEST_WORKER, self._rows.font) for lane in self._lanes]
        self._memory = [f"{lane.memory_mb:,} MB" for lane in self._lanes]
        widest = max((text_width(name, self._rows.font) for name in self._names), default=0.0)
        memory = max((text_width(text, self._rows.font) for text in self._memory), default=0.0)
        self._memory_at = SAMPLE + 6 + widest + GAP + memory
        self._left = max(self._memory_at, text_width("critical path", SMALL)) + GAP
        self._plot = min(WIDEST_PLOT, max(PLOT, width - self._left - OVER))
        self._end_s = max(lanes.end_s, lanes.makespan_s or 0.0)
        self._scale = self._plot / max(self._end_s - lanes.start_s, 1e-9)
        self._path_bars = list(merged(lanes.path, SHORTEST / self._scale))
        self._notes = _notes(lanes, self._lanes)
        self._kinds = self._shown_kinds()
        self._legend_rows = self._legend_places()
        self._top = LEGEND * (1 + max((row for row, _ in self._legend_rows), default=0)) + TOP
        self.width = max(self._left + self._plot + OVER, *(text_width(note, SMALL) for note in self._notes), 0.0)
        self._bottom = self._top + len(self._lanes) * self._rows.pitch + (PATH_ROW if lanes.path else 0.0)
        self.height = self._bottom + AXIS + 18 * len(self._notes)

    def draw(self, canvas: Canvas) -> None:
        self._legend(canvas)
        self._axis(canvas)
        self._path(canvas)
        for row, lane in enumerate(self._lanes):
            self._lane(canvas, row, lane)
        self._path_row(canvas)
        bottom = self._bottom + AXIS
        for number, note in enumerate(self._notes):
            canvas.words(note, 0, bottom + 14 + 18 * number, SMALL, FAINT)

    # ---- places -----------------------------------------------------------------------------------------

    def _x(self, seconds: float) -> float:
        return self._left + (seconds - self._all.start_s) * self._scale

    def _y(self, row: int) -> float:
        return self._top + row * self._rows.pitch + (self._rows.pitch - self._rows.bar) / 2

    # ---- around the lanes -------------------------------------------------------------------------------

    def _axis(self, canvas: Canvas) -> None:
        bottom = self._bottom
        grid = {"y1": coord(self._top), "y2": coord(bottom + 4), "stroke": GRID, "stroke-width": 1}
        canvas.words("seconds", 0, bottom + 17, SMALL, FAINT)
        taken = text_width("seconds", SMALL)
        for at, label in ticks(self._all.start_s, self._end_s, int(self._plot / 90)):
            x, half = self._x(at), text_width(label, SMALL) / 2
            canvas.element("line", {"x1": coord(x), "x2": coord(x), **grid})
            if x - half > taken + 4:
                canvas.words(label, x, bottom + 17, SMALL, FAINT, anchor="middle")
                taken = x + half
        if (makespan_s := self._all.makespan_s) is not None:
            x, text = self._x(makespan_s), f"makespan {seconds_text(makespan_s)}"
            line = {"y1": coord(self._top - 6), "y2": coord(bottom + 4), "stroke": INK, "stroke-width": 1.2}
            canvas.element("line", {"x1": coord(x), "x2": coord(x), **line})
            anchor = "end" if x > text_width(text, SMALL) else "start"
            canvas.words(text, x, self._top - 9, SMALL, INK, anchor=anchor)

    def _path(self, canvas: Canvas) -> None:
        """From the end of each execution of the critical path to the beginning of the next, behind the bars."""
        steps = sorted(
            (bar.start_s, bar.end_s, row)
            for row, lane in enumerate(self._lanes)
            for bar in merged(lane.bars, SHORTEST / self._scale)
            if bar.is_critical
        )
        look = {"stroke": CRITICAL, "stroke-width": 1.2, "stroke-dasharray": "3 3"}
        for (_, ended, above), (begins, _, below) in pairwise(steps):
            if above != below:
                ends = zip(("x1", "x2"), (self._x(ended), self._x(begins)), strict=True)
                middles = (self._y(row) + self._rows.bar / 2 for row in (above, below))
                heights = zip(("y1", "y2"), middles, strict=True)
                canvas.element("line", {name: coord(at) for name, at in (*ends, *heights)} | look)

    # ---- lanes ------------------------------------------------------------------------------------------

    def _lane(self, canvas: Canvas, row: int, lane: Lane) -> None:
        top, font, worker = self._y(row), self._rows.font, self._workers.get(lane.worker, 0)
        baseline = top + self._rows.bar / 2 + font * 0.36
        sample = {"x": 0, "y": coord(top), "width": coord(SAMPLE), "height": coord(self._rows.bar), "rx": 2}
        canvas.open("g", {}, f"{lane.worker}, invocation {lane.turn}, {lane.memory_mb:,} MB")
        canvas.element("rect", sample | {"fill": sample_of(canvas, worker)})
        canvas.words(self._names[row], SAMPLE + 6, baseline, font, INK)
        canvas.words(self._memory[row], self._memory_at, baseline, font, FAINT, anchor="end")
        canvas.close("g")
        bars = list(merged(lane.bars, SHORTEST / self._scale))
        for bar in bars:
            self._bar(canvas, bar, top, self._rows.bar, worker)
        for begins, ends in self._critical_stretches(bars):
            self._outline(canvas, begins, ends, top)

    def _critical_stretches(self, bars: Sequence[Bar]) -> list[tuple[float, float]]:
        """From where to where the bars of the critical path follow one another without a gap to be seen."""
        found: list[tuple[float, float]] = []
        for bar in bars:
            if not bar.is_critical:
                continue
            left = self._x(bar.start_s)
            right = left + max(1.0, bar.seconds * self._scale)
            if found and left - found[-1][1] < 1.0:
                found[-1] = (found[-1][0], max(right, found[-1][1]))
            else:
                found.append((left, right))
        return found

    def _outline(self, canvas: Canvas, left: float, right: float, top: float) -> None:
        """Black; of what is too short for an outline, the whole of it."""
        is_short = right - left < 6
        place = {"x": coord(left), "y": coord(top), "width": coord(right - left), "height": coord(self._rows.bar)}
        look = {"fill": CRITICAL if is_short else "none", "stroke": CRITICAL, "stroke-width": 1 if is_short else 2.2}
        canvas.open("g", {"pointer-events": "none"})
        canvas.element("rect", {**place, **look})
        canvas.close("g")

    def _path_row(self, canvas: Canvas) -> None:
        """What the run waited for at each moment, under a line."""
        if not self._path_bars:
            return
        under = self._top + len(self._lanes) * self._rows.pitch
        line = {"x1": 0, "x2": coord(self._left + self._plot), "y1": coord(under + 4), "y2": coord(under + 4)}
        canvas.element("line", line | {"stroke": LINE, "stroke-width": 0.8})
        top = under + PATH_ROW - PATH_BAR - 2
        canvas.words("critical path", 0, top + 14, SMALL, INK)
        for bar in self._path_bars:
            self._bar(canvas, bar, top, PATH_BAR, None)

    def _bar(self, canvas: Canvas, bar: Bar, top: float, height: float, worker: int | None) -> None:
        left, width = self._x(bar.start_s), max(1.0, bar.seconds * self._scale)
        canvas.open("g", {}, _tooltip(bar))
        if bar.kind is Kind.IDLE:
            middle = coord(top + height / 2)
            line = {"x1": coord(left), "x2": coord(left + width), "y1": middle, "y2": middle}
            canvas.element("line", line | {"stroke": LINE, "stroke-width": 1.2})
        else:
            place = {"x": coord(left), "y": coord(top), "width": coord(width), "height": coord(height)}
            canvas.element("rect", place | _look(canvas, bar, worker, width))
            if bar.kind is Kind.EXECUTION and bar.tasks == 1:
                self._caption(canvas, bar, left, width, top + height / 2)
        canvas.close("g")

    def _caption(self, canvas: Canvas, bar: Bar, left: float, width: float, middle: float) -> None:
        size = min(LABEL, self._rows.font)
        if text := _short(bar.task, width - 8, size):
            canvas.words(text, left + 4, middle + size * 0.36, size, INK)

    # ---- the legend -------------------------------------------------------------------------------------

    def _shown_kinds(self) -> list[tuple[str, Bar]]:
        bars = [bar for lane in self._lanes for bar in lane.bars] + self._path_bars
        kinds = {bar.kind for bar in bars}
        samples = [(kind.value, Bar(kind, 0.0, 0.0)) for kind in Kind if kind in kinds]
        if any(bar.is_critical for bar in bars):
            samples.append(("critical path", Bar(Kind.EXECUTION, 0.0, 0.0, is_critical=True)))
        if any(bar.is_failed for bar in bars):
            samples.append(("failed", Bar(Kind.EXECUTION, 0.0, 0.0, is_failed=True)))
        return samples

    def _legend_places(self) -> list[tuple[int, float]]:
        """The row and the left end of each entry."""
        found, row, x = [], 0, 0.0
        for name, _ in self._kinds:
            width = 30 + text_width(name, SMALL) + 20
            if x and x + width > self._left + self._plot:
                row, x = row + 1, 0.0
            found.append((row, x))
            x += width
        return found

    def _legend(self, canvas: Canvas) -> None:
        for (name, sample), (row, x) in zip(self._kinds, self._legend_rows, strict=True):
            top = row * LEGEND
            canvas.open("g", {"transform": f"translate({coord(x)} {coord(top)})"})
            if sample.kind is Kind.IDLE:
                canvas.element("line", {"x1": 0, "x2": 24, "y1": 8, "y2": 8, "stroke": LINE, "stroke-width": 1.2})
            else:
                place = {"x": 0, "y": 0, "width": 24, "height": 16}
                look = _look(canvas, sample, 0, 24)
                if sample.is_critical:
                    look |= {"stroke": CRITICAL, "stroke-width": 2.2}
                canvas.element("rect", place | look)
            canvas.words(name, 30, 12, SMALL, FAINT)
            canvas.close("g")


def _look(canvas: Canvas, bar: Bar, worker: int | None, width: float) -> dict[str, object]:
    """Fill and border of a bar."""
    fill, border = _fill(canvas, bar.kind, worker)
    if bar.is_failed:
        fill, border = pattern(canvas, "failed", "M0 0 L6 6 M0 6 L6 0", PAPER, "#9b2226"), "#9b2226"
    return {"fill": fill, "stroke": border, "stroke-width": 0.8 if width >= 4 else 0.3}


def _fill(canvas: Canvas, kind: Kind, worker: int | None) -> tuple[str, str]:
    match kind:
        case Kind.QUEUE:
            return pattern(canvas, "queue", "M2.5 3 H3.5", PAPER, "#8c9bab", width=1.0), "#c3ccd5"
        case Kind.COLD:
            return pattern(canvas, "cold", "M-1 7 L7 -1 M2 10 L10 2 M-4 4 L4 -4", "#c9d3de", "#52667a"), "#52667a"
        case Kind.WARM:
            return pattern(canvas, "warm", "M-1 -1 L7 7", "#f1f4f7", "#8c9bab"), "#8c9bab"
        case Kind.LOAD:
            return pattern(canvas, "load", "M1 3 H3", "#e7dff0", "#59407a", width=2.0), "#59407a"
        case Kind.FETCH:
            return pattern(canvas, "fetch", "M0 2 H6 M0 5 H6", "#fdf3c8", "#9a7b00"), "#9a7b00"
        case Kind.UPLOAD:
            return pattern(canvas, "upload", "M1.5 0 V6 M4.5 0 V6", "#d9efe0", "#2f7a4c"), "#2f7a4c"
        case Kind.COORDINATION:
            return pattern(canvas, "coordination", "M3 0 V6 M0 3 H6", "#eef2e4", "#76885a", width=0.8), "#76885a"
        case Kind.EXECUTION | Kind.IDLE:
            return PLAIN if worker is None else tone_of(worker)


def _busiest(lanes: Sequence[Lane], most: int) -> tuple[Lane, ...]:
    """All, or so many: those of the critical path first, then those that execute longest; the order stays."""
    if len(lanes) <= most:
        return tuple(lanes)
    ranked = sorted(range(len(lanes)), key=lambda row: (not lanes[row].is_critical, -lanes[row].execution_s))
    return tuple(lanes[row] for row in sorted(ranked[:most]))


def _notes(lanes: Lanes, shown: Sequence[Lane]) -> list[str]:
    notes = [] if lanes.lanes else ["no worker has told yet what it measured"]
    if hidden := len(lanes.lanes) - len(shown):
        tasks = sum(lane.tasks for lane in lanes.lanes) - sum(lane.tasks for lane in shown)
        seconds = sum(lane.execution_s for lane in lanes.lanes) - sum(lane.execution_s for lane in shown)
        notes.append(
            f"\u2026 and {hidden:,} more lanes with {tasks:,} tasks that execute for {seconds_text(seconds)} in all: "
            "drawn are the critical path's and the busiest"
        )
    if lanes.earlier:
        notes.append(f"{lanes.earlier:,} invocations of earlier launches are not drawn")
    if lost := sum(not lane.is_complete for lane in shown):
        notes.append(f"the last words of {lost:,} invocations never came: what they did then is not drawn")
    return notes


def _name(lane: Lane) -> str:
    return lane.worker if lane.turn == 1 else f"{lane.worker} #{lane.turn}"


def _short(task: str, width: float, size: float) -> str:
    """As much of a task's name as fits: with keys rather these than the name of their family."""
    if text_width(task, size) <= width:
        return task
    _, bracket, keys = task.partition("[")
    if keys and text_width(f"\u2026[{keys}", size) <= width:
        return f"\u2026[{keys}"
    return "" if bracket else fitting(task, width, size)


def _tooltip(bar: Bar) -> str:
    name = f"{bar.tasks:,} tasks, the first {bar.task}" if bar.tasks > 1 else bar.task
    times = f"{seconds_text(bar.seconds)} from {bar.start_s:.3f} s"
    failed = ", failed" if bar.is_failed else ""
    return "\n".join(filter(None, (name, f"{bar.kind.value}{failed}: {times}")))
