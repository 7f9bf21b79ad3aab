"""Code units: for each function the modules of the user's that it reaches, as one blob named by its digest.

A unit is closed under its imports, packages on the way included, so that a worker that has it can import the
function's module; functions of one module share a unit. Names outside the manifest's folder are the environment's.

Every `Function` is of kind "module": a `call:` always names an attribute of a module, so partials, closures and
other callables made when the module is imported are made again by importing it in the worker; nothing of the
user's has to be run, or pickled, to build a bundle. An `exec:` body has no code unit but gets a `Function` of
kind "exec", so that families and functions stay parallel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.code.fingerprint import fingerprint
from compiler.code.imports import imports_of, local_modules
from compiler.code.modules import ModuleFault, Project, SourceModule, name_of_path
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, Exec
from compiler.manifest.tree import ScalarNode
from runtime.plan import Function
from runtime.unit import UnitModule, encode_unit, unit_digest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Functions:
    """The code of a graph: per family its function and fingerprint, and every unit once, by digest."""

    by_family: tuple[Function, ...]
    units: Mapping[str, bytes]
    fingerprints: tuple[str, ...]


def collect_functions(graph: Graph) -> Functions:
    """Read the code of every family. Raises `ManifestError` for code that `check_code` refuses as well."""
    project = Project(graph.manifest.source.root)
    builder = _Builder(project)
    functions: list[Function] = []
    fingerprints: list[str] = []
    faults: list[Diagnostic] = []
    for family in graph.families:
        try:
            function, mark = builder.collect(family)
        except ModuleFault as fault:
            faults.append(Diagnostic(code=fault.fault.code, message=fault.message, span=family.body.span))
            continue
        functions.append(function)
        fingerprints.append(mark)
    if faults:
        raise ManifestError(tuple(faults))
    return Functions(by_family=tuple(functions), units=builder.units, fingerprints=tuple(fingerprints))


def module_of_call(call: Call) -> str:
    """The importable name of the module that a `call:` names. Raises `ModuleFault` when its path leaves the folder."""
    return name_of_path(call.target) if call.is_path else call.target


def reached_modules(project: Project, start: str) -> tuple[SourceModule, ...]:
    """The user's modules that importing `start` may load, sorted by name. Raises `ModuleFault` for an unsound one."""
    found: dict[str, SourceModule] = {}
    parts = start.split(".")
    waiting = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        module = project.find(name)
        if module is None:
            continue
        found[name] = module
        for item in imports_of(module):
            waiting.extend(near for near in local_modules(project, item) if near not in found)
    return tuple(found[name] for name in sorted(found))


class _Builder:
    """Units and fingerprints, each made once however many families use it."""

    def __init__(self, project: Project) -> None:
        self.units: dict[str, bytes] = {}
        self._project = project
        self._by_module: dict[str, tuple[str, tuple[SourceModule, ...]]] = {}
        self._marks: dict[tuple[str, str], str] = {}

    def collect(self, family: Family) -> tuple[Function, str]:
        match family.body:
            case Call() as call:
                module = module_of_call(call)
                unit, modules = self._unit(module)
                key = (module, call.function)
                if key not in self._marks:
                    self._marks[key] = fingerprint(self._project, modules, module, call.function)
                return Function(unit=unit, module=module, qualname=call.function), self._marks[key]
            case Exec() as exec_:
                return self._executable(exec_)

    def _unit(self, module: str) -> tuple[str, tuple[SourceModule, ...]]:
        if module not in self._by_module:
            modules = reached_modules(self._project, module)
            self._by_module[module] = (self._store(modules), modules)
        return self._by_module[module]

    def _store(self, modules: tuple[SourceModule, ...]) -> str:
        data = encode_unit(
            UnitModule(name=module.name, file=module.file, source=module.text, is_package=module.is_package)
            for module in modules
        )
        digest = unit_digest(data)
        self.units[digest] = data
        return digest

    def _executable(self, body: Exec) -> tuple[Function, str]:
        argv = [node.raw if isinstance(node, ScalarNode) else "" for node in body.argv]
        mark = hashlib.sha256("\0".join(["exec", *argv]).encode()).hexdigest()
        return Function(unit=self._store(()), module="", qualname=argv[0] if argv else "", kind="exec"), mark
