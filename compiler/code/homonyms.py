"""Modules of one name in the folders of several manifests: a worker can only have one of them (E314).

Units carry modules under their own names, so that classes keep their identity and relative imports work; prefixing
them by their folder would break both. Packages without `__init__.py` may be spread over folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from compiler.code.modules import ModuleFault, Project
from compiler.code.units import module_of_call, reached_modules
from compiler.diagnostics import Diagnostic, Related, Span
from compiler.graph.merge import merge_tasks
from compiler.graph.report import Report
from compiler.manifest.model import Call, Manifest


def check_homonyms(manifest: Manifest) -> list[Diagnostic]:
    """E314 at the first call that brings another module under a name that is taken already."""
    manifests = manifest.closure()
    if len({one.source.root.resolve() for one in manifests}) == 1:
        return []
    taken: dict[str, tuple[Path, str, Span]] = {}
    found: dict[str, Diagnostic] = {}
    for one in manifests:
        project = Project(one.source.root)
        for call in _calls(one):
            for name, file in _modules(project, call):
                place = (project.root / file).resolve()
                shown = (PurePosixPath(one.source.file).parent / file).as_posix()
                known, first, span = taken.setdefault(name, (place, shown, call.span))
                if known != place and name not in found:
                    found[name] = _homonym(name, (first, span), (shown, call.span))
    return list(found.values())


def _calls(manifest: Manifest) -> Iterator[Call]:
    for source in merge_tasks(manifest, Report(manifest.sources)).values():
        if isinstance(source.body, Call):
            yield source.body


def _modules(project: Project, call: Call) -> list[tuple[str, str]]:
    """Name and file of every module that a call reaches; one that is wrong is reported elsewhere."""
    try:
        return [(module.name, module.file) for module in reached_modules(project, module_of_call(call))]
    except ModuleFault:
        return []


def _homonym(name: str, first: tuple[str, Span], second: tuple[str, Span]) -> Diagnostic:
    return Diagnostic(
        code="E314",
        message=f"the module `{name}` is `{second[0]}` here and `{first[0]}` elsewhere in this workflow",
        span=second[1],
        hint="rename one of the two files: a worker imports modules by their names",
        related=(Related(span=first[1], message=f"`{first[0]}` is called here"),),
    )
