"""The copies of an imported manifest that one task inlines: how their instances are numbered among all others.

Every copy is a graph that was expanded once for its params; equal copies share it. The instances of one inner task
make one family, a *part*, contiguous in the outer graph: copy after copy, in the order of the inner family. So a
number in the outer graph is that in the inner one, shifted by an amount that depends on the part and the copy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from compiler.diagnostics import Span
from compiler.graph.model import SEPARATOR, Family, Graph
from compiler.manifest.expressions.symbols import Given, Outputs, TaskRef
from runtime.plan import Condition, Input, Ref, Value, map_refs


class Part:
    """One inner task in all copies: a family of the outer graph. `starts[k]` is where copy k begins in it."""

    __slots__ = ("count", "family", "first", "handler", "rank", "starts", "task")

    def __init__(self, task: str, family: Family, rank: int) -> None:
        self.task = task
        self.family = family
        self.rank = rank
        self.starts: list[int] = []
        self.count = 0
        self.first = -1
        self.handler: Part | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.family.outputs

    def as_family(self, copies: Copies, *, is_dynamic: bool) -> Family:
        """The family as the outer graph has it."""
        params, frames = self._frames(copies)
        return replace(
            self.family,
            task=self.task,
            rank=self.rank,
            first=self.first,
            count=self.count,
            dynamic=is_dynamic or self.family.dynamic,
            handles=self.family.handles and f"{copies.task}{SEPARATOR}{self.family.handles}",
            variables=(*params, *self.family.variables),
            frames=frames,
        )

    def _frames(self, copies: Copies) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """What an instance was expanded with: the params of its copy, which differ from copy to copy, and its loops.

        A task that the imported manifest inlines itself has those of its own manifest already.
        """
        graphs = [inner.graph for inner in copies.inners]
        is_own = bool(graphs) and self.family.manifest is graphs[0].manifest
        names = tuple(graphs[0].params) if is_own else ()
        return tuple(f"params.{name}" for name in names), [
            (*(inner.graph.params[name] for name in names), *frame)
            for inner in copies.inners
            for frame in inner.frames_of(self.family.task)
        ]

    def entry_span(self, depth: int) -> Span | None:
        """Its instances are chosen inside the imported manifest only."""
        return None


class Inner:
    """A graph to be copied, and which of its instances need more than new numbers."""

    __slots__ = ("families", "graph", "has_input", "is_source", "sinks")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.is_source = bytearray(not edges for edges in graph.in_edges)
        self.has_input = bytearray(
            any(map(_has_input, (*args, *kwargs.values(), graph.conditions.get(instance))))
            for instance, (args, kwargs) in enumerate(zip(graph.args, graph.kwargs, strict=True))
        )
        is_sink = bytearray(b"\x01") * len(graph)
        for edges in graph.in_edges:
            for producer, _ in edges:
                is_sink[producer] = 0
        self.sinks = [instance for instance, wanted in enumerate(is_sink) if wanted]
        self.families = {family.task: family for family in graph.families}

    def frames_of(self, task: str) -> Sequence[tuple[object, ...]]:
        family = self.families.get(task)
        return () if family is None else family.frames


class Copies:
    """The copies that one task stands for, in the order of its instances.

    `results` are the values that `tasks.NAME[key]` stands for. `given(copy, name)` is the value of an input, known
    once every domain is: `compiler.graph.inlining` supplies it.
    """

    def __init__(self, task: str, inners: Sequence[Inner], rank: int) -> None:
        self.task = task
        self.inners = inners
        self.parts = _parts(task, inners, rank)
        self.given: Callable[[int, str], object] = _too_early
        self._shifts: dict[int, list[int]] = {}
        self.results = [self._result(copy) for copy in range(len(inners))]

    def __len__(self) -> int:
        return sum(part.count for part in self.parts.values())

    def shifts(self, copy: int) -> Sequence[int]:
        """For each family of a copy what is added to the numbers of its instances."""
        found = self._shifts.get(copy)
        if found is None:
            families = self.inners[copy].graph.families
            parts = [self.parts[_named(self.task, family)] for family in families]
            found = self._shifts[copy] = [
                part.first + part.starts[copy] - family.first for part, family in zip(parts, families, strict=True)
            ]
        return found

    def sinks(self) -> Iterator[int]:
        """The instances that nothing in their own copy waits for."""
        for copy, inner in enumerate(self.inners):
            shifts, family_of = self.shifts(copy), inner.graph.family_of
            for instance in inner.sinks:
                yield instance + shifts[family_of[instance]]

    def _result(self, copy: int) -> object:
        """What the manifest returns, with references into this graph."""
        graph = self.inners[copy].graph

        def visit(leaf: object) -> object:
            match leaf:
                case Ref(edge=edge, path=path):
                    producer, output = graph.result_edges[edge]
                    family = graph.families[graph.family_of[producer]]
                    part = self.parts[_named(self.task, family)]
                    return TaskRef(part, part.starts[copy] + producer - family.first, output, path)
                case Input(name=name, path=path):
                    return Given(self, copy, name, path)
                case _:
                    return leaf

        value = map_refs(graph.result, visit)
        return Outputs(self.task, value) if graph.result_kind == "outputs" and isinstance(value, dict) else value


def _parts(task: str, inners: Sequence[Inner], rank: int) -> dict[str, Part]:
    """Every inner family by its new name, with the place of each copy in it."""
    parts: dict[str, Part] = {}
    for copy, inner in enumerate(inners):
        for family in inner.graph.families:
            name = _named(task, family)
            part = parts.get(name)
            if part is None:
                part = parts[name] = Part(name, family, rank + family.rank)
                part.starts = [0] * copy
            part.starts.append(part.count)
            part.count += family.count
        for part in parts.values():
            if len(part.starts) == copy:
                part.starts.append(part.count)
    for part in parts.values():
        if part.family.handles:
            parts[f"{task}{SEPARATOR}{part.family.handles}"].handler = part
    return parts


def _named(task: str, family: Family) -> str:
    return f"{task}{SEPARATOR}{family.task}"


def _has_input(value: Value) -> bool:
    match value:
        case Input():
            return True
        case list():
            return any(map(_has_input, value))
        case dict():
            return any(map(_has_input, value.values()))
        case Condition(operands=operands):
            return any(map(_has_input, operands))
        case _:
            return False


def _too_early(copy: int, name: str) -> object:
    raise AssertionError("inputs are bound after every domain is known")
