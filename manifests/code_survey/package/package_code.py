"""The functions of one package of the standard library, read from its source with `ast`."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import TypedDict

KEPT = 20
"""Of a chunk, and of a package, so many of the longest functions are kept."""


class Function(TypedDict):
    name: str
    file: str
    lines: int


class Part(TypedDict):
    files: int
    lines: int
    functions: int
    documented: int
    longest: list[Function]


class Measure(Part):
    package: str


def list_files(package: str) -> list[str]:
    """The Python files of a package, the largest first. Raises FileNotFoundError when there is no such package."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = [path for path in (library / package).rglob("*.py") if "__pycache__" not in path.parts]
    if not found:
        raise FileNotFoundError(f"the standard library has no package {package!r}")
    sizes = {path.relative_to(library).as_posix(): path.stat().st_size for path in found}
    return sorted(sizes, key=lambda name: (-sizes[name], name))


def measure(files: list[str], chunk: int, chunks: int) -> Part:
    """The functions of every `chunks`-th file."""
    library = Path(sysconfig.get_paths()["stdlib"])
    part = Part(files=0, lines=0, functions=0, documented=0, longest=[])
    for name in files[chunk::chunks]:
        source = (library / name).read_bytes()
        part["files"] += 1
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                part["lines"] += lines
                part["functions"] += 1
                part["documented"] += ast.get_docstring(node) is not None
                part["longest"].append(Function(name=node.name, file=name, lines=lines))
    part["longest"] = _longest(part["longest"])
    return part


def join(package: str, parts: list[Part]) -> Measure:
    return Measure(
        package=package,
        files=sum(part["files"] for part in parts),
        lines=sum(part["lines"] for part in parts),
        functions=sum(part["functions"] for part in parts),
        documented=sum(part["documented"] for part in parts),
        longest=_longest([function for part in parts for function in part["longest"]]),
    )


def _longest(functions: list[Function]) -> list[Function]:
    return sorted(functions, key=lambda one: (-one["lines"], one["file"], one["name"]))[:KEPT]
