"""Code units: for each function the modules of the user's that it reaches, as one blob named by its digest.

A unit is closed under its imports, packages on the way included, so that a worker that has it can import the
function's module; functions of one module share a unit. Names outside the manifest's folder are the environment's; the
code of an inlined workflow is read from the folder of its own manifest. `compiler.code.homonyms` refuses two modules of
one name.

The `Function` of a `call:` is of kind "module": it always names an attribute of a module, so partials, closures and
other callables made when the module is imported are made again by importing it in the worker; nothing of the
user's has to be run, or pickled, to build a bundle. That of an `exec:` is of kind "exec", and its unit an executable:
how the output is read, and the files that it ships.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path, PurePath

from compiler.code.fingerprint import fingerprint
from compiler.code.imports import imports_of, local_modules
from compiler.code.modules import ModuleFault, Project, SourceModule, name_of_path
from compiler.code.shipments import Shipments
from compiler.code.shipping import ShippingFault
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, Exec
from runtime.plan import Function
from runtime.unit import UnitModule, encode_unit, unit_digest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Functions:
    """The code of a graph: per family its function and fingerprint, and every unit and shipped file once, by digest.

    `files` holds the executables too; `by_instance` are the functions of commands whose instances ship their own files.
    """

    by_family: tuple[Function, ...]
    by_instance: Mapping[int, Function]
    units: Mapping[str, bytes]
    files: Mapping[str, bytes]
    fingerprints: tuple[str, ...]


def collect_functions(graph: Graph) -> Functions:
    """Read the code of every family. Raises `ManifestError` for code that `check_code` refuses as well."""
    builder = _Builder(graph)
    functions: list[Function] = []
    fingerprints: list[str] = []
    faults: list[Diagnostic] = []
    for family in graph.families:
        try:
            function, mark = builder.collect(family)
        except ModuleFault as fault:
            faults.append(Diagnostic(code=fault.fault.code, message=fault.message, span=family.body.span))
            continue
        except ShippingFault as fault:
            span = family.body.span
            faults.append(Diagnostic(code=fault.code, message=fault.message, span=span, hint=fault.hint))
            continue
        functions.append(function)
        fingerprints.append(mark)
    if faults:
        raise ManifestError(tuple(faults))
    return Functions(
        by_family=tuple(functions),
        by_instance=builder.shipments.by_instance,
        units=builder.units,
        files=builder.shipments.files,
        fingerprints=tuple(fingerprints),
    )


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
    """Units and fingerprints, each made once however many families use it.

    The code of an inlined workflow lies in the folder of its own manifest, inside that of the main one.
    """

    def __init__(self, graph: Graph) -> None:
        self.units: dict[str, bytes] = {}
        self.shipments = Shipments(graph)
        self._root = graph.manifest.source.root
        self._projects: dict[Path, Project] = {}
        self._by_module: dict[tuple[Path, str], tuple[str, tuple[SourceModule, ...]]] = {}
        self._marks: dict[tuple[Path, str, str], str] = {}

    def collect(self, family: Family) -> tuple[Function, str]:
        root = self._root if family.manifest is None else family.manifest.source.root
        project = self._projects.setdefault(root, Project(root))
        match family.body:
            case Call() as call:
                module = module_of_call(call)
                unit, modules = self._unit(project, module)
                key = (root, module, call.function)
                if key not in self._marks:
                    self._marks[key] = fingerprint(project, modules, module, call.function)
                return Function(unit=unit, module=module, qualname=call.function), self._marks[key]
            case Exec() as exec_:
                return self.shipments.collect(project, family, exec_)

    def _unit(self, project: Project, module: str) -> tuple[str, tuple[SourceModule, ...]]:
        key = (project.root, module)
        if key not in self._by_module:
            modules = reached_modules(project, module)
            self._by_module[key] = (self._store(modules, self._folder(project)), modules)
        return self._by_module[key]

    def _folder(self, project: Project) -> str:
        """The folder of a project, from the main manifest's."""
        return PurePath(relpath(project.root.resolve(), self._root.resolve())).as_posix()

    def _store(self, modules: tuple[SourceModule, ...], folder: str) -> str:
        data = encode_unit(
            UnitModule(
                name=module.name,
                file=posixpath.normpath(posixpath.join(folder, module.file)),
                source=module.text,
                is_package=module.is_package,
            )
            for module in modules
        )
        digest = unit_digest(data)
        self.units[digest] = data
        return digest
