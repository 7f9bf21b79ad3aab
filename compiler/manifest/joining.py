"""Fragments joined to the manifest that includes them: the tasks, functions and `let` of all, each name once.

What stands in the manifest itself comes first, then the fragments in the order of `include`, depth first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from compiler.diagnostics import Diagnostic, Related, Span
from compiler.manifest.model import Manifest

T = TypeVar("T")
Named = tuple[str, T, Span]
"""A thing with its name, and where the name stands."""


def join_fragments(manifest: Manifest, parts: Sequence[Manifest]) -> tuple[Manifest, list[Diagnostic]]:
    """The manifest with everything that its fragments hold, and what does not go together (E314, E111)."""
    every = (manifest, *parts)
    found: list[Diagnostic] = []
    tasks = ((name, task, task.name_span) for one in every for name, task in one.tasks.items())
    functions = ((name, shared, shared.name_span) for one in every for name, shared in one.functions.items())
    lets = ((name, node, one.let_spans[name]) for one in every for name, node in one.let.items())
    joined = replace(
        manifest,
        tasks=_by_name("task", tasks, found),
        functions=_by_name("function", functions, found),
        let=_by_name("`let` name", lets, found),
        let_spans={name: span for one in reversed(every) for name, span in one.let_spans.items()},
        fragments=tuple(part.source for part in parts),
        unsupported=tuple(feature for one in every for feature in one.unsupported),
        warnings=tuple(warning for one in every for warning in one.warnings),
    )
    return joined, [*found, *_hidden_lets(joined)]


def _by_name(noun: str, named: Iterable[Named[T]], found: list[Diagnostic]) -> Mapping[str, T]:
    """The things by name, the first of each; E314 at the others."""
    things: dict[str, T] = {}
    places: dict[str, Span] = {}
    for name, thing, span in named:
        if name not in things:
            things[name], places[name] = thing, span
            continue
        found.append(
            Diagnostic(
                code="E314",
                message=f"the {noun} `{name}` is defined in `{places[name].file}` already",
                span=span,
                hint="rename one of the two",
                related=(Related(span=places[name], message="the first one is here"),),
            )
        )
    return things


def _hidden_lets(manifest: Manifest) -> Iterator[Diagnostic]:
    """E111 for a loop variable that hides a `let` of another file; of its own file it is reported before."""
    for task in manifest.tasks.values():
        for entry in task.foreach:
            for name in entry.variables:
                let = manifest.let_spans.get(name)
                if let is not None and let.file != entry.key_span.file:
                    yield Diagnostic(
                        code="E111",
                        message=f"loop variable `{name}` hides the `let` name `{name}`",
                        span=entry.key_span,
                        hint="choose another name",
                        related=(Related(span=let, message="the `let` name is here"),),
                    )
