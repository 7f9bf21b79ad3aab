"""The commands of an expanded graph: their words, folders and files as they are once expressions have values.

`compiler.code.executables` checks a body as it is written; here is what depends on parameters and loop variables, down
to the single instance, which may ship files of its own. What only a run knows is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from compiler.code.executables import check_executable
from compiler.code.modules import Project
from compiler.code.shipping import EXPRESSION, ShippingFault, files_at
from compiler.diagnostics import Diagnostic
from compiler.graph.merge import FILES
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Exec
from compiler.manifest.tree import Node, ScalarNode
from runtime.plan import Input, Ref, Value

_NO_WORD = "an argument of a command is one word, and this is"
_RUN_TIME = (Ref, Input)

_Fault = tuple[str, str, str]
"""Code, message and hint."""


def check_commands(graph: Graph, *, has_holes: bool = False) -> list[Diagnostic]:
    """E206 and E214 for values that a command cannot have, E405 and E408 for evaluated paths; one per place.

    In a graph with holes null may stand for what was reported already: nothing is said of it.
    """
    found: list[Diagnostic] = []
    for family, project in commands_of(graph):
        check = _Check(graph, family, project, has_holes)
        for instance in _instances(family):
            check.instance(instance)
        found += check.found.values()
    return found


def check_shipped_sizes(graph: Graph, limit: int) -> list[Diagnostic]:
    """E601 for a command whose files are larger than the target accepts, all in all, at its body."""
    found = []
    for family, project in commands_of(graph):
        for paths in dict.fromkeys(instance_files(graph, family, n) for n in _instances(family)):
            size = _size(project, paths)
            if size > limit:
                message = (
                    f"the files of `{family.task}` are {size / 2**20:,.0f} MiB; the target accepts {limit >> 20} MiB"
                )
                hint = "ship less, or have a task fetch it"
                found.append(Diagnostic(code="E601", message=message, span=family.body.span, hint=hint))
                break
    return found


def commands_of(graph: Graph) -> Iterator[tuple[Family, Project]]:
    """The families that run a command, each with the folder of the manifest that it is written in."""
    for family in graph.families:
        if isinstance(family.body, Exec) and family.count:
            yield family, Project((family.manifest or graph.manifest).source.root)


def instance_files(graph: Graph, family: Family, instance: int) -> tuple[str, ...]:
    """The paths that one instance's `files:` names: the evaluated ones where there are expressions."""
    assert isinstance(family.body, Exec), "only commands ship files"
    evaluated = graph.kwargs[instance].get(FILES)
    if isinstance(evaluated, list):
        return tuple([path for path in evaluated if isinstance(path, str)])
    return tuple([str(node.value) for node in family.body.files if isinstance(node, ScalarNode)])


def _instances(family: Family) -> range:
    return range(family.first, family.first + family.count)


def _size(project: Project, paths: Sequence[str]) -> int:
    """The bytes of all files, each once; of those that cannot be shipped nothing, which is reported elsewhere."""
    sizes: dict[str, int] = {}
    for path in paths:
        try:
            sizes.update((file.path, file.size) for file in files_at(project, path))
        except ShippingFault:
            continue
    return sum(sizes.values())


class _Check:
    """One family's findings, by place: what is wrong in many instances is said of the first."""

    def __init__(self, graph: Graph, family: Family, project: Project, has_holes: bool) -> None:
        assert isinstance(family.body, Exec), "only commands are checked here"
        self._has_holes = has_holes
        self.found: dict[object, Diagnostic] = {}
        self._graph, self._family, self._project, self._body = graph, family, project, family.body
        arguments = family.source.arguments() if family.source is not None else []
        self._words = [node for name, node in arguments if name is None]
        self._named = {name: node for name, node in arguments if name is not None}
        self._has_paths = _has_expressions(family.body)
        self._seen: set[object] = set()

    def instance(self, instance: int) -> None:
        args, kwargs = self._graph.args[instance], self._graph.kwargs[instance]
        for node, value in zip(self._words, args, strict=False):
            if type(value) is not str or "\0" in value:
                self._say(instance, node, value, _word_fault(value))
        for name, node in self._named.items():
            if name in kwargs:
                self._say(instance, node, kwargs[name], _named_fault(name, kwargs[name]))
        for node, value in zip(self._body.files, _items(kwargs.get(FILES)), strict=False):
            self._say(instance, node, value, _path_fault(value))
        self._paths(instance, args, kwargs)

    def _paths(self, instance: int, args: Sequence[Value], kwargs: Mapping[str, Value]) -> None:
        """The body as this instance has it, checked like one that is written so."""
        if not self._has_paths:
            return
        body = self._body
        program, cwd = args[0] if args else None, kwargs.get("cwd")
        files = instance_files(self._graph, self._family, instance)
        key = (program if isinstance(program, str) else None, cwd if isinstance(cwd, str) else None, files)
        if key in self._seen:
            return
        self._seen.add(key)
        evaluated = replace(
            body,
            argv=tuple(_evaluated(node, program) for node in body.argv[:1]),
            cwd=None if body.cwd is None else _evaluated(body.cwd, cwd),
            files=tuple(map(_evaluated, body.files, _items(kwargs.get(FILES)) or [None] * len(body.files))),
        )
        for diagnostic in check_executable(self._project, evaluated):
            self.found.setdefault(diagnostic.span, replace(diagnostic, instance=self._name(instance)))

    def _say(self, instance: int, node: Node, value: Value, fault: _Fault | None) -> None:
        if value is None and self._has_holes:
            return
        if fault is not None and node.span not in self.found:
            code, message, hint = fault
            name = self._name(instance)
            self.found[node.span] = Diagnostic(code=code, message=message, span=node.span, hint=hint, instance=name)

    def _name(self, instance: int) -> str:
        return self._graph.name_of(instance) if self._family.rank else ""


def _has_expressions(body: Exec) -> bool:
    nodes = (*body.argv[:1], *body.files, *((body.cwd,) if body.cwd is not None else ()))
    return any(
        isinstance(node, ScalarNode) and isinstance(node.value, str) and EXPRESSION in node.value for node in nodes
    )


def _evaluated(node: Node, value: Value) -> Node:
    """A literal in the place of an expression; what has no value yet stays one."""
    return ScalarNode(value, node.span, value, "'") if isinstance(value, str) else node


def _word_fault(value: Value) -> _Fault | None:
    match value:
        case None:
            return "E206", f"{_NO_WORD} null", "leave it out, or give a text"
        case list() | dict():
            kind = "a list" if isinstance(value, list) else "a dict"
            return "E206", f"{_NO_WORD} {kind}", "name one element, or give it to `stdin`"
        case str() if "\0" in value:
            return "E206", "an argument of a command cannot hold a NUL character", "give it to `stdin`"
        case _:
            return None


def _named_fault(name: str, value: Value) -> _Fault | None:
    if name == "stdin" and value is None:
        return "E206", "`stdin` is null", "leave it out: the command then reads nothing"
    if name == "cwd" and not isinstance(value, (str, *_RUN_TIME)):
        return "E206", "`cwd` is a path, and this is none", "name a folder beside the manifest"
    return None


def _items(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _path_fault(value: Value) -> _Fault | None:
    if isinstance(value, str):
        return None
    if isinstance(value, _RUN_TIME):
        hint = "give the result to `stdin`, or as an argument"
        return "E214", "`files` names what is shipped, and this is known only at run time", hint
    return "E206", "`files` names paths, and this is none", "name files beside the manifest"
