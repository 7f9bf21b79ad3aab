"""What is wrong, collected while a graph is made: one report for each mistake, however many instances have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Related, Span
from compiler.graph.places import Places
from compiler.manifest.expressions.faults import StaticFault
from compiler.manifest.expressions.symbols import show
from compiler.manifest.expressions.templates import Template, TemplateFault
from compiler.manifest.model import Source
from compiler.manifest.tree import ScalarNode


class Stopped(Exception):
    """Nothing more is evaluated: enough mistakes are found, or the account of work or the limit of edges is used up,
    which is reported.
    """


class Report:
    """Diagnostics in the order they were found; a repeated one only counts. What reports one too many is Stopped.

    `count` is the number of all, so that a stage can tell whether another one found anything.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._places = Places(sources)
        self.count = 0
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self._more: dict[tuple[object, ...], int] = {}

    def place(self, node: ScalarNode, start: int, end: int) -> Span:
        """Where a part of a scalar's value stands in the file."""
        return self._places.find(node, start, end)

    def add(self, diagnostic: Diagnostic) -> None:
        key = (diagnostic.code, diagnostic.span, diagnostic.message if diagnostic.span is None else "")
        self._count(key, diagnostic)

    def error(self, code: str, message: str, span: Span | None, *, hint: str = "", label: str = "") -> None:
        self.add(Diagnostic(code=code, message=message, span=span, hint=hint, label=label))

    def statics(self, template: Template) -> None:
        """What compiling a scalar found."""
        for fault in template.faults:
            self.static(template.node, fault)

    def static(self, node: ScalarNode, fault: StaticFault) -> None:
        key = (fault.code, id(node), fault.extent)
        self.count += 1
        if key not in self._found:
            self._stop_when_full()
            span = self._places.find(node, *fault.extent)
            found = Diagnostic(code=fault.code, message=fault.message, span=span, hint=fault.hint, label=fault.label)
            self._found[key] = found

    def fault(self, found: TemplateFault, instance: str = "", bindings: Mapping[str, object] | None = None) -> None:
        """A fault of evaluation, in an instance when the scalar depends on one."""
        fault = found.fault
        key = (fault.code, id(found.node), found.start, found.end)
        self.count += 1
        if key in self._found:
            self._more[key] = self._more.get(key, 0) + 1
            return
        self._stop_when_full()
        self._found[key] = Diagnostic(
            code=fault.code,
            message=fault.message,
            span=self._places.find(found.node, found.start, found.end),
            label=fault.label,
            hint=fault.hint,
            instance=instance,
            bindings={name: _shown(value) for name, value in (bindings or {}).items()},
            related=fault.related,
        )

    def knows(self, found: TemplateFault) -> bool:
        """Whether the same fault was reported already, for another instance."""
        return (found.fault.code, id(found.node), found.start, found.end) in self._found

    def relate(self, first: int, related: Related) -> None:
        """Add a secondary place to the diagnostics from the `first`-th different one on."""
        for key in list(self._found)[first:]:
            found = self._found[key]
            self._found[key] = replace(found, related=(*found.related, related))

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._found)

    def _count(self, key: tuple[object, ...], diagnostic: Diagnostic) -> None:
        self.count += 1
        if key in self._found:
            self._more[key] = self._more.get(key, 0) + 1
        else:
            self._stop_when_full()
            self._found[key] = diagnostic

    def _stop_when_full(self) -> None:
        if len(self._found) >= MAX_MISTAKES:
            raise Stopped

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(
            replace(found, more=self._more[key]) if key in self._more else found for key, found in self._found.items()
        )


def _shown(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool)) or value is None else show(value)
