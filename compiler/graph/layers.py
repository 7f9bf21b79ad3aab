"""Which layer of the manifest a node of a merged task is written in: the task itself, what it extends, a function …

`compiler.graph.merge` lays the layers over one another and keeps the nodes as they are; a node is found again in its
layer by identity, so that merging need not remember anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.graph.merge import TaskSource
from compiler.manifest.model import Body, Exec, Manifest, TaskDef, Use
from compiler.manifest.tree import Node, ScalarNode, SequenceNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`kind` is task, extends, function, defaults, workflow (a section of the manifest), or default (treadle's own).

    `name` is the task that is extended, or the function.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "extends":
                return f"extends: {self.name}"
            case "function":
                return f"function {self.name}"
            case "default":
                return "treadle's default"
            case "workflow":
                return "the workflow"
            case _:
                return self.kind


TASK = Layer(kind="task")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers under one task, nearest first, with the nodes that each holds."""

    tasks: tuple[tuple[Layer, TaskDef], ...]
    nodes: tuple[tuple[Layer, tuple[Node, ...]], ...]


class LayerFinder:
    """Finds the layer of a node; each node is looked for once."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._found: dict[int, Layer] = {}

    def of_node(self, node: Node) -> Layer:
        found = self._found.get(id(node))
        if found is None:
            layers = self._layers.nodes
            found = next((layer for layer, trees in layers if any(_holds(tree, node) for tree in trees)), TASK)
            self._found[id(node)] = found
        return found

    def of_body(self, body: Body) -> Layer:
        """Where `call:` or `exec:` itself is written."""
        for layer, task in self._layers.tasks:
            if task.body is body:
                return layer
            if isinstance(task.body, Use):
                return Layer(kind="function", name=task.body.name)
        return TASK

    def of_task(self, name: str) -> Layer:
        return next((layer for layer, task in self._layers.tasks if task.name == name), TASK)


def layers_of(manifest: Manifest, source: TaskSource) -> Layers:
    """The layers of a merged task; a task of another manifest than this one has only itself."""
    tasks = _chain(manifest, source.task)
    held = [(layer, _nodes(task)) for layer, task in tasks]
    used = next((task.body.name for _, task in tasks if isinstance(task.body, Use)), None)
    if used is not None and used in manifest.functions:
        function = manifest.functions[used]
        held.append((Layer(kind="function", name=used), (*function.options.values(), *_words(function.body))))
    held.append((Layer(kind="defaults"), tuple(manifest.defaults.values())))
    if manifest.requirements is not None:
        held.append((Layer(kind="workflow"), (manifest.requirements,)))
    return Layers(tasks=tuple(tasks), nodes=tuple(held))


def _chain(manifest: Manifest, task: TaskDef) -> list[tuple[Layer, TaskDef]]:
    """The task as written, and those that it extends."""
    written = manifest.tasks.get(task.name, task)
    found = [(TASK, written)]
    above = written.extends
    while above is not None and (base := manifest.tasks.get(above[0])) is not None and len(found) < len(manifest.tasks):
        found.append((Layer(kind="extends", name=base.name), base))
        above = base.extends
    return found


def _nodes(task: TaskDef) -> tuple[Node, ...]:
    loose = (task.where, task.fanout, task.when, task.worker)
    arguments = (*(task.args or ()), *(task.with_ or _NONE).values())
    return (*task.options.values(), *(node for node in loose if node is not None), *arguments, *_words(task.body))


def _words(body: Body | None) -> tuple[Node, ...]:
    """What a command is written with."""
    if not isinstance(body, Exec):
        return ()
    return (*body.argv, *body.files, *(node for node in (body.stdin, body.cwd) if node is not None))


_NONE: Mapping[str, Node] = {}


def _holds(tree: Node, node: Node) -> bool:
    stack: list[Node] = [tree]
    while stack:
        top = stack.pop()
        if top is node:
            return True
        if not isinstance(top, ScalarNode):
            stack.extend(top.items if isinstance(top, SequenceNode) else top.values)
    return False
