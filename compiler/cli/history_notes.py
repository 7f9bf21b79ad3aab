"""What a user should know of the history that predictions were made from: what of it could not be used, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.cli.console import YELLOW, Console
from compiler.rendering.text import prose

if TYPE_CHECKING:
    from compiler.planner.problem import Problem

SHOWN = 3


def history_notes(problem: Problem) -> list[str]:
    """Lines, none when nobody looked at the history."""
    if not problem.is_learnt:
        return []
    from compiler.predict.changes import changed_tasks

    changed = changed_tasks(problem.predictions)
    return [*problem.predictions.history.notes, *([_changed(changed)] if changed else [])]


def tell_history_notes(problem: Problem, console: Console) -> None:
    """Each as a warning."""
    for note in history_notes(problem):
        console.note(f"{console.paint('warning', YELLOW, console.err)}: {prose(note)}")


def _changed(tasks: list[str]) -> str:
    names = ", ".join(f"`{task}`" for task in tasks[:SHOWN])
    more = f" and {len(tasks) - SHOWN:,} more" if len(tasks) > SHOWN else ""
    has = "has" if len(tasks) == 1 else "have"
    return f"{names}{more} {has} changed since the last run: what was measured of other code is not counted"
