"""What the manifest wants of a run as a whole: its objective, and what of it is not executed yet.

Shown by `plan`, and the waiting features by `expand`.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.cli.instances import value_text
from compiler.graph.model import Graph
from compiler.manifest.model import Sla
from compiler.manifest.plain import to_plain
from runtime.quantities import dollars, format_duration

UNKNOWN = "?"
"""What nobody knows."""

MAX_LINES = 5
"""So many places of a feature are shown, then how many more there are."""


def prospects_json(graph: Graph) -> dict[str, object]:
    """`sla`, and what is not executed yet."""
    sla = graph.manifest.sla
    return {
        "sla": {
            "objective": objective(sla),
            "percentile": sla.percentile,
            "deadline_s": sla.deadline_s,
            "budget_usd": sla.budget_usd,
        },
        "not_executed_yet": [
            {"feature": name, "file": span.file, "line": span.start.line} for name, span in graph.unsupported
        ],
    }


def prospect_rows(graph: Graph) -> Iterator[tuple[str, str]]:
    """Label and text of each line that `plan` shows of them."""
    manifest = graph.manifest
    yield "objective", _sla_text(manifest.sla)
    for name, node in (("optimize", manifest.optimize), ("metrics", manifest.metrics)):
        if node is not None:
            yield name, value_text(to_plain(node))
    if graph.unsupported:
        yield "not executed yet", waiting_text(graph)


def waiting_text(graph: Graph) -> str:
    """`cache (lines 4, 9), when (line 12)`: what `run` refuses with E513, and where it stands."""
    places: dict[str, list[str]] = {}
    main = graph.manifest.source.file
    for name, span in graph.unsupported:
        file = "" if span.file == main else f"{span.file}:"
        places.setdefault(name, []).append(f"{file}{span.start.line}")
    return ", ".join(f"{name} ({_lines(lines)})" for name, lines in places.items())


def objective(sla: Sla) -> str:
    return "average" if sla.percentile is None else f"p{sla.percentile:g}"


def _sla_text(sla: Sla) -> str:
    parts = [objective(sla)]
    if sla.deadline_s is not None:
        parts.append(f"deadline {format_duration(sla.deadline_s)}")
    if sla.budget_usd is not None:
        parts.append(f"budget {dollars(sla.budget_usd)}")
    return ", ".join(parts)


def _lines(lines: list[str]) -> str:
    shown = list(dict.fromkeys(lines))
    more = f" and {len(shown) - MAX_LINES} more" if len(shown) > MAX_LINES else ""
    return f"{'line' if len(shown) == 1 else 'lines'} {', '.join(shown[:MAX_LINES])}{more}"
