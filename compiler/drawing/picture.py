"""The picture of a plan or of a run: its graph with the figures of each task, its timeline below, or one of the two.

    shape = shape_of_graph(graph)                       or shape_of_run(name, run_graph)
    figures = figures_of(shape, plan=plan, timeline=simulation.timeline)
    svg = picture(shape, figures, timeline=simulation.timeline, subtitles=["planner simple, simulated"])

Pure: the same function serves the command line and pages. The SVG needs nothing beside itself: no scripts, no fonts.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.drawing.figures import TaskFigures
from compiler.drawing.gantt import TimelinePanel
from compiler.drawing.lanes import lanes_of
from compiler.drawing.shape import Shape
from compiler.drawing.sheet import Panel, sheet
from compiler.drawing.svg import GraphPanel
from compiler.drawing.task_boxes import task_view
from runtime.critical_path import CriticalPath
from runtime.timeline import Timeline

PARTS = ("graph", "timeline")
FOLDED = "a box of many: how many, the sums of bytes, and the shortest | median | longest time"


def picture(
    shape: Shape,
    figures: Sequence[TaskFigures],
    *,
    timeline: Timeline | None = None,
    path: CriticalPath | None = None,
    subtitles: Sequence[str] = (),
    parts: Sequence[str] = PARTS,
) -> str:
    """The text of an SVG document. `figures` by instance; `path` is the critical path where it is known already.

    Without a timeline the graph stands alone. More than some dozen tasks are drawn together family by family.
    """
    path = shape.path_of(timeline) if path is None else path
    workers = number_workers(figures, timeline)
    panels: list[Panel] = []
    lines = list(subtitles)
    if "graph" in parts or timeline is None:
        view = task_view(shape, figures, [task for task, _ in path.tasks], workers)
        panels.append(GraphPanel(view))
        if any(node.is_many for node in view.nodes):
            lines.append(FOLDED)
    if "timeline" in parts and timeline is not None:
        panels.append(
            TimelinePanel(lanes_of(timeline, path), workers, width=max((panel.width for panel in panels), default=0.0))
        )
    return sheet(shape.name, lines, panels)


def number_workers(figures: Sequence[TaskFigures], timeline: Timeline | None) -> dict[str, int]:
    """A number for each worker, by its first start, then by its first task."""
    started = [one.start_up.worker for one in timeline.invocations] if timeline is not None else []
    names = dict.fromkeys([*started, *(one.worker for one in figures if one.worker)])
    return {name: number for number, name in enumerate(names)}
