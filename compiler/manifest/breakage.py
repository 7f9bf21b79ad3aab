"""How far the mistakes of a manifest reach: which of its parts the later phases can still use.

A mistake in an option leaves the graph as it is; one in an entry of a section leaves that entry out, known by its name
alone; any other leaves nothing that could be expanded without following errors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from compiler.diagnostics import Diagnostic, Position
from compiler.manifest.tree import MappingNode, Node, ScalarNode, pairs_of
from compiler.manifest.vocabulary import MERGE_KEY, intended_key

TASK_OPTIONS = frozenset(
    {
        *("resources", "retry", "timeout", "io", "sla", "optimize", "requirements", "cache", "env"),
        *("on_error", "idempotent", "description", "labels"),
    }
)
BODIES = ("call", "exec", "use", "workflow")
_LOCAL_SECTIONS = frozenset(
    {
        *("spec", "name", "description", "labels", "sla", "optimize", "metrics", "defaults", "outputs"),
        *("workers", "requirements", "result"),
    }
)
"""Sections whose mistakes leave the graph as it is."""

_LOCAL_ENTRIES = ("tasks", "functions", "let", "params", "inputs", "secrets")
"""Sections of which a mistake leaves out one entry: it is still known by name, and what uses it is silent."""

_LOCAL_FIELDS = TASK_OPTIONS | {"worker", "fanout"}
"""Fields of a task whose mistakes leave its instances and edges as they are."""

_SHAPING_FIELDS = (*BODIES, "args", "with", "foreach", "where", "fanout", "extends")
"""Fields of a task without which its call or its instances are others."""

_FIELDS = (*_SHAPING_FIELDS, "when", "after", "worker", "outputs", *sorted(TASK_OPTIONS))
_KNOWN_FIELDS = frozenset(_FIELDS)

_NAMING_SECTIONS = ("params", "inputs", "let", "functions", "include", "imports", "secrets")
_SECTIONS = (
    *("spec", "name", "description", "labels", *_NAMING_SECTIONS, "defaults", "requirements", "sla", "optimize"),
    *("workers", "metrics", "tasks", "outputs", "result"),
)

HARMLESS = frozenset({"E102", "E114"})
"""Codes of keys that are left out."""


class Wrong:
    """The places of errors, to be asked which parts of the file hold one."""

    def __init__(self, errors: Iterable[Diagnostic]) -> None:
        self._starts = sorted(one.span.start for one in errors if one.span is not None)

    def count_in(self, key: ScalarNode, value: Node) -> int:
        """How many errors begin between a key and the end of its value."""
        if not self._starts:
            return 0
        end = max(value.span.end, Position(value.span.start.line, value.span.start.column + 1))
        return max(0, bisect_left(self._starts, end) - bisect_left(self._starts, key.span.start))

    def is_at(self, key: ScalarNode) -> bool:
        """Whether an error is about a key itself."""
        at = bisect_left(self._starts, key.span.start)
        return at < len(self._starts) and self._starts[at] == key.span.start

    def __len__(self) -> int:
        return len(self._starts)


def are_local(wrong: Wrong, grave: Wrong, tree: MappingNode, tasks: MappingNode) -> bool:
    """Whether later phases can do without the parts of the manifest that errors are about."""
    if any(wrong.is_at(key) and _is_meant_to_name(str(key.value)) for key in tree.keys):
        return False
    parts = [pair for pair in pairs_of(tree) if pair[0].value in _LOCAL_SECTIONS]
    parts += pairs_of(tasks)
    for name in _LOCAL_ENTRIES:
        section = tree.get(name)
        parts += pairs_of(section) if isinstance(section, MappingNode) and section is not tasks else ()
    return sum(grave.count_in(key, value) for key, value in parts) >= len(grave)


def _is_meant_to_name(name: str) -> bool:
    """Whether a mistyped or foreign key stands for a section that gives the names which later phases would miss."""
    return name not in _SECTIONS and name[:2] != "x-" and intended_key(name, _SECTIONS) in _NAMING_SECTIONS


def is_broken(key: ScalarNode, node: Node, wrong: Wrong, grave: Wrong) -> bool:
    """Whether errors of a task or function reach into what it is, rather than into its options."""
    count = grave.count_in(key, node)
    if not isinstance(node, MappingNode):
        return count > 0
    if any(wrong.is_at(name) and _is_meant_to_shape(str(name.value)) for name in node.keys):
        return True
    local = (grave.count_in(name, value) for name, value in pairs_of(node) if name.value in _LOCAL_FIELDS)
    return count > 0 and count > sum(local)


def _is_meant_to_shape(name: str) -> bool:
    """Whether a mistyped or foreign key stands for a field that shapes the task."""
    if name in _KNOWN_FIELDS or name[:2] == "x-":
        return False
    return name == MERGE_KEY or intended_key(name, _FIELDS) in _SHAPING_FIELDS
