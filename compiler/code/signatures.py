"""Whether a module has a function of a name, and what arguments it takes: both as far as `ast` can tell.

Everything that could be otherwise at run time (decorators, re-exports, `f = make()`, names made with `globals()`)
is undecided, and undecided is no mistake.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from compiler.code.definitions import bindings
from compiler.code.imports import absolute_name
from compiler.code.modules import Project, SourceModule

TRANSPARENT = frozenset({"treadle_io", "cache", "lru_cache"})
"""Decorators that leave a function's arguments as they are."""

_NAME_MAKERS = frozenset({"globals", "vars", "exec", "setattr", "__getattr__"})


class Presence(Enum):
    """Whether a module has a name."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One way in which a call does not fit: `keyword` is the wrong name, or `position` the first surplus argument."""

    message: str
    keyword: str = ""
    position: int = -1
    known: tuple[str, ...] = ()


def presence(project: Project, module: SourceModule, qualname: str) -> Presence:
    """Whether `module` has `qualname`, a dotted name inside it."""
    first, _, rest = qualname.partition(".")
    found = _has_name(project, module, first, set())
    if found is not Presence.YES or not rest:
        return found
    definition = _definition(module, first)
    if not isinstance(definition, ast.ClassDef):
        return Presence.NO if isinstance(definition, ast.FunctionDef) else Presence.UNDECIDED
    if definition.bases or definition.keywords or definition.decorator_list or "." in rest:
        return Presence.UNDECIDED
    members = bindings(ast.Module(body=definition.body, type_ignores=[]))
    return Presence.YES if rest in members else Presence.NO


def function_names(module: SourceModule) -> list[str]:
    """What a `call:` may name in a module, for suggestions."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in module.tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def definition_of(module: SourceModule, qualname: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that a call reaches for certain, decorators that change nothing allowed; None when undecided.

    For a plain class it is `__init__`.
    """
    found = _definition(module, qualname)
    if isinstance(found, ast.ClassDef):
        if found.bases or found.keywords or found.decorator_list:
            return None
        inside = ast.Module(body=found.body, type_ignores=[])
        if "__new__" in bindings(inside):
            return None
        found = _single(inside, "__init__")
    if not isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    return found if all(_is_transparent(decorator) for decorator in found.decorator_list) else None


def mismatches(
    function: ast.FunctionDef | ast.AsyncFunctionDef, count: int, keywords: Sequence[str]
) -> Iterator[Mismatch]:
    """How a call with `count` positional arguments and these keywords does not fit the function."""
    arguments, shown = function.args, function.name
    positional = [*arguments.posonlyargs, *arguments.args]
    if function.name == "__init__":
        positional, shown = positional[1:], "the class"
    names = [argument.arg for argument in positional]
    only_positional = {argument.arg for argument in arguments.posonlyargs}
    by_name = [name for name in names if name not in only_positional] + [one.arg for one in arguments.kwonlyargs]
    if count > len(names) and arguments.vararg is None:
        takes = f"{len(names)} positional argument{'s' * (len(names) != 1)}"
        yield Mismatch(message=f"`{shown}` takes {takes}, {count} are given", position=len(names))
    unknown = False
    for keyword in keywords:
        if keyword in by_name:
            if keyword in names[:count]:
                yield Mismatch(message=f"`{keyword}` is given twice: in `args` and in `with`", keyword=keyword)
        elif arguments.kwarg is None:
            unknown = True
            why = "takes it by position only" if keyword in only_positional else "has no argument of this name"
            yield Mismatch(message=f"`{keyword}` in `with`: `{shown}` {why}", keyword=keyword, known=tuple(by_name))
    needed = _needed(arguments, names, count)
    missing = [name for name in needed if name not in keywords or name in only_positional]
    if missing and not unknown:
        listed = ", ".join(f"`{name}`" for name in missing)
        yield Mismatch(message=f"`{shown}` needs {listed}, which the task does not give")


def _needed(arguments: ast.arguments, names: list[str], count: int) -> list[str]:
    """The arguments without a default that no positional argument fills."""
    required = names[: len(names) - len(arguments.defaults)] if arguments.defaults else names
    keyword_only = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return required[count:] + keyword_only


def _has_name(project: Project, module: SourceModule, name: str, seen: set[str]) -> Presence:
    seen.add(module.name)
    if name in bindings(module.tree):
        return Presence.YES
    stars: list[str] = []
    for statement in module.tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    return Presence.YES
                if alias.name == "*" and isinstance(statement, ast.ImportFrom):
                    stars.append(absolute_name(module, statement.module or "", statement.level))
    if _makes_names(module, name):
        return Presence.UNDECIDED
    for star in stars:
        source = project.find(star) if star else None
        if source is None:
            return Presence.UNDECIDED
        if source.name not in seen and (found := _has_name(project, source, name, seen)) is not Presence.NO:
            return found
    return Presence.NO


def _makes_names(module: SourceModule, name: str) -> bool:
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=used) | ast.FunctionDef(name=used) if used in _NAME_MAKERS:
                return True
            case ast.Global(names=names) if name in names:
                return True
    return False


def _definition(module: SourceModule, name: str) -> ast.stmt | None:
    return _single(module.tree, name)


def _single(tree: ast.Module, name: str) -> ast.stmt | None:
    """The one definition of a name: the last when every binding is a plain definition, else undecided."""
    found = bindings(tree).get(name, [])
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if not found or not all(isinstance(statement, kinds) for statement in found):
        return None
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for statement in tree.body
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for alias in statement.names
    }
    return None if name in imported else found[-1]


def _is_transparent(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return name in TRANSPARENT
