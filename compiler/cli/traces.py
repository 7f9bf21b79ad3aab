"""One instance with everything that is known of it: each value with its source, what it waits for, who waits for it.

The same facts as a table (`treadle expand`), as sentences (`treadle explain`) and as JSON data. What the facts are
is decided by `compiler.graph.provenance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.cli.instances import InstanceView, named_value, value_text, view_instance
from compiler.diagnostics import Span
from compiler.graph.features import waiting_features
from compiler.graph.model import Graph
from compiler.graph.provenance import Fact, Provenance, bindings_of
from compiler.rendering.text import cells

CLIP = 200
"""Characters of a value or a list of names that people are shown; JSON has all."""
WIDE = 40
"""A longer value does not widen the column of values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`facts` are those of the graph, `values` in parallel the value of each as JSON data."""

    view: InstanceView
    span: Span
    siblings: int
    bindings: Mapping[str, object]
    facts: tuple[Fact, ...]
    values: tuple[object, ...]
    consumers: tuple[str, ...]
    waiting: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        values = [_fact_json(fact, value) for fact, value in zip(self.facts, self.values, strict=True)]
        return {
            **self.view.as_json(),
            "source": _place_json(self.span),
            "bindings": dict(self.bindings),
            "values": values,
            "consumers": list(self.consumers),
            "not_executed_yet": list(self.waiting),
        }


class Tracer:
    """Traces of the instances of one graph; the table of consumers is made once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._consumers = graph.consumers()
        self._provenance = Provenance(graph)

    def trace(self, instance: int) -> Trace:
        graph = self._graph
        family = graph.families[graph.family_of[instance]]
        facts = self._provenance.facts_of(instance)
        consumers = dict.fromkeys(graph.name_of(consumer) for _, consumer in self._consumers[instance])
        return Trace(
            view=view_instance(graph, instance),
            span=family.span,
            siblings=family.count,
            bindings=bindings_of(graph, instance),
            facts=facts,
            values=tuple(named_value(graph, instance, fact.value) for fact in facts),
            consumers=tuple(consumers),
            waiting=waiting_features(graph, instance, facts),
        )


def table(trace: Trace) -> Iterator[str]:
    """The lines below the name of an instance: what, its value, its source; an expression below its value."""
    rows = [("bindings", bindings_text(trace.bindings), "", "")] if trace.bindings else []
    rows += [_row(fact, value) for fact, value in zip(trace.facts, trace.values, strict=True)]
    rows += [(label, text, "", "") for label, text in _neighbours(trace)]
    width = max((len(name) for name, *_ in rows), default=0)
    column = max((cells(text) for _, text, source, _ in rows if source and cells(text) <= WIDE), default=0)
    for name, text, source, expression in rows:
        yield f"  {name:<{width}}  {text}{' ' * (column - cells(text))}  {source}".rstrip()
        if expression:
            yield f"  {'':<{width}}    {expression}"


def sentences(trace: Trace) -> Iterator[str]:
    """The same in prose, a sentence a line."""
    family = f"one of {trace.siblings:,} instances of" if trace.view.keys else "the one instance of"
    yield f"{trace.view.name} is {family} `{trace.view.task}`, {place_text(trace.span)}."
    if trace.bindings:
        yield f"In it, {bindings_text(trace.bindings)}."
    for fact, value in zip(trace.facts, trace.values, strict=True):
        yield _sentence(fact, value)
    needs, consumers = trace.view.needs, trace.consumers
    yield f"It waits for {_names(needs)}." if needs else "It waits for nothing: a run can start with it."
    yield f"Its result goes to {_names(consumers)}." if consumers else "No other instance takes its result."
    if trace.waiting:
        yield f"Not executed yet, so that `run` refuses it: {', '.join(trace.waiting)}."


def _sentence(fact: Fact, value: object) -> str:
    text = clipped(_text(value))
    if fact.path == "call":
        return f"It calls {text}, {source_text(fact)}."
    if not fact.expression:
        return f"`{fact.path}` is {text}, {source_text(fact)}."
    return f"`{fact.path}` is {text}, {source_text(fact)}:  {expression_text(fact)}"


def expression_text(fact: Fact) -> str:
    """`${{ 2*i }}` where i = 3."""
    where = f"  where {bindings_text(fact.bindings)}" if fact.bindings else ""
    return " ".join(fact.expression.split()) + where


def bindings_text(bindings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {clipped(value_text(value), 60)}" for name, value in bindings.items())


def source_text(fact: Fact) -> str:
    """`line 12 (workflow.yaml:12:15), from defaults`."""
    if fact.span is None:
        return str(fact.layer)
    layer = f", from {fact.layer}" if fact.layer.kind != "task" else ""
    return place_text(fact.span) + layer


def place_text(span: Span) -> str:
    return f"line {span.start.line} ({span.file}:{span.start.line}:{span.start.column})"


def clipped(text: str, limit: int = CLIP) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _neighbours(trace: Trace) -> list[tuple[str, str]]:
    found = [("waits for", trace.view.needs), ("consumers", trace.consumers), ("not executed yet", trace.waiting)]
    return [(label, _names(names)) for label, names in found if names]


def _names(names: tuple[str, ...]) -> str:
    """As many as fit, then how many more there are."""
    shown, used = 0, 0
    while shown < len(names) and used + len(names[shown]) < CLIP:
        used += len(names[shown]) + 2
        shown += 1
    more = f", … ({len(names) - shown:,} more)" if shown < len(names) else ""
    return ", ".join(names[:shown]) + more


def _row(fact: Fact, value: object) -> tuple[str, str, str, str]:
    name = f"  {fact.path}" if fact.is_part else fact.path
    expression = expression_text(fact) if fact.expression else ""
    return name, clipped(_text(value)), source_text(fact), expression


def _text(value: object) -> str:
    return value if isinstance(value, str) and value and value.isprintable() else value_text(value)


def _fact_json(fact: Fact, value: object) -> dict[str, object]:
    source: dict[str, object] = {"kind": fact.layer.kind, "name": fact.layer.name or None}
    return {
        "path": fact.path,
        "value": value,
        "source": source | _place_json(fact.span),
        "expression": fact.expression or None,
        "bindings": dict(fact.bindings),
    }


def _place_json(span: Span | None) -> dict[str, object]:
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": span.file, "line": span.start.line, "column": span.start.column}
