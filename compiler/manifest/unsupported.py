"""Which features of a manifest are parsed and checked, but not executed by `run` yet.

One table, so that a feature becomes executable by deleting its line. Run-time `foreach` is found in expansion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from compiler.diagnostics import Span
from compiler.manifest.model import Manifest, TaskDef
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode


def find_unsupported(manifest: Manifest, tree: MappingNode) -> tuple[tuple[str, Span], ...]:
    """Each feature with its place, in the order of the file."""
    found = [*_sections(tree)]
    found += _options(manifest.defaults, manifest.default_spans)
    for function in manifest.functions.values():
        found += _options(function.options, function.option_spans)
    for task in manifest.tasks.values():
        found += _task(task)
    return tuple(sorted(found, key=lambda one: one[1].start))


def _sections(tree: MappingNode) -> Iterator[tuple[str, Span]]:
    for key, value in zip(tree.keys, tree.values, strict=True):
        name = str(key.value)
        is_later = _LATER_SECTIONS.get(name)
        if is_later is not None and is_later(value):
            yield name, key.span


def _task(task: TaskDef) -> Iterator[tuple[str, Span]]:
    if isinstance(task.fanout, MappingNode) and (tolerate := task.fanout.get("tolerate")) is not None:
        yield "fanout.tolerate", tolerate.span
    yield from _options(task.options, task.option_spans)


def _options(options: Mapping[str, Node], spans: Mapping[str, Span]) -> Iterator[tuple[str, Span]]:
    for name, node in options.items():
        if (is_later := _LATER_OPTIONS.get(name)) is not None and is_later(node):
            yield name, spans[name]


def _is_written(node: Node) -> bool:
    """Whether a section says anything: an empty one asks for nothing."""
    match node:
        case MappingNode():
            return bool(node.keys)
        case SequenceNode():
            return bool(node.items)
        case _:
            return node.value is not None


def _unless(*values: object) -> Callable[[Node], bool]:
    """Whether a node is anything but one of these scalars."""
    return lambda node: (
        not (isinstance(node, ScalarNode) and any(node.value is one or node.value == one for one in values))
    )


_LATER_SECTIONS: Mapping[str, Callable[[Node], bool]] = {
    "optimize": _is_written,
}
_LATER_OPTIONS: Mapping[str, Callable[[Node], bool]] = {
    "optimize": _is_written,
    "cache": _unless(False),
}
