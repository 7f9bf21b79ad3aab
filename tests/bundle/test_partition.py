"""Pages partition the flexible tasks, SubDags the pinned ones, and together they hold every edge at both ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.emit.layout import PAGE_BYTES, lay_out
from compiler.emit.literals import Literals
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from compiler.planner.wukong import wukong
from runtime.pages import decode_subdag
from tests.factories import graph_of, make_functions, make_tree


def laid_out(graph, plan):
    names = [graph.name_of(instance) for instance in range(len(graph))]
    return lay_out(graph, plan, names=names, functions=make_functions(graph).by_family, literals=Literals())


@st.composite
def mixed_plans(draw):
    """A random graph with outputs and pins under either planner."""
    count = draw(st.integers(1, 40))
    outputs = {f"t{n}": ("x", "y") for n in range(count) if draw(st.booleans())}
    inputs = {}
    for n in range(count):
        chosen = draw(st.lists(st.integers(0, n - 1), max_size=4, unique=True)) if n else []
        inputs[f"t{n}"] = [f"t{p}.{draw(st.sampled_from('xy'))}" if f"t{p}" in outputs else f"t{p}" for p in chosen]
    pins = {f"t{n}": draw(st.sampled_from(["one", "two"])) for n in range(count) if draw(st.integers(0, 3)) == 0}
    graph = graph_of(inputs, outputs=outputs, pins=pins)
    return graph, draw(st.sampled_from([simple, wukong]))(graph, PlanOptions(concurrency=4))


@given(mixed_plans())
@settings(max_examples=80, deadline=None)
def test_every_record_lies_in_one_place_and_every_edge_at_both_ends(case):
    graph, plan = case
    layout = laid_out(graph, plan)
    tasks = {}
    for number, page in enumerate(layout.pages):
        for name, task in decode_subdag(page).tasks.items():
            assert name not in tasks and task.page == number and task.worker is None
            tasks[name] = task
    for worker, subdag in layout.subdags.items():
        for name, task in decode_subdag(subdag).tasks.items():
            assert name not in tasks and task.page == -1 and task.worker == worker
            tasks[name] = task
    assert set(tasks) == {graph.name_of(n) for n in range(len(graph))}
    edges = {
        (graph.name_of(p), graph.families[p].outputs[o] if o >= 0 else None, graph.name_of(c))
        for p, o, c in graph.edges()
    }
    assert {(e.producer, e.output, t.name) for t in tasks.values() for e in t.in_edges} == edges
    assert {(t.name, e.output, e.consumer) for t in tasks.values() for e in t.out_edges} == edges
    for task in tasks.values():
        for source in task.in_edges:
            assert source.worker == tasks[source.producer].worker
        for target in task.out_edges:
            consumer = tasks[target.consumer]
            assert (target.worker, target.page, target.env) == (consumer.worker, consumer.page, consumer.env)
            assert target.need == len(consumer.in_edges)


def test_pages_stay_within_four_kib():
    graph = make_tree(512)
    layout = laid_out(graph, wukong(graph, PlanOptions()))
    assert max(map(len, layout.pages)) <= PAGE_BYTES
    assert min(map(len, layout.pages[:-1])) > PAGE_BYTES // 2


def test_a_record_larger_than_a_page_has_a_page_of_its_own():
    graph = graph_of({"a": [], **{f"m{n}": ["a"] for n in range(1000)}, "z": [f"m{n}" for n in range(1000)]})
    layout = laid_out(graph, wukong(graph, PlanOptions()))
    assert list(decode_subdag(layout.pages[0]).tasks) == ["a"]
    assert list(decode_subdag(layout.pages[-1]).tasks) == ["z"]


def test_a_subtree_lies_in_one_page_or_in_neighbours():
    graph = make_tree(512)
    layout = laid_out(graph, wukong(graph, PlanOptions()))
    first_level = [(layout.page_of[n], [layout.page_of[p] for p, _ in graph.in_edges[n]]) for n in range(512, 768)]
    assert all(page - min(sources) <= 1 for page, sources in first_level)
