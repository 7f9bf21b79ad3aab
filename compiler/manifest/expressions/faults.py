"""What goes wrong inside one expression, before it is known for which instance and where in the file.

`compiler.graph.report` turns a fault into a `Diagnostic`; nothing else is raised by evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.diagnostics import Related

Extent = tuple[int, int]
"""Start and end (exclusive) in the text of an expression, in characters."""


class ExprFault(Exception):
    """One mistake in one expression. `extent` is None until the expression that was evaluated is known.

    `operand` says which operand of the operation is wrong: 0 is the left one, -1 the operation as a whole.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        label: str = "",
        hint: str = "",
        operand: int = -1,
        related: tuple[Related, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.label = label
        self.hint = hint
        self.operand = operand
        self.related = related
        self.extent: Extent | None = None

    def at(self, extent: Extent) -> ExprFault:
        """The same fault, placed, unless an inner expression placed it already."""
        if self.extent is None:
            self.extent = extent
        return self


class Poisoned(Exception):
    """The value depends on something that has been reported already: no further report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFault:
    """A mistake that shows without evaluating: undefined names, forbidden constructs."""

    code: str
    message: str
    extent: Extent
    hint: str = ""
    label: str = ""
