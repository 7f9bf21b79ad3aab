"""Which tasks share a box: none while there is room, then equals, and every task is in exactly one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.drawing.folding import fold
from compiler.drawing.shape import Shape
from tests.drawing.timelines import random_shape


def separate(layers: list[list[str]]) -> Shape:
    """Each task a family of its own, taking all of the layer before."""
    names = [name for layer in layers for name in layer]
    edges: list[tuple[tuple[int, int], ...]] = []
    before: tuple[tuple[int, int], ...] = ()
    for layer in layers:
        first = len(edges)
        edges += [before] * len(layer)
        before = tuple((first + number, -1) for number in range(len(layer)))
    return Shape(
        name="separate",
        names=names,
        families=names,
        functions=[""] * len(names),
        family_of=range(len(names)),
        in_edges=edges,
        targets=frozenset({len(names) - 1}),
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), tasks=st.integers(0, 400), apart=st.integers(1, 30), more=st.integers(0, 50))
def test_every_task_is_in_one_box_and_boxes_are_few(seed: int, tasks: int, apart: int, more: int) -> None:
    groups = fold(random_shape(seed, tasks), apart, apart + more)
    assert sorted(one for _, instances in groups for one in instances) == list(range(tasks))
    assert len(groups) <= apart + more
    assert all(name or len(instances) == 1 for name, instances in groups)


@pytest.mark.parametrize(("apart", "boxes"), [(4, ["", "part\u2026", ""]), (5, [""] * 5)])
def test_names_that_differ_by_numbers_alone_share_a_box(apart: int, boxes: list[str]) -> None:
    shape = separate([["split"], ["part1", "part2", "part3"], ["join"]])
    assert [name for name, _ in fold(shape, apart, 10)] == boxes


def test_a_number_that_all_names_have_stays_in_the_name_of_their_box() -> None:
    shape = separate([["a1"], ["fast2bfq_1", "fast2bfq_2", "fast2bfq_13"], ["z2"]])
    assert [name for name, _ in fold(shape, 4, 10)] == ["", "fast2bfq_\u2026", ""]


def test_families_of_one_size_are_drawn_alike() -> None:
    shape = separate([["a"], [f"b{n}" for n in range(6)], [f"c{n}" for n in range(6)], ["d1", "d2"]])
    assert [name for name, _ in fold(shape, 12, 20)] == ["", "b\u2026", "c\u2026", "", ""]


def test_chains_too_long_for_their_boxes_become_bands_of_depths() -> None:
    shape = separate([[chr(ord("a") + n)] for n in range(20)])
    assert [name for name, _ in fold(shape, 4, 5)] == [
        f"tasks at depths {first} to {first + 3}" for first in range(0, 20, 4)
    ]
