"""The options of an instance as the manifest would write their values, by path: `resources.memory` is `2048MiB`.

For showing what an expression in an option came to. A field that may be written in two forms, such as `retry: 3` and
`retry: {max: 3}`, has both paths. Options that are kept as text are read back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from compiler.manifest.model import ErrorPolicy, IoHint, Resources, TaskOptions
from runtime.plan import Input, Retry, Secret, Variable, path_text
from runtime.quantities import format_duration

Pair = tuple[str, object]


def evaluated_options(options: TaskOptions) -> dict[str, object]:
    """Path of an option or of a field in it -> its value in the words of the manifest."""
    found = dict((*_resources(options.resources), *_retry(options.retry)))
    found["idempotent"] = options.is_idempotent
    found |= {"timeout": format_duration(options.timeout_s), "worker": options.worker}
    found["requirements"] = list(options.requirements)
    found |= {f"env.{name}": variable_text(value) for name, value in options.environ}
    if options.io is not None:
        found |= dict(_io(options.io))
    found |= dict(_fields("on_error", on_error_value(options.on_error)))
    for name, text in options.other:
        found |= dict(_fields(name, json.loads(text)))
    return found


def on_error_value(policy: ErrorPolicy) -> object:
    """What `on_error:` says."""
    match policy.action:
        case "value":
            return {"value": json.loads(policy.value)}
        case "task":
            return {"task": policy.task}
        case action:
            return action


def _resources(resources: Resources) -> Iterator[Pair]:
    least = _memory(resources.memory_min_mb)
    yield from (("resources.memory", least), ("resources.memory.min", least))
    yield "resources.memory.max", _memory(resources.memory_max_mb)
    yield from (("resources.cpu", resources.cpu), ("resources.tmp", _memory(resources.tmp_mb)))
    yield "resources.arch", resources.arch


def _memory(size_mb: int | None) -> str | None:
    return None if size_mb is None else f"{size_mb}MiB"


def _retry(retry: Retry) -> Iterator[Pair]:
    yield from (("retry", retry.max), ("retry.max", retry.max))
    yield from (("retry.delay", format_duration(retry.delay_s)), ("retry.backoff", retry.backoff))
    yield "retry.max_delay", None if retry.max_delay_s is None else format_duration(retry.max_delay_s)
    yield from (("retry.jitter", retry.jitter), ("retry.on", list(retry.on)))


def _io(hint: IoHint) -> Iterator[Pair]:
    offset = f"{hint.offset_bytes:g}B"
    path = f"io.{hint.kind}"
    yield path, {"linear": hint.factor, "exponent": hint.power, "constant": offset}.get(hint.kind)
    yield from ((f"{path}.factor", hint.factor), (f"{path}.power", hint.power), (f"{path}.offset", offset))
    yield "io.of", list(hint.of)


def variable_text(value: Variable) -> str:
    """A variable as the manifest writes it, a secret with the place that it comes from."""
    match value:
        case Input():
            return f"${{{{ inputs.{value.name}{path_text(value.path)} }}}}"
        case Secret():
            return f"${{{{ secrets.{value.name} }}}} ({value.reference})"
        case _:
            return value


def _fields(path: str, value: object) -> Iterator[Pair]:
    yield path, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _fields(f"{path}.{key}", item)
