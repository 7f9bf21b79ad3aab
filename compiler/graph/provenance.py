"""Where each value of one instance came from: the place in the manifest, the layer it is written in, the expression.

Everything is worked out for the instance that is asked for, from the merged nodes of its family and the values that
expansion bound, walked side by side; nothing is kept per instance for it. How facts are shown is no matter of this
module, and neither is what a value means: a `Ref` stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from compiler.diagnostics import Span
from compiler.graph.evaluated import evaluated_options
from compiler.graph.layers import TASK, Layer, LayerFinder, layers_of
from compiler.graph.model import Family, Graph
from compiler.manifest.expressions import nodes
from compiler.manifest.expressions.symbols import SYMBOLIC, show
from compiler.manifest.expressions.syntax_tree import SyntaxTrees
from compiler.manifest.expressions.templates import has_expression, syntax_trees
from compiler.manifest.model import Call, Exec
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from runtime.plan import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value of an instance. `path` is where it stands in the task: `args[0]`, `with.size`, `resources.memory`.

    `layer` says in which part of the manifest it is written, `span` where (None for treadle's own default).
    `expression` is the text with `${{ }}` that it was evaluated from, "" for a literal, `bindings` the values of the
    names in it. `is_part`: the value is a part of the one before.
    """

    path: str
    value: Value
    layer: Layer
    span: Span | None
    expression: str = ""
    bindings: Mapping[str, object] = field(default_factory=dict)
    is_part: bool = False


