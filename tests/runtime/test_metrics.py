"""From notes to spans: what is whole goes, what waits for its commit waits, and everything goes at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from runtime.measures.clocks import StoreClock
from runtime.measures.metrics import InvocationMetrics, MetricsSink
from runtime.measures.spans import InputSpan, OutputSpan, StartUp, TaskSpan
from runtime.measures.traffic import Traffic
from runtime.plan import EnvClass, Function, InEdge, Task
from runtime.timeline import gather
from tests.runtime.test_spans import START

ENV = EnvClass(memory_mb=1769)
FUNCTION = Function(unit="0" * 64, module="functions", qualname="f")


def task(name: str, *inputs: str, outputs: tuple[str, ...] = ()) -> Task:
    edges = tuple(InEdge(producer=producer) for producer in inputs)
    return Task(name=name, function=FUNCTION, env=ENV, in_edges=edges, outputs=outputs)


class Bench:
    def __init__(self) -> None:
        self.traffic = Traffic()
        self.clock = StoreClock()
        self.clock.heard(1_000.0, 50.0, 50.0)
        self.texts: list[str] = []
        self.metrics = InvocationMetrics(MetricsSink(self._push), self._start_up, self.clock, self.traffic)

    def _push(self, texts: Sequence[str], told: str) -> None:
        self.texts.extend(texts)

    def _start_up(self, is_last: bool) -> StartUp:
        return replace(START, start_time=1_000.0)

    def ran(self, one: Task, outcome: str = "done", attempt: int = 1, **outputs: object) -> None:
        self.metrics.ended((one, attempt, outcome, 51.0, 0.5, 0.0, (), None), outputs)

    def stored(self, slot: str, at: float = 1_002.0) -> None:
        self.traffic.committed((slot,), 0.25, at)

    def spans(self) -> tuple[TaskSpan, ...]:
        return tuple(span for one in gather(self.texts).invocations for span in one.spans)


def test_a_task_whose_output_stays_here_is_whole_at_once() -> None:
    bench = Bench()
    bench.ran(task("a"), a=b"12345")
    assert bench.metrics.waiting[0] == 1
    bench.metrics.send(is_last=False)
    (span,) = bench.spans()
    assert span == TaskSpan(
        task="a",
        attempt=1,
        outcome="done",
        started_at=1_001.0,
        exec_s=0.5,
        outputs=(OutputSpan(name=None, bytes=5, is_stored=False),),
    )
    assert bench.metrics.waiting[0] == 0


def test_a_row_waits_for_the_answer_to_its_commit() -> None:
    bench = Bench()
    bench.traffic.sealed["a"] = (80, 0.125)
    bench.ran(task("a"), a=b"12345")
    assert bench.metrics.waiting[0] == 0
    bench.metrics.send(is_last=False)
    assert bench.texts == []
    bench.stored("a")
    assert bench.metrics.waiting[0] == 1
    bench.metrics.send(is_last=False)
    (span,) = bench.spans()
    assert (span.commit_s, span.committed_at) == (0.25, 1_002.0)
    assert span.outputs == (OutputSpan(name=None, bytes=80, is_stored=True, serialize_s=0.125),)


def test_with_the_last_batch_everything_goes() -> None:
    bench = Bench()
    bench.traffic.sealed["a"] = (80, 0.125)
    bench.ran(task("a"), a=1)
    bench.metrics.send(is_last=True)
    (span,) = bench.spans()
    assert span.committed_at == 0.0 and span.outputs[0].is_stored


def test_what_a_task_took_from_here_and_from_elsewhere_is_told_apart() -> None:
    bench = Bench()
    bench.ran(task("a"), a="four")
    bench.metrics.send(is_last=False)
    fetched = (InputSpan(slot="b", bytes=7, source="hint"),)
    bench.metrics.ended((task("c", "a", "b"), 1, "done", 52.0, 0.0, 0.5, fetched, None))
    bench.metrics.send(is_last=True)
    *_, span = bench.spans()
    assert (span.local_inputs, span.local_bytes, span.inputs, span.wait_inputs_s) == (1, 4, fetched, 0.5)


def test_of_several_attempts_the_newest_has_the_output_also_one_that_failed_and_is_let_pass() -> None:
    bench = Bench()
    bench.ran(task("a"), "failed", 1)
    bench.traffic.sealed["a"] = (80, 0.0)
    bench.stored("a")
    bench.ran(task("a"), "failed", 2)
    bench.metrics.send(is_last=True)
    first, second = bench.spans()
    assert (first.outputs, first.committed_at) == ((), 0.0)
    assert [output.bytes for output in second.outputs] == [80] and second.committed_at == 1_002.0


def test_each_of_several_outputs_has_its_own_row() -> None:
    bench = Bench()
    bench.traffic.sealed["a.x"] = (80, 0.0)
    bench.traffic.puts["a.x"] = 0.75
    bench.stored("a.x")
    bench.ran(task("a", outputs=("x", "y")), **{"a.x": 1, "a.y": b"123", "a": None})
    bench.metrics.send(is_last=True)
    (span,) = bench.spans()
    assert span.outputs == (
        OutputSpan(name="x", bytes=80, is_stored=True, upload_s=0.75),
        OutputSpan(name="y", bytes=3, is_stored=False),
    )


def test_a_row_that_waits_for_its_commit_holds_up_no_other() -> None:
    bench = Bench()
    bench.traffic.sealed["a"] = (80, 0.0)
    bench.ran(task("a"))
    bench.ran(task("b"), b=1)
    bench.metrics.send(is_last=False)
    assert [span.task for span in bench.spans()] == ["b"]
    bench.stored("a")
    assert bench.metrics.waiting == (1, 51.5)
    bench.metrics.send(is_last=False)
    assert [span.task for span in bench.spans()] == ["b", "a"]


def test_the_oldest_row_waits_since_its_end() -> None:
    bench = Bench()
    assert bench.metrics.waiting == (0, inf)
    bench.ran(task("a"))
    bench.metrics.ended((task("b"), 1, "done", 60.0, 0.5, 0.0, (), None))
    assert bench.metrics.waiting == (2, 51.5)
    bench.metrics.send(is_last=False)
    assert bench.metrics.waiting == (0, inf)
