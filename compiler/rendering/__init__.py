"""How diagnostics are shown: to people in rustc's layout, to programs as JSON, SARIF, GitHub's commands or gcc's lines.

One module per format; nothing here decides what is wrong or what matters: the caller selects, these lay out. What goes
to a terminal passes through `compiler.rendering.text`, so that no character of a manifest can steer it. `sarif`,
`github` and `gcc` are imported by who wants them.
"""

from __future__ import annotations

from compiler.rendering.human import DEFAULT_LIMIT, render_human
from compiler.rendering.json_format import to_json
from compiler.rendering.order import sort_diagnostics, summary

FORMATS = ("human", "json", "sarif", "github", "gcc")

__all__ = ["DEFAULT_LIMIT", "FORMATS", "render_human", "sort_diagnostics", "summary", "to_json"]
