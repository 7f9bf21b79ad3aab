"""What functions say of their results in their own code: `@treadle_io(linear=0.5)`, read by `ast`, never run.

A task without `io:` gets the hint of its function. The manifest wins over the code; where the two disagree, the code
is told so (W505: a hint without effect). A hint that would raise when the module is imported is E507; one whose values
are computed is left alone.
"""

from __future__ import annotations

import ast
from array import array
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from compiler.code.modules import ModuleFault, Project, SourceModule
from compiler.code.signatures import definition_of
from compiler.code.units import module_of_call
from compiler.diagnostics import Diagnostic, Position, Related, Span
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, IoHint, TaskOptions
from compiler.manifest.options import IO_RELATIONS, parse_io
from compiler.manifest.schema import check_value

NAME = "treadle_io"


def carry_hints(graph: Graph) -> tuple[Graph, list[Diagnostic]]:
    """The graph with the hints of the code where the manifest has none, and what is wrong with them."""
    reader = _Reader(graph)
    hinted = [(family, hint) for family in graph.families if (hint := reader.hint(family)) is not None]
    if not hinted:
        return graph, reader.found
    rows = _Rows(graph)
    for family, hint in hinted:
        if rows.apply(family, hint) and family.source is not None and "io" in family.source.options:
            reader.disagree(family, family.source.options["io"].span)
    return replace(graph, options=rows.numbers, option_table=tuple(rows.table)), reader.found


class _Rows:
    """The options of a graph while hints are put into them."""

    def __init__(self, graph: Graph) -> None:
        self.numbers = array("l", graph.options)
        self.table = list(graph.option_table)
        self._known: dict[TaskOptions, int] = {options: number for number, options in enumerate(self.table)}

    def apply(self, family: Family, hint: IoHint) -> bool:
        """Give the hint to the instances without one; whether another says otherwise."""
        is_other = False
        for instance in range(family.first, family.first + family.count):
            options = self.table[self.numbers[instance]]
            if options.io is None:
                self.numbers[instance] = self._number(replace(options, io=hint))
            else:
                is_other |= options.io != hint
        return is_other

    def _number(self, options: TaskOptions) -> int:
        number = self._known.setdefault(options, len(self.table))
        if number == len(self.table):
            self.table.append(options)
        return number


class _Reader:
    """The hints of the functions of a graph, each read once."""

    def __init__(self, graph: Graph) -> None:
        self.found: list[Diagnostic] = []
        self._graph = graph
        self._projects: dict[Path, Project] = {}
        self._known: dict[tuple[Path, str, str], tuple[IoHint, Related] | None] = {}

    def hint(self, family: Family) -> IoHint | None:
        known = self._entry(family)
        return None if known is None else known[0]

    def disagree(self, family: Family, span: Span) -> None:
        """W505 at the `io:` that the code contradicts."""
        known = self._entry(family)
        assert known is not None, "only a hint can disagree"
        diagnostic = Diagnostic(
            code="W505",
            message=f"the `{NAME}` of its function says otherwise, and has no effect on `{family.task}`",
            span=span,
            hint="keep one of the two",
            related=(known[1],),
        )
        if all((one.code, one.span) != ("W505", span) for one in self.found):
            self.found.append(diagnostic)

    def _entry(self, family: Family) -> tuple[IoHint, Related] | None:
        call = family.body
        if not isinstance(call, Call):
            return None
        source = (family.manifest or self._graph.manifest).source
        key = (source.root, call.target, call.function)
        if key not in self._known:
            self._known[key] = self._read(call, source.root, source.file)
        return self._known[key]

    def _read(self, call: Call, root: Path, file: str) -> tuple[IoHint, Related] | None:
        project = self._projects.setdefault(root, Project(root))
        try:
            module = project.find(module_of_call(call))
        except ModuleFault:
            return None
        decorator = _decorator(module, call.function) if module is not None and NAME in module.text else None
        if module is None or decorator is None:
            return None
        place = Position(decorator.lineno, decorator.col_offset + 1)
        shown = (PurePosixPath(file).parent / module.file).as_posix()
        related = Related(
            span=Span(shown, place, Position(place.line, place.column + len(NAME))), message="the hint is here"
        )
        written = _written(decorator)
        if written is None:
            return None
        if wrong := _mistake(written, call.span):
            message = f"the `{NAME}` of `{call.function}` is no hint: {wrong}"
            hint = "give exactly one of linear, exponent, constant and none"
            self.found.append(Diagnostic(code="E507", message=message, span=call.span, hint=hint, related=(related,)))
            return None
        return parse_io(_as_in_manifest(written)), related


def _decorator(module: SourceModule, qualname: str) -> ast.Call | None:
    definition = definition_of(module, qualname)
    for decorator in definition.decorator_list if definition is not None else ():
        if isinstance(decorator, ast.Call):
            name = decorator.func.attr if isinstance(decorator.func, ast.Attribute) else decorator.func
            if name == NAME or (isinstance(name, ast.Name) and name.id == NAME):
                return decorator
    return None


def _written(decorator: ast.Call) -> Mapping[str, object] | None:
    """The arguments of a hint, None when one of them is no literal."""
    values: dict[str, object] = {}
    for keyword in decorator.keywords:
        try:
            if keyword.arg is not None:
                values[keyword.arg] = ast.literal_eval(keyword.value)
                continue
        except (ValueError, TypeError, MemoryError, RecursionError):
            pass
        return None
    return None if decorator.args else values


def _mistake(written: Mapping[str, object], span: Span) -> str:
    """What is wrong with the arguments of a hint, "" for nothing."""
    kinds = [name for name in IO_RELATIONS if written.get(name) is not None] + ["none"] * bool(written.get("none"))
    if len(kinds) != 1:
        return f"it states {' and '.join(kinds)}" if kinds else "it states no relation"
    if unknown := written.keys() - {*IO_RELATIONS, "none", "of"}:
        return f"it has no argument `{min(unknown)}`"
    if isinstance(written.get("of"), str):
        return "`of` is a tuple of names"
    found = check_value("io", _as_in_manifest(written), span)
    return found[0].message if found else ""


def _as_in_manifest(written: Mapping[str, object]) -> object:
    """The hint as `io:` has it."""
    if written.get("none"):
        return "none"
    table = {name: written[name] for name in IO_RELATIONS if written.get(name) is not None}
    constant = table.get("constant")
    if isinstance(constant, int) and not isinstance(constant, bool):
        table["constant"] = f"{constant}B"
    of = written.get("of")
    return {**table, "of": list(of)} if isinstance(of, (tuple, list)) and of else table
