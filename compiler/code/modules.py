"""The user's modules as files: where a module name leads inside the manifest's folder, and its parsed source.

Nothing of the user's is imported here or anywhere in the compiler: modules are read with `ast`. Names that lead
nowhere inside the folder are the environment's (standard library, requirements); which of them are mistakes is
`compiler.code.check`.

A `path/file.py` target gets the importable name of its path (`path.file`); a part of the path that is no
identifier stands percent-encoded where it holds a dot or a percent sign, so that no two files share a name.
Imports are resolved from the manifest's folder, whatever folder the importing file lies in.
"""

from __future__ import annotations

import ast
import importlib.util
import os.path
import sys
import warnings
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

RESERVED = frozenset({"runtime", "compiler", "redis", "cloudpickle"})
"""Packages that every worker imports itself: a user's module of such a name could not be told from them."""

COMPILED_SUFFIXES = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".pyx")


class Fault(Enum):
    """Why a module of the user's cannot be used."""

    UNREADABLE = "unreadable"
    RESERVED = "reserved"
    SYNTAX = "syntax"
    ESCAPE = "escape"
    COMPILED = "compiled"

    @property
    def code(self) -> str:
        """The code of the diagnostic that tells of it."""
        return {"syntax": "E406", "escape": "E408", "compiled": "E409"}.get(self.value, "E401")


class ModuleFault(Exception):
    """A module of the user's cannot be used. `line` and `column` are in `file`, 0 when the whole file is meant."""

    def __init__(self, fault: Fault, message: str, *, file: str = "", line: int = 0, column: int = 1) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.file = file
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceModule:
    """One parsed module. `file` is relative to the manifest's folder, with forward slashes."""

    name: str
    file: str
    is_package: bool
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that relative imports start from; "" at the top level."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def name_of_path(target: str) -> str:
    """The module name of a `path/file.py` target. Raises `ModuleFault` (E408) when the path leaves the folder."""
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts:
        raise ModuleFault(Fault.ESCAPE, f"`{target}` leaves the manifest's folder")
    parts = [part for part in path.with_suffix("").parts if part != "."]
    if parts[-1:] == ["__init__"] and len(parts) > 1:
        parts.pop()
    return ".".join(part.replace("%", "%25").replace(".", "%2E") for part in parts)


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path, symbolic links followed, stays under `root`; a path that no file can have does not."""
    if "\0" in str(path):
        return False
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def is_standard(name: str) -> bool:
    """Whether the top level of this module name belongs to the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


class Project:
    """The modules under one manifest's folder, each read and parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._loaded: dict[str, SourceModule | ModuleFault | None] = {}

    def find(self, name: str) -> SourceModule | None:
        """The module of this name, None when the folder has none. Raises `ModuleFault`."""
        if name not in self._loaded:
            try:
                self._loaded[name] = self._read(name)
            except ModuleFault as fault:
                self._loaded[name] = fault
        found = self._loaded[name]
        if isinstance(found, ModuleFault):
            raise found.with_traceback(None)
        return found

    def has(self, name: str) -> bool:
        """Whether the folder has a module of this name, sound or not."""
        try:
            return self.find(name) is not None
        except ModuleFault:
            return True

    def is_folder(self, name: str) -> bool:
        """Whether the name leads to a folder: a package with or without `__init__.py`."""
        return bool(name) and os.path.isdir(self._path(name))

    def has_modules(self, name: str) -> bool:
        """Whether the name leads to a folder with Python files in it."""
        return self.is_folder(name) and any(self._path(name).glob("*.py"))

    @cached_property
    def names(self) -> list[str]:
        """Names of the modules at hand, two levels deep, for suggestions."""
        found = []
        for path in sorted([*self.root.glob("*.py"), *self.root.glob("*/*.py")])[:2000]:
            parts = list(path.relative_to(self.root).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            if parts and all(part.isidentifier() for part in parts):
                found.append(".".join(parts))
        return found

    def inside(self, path: Path) -> bool:
        """Whether a path, symbolic links followed, stays in the manifest's folder."""
        return is_inside(self.root, path)

    def _path(self, name: str) -> Path:
        return self.root.joinpath(*(part.replace("%2E", ".").replace("%25", "%") for part in name.split(".")))

    def _read(self, name: str) -> SourceModule | None:
        base = self._path(name)
        if "" in name.split("."):
            return None
        for path, is_package in ((base / "__init__.py", True), (base.with_name(base.name + ".py"), False)):
            if os.path.isfile(path):
                return self._parse(name, path, is_package)
        for suffix in COMPILED_SUFFIXES:
            for compiled in (base.with_name(base.name + suffix), base / f"__init__{suffix}"):
                if os.path.isfile(compiled):
                    file = compiled.relative_to(self.root).as_posix()
                    raise ModuleFault(
                        Fault.COMPILED, f"`{name}` is a compiled extension; only Python source is shipped", file=file
                    )
        return None

    def _parse(self, name: str, path: Path, is_package: bool) -> SourceModule:
        file = path.relative_to(self.root).as_posix()
        if not self.inside(path):
            raise ModuleFault(Fault.ESCAPE, f"`{file}` is a link that leaves the manifest's folder", file=file)
        top = name.partition(".")[0]
        if top in RESERVED:
            raise ModuleFault(
                Fault.RESERVED, f"`{top}` is the name of a package that every worker imports itself", file=file
            )
        if is_standard(name):
            raise ModuleFault(Fault.RESERVED, f"`{top}` is the name of a standard library module", file=file)
        try:
            text = importlib.util.decode_source(path.read_bytes())
        except OSError as err:
            raise ModuleFault(Fault.UNREADABLE, f"`{file}` cannot be read: {err.strerror}", file=file) from err
        except (SyntaxError, UnicodeDecodeError) as err:
            raise ModuleFault(Fault.SYNTAX, f"`{file}` is not text in its encoding", file=file, line=1) from err
        return SourceModule(name=name, file=file, is_package=is_package, text=text, tree=parse_source(text, file))


def parse_source(text: str, file: str) -> ast.Module:
    """The syntax tree of a module. Raises `ModuleFault` (E406) with the place of the mistake."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, filename=file)
    except SyntaxError as err:
        raise ModuleFault(
            Fault.SYNTAX,
            f"`{file}` is not valid Python: {err.msg}",
            file=file,
            line=err.lineno or 1,
            column=err.offset or 1,
        ) from err
    except (ValueError, RecursionError, MemoryError) as err:
        raise ModuleFault(Fault.SYNTAX, f"`{file}` is not valid Python: {err}", file=file, line=1) from err
