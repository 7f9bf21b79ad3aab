"""Which instances a text such as `leaf`, `add[9]` or `fit[knn][3]` names.

A task alone names its whole family, a shorter key path every instance below it; one that inlines a workflow names all
that it inlines. Keys are written as in instance names; a text key may go without quotes, which a shell would eat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from compiler.cli.arguments import UsageError, meant
from compiler.graph.model import SEPARATOR, Family, Graph
from runtime.plan import Key

_KEY = re.compile(r'\[("(?:[^"\\]|\\.)*"|[^\[\]"]*)\]')
_PATTERN = re.compile(rf"([^\[\]]+)((?:{_KEY.pattern})*)")
MAX_CANDIDATES = 8


def select(graph: Graph, patterns: Sequence[str]) -> list[int]:
    """Instance numbers in order of the patterns, each once; all of them without patterns. Raises UsageError."""
    if not patterns:
        return list(range(len(graph)))
    return list(dict.fromkeys(instance for pattern in patterns for instance in matching(graph, pattern)))


def matching(graph: Graph, pattern: str) -> list[int]:
    """The instances that one text names, at least one. Raises UsageError."""
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise UsageError(f"`{pattern}` names no instance", hint="write TASK or TASK[KEY], such as add[9][0]")
    wanted = _KEY.findall(match[2])
    if inner := _inlined(graph, match[1], wanted):
        return inner
    family = _family(graph, match[1])
    if len(wanted) > family.rank:
        plural = "key" if family.rank == 1 else "keys"
        raise UsageError(f"`{family.task}` has {family.rank} {plural}, `{pattern}` gives {len(wanted)}")
    instances = range(family.first, family.first + family.count)
    if not wanted and instances:
        return list(instances)
    found = [n for n in instances if all(map(_is_key, graph.keys[n], wanted))]
    if not found:
        raise UsageError(f"there is no instance {pattern}", hint=_valid(graph, family, wanted))
    return found


def _inlined(graph: Graph, task: str, wanted: Sequence[str]) -> list[int]:
    """The instances of every task below one that inlines a workflow, in the copies whose keys begin so."""
    return [
        n
        for family in graph.families
        if family.task.startswith(task + SEPARATOR) and len(wanted) <= family.rank
        for n in range(family.first, family.first + family.count)
        if all(map(_is_key, graph.keys[n], wanted))
    ]


def _family(graph: Graph, task: str) -> Family:
    known = [family.task for family in graph.families]
    for family in graph.families:
        if family.task == task:
            return family
    hint = (
        f"the tasks are {', '.join(known)}" if len(known) <= MAX_CANDIDATES else "`treadle expand --count` lists them"
    )
    raise UsageError(f"there is no task `{task}`{meant(task, known)}", hint=hint)


def _valid(graph: Graph, family: Family, wanted: Sequence[str]) -> str:
    """Which keys there are where the first wrong one stands."""
    instances = range(family.first, family.first + family.count)
    if not instances:
        return f"`{family.task}` has no instances"
    keys = [graph.keys[n] for n in instances]
    for depth, text in enumerate(wanted):
        below = [path for path in keys if _is_key(path[depth], text)]
        if not below:
            where = family.task + "".join(f"[{_text(key)}]" for key in keys[0][:depth])
            return f"valid keys of `{where}` are {_range(list(dict.fromkeys(path[depth] for path in keys)))}"
        keys = below
    raise AssertionError("some key is wrong")


def _range(keys: Sequence[Key]) -> str:
    """`0..511 (512)`, or the keys themselves, eight at most."""
    numbers = [key for key in keys if type(key) is int]
    if len(numbers) == len(keys) > 1 and max(numbers) - min(numbers) + 1 == len(numbers):
        return f"{min(numbers)}..{max(numbers)} ({len(keys):,})"
    more = ", …" if len(keys) > MAX_CANDIDATES else ""
    return f"{', '.join(map(_text, keys[:MAX_CANDIDATES]))}{more} ({len(keys):,})"


def _text(key: Key) -> str:
    return json.dumps(key, ensure_ascii=False)


def _is_key(key: Key, text: str) -> bool:
    return text in (_text(key), str(key))
