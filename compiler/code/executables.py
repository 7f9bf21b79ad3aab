"""What an `exec:` body says about files: that they exist in the manifest's folder, stay in it, and can be executed.

Which programs the environment has is not known before a run: a program without a slash is not looked for.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from compiler.code.modules import Project
from compiler.code.shipping import FoundFile, ShippingFault, files_at, leaves, literal
from compiler.diagnostics import Diagnostic
from compiler.manifest.model import Exec, TaskDef
from compiler.manifest.tree import Node
from compiler.suggest import closest


def check_executable(project: Project, body: Exec) -> Iterator[Diagnostic]:
    """E405 for a file that is not there or not fit, E408 for one outside the folder; expressions are left alone."""
    found: dict[str, FoundFile] = {}
    is_whole = True
    for node in body.files:
        path = literal(node)
        if path is None:
            is_whole = False
            continue
        try:
            found.update((file.path, file) for file in files_at(project, path))
        except ShippingFault as fault:
            is_whole = False
            yield Diagnostic(
                code=fault.code, message=fault.message, span=node.span, hint=fault.hint or _near(project, path)
            )
    cwd = literal(body.cwd)
    if body.cwd is not None and cwd is not None and leaves(project, cwd):
        hint = "name a folder beside the manifest"
        yield Diagnostic(code="E408", message=f"`{cwd}` leaves the manifest's folder", span=body.cwd.span, hint=hint)
    if body.argv:
        yield from _check_program(project, body.argv[0], found, is_whole)


def check_exec_task(task: TaskDef, body: Exec) -> Iterator[Diagnostic]:
    """E105 for what a command cannot have: named arguments, and several outputs of anything but JSON."""
    for span in list(task.with_spans.values())[:1]:
        message = f"`with` names the arguments of a function, and `{task.name}` runs a command"
        yield Diagnostic(code="E105", message=message, span=span, hint="write them as words of `argv`")
    if task.outputs and body.stdout != "json":
        yield Diagnostic(
            code="E105",
            message=f"`{task.name}` has several outputs, and its command gives one {body.stdout}",
            span=task.name_span,
            hint="write `stdout: json`; the command prints an object with these keys",
        )


def _check_program(
    project: Project, node: Node, found: Mapping[str, FoundFile], is_whole: bool
) -> Iterator[Diagnostic]:
    """A relative path as the program is a file of the user's: it is shipped only when `files:` lists it."""
    written = literal(node)
    if not written or written.startswith("/"):
        return
    path = posixpath.normpath(written)
    if path in found:
        if not found[path].is_executable:
            message = f"`{written}` may not be executed"
            yield Diagnostic(code="E405", message=message, span=node.span, hint=f"chmod +x {path}")
    elif "/" in written and is_whole:
        yield _unlisted(project, node, written)


def _unlisted(project: Project, node: Node, written: str) -> Diagnostic:
    try:
        for _ in files_at(project, written):
            break
    except ShippingFault as fault:
        return Diagnostic(
            code=fault.code, message=fault.message, span=node.span, hint=fault.hint or _near(project, written)
        )
    message = f"`{written}` is not among `files:`, so it is not shipped"
    return Diagnostic(code="E405", message=message, span=node.span, hint=f"list it: `files: [{written}]`")


def _near(project: Project, path: str) -> str:
    near = closest(path, _names(project))
    return f"write `{near}`" if near else "paths are relative to the manifest's folder"


def _names(project: Project) -> list[str]:
    found = sorted([*project.root.glob("*"), *project.root.glob("*/*")])[:2000]
    return [path.relative_to(project.root).as_posix() for path in found if path.is_file()]
