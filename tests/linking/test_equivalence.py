"""The same workflow, written in one file, split into fragments, or cut at an imported manifest, is the same graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.graph.model import Graph
from tests.graph.manifests import result_of
from tests.linking.projects import graph_of

NAMES = ("a", "b", "c", "d", "e", "f")


@st.composite
def flat_tasks(draw: st.DrawFn) -> dict[str, str]:
    """Tasks that refer to earlier ones in every way: whole, by key, with a part, by order."""
    widths = draw(st.lists(st.integers(0, 3), min_size=2, max_size=len(NAMES)))
    tasks: dict[str, str] = {}
    for at, width in enumerate(widths):
        args = [draw(st.sampled_from(["1", '"${{ params.n }}"', '"${{ width }}"']))]
        for before in draw(st.lists(st.integers(0, at - 1), max_size=2, unique=True)) if at else []:
            name = NAMES[before]
            part = f"[{draw(st.integers(0, widths[before] - 1))}].k" if widths[before] else ".k"
            args.append(f'"${{{{ tasks.{name}{draw(st.sampled_from(["", part]))} }}}}"')
        loop = f', foreach: {{i: "${{{{ range({width}) }}}}"}}' if width else ""
        after = f", after: [{NAMES[draw(st.integers(0, at - 1))]}]" if at and draw(st.booleans()) else ""
        tasks[NAMES[at]] = f"{{call: 'app:f', args: [{', '.join(args)}]{loop}{after}}}"
    return tasks


def section(tasks: dict[str, str]) -> str:
    return "tasks:\n" + "".join(f"  {name}: {task}\n" for name, task in tasks.items())


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def edges_by_name(graph: Graph, prefix: str = "", keys: int = 0) -> set[tuple[str, str, str]]:
    """Every instance with its arguments, edges by the names of their ends; `keys` leading keys taken off."""
    names = [graph.name_of(at).removeprefix(prefix) for at in range(len(graph))]
    if keys:
        cut = [graph.keys[at][keys:] for at in range(len(graph))]
        tasks = [graph.families[graph.family_of[at]].task.removeprefix(prefix) for at in range(len(graph))]
        names = [f"{task}{''.join(f'[{key}]' for key in rest)}" for task, rest in zip(tasks, cut, strict=True)]
    return {
        (names[at], repr(graph.args[at]), repr([(names[producer], output) for producer, output in graph.in_edges[at]]))
        for at in range(len(graph))
    }


@settings(max_examples=60, deadline=None)
@given(flat_tasks(), st.data())
def test_fragments_make_the_graph_of_the_joined_file(tasks: dict[str, str], data: st.DataObject) -> None:
    head = 'params: {n: 2}\nlet: {width: "${{ params.n * 3 }}"}\n'
    result = f"result: ${{{{ tasks.{list(tasks)[-1]} }}}}\n"
    parts: list[dict[str, str]] = [{}, {}, {}]
    for name, task in tasks.items():
        parts[data.draw(st.integers(0, 2))][name] = task
    main, *rest = parts
    whole = [part for part in rest if part]
    with folder() as place:
        joined = graph_of(place, {"main.yaml": head + section(tasks) + result})
        files = {f"p{at}.yaml": "# fragment\n" + section(part) for at, part in enumerate(whole)}
        own = section(main) if main else "tasks: {x-none: 1}\n"
        split = graph_of(place, {**files, "main.yaml": head + own + result + f"include: [{', '.join(files)}]\n"})
    assert edges_by_name(split) == edges_by_name(joined)
    assert result_of(split) == result_of(joined)


@settings(max_examples=60, deadline=None)
@given(flat_tasks(), st.integers(1, 3))
def test_each_copy_of_a_workflow_is_the_graph_of_its_manifest(tasks: dict[str, str], copies: int) -> None:
    head = 'params: {n: 2}\nlet: {width: "${{ params.n * 3 }}"}\n'
    result = f"result: ${{{{ tasks.{list(tasks)[-1]} }}}}\n"
    caller = (
        f'imports: {{sub: sub.yaml}}\ntasks:\n  s: {{workflow: sub, foreach: {{k: "${{{{ range({copies}) }}}}"}}}}\n'
    )
    with folder() as place:
        alone = graph_of(place, {"main.yaml": head + section(tasks) + result})
        inlined = graph_of(place, {"main.yaml": caller, "sub.yaml": head + section(tasks) + result})
    assert len(inlined) == copies * len(alone)
    for copy in range(copies):
        mine = {at for at in range(len(inlined)) if inlined.keys[at][0] == copy}
        assert all(producer in mine for at in mine for producer, _ in inlined.in_edges[at])
    assert edges_by_name(inlined, "s/", keys=1) == edges_by_name(alone)
