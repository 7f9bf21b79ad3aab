"""An expanded graph as text: its instances with what they are called with and wait for, options, result, warnings.

`python -m tests.golden.texts` writes the texts of all manifests anew; their differences are to be read like code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from compiler.diagnostics import Diagnostic
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, Exec, TaskOptions
from compiler.manifest.plain import to_plain
from compiler.pipeline import CompileOptions, examine
from tests.graph.manifests import line_of, result_of

HERE = Path(__file__).parent
SET_VALUES: dict[str, dict[str, object]] = {"parameters": {"n": "3", "label": "a b"}}


def manifests() -> list[Path]:
    return sorted(HERE.glob("*.yaml"))


def text_of(path: Path) -> str:
    """The whole text of one golden manifest."""
    checked = examine(path, CompileOptions(set_values=SET_VALUES.get(path.stem, {})))
    assert checked.graph is not None and not checked.has_errors, [_told(one) for one in checked.diagnostics]
    return "\n".join([*_lines(checked.graph), *(f"warning {_told(one)}" for one in checked.diagnostics), ""])


def _lines(graph: Graph) -> Iterator[str]:
    for number, family in enumerate(graph.families):
        yield f"{family.task}{_shape(family)}: {_body(family)}"
        for instance in range(family.first, family.first + family.count):
            assert graph.family_of[instance] == number
            yield f"  {line_of(graph, instance)}"
        rows = [graph.options[instance] for instance in range(family.first, family.first + family.count)]
        for row in dict.fromkeys(rows):
            for shown in _options(graph.option_table[row]):
                yield f"    {shown}" if len(set(rows)) == 1 else f"    {rows.index(row)}: {shown}"
    yield f"{graph.result_kind}: {result_of(graph)}"
    for feature, _ in graph.unsupported:
        yield f"not executed yet: {feature}"


def _shape(family: Family) -> str:
    rank = f" rank {family.rank}" if family.rank else ""
    return rank + (" (run-time width)" if family.dynamic else "")


def _body(family: Family) -> str:
    match family.body:
        case Call(target=target, function=function):
            return f"{target}:{function}"
        case Exec() as body:
            words = [to_plain(word) for word in body.argv]
            return f"exec {json.dumps(words)} stdout {body.stdout} files {[to_plain(file) for file in body.files]}"
        case body:
            return str(body)


def _options(options: TaskOptions) -> Iterator[str]:
    """The options that are not the defaults."""
    for field in dataclasses.fields(TaskOptions):
        value = getattr(options, field.name)
        if value != getattr(TaskOptions(), field.name):
            yield from _named(value) if field.name == "other" else [f"{field.name} = {_short(value)}"]


def _named(other: tuple[tuple[str, str], ...]) -> Iterator[str]:
    return (f"{name} = {text}" for name, text in other)


def _short(value: object) -> str:
    """A value; of a dataclass the fields that are not their defaults."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    shown = [
        f"{field.name}={getattr(value, field.name)!r}"
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def _told(one: Diagnostic) -> str:
    line = one.span.start.line if one.span else 0
    return f"{one.code} line {line}: {one.message}"


if __name__ == "__main__":
    for manifest in manifests():
        manifest.with_suffix(".txt").write_text(text_of(manifest), encoding="utf-8")
