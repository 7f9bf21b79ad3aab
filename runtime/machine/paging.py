"""Which pages of task records a flexible worker has, wants, and waits for. Pages come together, one read at a time."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.plan import Task


def page_slot(page: int) -> str:
    """What a lost page is reported as: no task's slot has such a name, so the store never has it."""
    return f"page:{page}"


class Paging:
    """Numbers of pages."""

    def __init__(self, pages: Iterable[int]) -> None:
        self._pages = set(pages)
        self._wanted: set[int] = set()
        self._is_loading = False

    @property
    def is_busy(self) -> bool:
        """Pages are wanted or on their way."""
        return self._is_loading or bool(self._wanted)

    def want(self, page: int, task: str) -> None:
        """The record of `task` lies in `page`, which is not at hand."""
        assert page not in self._pages, f"page {page} does not hold {task}"
        self._wanted.add(page)

    def take_wanted(self) -> tuple[int, ...]:
        """The pages to read now."""
        if self._is_loading or not self._wanted:
            return ()
        self._is_loading = True
        numbers = tuple(sorted(self._wanted))
        self._wanted.clear()
        return numbers

    def loaded(self, tasks: Iterable[Task]) -> None:
        """What was read holds these tasks."""
        self._is_loading = False
        self._pages.update(task.page for task in tasks)
