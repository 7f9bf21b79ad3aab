"""One instance of a graph as the command line shows it: references by the names of what they refer to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.graph.evaluated import on_error_value, variable_text
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Call, ErrorPolicy
from runtime.plan import Blob, Input, Key, Leaf, Retry, Secret, Value, map_refs, path_text, slot_name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """`args` and `kwargs` are JSON data in which a reference is `{"ref": slot, "path": [...], "handlers": [...]}`.

    An input of the run is `{"input": name, "path": [...]}`.
    """

    name: str
    task: str
    keys: tuple[Key, ...]
    body: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    needs: tuple[str, ...]
    options: Mapping[str, object]
    line: int

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "task": self.task,
            "keys": list(self.keys),
            "body": self.body,
            "args": list(self.args),
            "with": dict(self.kwargs),
            "needs": list(self.needs),
            "line": self.line,
            **self.options,
        }

    def as_line(self) -> str:
        values = [value_text(value) for value in self.args]
        values += [f"{name}={value_text(value)}" for name, value in self.kwargs.items()]
        worker = f"  on {self.options['worker']}" if "worker" in self.options else ""
        return f"{self.name} = {self.body}({', '.join(values)}){worker}"


def view_instance(graph: Graph, instance: int) -> InstanceView:
    family = graph.families[graph.family_of[instance]]
    return InstanceView(
        name=graph.name_of(instance),
        task=family.task,
        keys=graph.keys[instance],
        body=_body(family),
        args=tuple(named_value(graph, instance, value) for value in graph.args[instance]),
        kwargs={name: named_value(graph, instance, value) for name, value in graph.kwargs[instance].items()},
        needs=tuple(slot_of(graph, *edge) for edge in graph.in_edges[instance]),
        options=_options(graph, instance, family),
        line=family.span.start.line,
    )


def value_text(value: object) -> str:
    """An argument for people: a reference is its name, a list or dict is written as such."""
    match value:
        case {"ref": str(slot), "path": list(path)}:
            return slot + "".join(f"[{json.dumps(step)}]" for step in path)
        case {"ref": str(slot), "handlers": list(handlers), **rest}:
            return " else ".join([value_text({"ref": slot, **rest}), *handlers])
        case {"ref": str(slot), **rest} if not rest:
            return slot
        case {"input": str(name), "path": list(path)}:
            return f"${{{{ inputs.{name}{path_text(tuple(path))} }}}}"
        case {"secret": str(name), "reference": str(reference)}:
            return variable_text(Secret(name, reference))
        case dict():
            return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(value_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _body(family: Family) -> str:
    if isinstance(family.body, Call):
        return f"{family.body.target}:{family.body.function}"
    return "exec"


def _options(graph: Graph, instance: int, family: Family) -> dict[str, object]:
    """What is set beside the defaults, and what a later version executes, by its name."""
    option = graph.option_of(instance)
    resources = option.resources
    every: dict[str, object] = {
        "outputs": list(family.outputs),
        "worker": option.worker,
        "dynamic": family.dynamic,
        "memory_min_mb": resources.memory_min_mb,
        "memory_max_mb": resources.memory_max_mb,
        "cpu": resources.cpu,
        "tmp_mb": resources.tmp_mb,
        "arch": resources.arch,
        "timeout_s": option.timeout_s,
        "retry": _retry(option.repetition),
        "io": option.io.kind if option.io else None,
        "requirements": list(option.requirements),
        "env": {name: variable_text(value) for name, value in option.environ},
        "on_error": on_error_value(option.on_error) if option.on_error != ErrorPolicy() else None,
        "idempotent": None if option.is_idempotent else "false",
        **dict(option.other),
    }
    return {name: value for name, value in every.items() if value not in (None, [], {}, False)}


def _retry(retry: Retry) -> dict[str, object]:
    """What is repeated and when; without `on`, every failure."""
    every: dict[str, object] = {
        "max": retry.max,
        "delay_s": retry.delay_s,
        "backoff": retry.backoff if retry.backoff != 1 else None,
        "max_delay_s": retry.max_delay_s,
        "jitter": retry.jitter if retry.jitter != "none" else None,
        "on": ["Killed"] if retry.kills_only else list(retry.on),
    }
    return {name: value for name, value in every.items() if name == "max" or value}


def slot_of(graph: Graph, producer: int, output: int) -> str:
    """The name of what an edge carries: `split.train`, or the producer's own."""
    family = graph.families[graph.family_of[producer]]
    return slot_name(graph.name_of(producer), family.outputs[output] if output >= 0 else None)


def named_value(graph: Graph, instance: int, value: Value) -> object:
    """A bound value of an instance as JSON data, references by name."""

    def name(leaf: Leaf) -> object:
        match leaf:
            case Blob(digest):
                return {"blob": digest}
            case Input(given, path):
                return {"input": given, "path": list(path)}
            case Secret(secret, reference):
                return {"secret": secret, "reference": reference}
        slot, *handlers = [slot_of(graph, *graph.in_edges[instance][edge]) for edge in leaf.edges]
        parts: dict[str, object] = {"path": list(leaf.path)} if leaf.path else {}
        return {"ref": slot, **parts, **({"handlers": handlers} if handlers else {})}

    return map_refs(value, name)
