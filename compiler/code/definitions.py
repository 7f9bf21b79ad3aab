"""What one module defines, as its syntax tree shows: bindings, imported names, effects, canonical texts.

Pure functions over `ast`; following names from module to module is `compiler.code.fingerprint`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.code.imports import absolute_name, is_for_type_checkers
from compiler.code.modules import SourceModule

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DOCUMENTED = (ast.Module, *DEFINITIONS)
COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
IGNORED_FIELDS = frozenset({"type_comment", "kind", "ctx"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an imported name stands for: a module, or an attribute of one ("*": any of its names)."""

    module: str
    attribute: str = ""


def bindings(tree: ast.Module) -> Mapping[str, list[ast.stmt]]:
    """Top-level name → the top-level statements that bind it, imports that stand by themselves excepted."""
    table: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or is_for_type_checkers(statement):
            continue
        for name in dict.fromkeys(_bound_names(statement)):
            table.setdefault(name, []).append(statement)
    return table


def imported_names(module: SourceModule) -> Mapping[str, list[Imported]]:
    """Name → what the imports of a module, at the top level or in a function, make of it; "*" for star imports."""
    table: dict[str, list[Imported]] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                table.setdefault(name, []).append(Imported(alias.name if alias.asname else name))
        elif isinstance(node, ast.ImportFrom):
            source = absolute_name(module, node.module or "", node.level)
            for alias in node.names:
                table.setdefault(alias.asname or alias.name, []).append(Imported(source, alias.name))
    return table


def effects(tree: ast.Module) -> Iterator[ast.stmt]:
    """The top-level statements that act when the module is imported, rather than only bind names."""
    return (statement for statement in tree.body if not _only_binds(statement))


def used_names(statement: ast.stmt) -> Iterator[tuple[str, ...]]:
    """Every name that a statement uses, with the attributes taken of it: `a.b.c` is ("a", "b", "c")."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        chain = _chain(node)
        if chain:
            yield chain
        else:
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def canonical(statement: ast.AST) -> str:
    """A text of a definition without places, comments and docstrings; iterative, so that depth is no limit."""
    out: list[str] = []
    waiting: list[object] = [statement]
    while waiting:
        item = waiting.pop()
        match item:
            case ast.AST():
                out.append(f"({type(item).__name__}")
                waiting.append(_Text(")"))
                for name, value in reversed(list(_fields(item))):
                    waiting += [value, _Text(f" {name}=")]
            case list():
                out.append("[")
                waiting.append(_Text("]"))
                waiting.extend(reversed(item))
            case _Text():
                out.append(item.text)
            case _:
                out.append(f"{item!r},")
    return "".join(out)


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name, value in ast.iter_fields(node):
        if name in IGNORED_FIELDS or (value is None and not isinstance(node, ast.Constant)) or value == []:
            continue
        if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            yield name, value[1:]
        else:
            yield name, value


def _chain(node: ast.AST) -> tuple[str, ...]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _bound_names(statement: ast.AST) -> Iterator[str]:
    """Names that a statement binds in its own scope: not those inside the functions and classes it defines."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.alias():
                yield node.asname or node.name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
        waiting.extend(ast.iter_child_nodes(node))


def _only_binds(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(target, (ast.Name, ast.Tuple, ast.List)) for target in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return isinstance(target, ast.Name)
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If() if _is_main_guard(statement) or is_for_type_checkers(statement):
            return True
        case _ if isinstance(statement, COMPOUND):
            return all(_only_binds(inner) for inner in _inner_statements(statement))
    return False


def _is_main_guard(statement: ast.If) -> bool:
    return "__name__" in {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)}


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    waiting = list(ast.iter_child_nodes(statement))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        else:
            waiting.extend(ast.iter_child_nodes(node))
