"""How diagnostics are shown: to people in rustc's layout, to programs as JSON, SARIF, GitHub's commands or gcc's lines.

One module per format; nothing here decides what is wrong or what matters: the caller selects, these lay out. Whatever
comes from a manifest passes through `compiler.rendering.text`, so that no character of it can steer a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.diagnostics import Diagnostic
from compiler.rendering.human import DEFAULT_LIMIT, render_human
from compiler.rendering.json_format import render_json, to_json
from compiler.rendering.order import explain_code, sort_diagnostics, summary

FORMATS = ("human", "json", "sarif", "github", "gcc")

__all__ = [
    "DEFAULT_LIMIT",
    "FORMATS",
    "explain_code",
    "render_human",
    "render_json",
    "render_machine",
    "sort_diagnostics",
    "summary",
    "to_json",
]


def render_machine(diagnostics: Sequence[Diagnostic], form: str) -> str:
    """The text of one of `FORMATS` that programs read, in order of place; its modules are loaded when they are used."""
    match form:
        case "json":
            return render_json(diagnostics)
        case "sarif":
            from compiler.rendering.sarif import render_sarif

            return render_sarif(diagnostics)
        case "github":
            from compiler.rendering.github import render_github

            return render_github(diagnostics)
        case "gcc":
            from compiler.rendering.gcc import render_gcc

            return render_gcc(diagnostics)
        case _:
            raise AssertionError(f"no machine format {form}")
