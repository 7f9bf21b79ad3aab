"""The progress bar: on a terminal it counts, anywhere else it is silent."""

from __future__ import annotations

import io

import pytest

from compiler.cli.console import Console
from compiler.cli.progress import SHOWN_AFTER_S, expansion_line, progress_bar
from compiler.graph.expand import expand
from runtime.results import Progress
from tests.graph.manifests import manifest_of


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


def test_long_expansion_counts_on_a_terminal_and_leaves_no_trace() -> None:
    err = Terminal()
    times = iter((0.0, SHOWN_AFTER_S / 2, 3.1, 3.2))
    with expansion_line(Console(out=io.StringIO(), err=err, environ={}), clock=lambda: next(times)) as watch:
        assert watch is not None
        watch(2_048, 100_000)
        assert err.getvalue() == ""
        watch(61_440, 100_000)
        assert err.getvalue() == "\r\x1b[Kexpand 61,440/100,000 \u00b7 3.1 s"
    assert err.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("is_json", [True, False])
def test_expansion_into_a_pipe_is_not_watched(is_json: bool) -> None:
    err = Terminal() if is_json else io.StringIO()
    with expansion_line(Console(out=io.StringIO(), err=err, environ={}, is_json=is_json)) as watch:
        assert watch is None


def test_expansion_tells_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []
    expand(
        manifest_of("""tasks: {a: {call: "m:f", foreach: {i: "${{ range(5000) }}"}}}"""),
        watch=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2048, 5000), (4096, 5000)]
