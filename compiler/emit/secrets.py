"""Which tasks take secrets, and which secrets those are: what a worker reads before it runs a task, a launcher checks.

A graph whose manifests declare none is not looked through.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.graph.model import Graph
from compiler.manifest.model import Manifest
from runtime.plan import Input, Leaf, Secret, Value, map_refs


class SecretUse:
    """The secrets of a graph. `declared` are those that stand in it, each once; inputs of the run are known by name."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._inputs = {name for name, one in graph.manifest.inputs.items() if one.type.strip() == "secret"}
        self._is_none = not any(map(_has_any, _manifests(graph.manifest)))
        self._options: list[bool] = []
        self._found: dict[Secret, None] = {}
        if not self._is_none:
            self._options = [self._in([value for _, value in option.environ]) for option in graph.option_table]

    def has(self, instance: int) -> bool:
        """The instance takes a secret."""
        if self._is_none:
            return False
        graph = self._graph
        in_args = self._in([*graph.args[instance], *graph.kwargs[instance].values()])
        return self._options[graph.options[instance]] or in_args

    def declared(self) -> tuple[Secret, ...]:
        """Those of the manifests that some task takes, sorted."""
        for instance in range(0 if self._is_none else len(self._graph)):
            self.has(instance)
        return tuple(sorted(self._found, key=lambda secret: (secret.name, secret.reference, secret.place)))

    def _in(self, values: list[Value]) -> bool:
        found = False

        def visit(leaf: Leaf) -> object:
            nonlocal found
            match leaf:
                case Secret():
                    self._found[leaf] = None
                    found = True
                case Input(name):
                    found = found or name in self._inputs
            return leaf

        map_refs(values, visit)
        return found


def _has_any(manifest: Manifest) -> bool:
    return bool(manifest.secrets) or any(one.type.strip() == "secret" for one in manifest.inputs.values())


def _manifests(manifest: Manifest) -> Iterator[Manifest]:
    """The manifest and those that it imports, at any depth."""
    waiting: list[Manifest] = [manifest]
    for one in waiting:
        yield one
        waiting += (linked for linked in one.linked.values() if linked is not None)
