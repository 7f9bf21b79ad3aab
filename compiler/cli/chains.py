"""Why one instance waits for another, shown: a chain of edges with the line of the manifest that makes each."""

from __future__ import annotations

from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.instances import slot_of
from compiler.cli.selection import matching
from compiler.cli.traces import place_text
from compiler.graph.model import Graph
from compiler.graph.paths import Link, find_path, links_of
from compiler.rendering.text import printable

SHOWN = 20
"""So many edges of a long chain are shown at either end; JSON has all."""


def show_chain(graph: Graph, first: str, second: str, console: Console) -> int:
    """Why `second` waits for `first`; when it does not, whether it is the other way round."""
    producers, consumers = matching(graph, first), matching(graph, second)
    path = find_path(graph, producers, consumers)
    is_reversed = not path
    if is_reversed:
        path = find_path(graph, consumers, producers)
    if console.is_json:
        console.json(_as_json(graph, first, second, links_of(graph, path), is_reversed=is_reversed))
    else:
        _say(graph, first, second, path, console, is_reversed=is_reversed)
    return Exit.OK if path and not is_reversed else Exit.ERRORS


def _say(graph: Graph, first: str, second: str, path: tuple[int, ...], console: Console, *, is_reversed: bool) -> None:
    if is_reversed:
        console.say(f"{second} does not wait for {first}{'; it is the other way round:' if path else ''}")
    if not path:
        console.say(f"{first} does not wait for {second} either: they may run at the same time")
        return
    ends = printable(graph.name_of(path[-1])), printable(graph.name_of(path[0]))
    edges = "1 edge" if len(path) == 2 else f"{len(path) - 1:,} edges"
    console.say(f"{console.paint(ends[0], BOLD)} waits for {console.paint(ends[1], BOLD)}: {edges}")
    console.say(f"  {ends[1]}")
    left_out = len(path) - 1 - 2 * SHOWN
    _say_links(graph, links_of(graph, path[: SHOWN + 1] if left_out > 0 else path), console)
    if left_out > 0:
        console.say(f"  … {left_out:,} more edges")
        _say_links(graph, links_of(graph, path[-SHOWN - 1 :]), console)


def _say_links(graph: Graph, links: tuple[Link, ...], console: Console) -> None:
    names = [printable(graph.name_of(link.consumer)) for link in links]
    width = max(map(len, names))
    for name, link in zip(names, links, strict=True):
        console.say(f"  -> {name:<{width}}  {printable(_reason(graph, link))}")


def _reason(graph: Graph, link: Link) -> str:
    what = f"{link.path} takes {slot_of(graph, link.producer, link.output)}"
    if link.path == "after":
        what = f"comes after {graph.families[graph.family_of[link.producer]].task}"
    place = f", {place_text(link.span)}" if link.span else ""
    return f"{what}{place}" + (f"  {' '.join(link.expression.split())}" if link.expression else "")


def _as_json(graph: Graph, first: str, second: str, links: tuple[Link, ...], *, is_reversed: bool) -> dict[str, object]:
    return {
        "name": graph.name,
        "producer": first,
        "consumer": second,
        "waits": bool(links) and not is_reversed,
        "waits_reversed": bool(links) and is_reversed,
        "edges": [
            {
                "from": graph.name_of(link.producer),
                "to": graph.name_of(link.consumer),
                "slot": slot_of(graph, link.producer, link.output),
                "path": link.path,
                "file": link.span.file if link.span else None,
                "line": link.span.start.line if link.span else None,
                "column": link.span.start.column if link.span else None,
                "expression": link.expression or None,
            }
            for link in links
        ],
    }
