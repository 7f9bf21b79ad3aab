"""What is known of each task, and the bars of a timeline."""

from __future__ import annotations

from compiler.drawing.figures import TaskFigures, figures_of
from compiler.drawing.lanes import Bar, Kind, lanes_of, merged
from compiler.drawing.shape import Shape, shape_of_graph
from runtime.critical_path import CriticalPath
from runtime.measures.spans import InputSpan, OutputSpan, TaskSpan
from runtime.timeline import InvocationSpans
from tests.factories import make_graph
from tests.timelines import invocation, span, start_up, timeline


def worker(name: str, *spans: TaskSpan, token: str = "1", called_at: float = 100.0) -> InvocationSpans:
    ended_at = max((one.started_at + one.exec_s for one in spans), default=called_at + 1)
    times = {"invoke_time": called_at, "start_time": called_at + 1, "ended_at": ended_at}
    return invocation(start_up(worker=name, incarnation=token, memory_mb=512, **times), *spans)


def shape_of(text: str) -> Shape:
    return shape_of_graph(make_graph(text))


def test_figures_are_those_of_the_attempt_that_was_done() -> None:
    shape = shape_of("a->b")
    done = span(
        "a",
        104,
        2,
        inputs=(InputSpan(slot="x", bytes=10, source="store"),),
        local_bytes=5,
        outputs=(OutputSpan(name=None, bytes=7, is_stored=True),),
    )
    seen = timeline(worker("w0", span("a", 101, 1, outcome="failed")), worker("w0", done, token="2", called_at=103))
    assert figures_of(shape, timeline=seen, sources=["history", ""]) == [
        TaskFigures(
            worker="w0", memory_mb=512, input_bytes=15, output_bytes=7, start_s=4.0, exec_s=2.0, source="history"
        ),
        TaskFigures(),
    ]


def test_invocations_of_earlier_launches_are_counted_and_not_drawn() -> None:
    early = worker("w0", span("a", 51, 1), called_at=50)
    lanes = lanes_of(timeline(early, worker("w0", span("b", 101, 1), token="2")), CriticalPath(steps=()))
    assert lanes.earlier == 1
    assert [lane.turn for lane in lanes.lanes] == [1]


def test_short_bars_are_drawn_together_and_none_is_lost() -> None:
    bars = [Bar(Kind.EXECUTION, n / 10, (n + 1) / 10, f"t{n}", 1) for n in range(100)]
    found = list(merged(bars, 1.0))
    assert 9 <= len(found) <= 11
    assert sum(bar.tasks for bar in found) == 100
    assert (found[0].start_s, found[-1].end_s) == (0.0, 10.0)


def test_long_bars_stay_as_they_are() -> None:
    bars = [Bar(Kind.COLD, 0.0, 2.0), Bar(Kind.EXECUTION, 2.0, 2.0, "a", 1), Bar(Kind.EXECUTION, 2.0, 9.0, "b", 1)]
    assert list(merged(bars, 1.0)) == bars
