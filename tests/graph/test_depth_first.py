"""The depth-first order and the depths."""

from __future__ import annotations

from compiler.graph.depth_first import depth_first_order, depths
from tests.factories import graph_of, make_graph, make_tree


def names(graph, instances):
    return [graph.name_of(instance) for instance in instances]


def test_producers_come_before_consumers_and_subtrees_stay_together():
    graph = make_graph("a,b->x c,d->y x,y->z")
    assert names(graph, depth_first_order(graph)) == ["a", "b", "x", "c", "d", "y", "z"]


def test_disconnected_parts_follow_one_another():
    graph = make_graph("a->b c->d")
    assert names(graph, depth_first_order(graph)) == ["a", "b", "c", "d"]


def test_a_chain_longer_than_the_recursion_limit_is_ordered():
    graph = graph_of({f"t{n}": [f"t{n - 1}"] if n else [] for n in range(5000)})
    assert depth_first_order(graph) == list(range(5000))


def test_depth_counts_edges_of_the_longest_path():
    graph = make_graph("a->b b->c a->c")
    order = depth_first_order(graph)
    assert depths(graph, order) == [0, 1, 2]


def test_tree_order_holds_every_instance_once():
    graph = make_tree(64)
    assert sorted(depth_first_order(graph)) == list(range(127))
