"""Histories that go: whole graphs, or what a function left in each graph that calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runtime.errors import RuntimeFault
from runtime.history.records import GraphHistory
from runtime.history.store import SHORT, Head, HistoryStore, folded

SHORTEST = 8
"""Digits of a fingerprint that are taken for one."""


class UnknownHistory(RuntimeFault):
    """Nothing has this name."""

    code = "unknown-history"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to go: whole graphs, or of these one function alone, by its fingerprint or a beginning of it."""

    heads: tuple[Head, ...]
    fingerprint: str = ""


def named(heads: Sequence[Head], name: str) -> tuple[Head, ...]:
    """The graphs of a workflow, or that whose signature begins so. Raises `UnknownHistory`."""
    found = tuple(head for head in heads if name in (head.workflow, head.signature)) or tuple(
        head for head in heads if name and head.signature.startswith(name)
    )
    if found:
        return found
    workflows = sorted({head.workflow for head in heads})
    hint = f"the workflows are {', '.join(workflows)}" if 0 < len(workflows) <= 8 else "`treadle history` lists them"
    raise UnknownHistory(f"there is no history of `{name}`", hint=hint if heads else "runs leave one")


def with_function(heads: Sequence[Head], fingerprint: str) -> Choice:
    """The graphs that call a function. Raises `UnknownHistory`."""
    if len(fingerprint) < SHORTEST:
        raise UnknownHistory(f"`{fingerprint}` is too short for a fingerprint", hint=f"give {SHORTEST} digits or more")
    short = fingerprint[:SHORT]
    found = tuple(head for head in heads if any(one.startswith(short) for one in head.functions))
    if not found:
        raise UnknownHistory(f"no function with a history has the fingerprint {fingerprint}")
    return Choice(heads=found, fingerprint=fingerprint)


def older_than(heads: Iterable[Head], before: float) -> tuple[Head, ...]:
    """The graphs whose newest run began earlier."""
    return tuple(head for head in heads if head.seen_at < before)


def forget(store: HistoryStore, choice: Choice) -> None:
    """Remove what was chosen; what runs add meanwhile may stay."""
    for head in choice.heads:
        if not choice.fingerprint:
            store.remove(head.signature)
        else:
            store.rewrite(head.signature, folded(head.signature, lambda graph: without(graph, choice.fingerprint)))


def without(graph: GraphHistory, fingerprint: str) -> GraphHistory:
    """The same without the tasks that ran this function."""
    kept = {key: family for key, family in graph.families.items() if not family.fingerprint.startswith(fingerprint)}
    return replace(graph, families=kept)
