"""The static check of user code: every call against the modules beside the manifest, and what goes with them.

Nothing of the user's is imported or run. What `ast` cannot decide is no mistake. One mistake is reported once:
a broken file at the first call that reaches it, a wrong name at each place where it is written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from compiler.code.declared import Declared, check_requirements
from compiler.code.executables import check_exec_task, check_executable
from compiler.code.imports import Import, imports_of, local_modules
from compiler.code.measured import check_measured
from compiler.code.modules import Fault, ModuleFault, Project, SourceModule, is_standard
from compiler.code.signatures import Mismatch, Presence, definition_of, function_names, mismatches, presence
from compiler.code.standard import is_missing, meant_name
from compiler.code.units import module_of_call
from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Position, Related, Span
from compiler.graph.handlers import handler_names
from compiler.graph.merge import merge_tasks
from compiler.graph.report import Report
from compiler.manifest.model import Call, Exec, Manifest, TaskDef
from compiler.suggest import closest, did_you_mean

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def check_code(manifest: Manifest) -> list[Diagnostic]:
    """E401 to E410, E507 and W408 of a manifest, in no particular order."""
    diagnostics, declared = check_requirements(manifest)
    check = _Check(manifest, declared)
    sources = merge_tasks(manifest, Report(manifest.sources))
    handlers = handler_names(sources)
    for name, source in sources.items():
        if len(check.found) >= MAX_MISTAKES:
            break
        match source.body:
            case Call() as call if is_readable(call):
                check.call(call, None if source.is_poisoned else manifest.tasks[name], records=name in handlers)
            case Exec() as exec_:
                check.executable(exec_, None if source.is_poisoned else source.task)
    for function in manifest.functions.values():
        if isinstance(function.body, Call) and is_readable(function.body):
            check.call(function.body, None)
        elif isinstance(function.body, Exec):
            check.executable(function.body, None)
    return diagnostics + check.found


def is_readable(call: Call) -> bool:
    """Whether a call has the form that the grammar asks for; any other is reported as E113."""
    return (call.is_path or _DOTTED.fullmatch(call.target) is not None) and _DOTTED.fullmatch(call.function) is not None


class _Check:
    """The findings so far, and what was already said."""

    def __init__(self, manifest: Manifest, declared: Declared) -> None:
        self.found: list[Diagnostic] = []
        self._manifest = manifest
        self._declared = declared
        self._project = Project(manifest.source.root)
        self._said: set[tuple[object, ...]] = set()
        self._reached: set[str] = set()
        self._sound: dict[tuple[str, str], tuple[SourceModule, Definition | None]] = {}

    def executable(self, body: Exec, task: TaskDef | None) -> None:
        found = [*check_executable(self._project, body), *(check_exec_task(task, body) if task else ())]
        for diagnostic in found:
            self._say(diagnostic, diagnostic.code, diagnostic.span)

    def call(self, call: Call, task: TaskDef | None, *, records: bool = False) -> None:
        """Check the module, the function and, for a task, its arguments; with `records` an error record is first."""
        key = (call.target, call.function)
        if key not in self._sound:
            module = self._module(call)
            if module is None or not self._function(call, module):
                return
            self._sound[key] = (module, definition_of(module, call.function))
        module, definition = self._sound[key]
        if task is not None:
            self.found += check_measured(task, definition)
        if definition is None:
            return
        if isinstance(definition, ast.AsyncFunctionDef):
            self._coroutine(call, module, definition)
        if task is not None:
            self._arguments(module, definition, task, records=records)

    def _module(self, call: Call) -> SourceModule | None:
        """The sound module of a call; None when it is outside the folder, or wrong and reported."""
        try:
            name = module_of_call(call)
            module = self._project.find(name)
        except ModuleFault as fault:
            self._fault(fault, call)
            return None
        if module is None:
            self._missing_module(call, name)
            return None
        if call.is_path and module.file != PurePosixPath(call.target).as_posix():
            message = f"`{call.target}` is hidden by the package `{module.file}`"
            diagnostic = Diagnostic(code="E401", message=message, span=call.span, hint="rename one of them")
            self._say(diagnostic, "E401", call.span)
            return None
        self._follow_imports(module, call)
        return module

    def _function(self, call: Call, module: SourceModule) -> bool:
        """Whether the module may have the function."""
        try:
            found = presence(self._project, module, call.function)
        except ModuleFault:
            return False
        if found is not Presence.NO:
            return True
        span = part_of(call, len(call.target) + 1, len(call.function))
        message = f"`{module.file}` has no function `{call.function}`"
        hint = did_you_mean(call.function, function_names(module))
        self._say(Diagnostic(code="E402", message=message, span=span, hint=hint), "E402", call.span)
        return False

    def _missing_module(self, call: Call, name: str) -> None:
        if not call.is_path and is_standard(name):
            self._standard(call, name)
            return
        if not call.is_path and self._is_outside(name):
            return
        known = [f"{near.replace('.', '/')}.py" if call.is_path else near for near in self._project.names]
        shown = call.target
        what = f"there is no file `{shown}`" if call.is_path else f"there is no module `{shown}`"
        if not call.is_path and self._declared.owners(name.partition(".")[0]):
            hint = "declare the package in `requirements`"
        else:
            hint = did_you_mean(shown, known) or "modules are looked for in the manifest's folder"
        span = part_of(call, 0, len(call.target))
        self._say(Diagnostic(code="E401", message=what, span=span, hint=hint), "E401", call.span)

    def _standard(self, call: Call, name: str) -> None:
        """Check a function of the standard library by its name."""
        if is_missing(name):
            span = part_of(call, 0, len(call.target))
            message = f"the standard library has no module `{name}`"
            self._say(Diagnostic(code="E401", message=message, span=span), "E401", call.span)
        elif near := meant_name(name, call.function):
            span = part_of(call, len(call.target) + 1, len(call.function))
            message = f"the module `{name}` has no function `{call.function}`"
            self._say(Diagnostic(code="E402", message=message, span=span, hint=f"write `{near}`"), "E402", call.span)

    def _is_outside(self, name: str) -> bool:
        return self._declared.may_provide(name) and (
            bool(self._declared.owners(name.partition(".")[0])) or closest(name, self._project.names) is None
        )

    def _coroutine(self, call: Call, module: SourceModule, definition: ast.AsyncFunctionDef) -> None:
        message = f"`{call.function}` is an `async def`: it returns a coroutine, not a value"
        hint = "make it a plain `def` that calls `asyncio.run(…)`"
        related = (self._defined(module, definition),)
        self._say(
            Diagnostic(code="E409", message=message, span=call.span, hint=hint, related=related), "E409", call.span
        )

    def _arguments(self, module: SourceModule, definition: Definition, task: TaskDef, *, records: bool) -> None:
        for mismatch in mismatches(definition, records + len(task.args or ()), tuple(task.with_ or ())):
            span, hint = _place_of(mismatch, task, records)
            related = (self._defined(module, definition),)
            self.found.append(Diagnostic(code="E403", message=mismatch.message, span=span, hint=hint, related=related))

    def _defined(self, module: SourceModule, definition: Definition) -> Related:
        return Related(
            span=self._place(module.file, definition.lineno, definition.col_offset + 1), message="defined here"
        )

    def _follow_imports(self, start: SourceModule, call: Call) -> None:
        """Check every module that the call reaches, each once."""
        parts = start.name.split(".")
        waiting = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        while waiting:
            name = waiting.pop()
            if name in self._reached:
                continue
            self._reached.add(name)
            try:
                module = self._project.find(name)
            except ModuleFault as fault:
                self._fault(fault, call)
                continue
            for item in imports_of(module) if module is not None else ():
                waiting.extend(local_modules(self._project, item))
                if module is not None:
                    self._import(item, module, call)

    def _import(self, item: Import, module: SourceModule, call: Call) -> None:
        top = item.module.partition(".")[0]
        place = self._place(module.file, item.line, item.column)
        if item.prefix_only:
            if self._project.has(top) or self._project.is_folder(top):
                message = f"`{module.file}` imports from `{item.module}` by a name that is made at run time"
                self._tell("E407", message, call, place, "import the modules by their names, so that they are shipped")
        elif not item.is_certain or is_standard(top):
            return
        elif not item.module:
            message = f"`{module.file}` has a relative import but is in no package"
            self._tell("E401", message, call, place, "import by the full name from the manifest's folder")
        elif self._is_broken(item, top):
            hint = did_you_mean(item.module, self._project.names)
            self._tell("E401", f"`{module.file}` imports `{item.module}`, which is nowhere", call, place, hint)
        elif self._is_sibling(item, module):
            message = f"`{module.file}` imports `{item.module}` as if from its own folder"
            hint = f"write `{module.package}.{item.module}`: modules are looked for in the manifest's folder"
            self._tell("E401", message, call, place, hint)
        elif self._declared and not self._is_local(top) and self._declared.certainly_lacks(top):
            message = f"`{module.file}` imports `{top}`, which `requirements` does not bring"
            self._tell("E404", message, call, place, "add the package to `requirements`")

    def _is_local(self, top: str) -> bool:
        return self._project.has(top) or self._project.is_folder(top)

    def _is_sibling(self, item: Import, module: SourceModule) -> bool:
        """Whether an import means a file beside its own, which is not where modules are looked for."""
        top = item.module.partition(".")[0]
        if not module.package or self._is_local(top) or not self._project.has(f"{module.package}.{top}"):
            return False
        return not self._declared.owners(top) and not (self._declared and self._declared.may_provide(top))

    def _is_broken(self, item: Import, top: str) -> bool:
        """Whether an import that is certain to run finds nothing for certain."""
        if self._project.has(item.module) or self._project.is_folder(item.module):
            return False
        is_ours = self._project.has(top) or self._project.has_modules(top)
        if not is_ours and closest(item.module, self._project.names) is None:
            return False
        return not self._declared.owners(top) and (is_ours or not self._declared.may_provide(top))

    def _tell(self, code: str, message: str, call: Call, place: Span, hint: str) -> None:
        related = (Related(span=place, message="imported here"),)
        self._say(Diagnostic(code=code, message=message, span=call.span, hint=hint, related=related), code, message)

    def _fault(self, fault: ModuleFault, call: Call) -> None:
        related = (
            (Related(span=self._place(fault.file, fault.line, fault.column), message="here"),) if fault.line else ()
        )
        hints: Mapping[Fault, str] = {
            Fault.RESERVED: "rename the module",
            Fault.ESCAPE: "put the file beside the manifest and name it from there",
            Fault.COMPILED: "declare the package that has it in `requirements`, or ship its Python source",
        }
        diagnostic = Diagnostic(
            code=fault.fault.code,
            message=fault.message,
            span=call.span,
            hint=hints.get(fault.fault, ""),
            related=related,
        )
        self._say(diagnostic, fault.fault, fault.file or fault.message)

    def _place(self, file: str, line: int, column: int) -> Span:
        """A place in a Python file, named as the manifest is."""
        shown = (PurePosixPath(self._manifest.source.file).parent / file).as_posix()
        return Span(shown, Position(line, column), Position(line, column + 1))

    def _say(self, diagnostic: Diagnostic, *key: object) -> None:
        if key not in self._said:
            self._said.add(key)
            self.found.append(diagnostic)


def part_of(call: Call, offset: int, length: int) -> Span:
    """The range of a part of `target:function` in the file, the whole scalar when that cannot be told."""
    start, end = call.span.start, call.span.end
    text = len(call.target) + 1 + len(call.function)
    extra = end.column - start.column - text
    if start.line != end.line or extra not in (0, 2):
        return call.span
    first = start.column + extra // 2 + offset
    return Span(call.span.file, Position(start.line, first), Position(start.line, first + length))


def _place_of(mismatch: Mismatch, task: TaskDef, records: int) -> tuple[Span, str]:
    """Where an argument is that does not fit; the first `records` ones are error records, which nobody wrote."""
    if mismatch.keyword:
        near = did_you_mean(mismatch.keyword, mismatch.known) if mismatch.known else ""
        return task.with_spans.get(mismatch.keyword, task.name_span), near
    hint = "a handler's first argument is the error record" if records else ""
    if mismatch.position >= records and task.args:
        return task.args[mismatch.position - records].span, hint
    return task.name_span, hint
