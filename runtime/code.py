"""The user's code in a worker: units fetched, verified, importable under their own names, callables and commands found.

A meta-path finder serves the modules of the active units from memory, so that classes keep their identity, values
pickle small and tracebacks keep their lines. The loader decides nothing about *when* code is loaded or what an
exception of the user's means; how a unit is written is `runtime.unit`, how an error is shown
`runtime.tasks.user_errors`.

Isolation in a warm environment. Module names are global to a process, and runs may bring different
versions of one name. An invocation begins with `activate`; units that it needs join as they are met. When a
unit brings another version of a module, exactly those modules of ours that no unit of this invocation holds
are removed. That is safe because a unit is closed under its imports: a module that stays refers to none that
goes. Modules that did not change stay imported across invocations, as they do on AWS Lambda.
One process shares one loader; `close` gives the process back as it was found.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from time import monotonic
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, cast

from runtime.errors import RuntimeFault
from runtime.plan import Function
from runtime.tasks.user_errors import format_user_error
from runtime.unit import UnitModule, decode_unit

if TYPE_CHECKING:
    from importlib.abc import Loader

    from runtime.tasks.command import Command, Commands

MAX_IDLE_UNITS = 64
"""Units kept for later invocations that the current one has not used."""

GetUnits = Callable[[Sequence[str]], list[bytes]]


class UnitLoader:
    """The import system's loader of one module of a unit (PEP 451).

    It has the methods of `importlib.abc.InspectLoader` without its base: that import alone costs 8 ms.
    """

    def __init__(self, module: UnitModule, filename: str) -> None:
        self.module = module
        self.filename = filename

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if self.module.file:
            self._remember_lines()
            exec(self.get_code(self.module.name), module.__dict__)

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.module.source, self.filename, "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        return self.module.source

    def get_filename(self, fullname: str) -> str:
        return self.filename

    def is_package(self, fullname: str) -> bool:
        return self.module.is_package

    def _remember_lines(self) -> None:
        # Eager and without a time stamp: linecache then never looks for a file of this name in the working folder.
        lines = self.module.source.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self.module.source), None, lines, self.filename)


class UnitFinder:
    """The meta-path finder over the modules offered. It takes no lock: the import system calls it under its own."""

    def __init__(self, source_root: str) -> None:
        self.offered: dict[str, UnitLoader] = {}
        self._source_root = source_root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader = self.offered.get(fullname)
        if loader is None:
            return None
        module = loader.module
        spec = ModuleSpec(
            fullname, cast("Loader", loader), origin=loader.filename or None, is_package=module.is_package
        )
        spec.has_location = bool(module.file)
        return spec

    def offer(self, module: UnitModule) -> str:
        """Serve this module. The answer is the file name that its code objects get.

        That is the real file while it holds this very source, so that breakpoints work, else the relative name.
        """
        filename = module.file
        if self._source_root and module.file:
            path = os.path.join(self._source_root, module.file)
            if _file_holds(path, module.source):
                filename = path
        self.offered[module.name] = UnitLoader(module, filename)
        return filename


class CodeLoader:
    """Loads the callables of a run's functions from code units.

    `get_units(digests)` returns the units' bytes in order and raises when one is missing. `source_root` is the
    folder that the code came from, when it is at hand (an inline run under a debugger).
    """

    def __init__(self, get_units: GetUnits, *, source_root: str = "") -> None:
        self._get_units = get_units
        self._lock = threading.RLock()
        self._units: dict[str, Mapping[str, UnitModule]] = {}
        self._current: set[str] = set()
        self._finder = UnitFinder(source_root)
        self._callables: dict[Function, Callable[..., object]] = {}
        self._at_hand: dict[int, tuple[Function, Callable[..., object]]] = {}
        self._displaced: dict[str, ModuleType] = {}
        self._files: dict[str, str] = {}
        self._commands: Commands | None = None
        self.load_s = 0.0
        """Seconds spent so far on fetching and importing code, failed loads with it."""

    def activate(self, digests: Sequence[str]) -> None:
        """Begin an invocation whose known functions lie in these units; missing ones come in one fetch.

        Raises `BundleInvalid` (E603) for a damaged unit.
        """
        with self._lock, self._timed():
            self._current.clear()
            self._at_hand.clear()
            self._join(digests)
            if len(self._units) - len(self._current) > MAX_IDLE_UNITS:
                self._evict_idle()

    def load(self, function: Function) -> Callable[..., object]:
        """The callable of `function`; its unit joins the invocation when it is new.

        What the user's module raises while it is imported is raised as it is. AttributeError and TypeError
        say that the module has no such name, or that it is not callable.
        """
        at_hand = self._at_hand.get(id(function))  # tasks share the object, and to hash it costs a microsecond
        if at_hand is not None:
            return at_hand[1]
        known = self._callables.get(function)
        if known is not None and function.unit in self._current:
            self._at_hand[id(function)] = function, known
            return known
        assert function.kind == "module", f"a function of kind {function.kind!r} is not loaded from a code unit"
        with self._timed():
            target = self._import(function)
        if not callable(target):
            raise TypeError(
                f"{function.module}:{function.qualname} is not callable but a value of type {type(target).__name__}"
            )
        self._callables[function] = target
        return target

    def _import(self, function: Function) -> object:
        with self._lock:
            self._join((function.unit,))
        target: object = importlib.import_module(function.module)
        for part in function.qualname.split("."):
            target = getattr(target, part)
        return target

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = monotonic()
        try:
            yield
        finally:
            self.load_s += monotonic() - began

    def command(self, function: Function) -> Command:
        """The command of a `function` of kind "exec", whose `unit` is the digest of its executable."""
        assert function.kind == "exec", f"a function of kind {function.kind!r} is no command"
        if self._commands is None:
            from runtime.tasks.command import Commands  # what runs processes is loaded by those who run some

            self._commands = Commands(self._get_units)
        with self._timed():
            return self._commands.load(function.unit)

    def close(self) -> None:
        """Remove this loader's modules and finder from the process, and put back what they displaced."""
        if self._commands is not None:
            self._commands.close()
            self._commands = None
        with self._lock:
            self._current.clear()
            self._evict_idle()
            if self._finder in sys.meta_path:
                sys.meta_path.remove(self._finder)
            for name, module in self._displaced.items():
                sys.modules.setdefault(name, module)
            self._displaced.clear()

    @property
    def user_files(self) -> Mapping[str, str]:
        """File name in code objects → file name relative to the manifest's folder, of every module offered."""
        return self._files

    def _join(self, digests: Sequence[str]) -> None:
        missing = [digest for digest in dict.fromkeys(digests) if digest not in self._units]
        if missing:
            for digest, data in zip(missing, self._get_units(missing), strict=True):
                self._units[digest] = decode_unit(digest, data)
        for digest in digests:
            if digest not in self._current:
                self._offer(digest, digests)

    def _offer(self, digest: str, wanted: Sequence[str]) -> None:
        unit = self._units[digest]
        offered = self._finder.offered
        changed = [name for name, module in unit.items() if name in offered and offered[name].module != module]
        if changed:
            self._refuse_two_versions(changed)
            self._evict_idle(keep=wanted)
        self._current.add(digest)
        if self._finder not in sys.meta_path:
            sys.meta_path.insert(0, self._finder)
        for name, module in unit.items():
            if name not in offered:
                self._make_room(module)
                filename = self._finder.offer(module)
                if module.file:
                    self._files[filename] = module.file

    def _refuse_two_versions(self, changed: Sequence[str]) -> None:
        for digest in self._current:
            clash = next((name for name in changed if name in self._units[digest]), None)
            if clash is not None:
                raise RuntimeFault(
                    f"two code units of one run hold different versions of the module {clash}",
                    hint="build the bundle again",
                )

    def _make_room(self, module: UnitModule) -> None:
        """Take a module of the same name that is not this one out of the way of the finder."""
        present = sys.modules.get(module.name)
        if present is None:
            return
        loader = unit_loader_of(present)
        if loader is not None:
            if loader.module != module:
                _forget(module.name, present)
        elif module.file or getattr(present, "__file__", None):
            self._displaced.setdefault(module.name, present)
            _forget(module.name, present)

    def _evict_idle(self, keep: Sequence[str] = ()) -> None:
        """Forget every unit that this invocation has not used (but `keep`), and the modules that only they held."""
        self._units = {d: unit for d, unit in self._units.items() if d in self._current or d in keep}
        kept = {name for digest in self._current for name in self._units[digest]}
        for name in [name for name in self._finder.offered if name not in kept]:
            loader = self._finder.offered.pop(name)
            present = sys.modules.get(name)
            if present is not None and unit_loader_of(present) is not None:
                _forget(name, present)
            self._files.pop(loader.filename, None)
            linecache.cache.pop(loader.filename, None)
        self._callables = {f: target for f, target in self._callables.items() if f.unit in self._current}


def user_traceback(exc: BaseException, loader: CodeLoader | None) -> str:
    """The traceback of `exc` in the user's own frames, with file names relative to the manifest's folder.

    Never raises, whatever the exception's own methods do.
    """
    return format_user_error(exc, loader.user_files if loader is not None else {})


def unit_loader_of(module: ModuleType) -> UnitLoader | None:
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return loader if isinstance(loader, UnitLoader) else None


def _forget(name: str, module: ModuleType) -> None:
    """Remove a module from the process and from its parent, where `from parent import child` would still find it."""
    sys.modules.pop(name, None)
    parent, _, child = name.rpartition(".")
    holder = sys.modules.get(parent)
    if holder is not None and holder.__dict__.get(child) is module:
        delattr(holder, child)


def _file_holds(path: str, source: str) -> bool:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return False
    return data == source.encode() or data.replace(b"\r\n", b"\n") == source.encode()
