"""From evaluated plain values to the typed options of the model.

Each function takes a value that `compiler.manifest.schema.check_value` found clean, checks what a schema cannot say,
and raises ValueError with a message for the user. Nothing here knows places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from compiler.manifest.model import ErrorPolicy, IoHint, Resources, Sla
from runtime.plan import Input, Retry, Secret, Variable
from runtime.quantities import parse_duration, parse_money, parse_size, size_mb

__all__ = [
    "parse_duration",
    "parse_env",
    "parse_idempotent",
    "parse_io",
    "parse_on_error",
    "parse_requirements",
    "parse_resources",
    "parse_retry",
    "parse_size",
    "parse_sla",
    "parse_timeout",
]

IO_RELATIONS = ("linear", "exponent", "constant")


def parse_timeout(value: object) -> float:
    """Seconds of `timeout:`."""
    return parse_duration(_text(value, "timeout"))


def parse_idempotent(value: object) -> bool:
    """`idempotent:`, a bool."""
    assert isinstance(value, bool), "the schema lets bools through only"
    return value


def parse_resources(value: object) -> Resources:
    """`{memory, cpu, tmp, arch}`; a scalar memory is a minimum."""
    table = _mapping(value, "resources")
    least, most = _memory_range(table.get("memory"))
    cpu = table.get("cpu")
    tmp = table.get("tmp")
    arch = table.get("arch")
    return Resources(
        memory_min_mb=least,
        memory_max_mb=most,
        cpu=None if cpu is None else _number(cpu, "cpu"),
        tmp_mb=None if tmp is None else size_mb(_text(tmp, "tmp")),
        arch=None if arch is None else _text(arch, "arch"),
    )


def _memory_range(memory: object) -> tuple[int | None, int | None]:
    if memory is None:
        return None, None
    if isinstance(memory, str):
        return size_mb(memory), None
    table = _mapping(memory, "memory")
    least, most = table.get("min"), table.get("max")
    return (
        None if least is None else size_mb(_text(least, "min")),
        None if most is None else size_mb(_text(most, "max")),
    )


def parse_retry(value: object) -> Retry:
    """An int, or `{max, delay, backoff, max_delay, jitter, on}`; without `on` every failure is repeated."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Retry(max=value, kills_only=False)
    table = _mapping(value, "retry")
    delay_s = _seconds(table, "delay")
    max_delay_s = _seconds(table, "max_delay")
    if delay_s is not None and max_delay_s is not None and delay_s > max_delay_s:
        raise ValueError(f"`delay` {table['delay']} is longer than `max_delay` {table['max_delay']}")
    names = table.get("on")
    return Retry(
        max=int(_number(table.get("max"), "max")),
        kills_only=False,
        delay_s=delay_s or 0.0,
        backoff=_number(table.get("backoff", 1.0), "backoff"),
        max_delay_s=max_delay_s,
        jitter=_text(table.get("jitter", "none"), "jitter"),
        on=() if names is None else _texts(names, "on"),
    )


def _seconds(table: Mapping[str, object], key: str) -> float | None:
    return parse_duration(_text(table[key], key)) if key in table else None


def parse_io(value: object) -> IoHint:
    """One relation between input and output bytes, or `none`."""
    if value == "none":
        return IoHint(kind="none")
    table = _mapping(value, "io")
    kinds = [kind for kind in IO_RELATIONS if kind in table]
    if len(kinds) != 1:
        raise ValueError("`io` holds exactly one of linear, exponent and constant")
    of = _texts(table.get("of", ()), "of")
    kind = kinds[0]
    written = table[kind]
    if kind == "constant":
        size = parse_size(_text(written, "constant"))
        return IoHint(kind=kind, factor=0.0, power=0.0, offset_bytes=float(size), of=of)
    main = "factor" if kind == "linear" else "power"
    parts = _mapping(written, kind) if isinstance(written, Mapping) else {main: written}
    return IoHint(
        kind=kind,
        factor=_number(parts.get("factor", 1.0), "factor"),
        power=_number(parts.get("power", 1.0), "power"),
        offset_bytes=float(parse_size(_text(parts["offset"], "offset"))) if "offset" in parts else 0.0,
        of=of,
    )


def parse_sla(value: object) -> Sla:
    """`average`, `p95`, or `{percentile, deadline, budget}`."""
    if isinstance(value, str):
        return Sla(percentile=None if value == "average" else _percentile(value))
    table = _mapping(value, "sla")
    budget = table.get("budget")
    return Sla(
        percentile=_number(table.get("percentile"), "percentile"),
        deadline_s=_seconds(table, "deadline"),
        budget_usd=None if budget is None else parse_money(_text(budget, "budget")),
    )


def _percentile(text: str) -> float:
    try:
        percentile = float(text.removeprefix("p"))
    except ValueError as err:
        raise ValueError(f"`{text}` is not an objective: write average, or a percentile such as p95") from err
    if not text.startswith("p") or not 0 < percentile <= 100:
        raise ValueError(f"`{text}` is not an objective: write average, or a percentile such as p95")
    return percentile


def parse_requirements(value: object) -> tuple[str, ...]:
    """`requirements:` as a list of requirements; a path to a file of them comes out as `("-r PATH",)`."""
    if isinstance(value, str):
        return (f"-r {value}",)
    return _texts(value, "requirements")


def parse_on_error(value: object) -> ErrorPolicy:
    """`fail`, `skip`, `continue`, `{value}` or `{task}`."""
    if isinstance(value, str):
        return ErrorPolicy(action=value)
    table = _mapping(value, "on_error")
    if "task" in table:
        return ErrorPolicy(action="task", task=_text(table["task"], "task"))
    return ErrorPolicy(action="value", value=json.dumps(table.get("value"), ensure_ascii=False))


def parse_env(value: object) -> tuple[tuple[str, Variable], ...]:
    """Environment variables by name."""
    return tuple(sorted([(name, _variable(name, text)) for name, text in _mapping(value, "env").items()]))


def _variable(name: str, value: object) -> Variable:
    if isinstance(value, (Input, Secret)):
        return value
    text = _text(value, name)
    if "\0" in text:
        raise ValueError(f"the value of `{name}` holds a NUL character, and no environment variable can")
    return text


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"`{name}` is a mapping")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is a text")
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"`{name}` is a list of texts")
    return tuple(_text(item, name) for item in value)


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"`{name}` is a number")
    return float(value)