class Provenance:
    """The facts of the instances of one graph. What a family's instances share is looked up once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._names = Names()
        self._layers: dict[int, LayerFinder] = {}

    def facts_of(self, instance: int) -> tuple[Fact, ...]:
        """Every value of an instance with its source: body, arguments, order, then options and defaults."""
        trace = self._trace(instance)
        return (*trace.body(), *trace.arguments(), *trace.order(), *trace.options()) if trace else ()

    def needs_of(self, instance: int) -> tuple[Fact, ...]:
        """The facts that make edges: arguments, `after`, `when`."""
        trace = self._trace(instance)
        return (*trace.arguments(), *trace.order()) if trace else ()

    def _trace(self, instance: int) -> _Trace | None:
        number = self._graph.family_of[instance]
        family = self._graph.families[number]
        if family.source is None:
            return None
        if number not in self._layers:
            manifest = family.manifest or self._graph.manifest
            self._layers[number] = LayerFinder(layers_of(manifest, family.source))
        return _Trace(self._graph, instance, family, self._layers[number], self._names)


def bindings_of(graph: Graph, instance: int) -> dict[str, object]:
    """The loop variables of an instance by name; what is known only at run time as a text."""
    family = graph.families[graph.family_of[instance]]
    if not family.frames:
        return {}
    frame = family.frames[instance - family.first]
    return {name: _shown(value) for name, value in zip(family.variables, frame, strict=True)}


class _Trace:
    """One instance on its way to facts."""

    def __init__(self, graph: Graph, instance: int, family: Family, layers: LayerFinder, names: Names) -> None:
        assert family.source is not None, "its facts are those of the manifest"
        self._graph = graph
        self._instance = instance
        self._family = family
        self._source = family.source
        self._manifest = family.manifest or graph.manifest
        self._layers = layers
        self._names = names
        self._variables = bindings_of(graph, instance)

    def body(self) -> Iterator[Fact]:
        body = self._family.body
        if isinstance(body, Call):
            layer = self._layers.of_body(body)
            yield Fact(path="call", value=f"{body.target}:{body.function}", layer=layer, span=body.span)
        elif isinstance(body, Exec):
            layer = self._layers.of_body(body)
            yield Fact(path="exec.stdout", value=body.stdout, layer=layer, span=body.span)
            for at, node in enumerate(body.files):
                yield self._scalar(f"exec.files[{at}]", node, to_value(to_plain(node)), is_part=False)

    def arguments(self) -> Iterator[Fact]:
        positional = iter(self._graph.args[self._instance])
        named = self._graph.kwargs[self._instance]
        if self._family.handles:
            record = next(positional, None) if isinstance(self._family.body, Call) else named.get("stdin")
            yield Fact(path="error record", value=record, layer=TASK, span=None)
        words = len(self._family.body.argv) if isinstance(self._family.body, Exec) else 0
        for at, (name, node) in enumerate(self._source.arguments()):
            if name is None:
                path = f"exec.argv[{at}]" if at < words else f"args[{at - words}]"
                yield from self._values(path, node, next(positional, None))
            elif name in named:
                path = f"exec.{name}" if isinstance(self._family.body, Exec) else f"with.{name}"
                yield from self._values(path, node, named[name])

    def order(self) -> Iterator[Fact]:
        task = self._source.task
        for at, (name, span) in enumerate(task.after):
            yield Fact(path=f"after[{at}]", value=name, layer=self._layers.of_task(task.name), span=span)
        for name, node in (("where", task.where), ("when", task.when)):
            if node is not None:
                yield self._scalar(name, node, to_value(to_plain(node)), is_part=False)

    def options(self) -> Iterator[Fact]:
        task, values = self._source.task, evaluated_options(self._graph.option_of(self._instance))
        written = dict(self._source.options)
        written |= {name: node for name, node in (("worker", task.worker), ("fanout", task.fanout)) if node is not None}
        if "requirements" not in written and self._manifest.requirements is not None:
            written["requirements"] = self._manifest.requirements
        facts = [fact for name, node in sorted(written.items()) for fact in self._option(name, node, values)]
        yield from facts
        for path, value in DEFAULTS.items():
            if not any(fact.path == path or fact.path.startswith(f"{path}.") for fact in facts):
                yield Fact(path=path, value=value, layer=Layer(kind="default"), span=None)

    def _option(self, path: str, node: Node, values: Mapping[str, object]) -> Iterator[Fact]:
        """One fact for each value that may be laid over another: mappings by key, everything else whole."""
        if isinstance(node, MappingNode) and node.keys:
            for key, part in zip(node.keys, node.values, strict=True):
                yield from self._option(f"{path}.{key.value}", part, values)
        else:
            value = values.get(path) if has_expression(node) else to_plain(node)
            yield self._scalar(path, node, to_value(value), is_part=False)

    def _values(self, path: str, node: Node, value: Value, *, is_part: bool = False) -> Iterator[Fact]:
        """The whole value, then each part of it that is an expression."""
        if isinstance(node, ScalarNode) or not is_part:
            yield self._scalar(path, node, value, is_part=is_part)
        if isinstance(node, ScalarNode) or not has_expression(node):
            return
        for step, part in _parts(node):
            inside = value[step] if isinstance(value, (list, dict)) else None  # type: ignore[index]
            if has_expression(part):
                where = f"{path}[{step}]" if isinstance(step, int) else f"{path}.{step}"
                yield from self._values(where, part, inside, is_part=True)

    def _scalar(self, path: str, node: Node, value: Value, *, is_part: bool) -> Fact:
        text = str(node.value) if isinstance(node, ScalarNode) and has_expression(node) else ""
        return Fact(
            path=path,
            value=value,
            layer=self._layers.of_node(node),
            span=node.span,
            expression=text,
            bindings=self._bindings(node) if text else {},
            is_part=is_part,
        )

    def _bindings(self, node: Node) -> dict[str, object]:
        """The values of the loop variables, `let` names and parameters in an expression, in order of appearance."""
        graph, found = self._graph, dict[str, object]()
        for name in self._names.of(node):
            if name in self._variables:
                found[name] = self._variables[name]
            elif self._is_own and name in graph.let:
                found[name] = _shown(graph.let[name])
            elif self._is_own and name.startswith("params."):
                found[name] = _shown(graph.params.get(name.removeprefix("params.")))
        return found

    @property
    def _is_own(self) -> bool:
        """Whether the task stands in the main manifest, whose parameters and `let` values the graph keeps."""
        return self._manifest is self._graph.manifest


class Names:
    """The names in expressions, `params.n` with their dot; each text is read once."""

    def __init__(self) -> None:
        self._trees = SyntaxTrees()
        self._found: dict[int, tuple[Node, tuple[str, ...]]] = {}

    def of(self, node: Node) -> tuple[str, ...]:
        known = self._found.get(id(node))
        if known is None:
            known = self._found[id(node)] = node, tuple(dict.fromkeys(self._read(node)))
        return known[1]

    def _read(self, node: Node) -> Iterator[str]:
        for tree in syntax_trees(node, self._trees):
            for part in tree.root.find_all(nodes.Name, nodes.Getattr):
                match part:
                    case nodes.Name(name=name):
                        yield name
                    case nodes.Getattr(node=nodes.Name(name="params"), attr=attr):
                        yield f"params.{attr}"


DEFAULTS: Mapping[str, Value] = {"resources.memory": "1769MiB", "retry": {"max": 2, "on": "kills"}, "timeout": "5m"}
"""What an instance has that says nothing."""


def to_value(value: object) -> Value:
    """Plain data as it may stand in an argument."""
    match value:
        case Mapping():
            return {str(key): to_value(item) for key, item in value.items()}
        case list() | tuple():
            return [to_value(item) for item in value]
        case _:
            return value  # type: ignore[return-value]


def _parts(node: SequenceNode | MappingNode) -> Iterator[tuple[int | str, Node]]:
    if isinstance(node, SequenceNode):
        yield from enumerate(node.items)
    else:
        yield from ((str(key.value), part) for key, part in zip(node.keys, node.values, strict=True))


def _shown(value: object) -> object:
    """A binding as plain data; a reference or an item as the text that messages use."""
    if isinstance(value, SYMBOLIC):
        return show(value)
    if isinstance(value, (list, tuple, range)):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _shown(item) for key, item in value.items()}
    return value
