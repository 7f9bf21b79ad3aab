"""How much an expression may compute: sizes are checked before a value is made, work is charged to one account.

Compiling is bounded whatever the manifest says. The sizes bound one value; the account (`Budget`) bounds the
sum of the elements that all expressions of a manifest touch. Time is never read: the same text always gives
the same answer.
"""

from __future__ import annotations

from compiler.manifest.expressions.faults import ExprFault

MAX_ELEMENTS = 2_000_000
MAX_TEXT = 1_048_576
MAX_INT_BITS = 4_096
MAX_VALUE_DEPTH = 64
STEPS_PER_INSTANCE = 50
"""The account of a compilation is so many times the limit of its instances."""

CHARACTERS_PER_STEP = 32
MAX_TOKENS = 2_000
MAX_EXPRESSION = 65_536
MAX_TEMPLATE = 262_144
"""Characters of one expression, and of one scalar that holds expressions."""

MAX_PARTS = 2_000
"""Expressions and texts between them in one scalar."""

MAX_SYNTAX_DEPTH = 100


class Budget:
    """The account of element steps of one compilation."""

    __slots__ = ("steps",)

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @property
    def is_spent(self) -> bool:
        return self.steps < 0

    def charge(self, steps: int) -> None:
        """Take `steps` from the account. Raises E207 when it is used up."""
        self.steps -= steps
        if self.steps < 0:
            raise ExprFault(
                "E207",
                "the expressions of this manifest compute too much",
                hint="let the tasks compute what does not shape the graph, or allow more with --max-instances",
            )


def check_elements(count: int, what: str) -> int:
    """`count`, if a list of so many elements may be made. Raises E207."""
    if count > MAX_ELEMENTS:
        shown = f"{count:,}" if count.bit_length() < 128 else "far too many"
        raise ExprFault(
            "E207", f"{what} has {shown} elements", hint=f"keep it below {MAX_ELEMENTS:,} elements", label="too large"
        )
    return count


def check_text(length: int, budget: Budget) -> None:
    """Raises E207 for a text of more than MAX_TEXT characters; a long one is charged."""
    budget.charge(length // CHARACTERS_PER_STEP)
    if length > MAX_TEXT:
        raise ExprFault(
            "E207",
            f"the text has {length:,} characters",
            hint=f"keep a computed text below {MAX_TEXT:,} characters",
            label="too long",
        )


def check_bits(bits: int) -> None:
    """Raises E207 for an integer of more than MAX_INT_BITS bits."""
    if bits > MAX_INT_BITS:
        raise ExprFault(
            "E207", "the number is too large", hint=f"keep integers below 2 ** {MAX_INT_BITS}", label="too large"
        )
