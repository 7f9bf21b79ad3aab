"""The progress bar: on a terminal it counts, anywhere else it is silent."""

from __future__ import annotations

import io
import json

import pytest

from compiler.cli.console import Console
from compiler.cli.progress import SHOWN_AFTER_S, expansion_line, progress_bar
from compiler.cli.results import ResultView
from compiler.graph.expand import expand
from runtime.results import Progress, Ready, RunResult
from tests.graph.manifests import manifest_of
from tests.results import run_result


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


def result_of(value: object) -> RunResult:
    return run_result(result=value)


@pytest.mark.parametrize("is_early", [True, False])
def test_result_is_shown_once_and_as_soon_as_it_is_there(is_early: bool) -> None:
    out, err = io.StringIO(), Terminal()
    console = Console(out=out, err=err, environ={})
    view = ResultView(console)
    with progress_bar(console, label="squares") as bar:
        take = view.watching(bar)
        take(Progress(state="running", done=1, total=2))
        if is_early:
            take(Progress(state="done", done=2, total=2, ready=Ready([1, 4])))
            assert out.getvalue() == "[1, 4]\n"
    view.end(result_of([1, 4]))
    assert out.getvalue() == "[1, 4]\n"
    assert "makespan 1.00 s" in err.getvalue()


def test_json_has_the_result_with_its_figures_alone() -> None:
    out = io.StringIO()
    view = ResultView(Console(out=out, err=io.StringIO(), environ={}, is_json=True))
    view.watching(lambda _: None)(Progress(state="done", done=1, total=1, ready=Ready(None)))
    assert out.getvalue() == ""
    view.end(result_of(None))
    assert json.loads(out.getvalue())["result"] is None


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
