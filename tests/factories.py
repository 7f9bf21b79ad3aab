"""Graphs for tests, from one line of text: `make_graph("a->b a->c b,c->d")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from compiler.diagnostics import Position, Span
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, Manifest, Resources, Source, TaskDef, TaskOptions
from runtime.plan import Function, Ref, Value

SPAN = Span("workflow.yaml", Position(1, 1), Position(1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeFunctions:
    """Functions, units and fingerprints as `compiler.code` would collect them."""

    by_family: tuple[Function, ...]
    units: Mapping[str, bytes]
    fingerprints: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    by_instance: Mapping[int, Function] = field(default_factory=dict)


def make_graph(
    text: str,
    *,
    pins: Mapping[str, str] | None = None,
    memory_mb: Mapping[str, int] | None = None,
    module: str = "app",
) -> Graph:
    """A graph of plain tasks. Words are `x,y->z` (edges from each left to each right task) or a lone `x`.

    Every input is a positional argument, in order; sinks are the targets and the result. Each task calls the
    function of its own name in `module`.
    """
    inputs: dict[str, list[str]] = {}
    for word in text.split():
        left, _, right = word.partition("->")
        for name in (*left.split(","), *filter(None, right.split(","))):
            inputs.setdefault(name, [])
        for consumer in filter(None, right.split(",")):
            inputs[consumer] += [producer for producer in left.split(",") if producer not in inputs[consumer]]
    return graph_of(inputs, pins=pins, memory_mb=memory_mb, module=module)


def graph_of(
    inputs: Mapping[str, Sequence[str]],
    *,
    args: Mapping[str, tuple[Value, ...]] | None = None,
    outputs: Mapping[str, tuple[str, ...]] | None = None,
    pins: Mapping[str, str] | None = None,
    memory_mb: Mapping[str, int] | None = None,
    module: str = "app",
) -> Graph:
    """A graph of plain tasks from each task's inputs, `name` or `name.output`.

    `args` replaces the arguments of a task, else it gets its inputs one by one.
    """
    pins, memory_mb, outputs = pins or {}, memory_mb or {}, outputs or {}
    names = list(inputs)
    number = {name: index for index, name in enumerate(names)}

    def edge(source: str) -> tuple[int, int]:
        producer, _, output = source.partition(".")
        return number[producer], outputs[producer].index(output) if output else -1

    in_edges = [tuple(edge(source) for source in inputs[name]) for name in names]
    bound: list[tuple[Value, ...]] = [
        (args or {}).get(name, tuple(Ref(position) for position in range(len(in_edges[index]))))
        for index, name in enumerate(names)
    ]
    feeding = {producer for sources in in_edges for producer, _ in sources}
    sinks = tuple(index for index in range(len(names)) if index not in feeding)
    option_table, options = _options(names, pins, memory_mb)
    return Graph(
        name="test",
        manifest=make_manifest(names),
        families=tuple(
            Family(
                task=name,
                rank=0,
                first=index,
                count=1,
                body=Call(target=module, function=name, span=SPAN),
                span=SPAN,
                outputs=outputs.get(name, ()),
            )
            for index, name in enumerate(names)
        ),
        family_of=range(len(names)),
        keys=[()] * len(names),
        args=bound,
        kwargs=[{}] * len(names),
        in_edges=in_edges,
        options=options,
        option_table=option_table,
        targets=sinks,
        result={names[sink]: Ref(position) for position, sink in enumerate(sinks)},
        result_edges=tuple((sink, -1) for sink in sinks),
    )


def make_tree(leaves: int) -> Graph:
    """The tree reduction as two families, `leaf[i]` and the ragged `add[level][i]`; `leaves` is a power of two."""
    keys: list[tuple[int, ...]] = [(leaf,) for leaf in range(leaves)]
    args: list[tuple[Value, ...]] = [(leaf,) for leaf in range(leaves)]
    in_edges: list[tuple[tuple[int, int], ...]] = [() for _ in range(leaves)]
    below, width, level = 0, leaves, 1
    while width > 1:
        first = len(keys)
        for index in range(width // 2):
            keys.append((level, index))
            args.append((Ref(0), Ref(1)))
            in_edges.append(((below + 2 * index, -1), (below + 2 * index + 1, -1)))
        below, width, level = first, width // 2, level + 1
    families = (
        Family(task="leaf", rank=1, first=0, count=leaves, body=_call("load"), span=SPAN),
        Family(task="add", rank=2, first=leaves, count=len(keys) - leaves, body=_call("add"), span=SPAN),
    )
    root = len(keys) - 1
    return Graph(
        name="tree-reduction",
        manifest=make_manifest(["leaf", "add"]),
        families=families,
        family_of=[0] * leaves + [1] * (len(keys) - leaves),
        keys=keys,
        args=args,
        kwargs=[{}] * len(keys),
        in_edges=in_edges,
        options=[0] * len(keys),
        option_table=(TaskOptions(),),
        targets=(root,),
        result=Ref(0),
        result_edges=((root, -1),),
        result_kind="result",
    )


def _call(function: str) -> Call:
    return Call(target="tree", function=function, span=SPAN)


def _options(
    names: Sequence[str], pins: Mapping[str, str], memory_mb: Mapping[str, int]
) -> tuple[tuple[TaskOptions, ...], list[int]]:
    table: dict[tuple[str | None, int | None], int] = {}
    options = [table.setdefault((pins.get(name), memory_mb.get(name)), len(table)) for name in names]
    rows = tuple(TaskOptions(worker=worker, resources=Resources(memory_min_mb=memory)) for worker, memory in table)
    return rows, options


def make_manifest(names: Sequence[str], *, root: Path = Path(".")) -> Manifest:
    """A manifest that has these tasks and nothing more."""
    return Manifest(
        source=Source(file="workflow.yaml", text="", root=root),
        name="test",
        tasks={name: TaskDef(name=name, name_span=SPAN, body=None) for name in names},
        tasks_span=SPAN,
    )


def make_functions(graph: Graph, *, module_source: str = "") -> FakeFunctions:
    """One unit for the whole graph: each family's callable is the attribute that its body names."""
    unit = module_source.encode()
    digest = sha256(unit).hexdigest()
    bodies = [family.body for family in graph.families]
    return FakeFunctions(
        by_family=tuple(
            Function(unit=digest, module=body.target, qualname=body.function)
            for body in bodies
            if isinstance(body, Call)
        ),
        units={digest: unit},
        fingerprints=tuple(
            sha256(f"{body.target}:{body.function}".encode()).hexdigest() for body in bodies if isinstance(body, Call)
        ),
    )
