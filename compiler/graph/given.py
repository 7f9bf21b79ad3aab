"""What a task gives to the inputs of the workflow that it inlines: evaluated once for each copy, and checked.

A value may be a result of another task, or an input of the outer workflow; where it goes is `compiler.graph.splicing`.
"""

from __future__ import annotations

from compiler.diagnostics import ManifestError
from compiler.graph.bind import select_path
from compiler.graph.context import Context
from compiler.graph.domains import Domain
from compiler.graph.secrets import given_secret, place_of
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.symbols import SYMBOLIC, Level
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import Manifest, Workflow
from compiler.manifest.params import accept_input
from runtime.plan import Secret, path_text
from runtime.secrecy.references import SecretReference


class GivenInputs:
    """What a task gives to the inputs of the workflow that it inlines, evaluated once for each copy."""

    def __init__(self, domain: Domain, context: Context) -> None:
        body = domain.task_source.body
        called = context.manifest.linked[body.name] if isinstance(body, Workflow) else None
        assert called is not None, "called for a task that inlines a workflow"
        self.called: Manifest = called
        self._domain = domain
        self._context = context
        variables = {name: slot for slot, name in enumerate(domain.variables)}
        given = domain.task_source.task.with_ or {}
        self._templates: dict[str, TreeTemplate] = {
            name: context.compile(node, variables) for name, node in given.items() if name in called.inputs
        }
        self._values: dict[tuple[int, str], object] = {}

    def value(self, copy: int, name: str) -> object:
        """The value of an input, families in it as lists. Raises Poisoned when it is wrong, which is reported."""
        template = self._templates.get(name)
        key = (copy if template is not None and template.slots else -1), name
        if key not in self._values:
            self._values[key] = _WRONG
            self._values[key] = self._evaluated(copy, name, template)
        if self._values[key] is _WRONG:
            raise Poisoned
        return self._values[key]

    def part(self, copy: int, name: str, path: tuple[str | int, ...]) -> object:
        """A part of an input. Raises ExprFault (E208) when the value is known to have no such part, Poisoned."""
        value = self.value(copy, name)
        try:
            return select_path(value, path)
        except ExprFault as fault:
            message = f"`{self.called.name}` reads `{name}{path_text(path)}`, and this value has no such part"
            raise ExprFault("E208", message, hint=fault.hint) from fault

    def refuse(self, name: str, fault: ExprFault) -> None:
        """Report a fault of a value where it is given."""
        template = self._templates.get(name)
        if template is not None:
            self._context.report.fault(self._context.whole(template.node, fault))
        else:
            task = self._domain.task_source.task
            self._context.report.error(fault.code, fault.message, task.name_span, hint=fault.hint)

    def check(self) -> None:
        for name, template in self._templates.items():
            for copy in range(len(self._domain.keys) if template.slots else min(1, len(self._domain.keys))):
                self._context.stop_when_spent()
                try:
                    self.value(copy, name)
                except Poisoned:
                    continue

    def _evaluated(self, copy: int, name: str, template: TreeTemplate | None) -> object:
        declared = self.called.inputs[name]
        if template is None:
            return self._accepted(name, declared.default)
        domain, frame = self._domain, list(self._domain.frames[copy])
        where = (domain.name_of(copy), domain.bindings(copy), domain.task_source.task.foreach) if template.slots else ()
        try:
            value = _listed(template.evaluate(frame))
        except (TemplateFault, Poisoned):
            self._context.blame(template.leaves, frame, *where)
            return _WRONG
        if not _is_symbolic(value):
            return self._accepted(name, value)
        try:
            return given_secret(declared, value, self._context)
        except ExprFault as fault:
            self._context.report.fault(self._context.whole(template.node, fault))
        except Poisoned:
            pass
        return _WRONG

    def _accepted(self, name: str, value: object) -> object:
        declared, template = self.called.inputs[name], self._templates.get(name)
        node_span = template.node.span if template is not None else None
        span = node_span or declared.default_span or declared.span
        place = place_of(span, self._context.manifest if node_span is not None else self.called)
        try:
            accepted = accept_input(declared, value, span)
            return Secret(name, str(accepted), place) if isinstance(accepted, SecretReference) else accepted
        except ManifestError as err:
            for diagnostic in err.diagnostics:
                self._context.report.add(diagnostic)
            return _WRONG


_WRONG = object()
"""Stands for the value of an input that is wrong, which is reported."""


def _listed(value: object) -> object:
    """A value with its families and ranges as lists: what a task would be called with."""
    match value:
        case Level():
            return [_listed(item) for item in value.items()]
        case list() | range():
            return [_listed(item) for item in value]
        case dict():
            return {key: _listed(item) for key, item in value.items()}
        case _:
            return value


def _is_symbolic(value: object) -> bool:
    match value:
        case list():
            return any(map(_is_symbolic, value))
        case dict():
            return any(map(_is_symbolic, value.values()))
        case _:
            return isinstance(value, SYMBOLIC)
