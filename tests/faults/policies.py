"""What `when` and `on_error` say in the scenarios of the fault driver, and what follows from it.

Tasks are skipped by a constant or by an input that is null; guarded ones give null, their error record or a value when
they fail, or leave it to a handler: a task whose first input is theirs. About half of the guarded ones always fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from runtime.plan import Condition, Leaf, OnError, Ref, Task, Value, map_refs
from runtime.tasks.conditions import holds
from runtime.tasks.remedies import FailedTask, chosen, substitutes

ACTIONS = ("skip", "continue", "value", "task", "task")
NOT_NULL = Condition("ne", (Ref(0), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """`on_error` has the action of each guarded task, `handles` the guarded task of each handler."""

    on_error: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    handles: Mapping[str, str] = field(default_factory=dict)
    when: Mapping[str, Value] = field(default_factory=dict)

    def dress(self, task: Task) -> Task:
        """The record of a task with what these say of it and of its inputs."""
        when = self.when.get(task.name, True)
        action = self.on_error.get(task.name, "fail")
        value: Value = dict.fromkeys(task.outputs, "instead") if task.outputs else "instead"
        return replace(
            task,
            args=tuple([self._handled(task, value) for value in task.args]),
            on_error=OnError(action=action, value=value if action == "value" else None),
            is_handler=task.name in self.handles,
            when=when if isinstance(when, bool) or task.in_edges else True,
        )

    def _handled(self, task: Task, value: Value) -> Value:
        def visit(leaf: Leaf) -> object:
            assert isinstance(leaf, Ref), "tasks take nothing but results"
            producer = task.in_edges[leaf.edge].producer
            handlers = [at for at, edge in enumerate(task.in_edges) if self.handles.get(edge.producer) == producer]
            return Ref(leaf.edge, leaf.path, tuple(handlers))

        return map_refs(value, visit)  # type: ignore[return-value]


def draw_policies(seed: int, inputs: Mapping[str, list[str]], unguarded: frozenset[str]) -> Policies:
    """In every other scenario none. What is drawn for a task depends on its name and its first input alone."""
    random = Random(f"{seed}/policies")
    if random.random() < 0.5:
        return Policies()
    share = random.choice((0.1, 0.3, 0.6))

    def draws(what: str, name: str) -> Random | None:
        one = Random(f"{seed}/{what}/{name}")
        return one if one.random() < share else None

    on_error = {n: one.choice(ACTIONS) for n in inputs if n not in unguarded and (one := draws("on_error", n))}
    firsts = {name: sources[0].partition(".")[0] for name, sources in inputs.items() if sources}
    return Policies(
        on_error=on_error,
        broken=frozenset(name for name in on_error if Random(f"{seed}/broken/{name}").random() < 0.5),
        handles={name: first for name, first in firsts.items() if on_error.get(first) == "task"},
        when={name: one.choice((False, NOT_NULL)) for name in inputs if (one := draws("when", name))},
    )


def is_skipped(task: Task, inputs: Mapping[str, object]) -> bool:
    """Whether a task does not run on these values of its slots."""
    if task.is_handler and not isinstance(inputs[task.in_edges[0].slot], FailedTask):
        return True
    return not holds(task.when, lambda leaf: value_of(task, leaf, inputs))


def value_of(task: Task, leaf: Leaf, inputs: Mapping[str, object]) -> object:
    """What a reference stands for."""
    assert isinstance(leaf, Ref), "tasks take nothing but results"
    return chosen(leaf, lambda edge: inputs[task.in_edges[edge].slot])


def stand_ins(task: Task, record: str) -> dict[str, object]:
    """What stands for the outputs of a task that has failed for good."""
    return substitutes(task, record, lambda leaf: leaf)


def failure_of(task: Task, message: str, attempt: int, token: str) -> str:
    """The record of a failed attempt."""
    document = {"task": task.name, "message": message, "attempt": attempt, "worker": token}
    return json.dumps({**document, "on_error": task.on_error.action})
