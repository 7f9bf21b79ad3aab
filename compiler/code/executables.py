"""What an `exec:` body says about files: that they exist in the manifest's folder, and stay in it.

Which programs the environment has is not known before a run.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from pathlib import PurePosixPath

from compiler.code.modules import Project
from compiler.diagnostics import Diagnostic
from compiler.manifest.model import Exec
from compiler.manifest.tree import Node, ScalarNode
from compiler.suggest import closest

EXPRESSION = "${{"


def check_executable(project: Project, body: Exec) -> Iterator[Diagnostic]:
    """E405 for a file that is not there, E408 for one outside the folder; expressions are left alone."""
    listed = set()
    for node in body.files:
        path = _literal(node)
        if path is not None:
            listed.add(str(PurePosixPath(path)))
            yield from _check_file(project, node, path)
    cwd = _literal(body.cwd)
    if body.cwd is not None and cwd is not None and _leaves(project, cwd):
        yield _escape(body.cwd, cwd)
    if body.argv:
        yield from _check_program(project, body.argv[0], listed, len(body.files))


def _check_file(project: Project, node: Node, path: str) -> Iterator[Diagnostic]:
    if _leaves(project, path):
        yield _escape(node, path)
    elif not os.path.exists(project.root / path):
        near = closest(path, _files(project))
        hint = f"write `{near}`" if near else "paths are relative to the manifest's folder"
        yield Diagnostic(code="E405", message=f"there is no file `{path}`", span=node.span, hint=hint)


def _check_program(project: Project, node: Node, listed: set[str], file_count: int) -> Iterator[Diagnostic]:
    """A relative path as the program is a file of the user's: it is shipped only when `files:` lists it."""
    path = _literal(node)
    if path is None or "/" not in path or path.startswith("/"):
        return
    if str(PurePosixPath(path)) in listed or file_count > len(listed):
        return
    if _leaves(project, path):
        yield _escape(node, path)
    elif any(PurePosixPath(path).is_relative_to(folder) for folder in listed):
        return
    else:
        exists = os.path.exists(project.root / path)
        message = f"`{path}` is not among `files:`, so it is not shipped" if exists else f"there is no file `{path}`"
        yield Diagnostic(
            code="E405", message=message, span=node.span, hint=f"list it: `files: [{path}]`" if exists else ""
        )


def _leaves(project: Project, path: str) -> bool:
    return PurePosixPath(path).is_absolute() or not project.inside(project.root / path)


def _escape(node: Node, path: str) -> Diagnostic:
    return Diagnostic(
        code="E408",
        message=f"`{path}` leaves the manifest's folder",
        span=node.span,
        hint="put the file beside the manifest and name it from there",
    )


def _files(project: Project) -> list[str]:
    found = sorted([*project.root.glob("*"), *project.root.glob("*/*")])[:2000]
    return [path.relative_to(project.root).as_posix() for path in found if path.is_file()]


def _literal(node: Node | None) -> str | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and EXPRESSION not in node.value:
        return node.value
    return None
