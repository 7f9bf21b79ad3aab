"""Environment variables as written in `env:`: names that a task may not set, and texts that no environment can hold."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic
from compiler.manifest.tree import MappingNode, Node, ScalarNode

_TAKEN = ("AWS_", "LAMBDA_", "_HANDLER", "_X_AMZN_", "TREADLE_")
"""How the names begin that Lambda sets for the function, or treadle for its worker, which reads them meanwhile."""


def check_variables(env: Node | None) -> Iterator[Diagnostic]:
    """E111 at each name that is not a task's to set, E103 at each value with a NUL character."""
    if not isinstance(env, MappingNode):
        return
    for key, value in zip(env.keys, env.values, strict=True):
        name = str(key.value)
        if name.startswith(_TAKEN):
            owner = "treadle" if name.startswith("TREADLE_") else "Lambda"
            message = f"the environment variable `{name}` is set by {owner} and cannot be set for a task"
            yield Diagnostic(code="E111", message=message, span=key.span, hint="choose another name")
        if isinstance(value, ScalarNode) and isinstance(value.value, str) and "\0" in value.value:
            message = f"the value of `{name}` holds a NUL character, and no environment variable can"
            yield Diagnostic(code="E103", message=message, span=value.span, hint="remove the character")
