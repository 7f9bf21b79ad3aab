"""A run as a picture, and its timeline as text: what `compiler.drawing` is given of what is kept of a run."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.cli.console import Console
from compiler.drawing.figures import RunPlaces, figures_of
from compiler.drawing.picture import picture
from compiler.drawing.shape import shape_of_run
from compiler.drawing.text_timeline import CHARACTERS, timeline_lines
from runtime.errors import RuntimeFault
from runtime.quantities import seconds_text
from runtime.runs.showing import ShownRun
from runtime.timeline import Timeline


def run_picture(shown: ShownRun) -> str:
    """The text of an SVG document: the graph, the timeline below where it is known. Raises RuntimeFault."""
    run, graph, timeline = shown.found.run, shown.graph, shown.timeline
    if graph is None:
        why = f": {shown.problems[0]}" if shown.problems else ""
        raise RuntimeFault(f"there is no picture of {run}: its graph cannot be read{why}")
    shape = shape_of_run(shown.found.entry.record.workflow, graph)
    figures = figures_of(shape, plan=RunPlaces(graph=graph, classes=shown.classes), timeline=timeline)
    return picture(shape, figures, timeline=timeline, subtitles=[f"run {run}", _told(timeline)])


def _told(timeline: Timeline | None) -> str:
    if timeline is None:
        return "what its workers measured is not known"
    makespan = f"makespan {seconds_text(timeline.makespan_s)}" if timeline.makespan_s else "no output was stored"
    return f"planner {timeline.planner}, measured; {makespan}"


def run_timeline(shown: ShownRun, console: Console) -> Sequence[str]:
    """Rows for the workers with what each did when; nothing where that is not known."""
    if shown.graph is None or shown.timeline is None:
        return ()
    shape = shape_of_run(shown.found.entry.record.workflow, shown.graph)
    is_ascii = not console.can_show(CHARACTERS)
    return timeline_lines(shape, shown.timeline, width=max(console.width, 40), is_ascii=is_ascii)
