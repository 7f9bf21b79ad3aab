"""Pictures of plans and runs: every text can be read, however many tasks there are and whatever they are called."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.drawing.canvas import Canvas
from compiler.drawing.figures import TaskFigures, figures_of
from compiler.drawing.inks import STROKES, sample_of
from compiler.drawing.picture import picture
from compiler.drawing.shape import Shape
from runtime.critical_path import CriticalPath, Step
from runtime.moments import Part
from runtime.timeline import Timeline
from tests.drawing.bounding_boxes import SVG, assert_in_boxes, assert_legible
from tests.drawing.timelines import HOSTILE, random_shape, random_timeline


def picture_of(shape: Shape, timeline: Timeline | None) -> str:
    return picture(shape, figures_of(shape, timeline=timeline), timeline=timeline, subtitles=["as it was"])


def texts_of(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("tasks", "workers"), [(1, 1), (10, 3), (100, 8), (1000, 8), (1000, 64), (1000, 200), (1000, 600)]
)
def test_texts_neither_overlap_nor_leave_their_boxes(tasks: int, workers: int) -> None:
    shape = random_shape(tasks, tasks)
    svg = picture_of(shape, random_timeline(shape, 1, workers=workers))
    assert_legible(svg)
    assert_in_boxes(svg)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tasks=st.integers(0, 60), workers=st.integers(1, 12), hostile=st.booleans())
def test_any_graph_and_any_names_can_be_read(seed: int, tasks: int, workers: int, hostile: bool) -> None:
    names = HOSTILE if hostile else ()
    shape = random_shape(seed, tasks, names=names)
    timeline = random_timeline(shape, seed, workers=workers, names=names)
    svg = picture_of(shape, timeline)
    assert_legible(svg)
    assert_in_boxes(svg)
    assert svg == picture_of(shape, timeline)


def test_hostile_names_are_text_and_the_picture_needs_nothing_beside_itself() -> None:
    shape = random_shape(3, 12, names=HOSTILE)
    svg = picture_of(shape, random_timeline(shape, 3, workers=3, names=HOSTILE))
    root = ElementTree.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "defs", "pattern", "marker", "rect", "path", "line", "g", "text")
    }
    assert not re.search(r"(?:href|src|@import|url\((?!#))", re.sub(r">[^<]*<", "><", svg))


def test_a_box_tells_worker_memory_bytes_and_times() -> None:
    shape = replace(random_shape(0, 1), names=["solve"])
    known = TaskFigures(
        worker="w7", memory_mb=512, input_bytes=2048, output_bytes=10, start_s=0.5, exec_s=2.0, source="20 samples"
    )
    assert texts_of(picture(shape, [known])) == [
        "random",
        "solve",
        "w7 \u00b7 512 MB",
        "in 2 KiB \u00b7 out 10 B",
        "at 500 ms \u00b7 takes 2.00 s",
        "from 20 samples",
    ]


def test_what_nobody_knows_is_a_question_mark() -> None:
    shape = random_shape(0, 1)
    assert texts_of(picture(shape, [TaskFigures(source="default")]))[2:] == [
        "any worker \u00b7 ? MB",
        "in ? \u00b7 out ?",
        "at ? \u00b7 takes ?",
    ]


def fan_out(width: int) -> Shape:
    names = ["split", *(f"part[{number}]" for number in range(width)), "join"]
    return Shape(
        name="fan",
        names=names,
        families=["split", "part", "join"],
        functions=["m:split", "m:part", "m:join"],
        family_of=[0, *[1] * width, 2],
        in_edges=[(), *[((0, -1),)] * width, tuple((number + 1, -1) for number in range(width))],
        targets=frozenset({width + 1}),
    )


def path_through(*tasks: str) -> CriticalPath:
    return CriticalPath(steps=tuple(Step(Part.EXECUTION, task, "w", 0.0, 1.0) for task in tasks))


def test_a_family_of_many_is_one_box_with_counts_sums_and_ranges() -> None:
    shape = fan_out(100)
    figures = [
        TaskFigures(worker=f"w{n % 4}", memory_mb=512, input_bytes=1024, output_bytes=512, start_s=n, exec_s=n / 10)
        for n in range(len(shape))
    ]
    texts = texts_of(picture(shape, figures, path=path_through("split", "part[6]", "join")))
    place = texts.index("part")
    assert texts[place : place + 7] == [
        "part",
        "\u00d7100",
        "4 workers \u00b7 512 MB",
        "in 100 KiB \u00b7 out 50 KiB",
        "at 1.00 s to 1m40s",
        "takes 100 ms | 5.05 s | 10.0 s",
        "critical: part[6]",
    ]
    assert "split" in texts and "join" in texts


def test_the_critical_path_is_told_by_outlines() -> None:
    shape = fan_out(3)
    root = ElementTree.fromstring(picture(shape, [TaskFigures()] * 5, path=path_through("split", "part[1]", "join")))
    heavy = [element for element in root.iter(f"{SVG}rect") if element.get("stroke") == "#000000"]
    assert len(heavy) == 3
    edges = [element for element in root.iter(f"{SVG}path") if element.get("stroke") == "#000000"]
    assert len(edges) == 2


@pytest.mark.parametrize(("tasks", "workers"), [(12, 1), (900, 1), (900, 3)])
def test_short_tasks_of_the_critical_path_that_follow_one_another_do_not_become_a_black_bar(
    tasks: int, workers: int
) -> None:
    shape = random_shape(2, tasks)
    timeline = random_timeline(shape, 2, workers=workers)
    svg = picture(shape, figures_of(shape, timeline=timeline), timeline=timeline, parts=["timeline"])
    boxes = list(ElementTree.fromstring(svg).iter(f"{SVG}rect"))
    assert all(float(box.attrib["width"]) < 6 for box in boxes if box.get("fill") == "#000000")
    assert any(box.get("fill") == "none" and box.get("stroke") == "#000000" for box in boxes)


def test_many_lanes_are_cut_and_said() -> None:
    shape = random_shape(9, 900)
    timeline = random_timeline(shape, 9, workers=700)
    notes = [text for text in texts_of(picture_of(shape, timeline)) if text.startswith("\u2026 and ")]
    drawn = re.match(r"\u2026 and ([0-9,]+) more lanes", notes[0])
    assert drawn and int(drawn[1].replace(",", "")) == len(timeline.invocations) - 200


def test_either_part_stands_alone() -> None:
    shape = random_shape(4, 10)
    timeline = random_timeline(shape, 4, workers=2)
    figures = figures_of(shape, timeline=timeline)
    graph = texts_of(picture(shape, figures, timeline=timeline, parts=["graph"]))
    lanes = texts_of(picture(shape, figures, timeline=timeline, parts=["timeline"]))
    assert "execution" not in graph and any("takes" in text for text in graph)
    assert "execution" in lanes and not any("takes" in text for text in lanes)


def test_a_run_that_told_nothing_has_a_picture_that_says_so() -> None:
    shape = random_shape(4, 3)
    empty = replace(random_timeline(shape, 4, workers=2), invocations=(), last_commit=0.0)
    assert "no worker has told yet what it measured" in texts_of(picture_of(shape, empty))


def test_very_many_tasks_make_a_small_picture() -> None:
    shape = random_shape(5, 5_000)
    svg = picture_of(shape, random_timeline(shape, 5, workers=8))
    assert len(svg) < 4_000_000
    assert_legible(svg)


def test_workers_and_kinds_of_time_differ_without_colour() -> None:
    canvas = Canvas(width=1, height=1, title="")
    assert len({sample_of(canvas, worker) for worker in range(56)}) == 56
    strokes = [STROKES[worker % len(STROKES)] for worker in range(7)]
    assert len(set(strokes)) == 7
    shape = random_shape(6, 200)
    svg = picture_of(shape, random_timeline(shape, 6, workers=6))
    patterns = dict(re.findall(r'<pattern id="([a-z]+)".*?<path d="([^"]+)"', svg))
    assert {"cold", "warm", "load", "fetch", "coordination"} <= patterns.keys()
    assert len(set(patterns.values())) == len(patterns)
