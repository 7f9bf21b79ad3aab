"""Why one instance waits for another, shown: a chain of edges with the line of the manifest that makes each."""

from __future__ import annotations

from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.instances import slot_of
from compiler.cli.selection import matching
from compiler.cli.traces import place_text
from compiler.graph.model import Graph
from compiler.graph.paths import Link, find_path, links_of


def show_chain(graph: Graph, first: str, second: str, console: Console) -> int:
    """Why `second` waits for `first`; when it does not, whether it is the other way round."""
    producers, consumers = matching(graph, first), matching(graph, second)
    path = find_path(graph, producers, consumers)
    is_reversed = not path
    if is_reversed:
        path = find_path(graph, consumers, producers)
    links = links_of(graph, path)
    if console.is_json:
        console.json(_as_json(graph, first, second, links, is_reversed=is_reversed))
    else:
        _say(graph, first, second, links, console, is_reversed=is_reversed)
    return Exit.OK if path and not is_reversed else Exit.ERRORS


def _say(
    graph: Graph, first: str, second: str, links: tuple[Link, ...], console: Console, *, is_reversed: bool
) -> None:
    if is_reversed:
        console.say(f"{second} does not wait for {first}{'; it is the other way round:' if links else ''}")
    if not links:
        console.say(f"{first} does not wait for {second} either: they may run at the same time")
        return
    ends = graph.name_of(links[-1].consumer), graph.name_of(links[0].producer)
    edges = "1 edge" if len(links) == 1 else f"{len(links):,} edges"
    console.say(f"{console.paint(ends[0], BOLD)} waits for {console.paint(ends[1], BOLD)}: {edges}")
    console.say(f"  {ends[1]}")
    names = [graph.name_of(link.consumer) for link in links]
    width = max(map(len, names))
    for name, link in zip(names, links, strict=True):
        console.say(f"  -> {name:<{width}}  {_reason(graph, link)}")


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
