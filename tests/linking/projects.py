"""Workflows of several files, written to a folder, and what the chain says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from compiler.diagnostics import Diagnostic, Severity
from compiler.graph.model import Graph
from compiler.pipeline import Checked, CompileOptions, examine

HEAD = "spec: 1\nname: {name}\n"
APP = "def f(*args, **named):\n    return [list(args), named]\n"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files; a manifest gets its head (lines 1 and 2), a fragment says that it is one in its first line."""
    (folder / "app.py").write_text(APP, encoding="utf-8")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = dedent(text).lstrip("\n")
        is_whole = name.endswith(".yaml") and not body.startswith("# fragment\n")
        path.write_text((HEAD.format(name=path.stem) if is_whole else "") + body, encoding="utf-8")
    return folder / "main.yaml"


def examined(folder: Path, files: Mapping[str, str], level: str = "graph", **options: int) -> Checked:
    return examine(write(folder, files), CompileOptions(**options), level)  # type: ignore[arg-type]


def graph_of(folder: Path, files: Mapping[str, str], **options: int) -> Graph:
    checked = examined(folder, files, **options)
    errors = [one for one in checked.diagnostics if one.severity is Severity.ERROR]
    assert checked.graph is not None and not errors, errors
    return checked.graph


def places(folder: Path, files: Mapping[str, str], level: str = "graph", **options: int) -> list[tuple[str, str, int]]:
    """Code, file from the folder, and line of each finding."""
    found = examined(folder, files, level, **options).diagnostics
    return [place(folder, one) for one in found]


def place(folder: Path, one: Diagnostic) -> tuple[str, str, int]:
    assert one.span is not None, one
    return one.code, Path(one.span.file).relative_to(folder).as_posix(), one.span.start.line
