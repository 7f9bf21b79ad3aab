"""Modules of the standard library that a `call:` names: whether they exist, and which names they have.

Python sources are read with `ast`, as the user's are; what has no source (`math`, `builtins`, frozen modules) is asked
of the interpreter, which has it loaded or loads it without running anything of the user's. Platforms and versions
differ in a few names, so that a missing name is a mistake only where a near one shows what was meant.
"""

from __future__ import annotations

import ast
import importlib
import sys
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path

from compiler.code.definitions import bindings
from compiler.suggest import closest

_MAKERS = frozenset({"globals", "vars", "__getattr__", "_convert_", "global_enum"})
"""Words of a source that makes names as it runs."""

_WITHOUT_SOURCE = frozenset({"built-in", "frozen"})


def is_missing(module: str) -> bool:
    """Whether a dotted name leads nowhere below a module of the standard library that is here."""
    top = module.partition(".")[0]
    return module not in sys.modules and _spec(module) is None and find_spec(top) is not None


def meant_name(module: str, name: str) -> str | None:
    """The name that a missing one was meant to be; None when the module has it, or that cannot be told."""
    names = _names(module)
    first = name.partition(".")[0]
    if not names or first in names or first.startswith("_") or _spec(f"{module}.{first}") is not None:
        return None
    return closest(first, sorted(one for one in names if not one.startswith("_")))


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, found without importing the packages around it."""
    if module in sys.modules:
        return sys.modules[module].__spec__
    top, *rest = module.split(".")
    spec = find_spec(top)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations)
    return spec


@cache
def _names(module: str) -> frozenset[str]:
    """The names at the top of a module; none when they cannot be told."""
    spec = _spec(module)
    if spec is None:
        return frozenset()
    if spec.origin is None or not spec.origin.endswith(".py"):
        known = spec.origin in _WITHOUT_SOURCE or module in sys.modules
        return frozenset(dir(importlib.import_module(module))) if known else frozenset()
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, ValueError, SyntaxError):
        return frozenset()
    return _written(tree, spec)


def _written(tree: ast.Module, spec: ModuleSpec) -> frozenset[str]:
    """The names that a source binds, those of `from x import *` included; none when it makes names at run time."""
    found = set(bindings(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=used) | ast.FunctionDef(name=used) | ast.Attribute(attr=used) if used in _MAKERS:
                return frozenset()
            case ast.Import(names=aliases):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(names=aliases, module=source, level=level):
                found |= {alias.asname or alias.name for alias in aliases}
                if any(alias.name == "*" for alias in aliases):
                    inner = _names(resolve_name("." * level + (source or ""), spec.parent or spec.name))
                    if not inner:
                        return frozenset()
                    found |= inner
    return frozenset(found)
