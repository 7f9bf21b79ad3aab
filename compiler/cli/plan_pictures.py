"""A plan as a picture, and its timeline as text: what `compiler.drawing` is given of what is expected of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.cli.console import Console
from compiler.cli.expectations import Expectation
from compiler.cli.outlooks import basis, statistics
from compiler.drawing.figures import figures_of
from compiler.drawing.shape import shape_of_graph
from compiler.drawing.text_timeline import CHARACTERS, timeline_lines
from compiler.graph.model import Graph
from compiler.planning import Planned
from runtime.quantities import seconds_text


def plan_picture(planned: Planned, expected: Expectation | None) -> str:
    """The text of an SVG document: the graph with each task's figures, the timeline below where there is one."""
    from compiler.drawing.picture import picture

    problem, plan, shape = planned.problem, planned.plan, shape_of_graph(planned.graph)
    if expected is None:
        return picture(shape, figures_of(shape, plan=plan), subtitles=[f"planner {plan.planner}"])
    sources = [expected.forecaster.source(instance) for instance in range(len(shape))]
    outlook, path = expected.outlook, expected.path
    if outlook is None or path is None:
        subtitles = [f"planner {plan.planner}, nothing is known of its time: {expected.why_unknown}"]
        return picture(shape, figures_of(shape, plan=plan, sources=sources), subtitles=subtitles)
    makespan = ", ".join(f"{name} {seconds_text(took)}" for name, took in statistics(problem, outlook).items())
    return picture(
        shape,
        figures_of(shape, plan=plan, timeline=outlook.timeline, sources=sources),
        timeline=outlook.timeline,
        path=path,
        subtitles=[f"planner {plan.planner}, simulated; makespan {makespan}", f"rests on {basis(problem, outlook)}"],
    )


def timeline_text(graph: Graph, expected: Expectation, console: Console) -> Sequence[str]:
    """Rows for the workers with what each does when; nothing where nobody can know."""
    outlook, path = expected.outlook, expected.path
    if outlook is None or path is None:
        return ()
    shape = shape_of_graph(graph)
    width = max(console.width, 40)
    is_ascii = not console.can_show(CHARACTERS)
    return timeline_lines(shape, outlook.timeline, width=width, is_ascii=is_ascii, path=path)
