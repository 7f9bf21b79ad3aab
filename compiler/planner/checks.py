"""The static checks of a plan: what tasks and workers ask for, against the target profile and against each other.

No planner runs. Tasks are looked at one by one; what tasks of one worker say together is `compiler.planner.pinning`.
A family's mistake is reported once, at the value, with the number of further instances that share it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Related, Span
from compiler.graph.merge import TaskSource
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Resources, TaskOptions
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from compiler.planner.declared import declared_sizes
from compiler.planner.hints import check_hints
from compiler.planner.payloads import check_payloads
from compiler.planner.pinning import check_pins
from compiler.planner.profile import TargetProfile
from runtime.quantities import size_mb


def check_plan_static(graph: Graph, profile: TargetProfile, time_limit_s: float = math.inf) -> list[Diagnostic]:
    """E501, E502, E503, E508 to E510, E512, W505, W506 and W508 of an expanded workflow, in no particular order.

    `time_limit_s` is the user's own limit of an invocation, less than the profile's: no manifest may ask for more, but
    the default of a task that asks for nothing may be more.
    """
    sources = {family.task: family.source for family in graph.families if family.source is not None}
    found: dict[tuple[object, ...], Diagnostic] = {}
    for family in graph.families:
        source = sources.get(family.task)
        if source is None:
            continue
        if len(found) >= MAX_MISTAKES:
            break
        for option, instances in _options_of(graph, family).items():
            for diagnostic in _check(graph.option_table[option], source, profile, time_limit_s):
                first = graph.name_of(instances[0]) if graph.keys[instances[0]] else ""
                _count(found, replace(diagnostic, instance=first), len(instances))
    diagnostics = [*found.values(), *_check_declared(graph, profile), *_declared_twice(graph)]
    diagnostics += check_pins(graph, sources)
    return [*diagnostics, *check_hints(graph, sources), *check_payloads(graph, sources, profile)]


def _options_of(graph: Graph, family: Family) -> Mapping[int, list[int]]:
    """Option number → the instances of the family that have it."""
    table: dict[int, list[int]] = {}
    for instance in range(family.first, family.first + family.count):
        table.setdefault(graph.options[instance], []).append(instance)
    return table


def _count(found: dict[tuple[object, ...], Diagnostic], diagnostic: Diagnostic, instances: int) -> None:
    key = (diagnostic.code, diagnostic.span)
    known = found.get(key)
    if known is None:
        found[key] = replace(diagnostic, more=instances - 1)
    else:
        found[key] = replace(known, more=known.more + instances)


def _check(
    options: TaskOptions, source: TaskSource, profile: TargetProfile, time_limit_s: float
) -> Iterator[Diagnostic]:
    yield from _memory(options, source, profile)
    yield from _cpu(options, source, profile)
    yield from _timeout(options, source, profile, time_limit_s)
    other = dict(options.other)
    tmp = options.resources.tmp_mb
    if tmp is not None and tmp > profile.tmp_max_mb:
        yield Diagnostic(
            code="E509",
            message=f"{tmp} MiB of /tmp is more than {profile.tmp_max_mb} MiB",
            span=_place(source, "resources", "tmp"),
            hint=f"ask for {profile.tmp_max_mb}MiB or less",
        )
    concurrency = _field(other.get("fanout"), "concurrency")
    if isinstance(concurrency, int) and concurrency > profile.concurrency:
        node = source.task.fanout
        yield Diagnostic(
            code="E512",
            message=f"a concurrency of {concurrency} is more than {profile.concurrency}, the quota of {profile.name}",
            span=_inside(node, "concurrency") if node is not None else source.task.name_span,
            hint=f"write {profile.concurrency} or less",
        )
    if options.worker is None and source.task.worker is None:
        preload = _item(source.task.options.get("optimize"), "preload")
        if preload is not None:
            yield Diagnostic(
                code="W505",
                message=f"`preload` has no effect on `{source.task.name}`, which has no `worker:`",
                span=preload.span,
                hint="give the task a `worker:`, or remove `preload`",
            )


def _timeout(
    options: TaskOptions, source: TaskSource, profile: TargetProfile, time_limit_s: float
) -> Iterator[Diagnostic]:
    is_own = time_limit_s < profile.timeout_max_s and source.options.get("timeout") is not None
    limit, whose = (time_limit_s, "the setting `time_limit`") if is_own else (profile.timeout_max_s, profile.name)
    if options.timeout_s > limit:
        yield Diagnostic(
            code="E502",
            message=f"a timeout of {_seconds(options.timeout_s)} is more than {_seconds(limit)}",
            span=_place(source, "timeout"),
            label=f"an invocation ends after {_seconds(limit)}, says {whose}",
            hint="split the task, or give it a shorter timeout",
        )
    elif options.timeout_s <= 0:
        yield Diagnostic(
            code="E502",
            message="a timeout of 0 s leaves an attempt no time",
            span=_place(source, "timeout"),
            hint="give the task the time that it needs, such as 30s",
        )


def _memory(options: TaskOptions, source: TaskSource, profile: TargetProfile) -> Iterator[Diagnostic]:
    least, most = options.resources.memory_min_mb, options.resources.memory_max_mb
    for value, bound in ((least, "min"), (most, "max")):
        if value is not None and not profile.memory_min_mb <= value <= profile.memory_max_mb:
            yield _out_of_range(value, profile, _place(source, "resources", "memory", bound))
    if least is not None and most is not None and least > most:
        yield Diagnostic(
            code="E501",
            message=f"the least memory, {least} MiB, is more than the most, {most} MiB",
            span=_place(source, "resources", "memory", "min"),
            hint="swap the two",
        )


def _out_of_range(value: int, profile: TargetProfile, span: Span) -> Diagnostic:
    return Diagnostic(
        code="E501",
        message=f"{value} MiB of memory is not within {profile.memory_min_mb} to {profile.memory_max_mb} MiB",
        span=span,
        label=f"the range of {profile.name}",
        hint=f"ask for {profile.memory_min_mb}MiB to {profile.memory_max_mb}MiB",
    )


def _cpu(options: TaskOptions, source: TaskSource, profile: TargetProfile) -> Iterator[Diagnostic]:
    cpu = options.resources.cpu
    if cpu is not None and cpu > profile.max_vcpus:
        yield Diagnostic(
            code="E501",
            message=f"{cpu:g} CPUs are more than {profile.max_vcpus}, what the largest memory brings",
            span=_place(source, "resources", "cpu"),
            hint=f"ask for {profile.max_vcpus} or less",
        )


def _check_declared(graph: Graph, profile: TargetProfile) -> Iterator[Diagnostic]:
    """The sizes that the `workers:` section declares."""
    for node in (node for one in graph.manifests() for node in (one.workers or {}).values()):
        memory = node.get("memory") if isinstance(node, MappingNode) else None
        if not isinstance(memory, ScalarNode) or not isinstance(memory.value, str) or "${{" in memory.value:
            continue
        value = size_mb(memory.value)
        if not profile.memory_min_mb <= value <= profile.memory_max_mb:
            yield _out_of_range(value, profile, memory.span)


def _declared_twice(graph: Graph) -> Iterator[Diagnostic]:
    """A worker that two manifests declare with different sizes."""
    known: dict[str, tuple[Resources, Node]] = {}
    for manifest in graph.manifests():
        sizes = declared_sizes(manifest)
        for name, node in (manifest.workers or {}).items():
            first, place = known.setdefault(name, (sizes[name], node))
            if first != sizes[name]:
                yield Diagnostic(
                    code="E503",
                    message=f"`{name}` is declared with another size in `{place.span.file}`",
                    span=node.span,
                    hint="declare one size in both, or rename one of the workers",
                    related=(Related(span=place.span, message="declared here first"),),
                )


def _place(source: TaskSource, option: str, *path: str) -> Span:
    """Where an option's value is written, as deep as `path` leads; the task's key when it is written nowhere."""
    node = source.options.get(option)
    return source.task.name_span if node is None else _inside(node, *path)


def _inside(node: Node, *path: str) -> Span:
    for name in path:
        inner = node.get(name) if isinstance(node, MappingNode) else None
        if inner is None:
            break
        node = inner
    return node.span


def _item(node: Node | None, name: str) -> Node | None:
    """The item of a list of optimizations that has this name, with settings or without."""
    for item in node.items if isinstance(node, SequenceNode) else ():
        if isinstance(item, ScalarNode) and item.value == name:
            return item
        if isinstance(item, MappingNode) and item.get(name) is not None:
            return item
    return None


def _field(text: str | None, name: str) -> object:
    value = json.loads(text) if text else None
    return value.get(name) if isinstance(value, dict) else None


def _seconds(value: float) -> str:
    return f"{value:g} s"
