"""What a drawing shows: nodes and edges of a graph at a level, few enough to be read.

At level "template" a family is one node and an edge counts the instance edges that it stands for; at level
"instance" every instance is a node. With more nodes than asked for, the largest families collapse first; when the
families themselves are too many, tasks of one depth that call the same function become one group, at last all tasks
of one depth, or of several. How a view is written is a matter of the formats: `dot`, `mermaid`, `svg`, `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from compiler.graph.analysis import depths
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, Exec
from compiler.manifest.tree import ScalarNode

LEVELS = ("template", "instance")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewNode:
    """A node of a drawing. `kind` is task, instance, family or group; `count` how many instances it stands for.

    `shade` numbers what belongs together, for colours, None for nothing; `details` are further lines of text in it.
    `worker` is the number of the one that runs it, where a drawing tells that; `tooltip` is told beside the texts.
    """

    name: str
    kind: str
    function: str
    count: int = 1
    rank: int = 0
    is_dynamic: bool = False
    is_target: bool = False
    is_critical: bool = False
    shade: int | None = 0
    details: tuple[str, ...] = ()
    worker: int | None = None
    tooltip: str = ""

    @property
    def is_many(self) -> bool:
        return self.kind in ("family", "group")

    @property
    def label(self) -> str:
        """The name, and for more than one instance how many."""
        if self.is_dynamic:
            return f"{self.name} (?)"
        return f"{self.name} ({self.count:,})" if self.is_many else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewEdge:
    """An edge between two nodes by position; `count` instance edges, of the named output or ""."""

    producer: int
    consumer: int
    output: str
    count: int
    is_critical: bool = False

    @property
    def label(self) -> str:
        count = f"({self.count:,})" if self.count > 1 else ""
        return " ".join(part for part in (self.output, count) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is drawn. `collapsed` names what stands as one node although the level would show it apart."""

    name: str
    level: str
    nodes: tuple[ViewNode, ...]
    edges: tuple[ViewEdge, ...]
    instances: int
    collapsed: tuple[str, ...] = ()


def view(graph: Graph, level: str = "template", max_nodes: int | None = None) -> View:
    """The nodes and edges of a graph at a level of `LEVELS`, at most `max_nodes` where collapsing can reach that."""
    assert level in LEVELS, f"no level {level}"
    limit = len(graph) + len(graph.families) if max_nodes is None else max_nodes
    if len(graph.families) > limit:
        return _grouped(graph, level, limit)
    apart = _apart(graph, limit) if level == "instance" else frozenset()
    return _families(graph, level, apart)


def _apart(graph: Graph, limit: int) -> frozenset[int]:
    """The families whose instances are drawn one by one: the largest collapse until the rest fits."""
    total = len(graph)
    apart = set(range(len(graph.families)))
    for number in sorted(apart, key=lambda number: (-graph.families[number].count, number)):
        if total <= limit:
            break
        if graph.families[number].rank:
            total -= graph.families[number].count - 1
            apart.discard(number)
    return frozenset(apart)


def _families(graph: Graph, level: str, apart: frozenset[int]) -> View:
    targets = frozenset(graph.targets)
    target_families = {graph.family_of[instance] for instance in targets}
    nodes: list[ViewNode] = []
    node_of: list[int] = []
    for number, family in enumerate(graph.families):
        instances = range(family.first, family.first + family.count)
        one = _family_node(number, family, is_target=number in target_families)
        if number not in apart:
            node_of.extend([len(nodes)] * family.count)
            nodes.append(one)
            continue
        node_of.extend(range(len(nodes), len(nodes) + family.count))
        kind = "instance" if family.rank else "task"
        nodes.extend(replace(one, name=graph.name_of(n), kind=kind, count=1, is_target=n in targets) for n in instances)
    collapsed = [
        family.task
        for number, family in enumerate(graph.families)
        if level == "instance" and family.count > 1 and number not in apart
    ]
    return _view(graph, level, nodes, node_of, tuple(collapsed))


def _family_node(number: int, family: Family, *, is_target: bool) -> ViewNode:
    return ViewNode(
        name=family.task,
        kind="family" if family.rank else "task",
        function=function_of(family),
        count=family.count,
        rank=family.rank,
        is_dynamic=family.dynamic,
        is_target=is_target,
        shade=number,
    )


def _grouped(graph: Graph, level: str, limit: int) -> View:
    """Tasks of one depth and function together; when these are too many, all of one depth, or of several depths."""
    depth_of = depths(graph)
    functions = [function_of(family) for family in graph.families]
    shades = {function: shade for shade, function in enumerate(dict.fromkeys(functions))}
    step = -(-(max(depth_of, default=0) + 1) // limit)

    def by_function(instance: int) -> tuple[int, str]:
        return depth_of[instance], functions[graph.family_of[instance]]

    def by_depth(instance: int) -> tuple[int, str]:
        return depth_of[instance] // step, ""

    members = _members(graph, by_function)
    if len(members) > limit:
        members = _members(graph, by_depth)
    targets = frozenset(graph.targets)
    nodes: list[ViewNode] = []
    node_of = [0] * len(graph)
    for (depth, function), instances in members.items():
        for instance in instances:
            node_of[instance] = len(nodes)
        name = f"{function or 'tasks'} at {_depths(depth, 1 if function else step)}"
        nodes.append(
            ViewNode(
                name=name,
                kind="group",
                function=function,
                count=len(instances),
                is_target=not targets.isdisjoint(instances),
                shade=shades.get(function, 0),
            )
        )
    return _view(graph, level, nodes, node_of, (f"{len(graph.families):,} tasks by depth",))


def _depths(band: int, step: int) -> str:
    return f"depth {band}" if step == 1 else f"depths {band * step} to {(band + 1) * step - 1}"


def _members(graph: Graph, key: Callable[[int], tuple[int, str]]) -> dict[tuple[int, str], list[int]]:
    found: dict[tuple[int, str], list[int]] = {}
    for instance in range(len(graph)):
        found.setdefault(key(instance), []).append(instance)
    return found


def _view(graph: Graph, level: str, nodes: list[ViewNode], node_of: Sequence[int], collapsed: tuple[str, ...]) -> View:
    counts: dict[tuple[int, int, int, int], int] = {}
    for producer, output, consumer in graph.edges():
        key = (node_of[producer], node_of[consumer], output, graph.family_of[producer] if output >= 0 else -1)
        counts[key] = counts.get(key, 0) + 1
    edges = tuple(
        ViewEdge(
            producer=producer,
            consumer=consumer,
            output=graph.families[family].outputs[output] if output >= 0 else "",
            count=count,
        )
        for (producer, consumer, output, family), count in counts.items()
    )
    return View(
        name=graph.name, level=level, nodes=tuple(nodes), edges=edges, instances=len(graph), collapsed=collapsed
    )


def function_of(family: Family) -> str:
    """What a task runs, in few words."""
    match family.body:
        case Call(target=target, function=function):
            return f"{target}:{function}"
        case Exec(argv=(ScalarNode(value=str(program)), *_)):
            return program
        case Exec(argv=argv):
            return "exec" if argv else "workflow"
        case _:
            return "workflow"
