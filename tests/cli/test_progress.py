"""The progress bar: on a terminal it counts, anywhere else it is silent."""

from __future__ import annotations

import io

import pytest

from compiler.cli.console import Console
from compiler.cli.progress import progress_bar
from runtime.results import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watch(console: Console) -> None:
    with progress_bar(console, label="squares") as show:
        for done in (0, 3, 2, 9):
            show(Progress(state="running", done=done, total=9))


def test_terminal_sees_the_count() -> None:
    err = Terminal()
    watch(Console(out=io.StringIO(), err=err, environ={}))
    assert "squares" in err.getvalue()
    assert "/9" in err.getvalue()


@pytest.mark.parametrize("is_json", [True, False])
def test_pipe_and_json_see_nothing(is_json: bool) -> None:
    err = Terminal() if is_json else io.StringIO()
    watch(Console(out=io.StringIO(), err=err, environ={}, is_json=is_json))
    assert err.getvalue() == ""
