"""The timeline of the terminal: within its width, readable without colour, in plain ASCII where nothing else is."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from compiler.drawing.text_timeline import CHARACTERS, timeline_lines
from runtime.timeline import Timeline
from tests.drawing.timelines import HOSTILE, random_shape, random_timeline
from tests.timelines import invocation, span, start_up, timeline


def cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def two_tasks() -> Timeline:
    """w0 starts cold for 2 s, loads for 1 s, runs for 4 s, waits for 1 s and runs for 2 s."""
    start = start_up(worker="w0", start_time=102.0, code_load_s=1.0)
    second = span("task1", 108.0, 2.0, wait_inputs_s=1.0, committed_at=110.0)
    return timeline(invocation(start, span("task0", 103.0, 4.0), second))


def test_each_character_is_what_took_most_of_its_time() -> None:
    shape = replace(random_shape(0, 2), names=["task0", "task1"])
    assert timeline_lines(shape, two_tasks(), width=40, is_ascii=True) == [
        "                                   tasks",
        "  w0             %%%%++########<<####  2",
        "  critical path  %%%%++########<<####",
        "                 0         5        10 s",
        "  % cold start  + load  < input wait",
        "  # execution",
    ]


@pytest.mark.parametrize("width", [50, 80, 120, 200])
@pytest.mark.parametrize("is_ascii", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, is_ascii: bool) -> None:
    shape = random_shape(7, 300, names=HOSTILE)
    timeline = random_timeline(shape, 7, workers=40, names=HOSTILE)
    lines = timeline_lines(shape, timeline, width=width, is_ascii=is_ascii)
    assert all(cells(line) <= width for line in lines), [line for line in lines if cells(line) > width]
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    assert all(line.isascii() for line in lines) or not is_ascii


def test_workers_beyond_the_rows_are_counted() -> None:
    shape = random_shape(2, 100)
    timeline = random_timeline(shape, 2, workers=50)
    workers = len({one.start_up.worker for one in timeline.invocations})
    lines = timeline_lines(shape, timeline, rows=5)
    assert any(f"{workers - 5} more workers with " in line for line in lines)
    assert len([line for line in lines if line.startswith("  w")]) == 5


def test_the_fine_characters_are_one_cell_each() -> None:
    assert all(cells(one) == 1 for one in CHARACTERS)


def test_a_run_without_invocations_has_no_lines() -> None:
    shape = random_shape(2, 3)
    assert timeline_lines(shape, replace(random_timeline(shape, 2, workers=1), invocations=())) == []
