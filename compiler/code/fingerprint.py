"""The fingerprint of a function: what its history and its cached results are filed under.

It covers the definitions that the function reaches, in its own module and through imports in the user's other
modules, and the statements that act when these modules are imported. Lines, paths, comments and docstrings do
not count, nor do definitions that it does not reach. Where it cannot tell what a name means it covers more, never less.

A departure from the contracts page, which says "compiled source": the definitions are taken as syntax trees, the
compiler's input, not as code objects. Code objects hold what must not count (line tables, file names, the order
of a frozen set's elements under the hash seed) and change with the interpreter.
"""

from __future__ import annotations

import ast
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence

from compiler.code.definitions import Imported, bindings, canonical, effects, imported_names, used_names
from compiler.code.modules import Project, SourceModule


def fingerprint(project: Project, modules: Sequence[SourceModule], module: str, qualname: str) -> str:
    """The fingerprint, in hex, of `module:qualname`, whose unit holds `modules`.

    A function outside the user's modules is known by its name alone.
    """
    start = project.find(module)
    if start is None:
        return hashlib.sha256(f"{module}:{qualname}".encode()).hexdigest()
    walk = _Walk(project)
    walk.reach(start, qualname.partition(".")[0])
    for near in modules:
        for statement in effects(near.tree):
            walk.queue(near, statement)
    digest = hashlib.sha256(qualname.encode())
    for text in walk.texts():
        digest.update(b"\0" + text.encode(errors="surrogatepass"))
    return digest.hexdigest()


class _Walk:
    """Follows names from definition to definition, breadth first, each once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._bindings: dict[str, Mapping[str, list[ast.stmt]]] = {}
        self._imports: dict[str, Mapping[str, list[Imported]]] = {}
        self._met: set[tuple[str, str]] = set()
        self._followed: set[tuple[str, ...]] = set()
        self._queued: set[int] = set()
        self._waiting: deque[tuple[SourceModule, ast.stmt]] = deque()
        self._outside: dict[str, None] = {}

    def texts(self) -> list[str]:
        """The canonical texts of all that is reached, and the imports of what is not the user's."""
        texts: list[str] = []
        while self._waiting:
            module, statement = self._waiting.popleft()
            texts.append(canonical(statement))
            for chain in used_names(statement):
                self.reach(module, *chain)
        return [*texts, *sorted(self._outside)]

    def queue(self, module: SourceModule, statement: ast.stmt) -> None:
        if id(statement) not in self._queued:
            self._queued.add(id(statement))
            self._waiting.append((module, statement))

    def reach(self, module: SourceModule, name: str, *attributes: str) -> None:
        """Queue what binds `name` in `module`, and follow imports of it as far as the attributes lead."""
        imports = self._imported(module)
        if (module.name, name) not in self._met:
            self._met.add((module.name, name))
            found = self._bound(module).get(name, [])
            for statement in found:
                self.queue(module, statement)
            if not found and name not in imports:
                self._through_stars(module, name)
        if name in imports and (module.name, name, *attributes) not in self._followed:
            self._followed.add((module.name, name, *attributes))
            for item in imports[name]:
                self._follow(item, attributes)

    def _through_stars(self, module: SourceModule, name: str) -> None:
        for item in self._imported(module).get("*", []):
            source = self._project.find(item.module) if item.module else None
            if source is None:
                self._outside[f"from {item.module} import *"] = None
            else:
                self.reach(source, name)

    def _follow(self, item: Imported, attributes: tuple[str, ...]) -> None:
        name = item.module
        rest = (item.attribute, *attributes) if item.attribute else attributes
        while rest and (self._project.has(f"{name}.{rest[0]}") or self._project.is_folder(f"{name}.{rest[0]}")):
            name, rest = f"{name}.{rest[0]}", rest[1:]
        module = self._project.find(name) if name else None
        if module is None:
            self._outside[f"{item.module}:{item.attribute}"] = None
        elif rest and rest[0] != "*":
            self.reach(module, *rest)
        elif (module.name, "*") not in self._met:
            self._met.add((module.name, "*"))
            for bound in self._bound(module):
                self.reach(module, bound)

    def _bound(self, module: SourceModule) -> Mapping[str, list[ast.stmt]]:
        if module.name not in self._bindings:
            self._bindings[module.name] = bindings(module.tree)
        return self._bindings[module.name]

    def _imported(self, module: SourceModule) -> Mapping[str, list[Imported]]:
        if module.name not in self._imports:
            self._imports[module.name] = imported_names(module)
        return self._imports[module.name]
