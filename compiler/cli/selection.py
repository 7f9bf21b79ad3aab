"""Which instances a text such as `leaf`, `add[9]` or `fit[knn][3]` names.

A task alone names its whole family, a shorter key path every instance below it. Keys are written as in
instance names; a text key may go without quotes, which a shell would eat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from compiler.cli.arguments import UsageError, meant
from compiler.graph.model import Family, Graph
from runtime.plan import Key

_PATTERN = re.compile(r"([^\[\]]+)((?:\[[^\]]*\])*)")


def select(graph: Graph, patterns: Sequence[str]) -> list[int]:
    """Instance numbers in order of the patterns, each once; all of them without patterns. Raises UsageError."""
    if not patterns:
        return list(range(len(graph)))
    return list(dict.fromkeys(instance for pattern in patterns for instance in _matching(graph, pattern)))


def _matching(graph: Graph, pattern: str) -> Iterator[int]:
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise UsageError(f"{pattern!r} names no instance", hint="write TASK or TASK[KEY], such as add[9][0]")
    family = _family(graph, match[1])
    wanted = [text for text in re.findall(r"\[([^\]]*)\]", match[2])]
    if len(wanted) > family.rank:
        raise UsageError(f"`{family.task}` has {family.rank} keys, {pattern!r} gives {len(wanted)}")
    instances = range(family.first, family.first + family.count)
    found = [n for n in instances if all(map(_is_key, graph.keys[n], wanted))]
    if not found:
        known = f"{graph.name_of(instances[0])} .. {graph.name_of(instances[-1])}" if instances else "none"
        raise UsageError(f"there is no instance {pattern}", hint=f"the instances of `{family.task}` are {known}")
    yield from found


def _family(graph: Graph, task: str) -> Family:
    for family in graph.families:
        if family.task == task:
            return family
    raise UsageError(f"there is no task `{task}`{meant(task, [family.task for family in graph.families])}")


def _is_key(key: Key, text: str) -> bool:
    return text in (json.dumps(key, ensure_ascii=False), str(key))
