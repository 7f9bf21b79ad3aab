"""The layout and the SVG: valid XML, nothing overlaps, the same every time, for graphs of any shape."""

from __future__ import annotations

import random
from itertools import combinations
from xml.etree import ElementTree

import pytest

from compiler.drawing.canvas import clean, shortened, text_width
from compiler.drawing.layout import Box, Layout, Line, lay_out
from compiler.drawing.svg import to_svg
from compiler.drawing.view import View, ViewEdge, ViewNode, view
from tests.graph.manifests import graph_of

SVG = "{http://www.w3.org/2000/svg}"


def random_lines(seed: int, boxes: int, lines: int, *, has_labels: bool, is_cyclic: bool = False) -> list[Line]:
    chance = random.Random(seed)
    found = []
    for _ in range(lines):
        start, end = chance.sample(range(boxes), 2)
        if not is_cyclic:
            start, end = min(start, end), max(start, end)
        label = (chance.uniform(20, 90), 16.0) if has_labels and chance.random() < 0.6 else (0.0, 0.0)
        found.append(Line(start=start, end=end, label=label))
    return found


def random_boxes(seed: int, count: int) -> list[Box]:
    chance = random.Random(seed)
    loops = [(40.0, 16.0) if chance.random() < 0.2 else None for _ in range(count)]
    return [Box(width=chance.uniform(40, 220), height=chance.choice((30, 46, 54)), loop=loop) for loop in loops]


def overlaps(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> bool:
    return all(abs(first[axis] - second[axis]) * 2 < first[axis + 2] + second[axis + 2] - 0.01 for axis in (0, 1))


def rectangles(boxes: list[Box], lines: list[Line], layout: Layout) -> list[tuple[float, float, float, float]]:
    found = [(*centre, box.width, box.height) for box, centre in zip(boxes, layout.centres, strict=True)]
    for line, curve in zip(lines, layout.curves, strict=True):
        if curve.label is not None:
            found.append((*curve.label, *line.label))
    return found


@pytest.mark.parametrize("is_cyclic", [False, True])
@pytest.mark.parametrize("has_labels", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_no_box_and_no_label_lies_on_another(seed: int, has_labels: bool, is_cyclic: bool) -> None:
    boxes = random_boxes(seed, 30)
    lines = random_lines(seed, 30, 20 + 5 * seed, has_labels=has_labels, is_cyclic=is_cyclic)
    layout = lay_out(boxes, lines)
    placed = rectangles(boxes, lines, layout)
    assert not [pair for pair in combinations(placed, 2) if overlaps(*pair)]
    for x, y, width, height in placed:
        assert x - width / 2 >= -0.01 and x + width / 2 <= layout.width + 0.01
        assert y - height / 2 >= -0.01 and y + height / 2 <= layout.height + 0.01


def test_edges_lead_from_their_producer_to_their_consumer() -> None:
    boxes = [Box(width=80, height=30)] * 3
    layout = lay_out(boxes, [Line(start=0, end=1), Line(start=1, end=2), Line(start=0, end=2)])
    assert layout.is_downwards
    tops = [y for _, y in layout.centres]
    assert tops == sorted(tops)
    for curve, (start, end) in zip(layout.curves, [(0, 1), (1, 2), (0, 2)], strict=True):
        assert curve.points[0] == (layout.centres[start][0], layout.centres[start][1] + 15)
        assert curve.points[-1] == (layout.centres[end][0], layout.centres[end][1] - 15)


def test_a_tree_is_centred_over_its_branches() -> None:
    layout = lay_out([Box(width=60, height=30)] * 7, [Line(start=n, end=(n - 1) // 2) for n in range(1, 7)])
    xs = [x for x, _ in layout.centres]
    assert xs[0] == pytest.approx((xs[1] + xs[2]) / 2)
    assert xs[1] == pytest.approx((xs[3] + xs[4]) / 2)


def test_a_wide_fan_out_is_drawn_to_the_right() -> None:
    boxes = [Box(width=80, height=30)] * 60
    layout = lay_out(boxes, [Line(start=0, end=n) for n in range(1, 60)])
    assert not layout.is_downwards
    assert layout.width < 400


def test_nothing_is_drawn_of_nothing() -> None:
    layout = lay_out([], [])
    assert (layout.centres, layout.curves, layout.width, layout.height) == ((), (), 0.0, 0.0)


def test_svg_is_xml_whatever_the_keys_are() -> None:
    graph = graph_of(r"""tasks: {a: {call: "m:f", foreach: {k: ['a b"<&>', "\u0007\x85\uFFFF", "日本語", ']]>']}}}""")
    text = to_svg(view(graph, "instance"), subtitle="<&>")
    root = ElementTree.fromstring(text)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert 'a["a b\\"<&>"]' in texts
    assert 'a["日本語"]' in texts
    assert 'a["]]>"]' in texts


def test_svg_shows_counts_edges_self_loops_and_the_title() -> None:
    graph = graph_of(
        """
        tasks:
          leaf: {call: "m:f", foreach: {i: "${{ range(1024) }}"}}
          add:
            call: m:g
            foreach: {i: "${{ range(1023) }}"}
            args: ["${{ tasks.add[i-1] if i > 0 else tasks.leaf[i] }}"]
        result: ${{ tasks.add }}
        """
    )
    root = ElementTree.fromstring(to_svg(view(graph), subtitle="two families"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts[:2] == ["t", "two families"]
    assert {"leaf", "\u00d71,024", "m:f", "add", "(1,022)"} <= set(texts)
    assert len([path for path in root.iter(f"{SVG}path") if path.get("marker-end")]) == 2


def test_equal_views_give_equal_pictures_and_cycles_of_families_are_drawn() -> None:
    nodes = tuple(ViewNode(name=name, kind="family", function="m:f", count=9) for name in "abc")
    edges = tuple(ViewEdge(producer=a, consumer=b, output="", count=2) for a, b in [(0, 1), (1, 0), (1, 2), (2, 2)])
    seen = View(name="cycle", level="template", nodes=nodes, edges=edges, instances=27)
    assert to_svg(seen) == to_svg(seen)
    ElementTree.fromstring(to_svg(seen))


def test_long_names_are_shortened_in_the_middle_and_kept_in_the_tooltip() -> None:
    name = "a" * 30 + "b" * 30
    node = ViewNode(name=name, kind="task", function="m:f")
    text = to_svg(View(name="long", level="template", nodes=(node,), edges=(), instances=1))
    assert shortened(name, 40) in text
    assert text.count(name) == 1
    assert len(shortened(name, 40)) == 40


def test_width_counts_wide_characters_twice_and_clean_drops_what_xml_cannot_hold() -> None:
    assert text_width("日本", 10) == text_width("abcd", 10)
    assert clean("a\x00b\ud800c\n") == "a\ufffdb\ufffdc\n"
