"""The imports that a module writes, wherever they stand in it, read from its syntax tree.

What an import leads to is asked of `compiler.code.modules`; imports whose names exist only at run time are told
apart here, not judged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.code.modules import Project, SourceModule

IMPORT_CALLS = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name. `module` is absolute; `attribute` is what `from module import attribute` names, or "*".

    `module` is "" for a relative import that leaves the topmost package. `is_certain`: it runs when the module is
    imported, outside any `try` and `if`. `prefix_only`: a dynamic import of which only the first part is known.
    """

    module: str
    attribute: str = ""
    line: int
    column: int
    is_certain: bool = False
    prefix_only: bool = False

    def candidates(self) -> tuple[str, ...]:
        """The module names that this import may load."""
        if not self.module:
            return ()
        if self.attribute and self.attribute != "*":
            return (self.module, f"{self.module}.{self.attribute}")
        return (self.module,)


def imports_of(module: SourceModule) -> tuple[Import, ...]:
    """Every import of a module in order of appearance; those for type checkers alone are left out."""
    return tuple(_imports(module.tree.body, module, True))


def local_modules(project: Project, item: Import) -> Iterator[str]:
    """The names of the user's modules that an import loads, packages on the way first."""
    for candidate in item.candidates():
        parts = candidate.split(".")
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            if project.has(name):
                yield name


def absolute_name(module: SourceModule, name: str, level: int) -> str:
    """The absolute name of `from <level dots>name import …`; "" when it leaves the topmost package."""
    if level == 0:
        return name
    parts = module.package.split(".") if module.package else []
    if level > len(parts):
        return ""
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, name] if name else base)


def is_for_type_checkers(statement: ast.stmt) -> bool:
    """`if TYPE_CHECKING:` without an `else`."""
    return (
        isinstance(statement, ast.If)
        and not statement.orelse
        and isinstance(statement.test, (ast.Name, ast.Attribute))
        and (statement.test.id if isinstance(statement.test, ast.Name) else statement.test.attr) == "TYPE_CHECKING"
    )


def _imports(body: list[ast.stmt], module: SourceModule, is_certain: bool) -> Iterator[Import]:
    for statement in body:
        if is_for_type_checkers(statement):
            continue
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from _of_statement(statement, module, is_certain)
        else:
            for node in _walk(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield from _of_statement(node, module, False)
                elif isinstance(node, ast.Call):
                    yield from _of_call(node, module)


def _walk(statement: ast.stmt) -> Iterator[ast.AST]:
    """`ast.walk` in order of appearance, without the blocks for type checkers."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt) and is_for_type_checkers(node):
            continue
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _of_statement(node: ast.Import | ast.ImportFrom, module: SourceModule, is_certain: bool) -> Iterator[Import]:
    line, column = node.lineno, node.col_offset + 1
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(module=alias.name, line=line, column=column, is_certain=is_certain)
        return
    name = absolute_name(module, node.module or "", node.level)
    for alias in node.names:
        yield Import(module=name, attribute=alias.name, line=line, column=column, is_certain=is_certain)


def _of_call(node: ast.Call, module: SourceModule) -> Iterator[Import]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in IMPORT_CALLS or not node.args:
        return
    text, is_whole = _known_text(node.args[0])
    dots = len(text) - len(text.lstrip("."))
    line, column = node.lineno, node.col_offset + 1
    known = text[dots:] if is_whole else text[dots:].rpartition(".")[0]
    name = absolute_name(module, known, dots)
    if name:
        yield Import(module=name, line=line, column=column, prefix_only=not is_whole)


def _known_text(node: ast.expr) -> tuple[str, bool]:
    """The literal beginning of a text expression, and whether that is all of it."""
    match node:
        case ast.Constant(value=str(text)):
            return text, True
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text, False
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            text = _known_text(left)[0]
            return (text.partition("%")[0] if isinstance(node.op, ast.Mod) else text), False
    return "", False
