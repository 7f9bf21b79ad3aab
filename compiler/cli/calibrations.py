"""What `treadle history calibration` shows: how often runs kept within what was promised of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.cli.console import Console
from compiler.cli.tables import table
from runtime.history.calibration import Coverage, coverages, histogram
from runtime.history.forgetting import named
from runtime.history.records import GraphHistory, RanksKey
from runtime.history.store import HistoryStore
from runtime.history.view import read_graphs
from runtime.links import NO_LINK
from runtime.promise import SETTLED_RUNS

BINS = 20
SHORT = 8
HEAD = ("WORKFLOW", "GRAPH", "PLANNER", "PROMISE", "RUNS", "WITHIN", "IN ALL RUNS", "")


def show_calibration(store: HistoryStore, console: Console, name: str | None) -> None:
    """Every graph, or those of one name. Raises `UnknownHistory`."""
    heads = store.heads()
    history = read_graphs(store, heads if name is None else named(heads, name))
    for note in history.notes:
        console.note(f"warning: {note}")
    graphs = list(history.graphs.values())
    if console.is_json:
        console.json([row for graph in graphs for row in calibration_objects(graph)])
        return
    rows = [row for graph in graphs for row in _graph_rows(graph)]
    if not rows:
        console.note("no run has been held against a promise: the second run of a workflow has one, and those after it")
        return
    console.lines("".join(f"{line}\n" for line in table([HEAD, *rows], console.width, left=(0, 1, 2, 7))))
    if any(not is_settled for graph in graphs for _, _, is_settled in graph.ranks):
        console.note(f"early: promises that fewer than {SETTLED_RUNS} earlier runs had set right")


def calibration_objects(graph: GraphHistory) -> Iterator[dict[str, object]]:
    """The `--json` objects of a graph, one for each planner and link, early promises apart. `histogram` counts runs by
    the percentile of their promise at which they fell, in bins of 5."""
    for key, ranks in graph.ranks.items():
        planner, link, is_settled = key
        yield {
            "workflow": graph.workflow,
            "signature": graph.signature,
            "planner": planner,
            "link": link,
            "is_settled": is_settled,
            "runs": sum(ranks.values()),
            "percentiles": {f"p{one.percentile}": _coverage_object(one) for one in coverages(ranks)},
            "histogram": histogram(ranks, BINS),
        }


def _coverage_object(one: Coverage) -> dict[str, object]:
    return {"kept": one.kept, "share": one.share, "low": one.low, "high": one.high, "is_right": one.is_right}


def _graph_rows(graph: GraphHistory) -> Iterator[Sequence[str]]:
    names: tuple[str, ...] = (graph.workflow, graph.signature[:SHORT])
    for key, ranks in graph.ranks.items():
        title = _title(key)
        for one in coverages(ranks):
            yield (*names, title, *_figures(one))
            names, title = ("", ""), ""


def _title(key: RanksKey) -> str:
    planner, link, is_settled = key
    over = "" if link == NO_LINK else f" over {link}"
    return f"{planner}{over}{'' if is_settled else ', early'}"


def _figures(one: Coverage) -> tuple[str, ...]:
    verdict = "" if one.is_right else "too late" if one.high < one.percentile / 100 else "too cautious"
    bounds = f"{_percent(one.low)} to {_percent(one.high)} %"
    return f"p{one.percentile}", f"{one.runs:,}", f"{_percent(one.share)} %", bounds, verdict


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
