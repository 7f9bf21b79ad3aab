"""Which tasks of a picture share a box, when they are too many for one each.

    few tasks     every one has its box
    more          the largest families stand as one box for each depth, the others task by task
    too many      a family as one box for several depths together, at last everything of some depths

How long a chain is, is seen in each of these; and a fan-out of a thousand is one box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from compiler.drawing.shape import Shape, depths_of

Group = tuple[str, list[int]]


def fold(shape: Shape, apart: int, most: int) -> list[Group]:
    """The instances of each box with its name, in order of the first of them; one alone needs no name.

    Up to `apart` boxes for tasks of their own, and about `most` in all.
    """
    if len(shape) <= apart:
        return [("", [instance]) for instance in range(len(shape))]
    depth_of = depths_of(shape)
    band = 1
    while True:
        keys = [(family, depth // band) for family, depth in zip(shape.family_of, depth_of, strict=True)]
        found = _members(keys)
        if len(found) <= most:
            return _expanded([(shape.families[shape.family_of[group[0]]], group) for group in found], apart)
        if band > max(depth_of):
            return _bands(depth_of, most)
        band *= 2


def _bands(depth_of: Sequence[int], most: int) -> list[Group]:
    """Everything of some depths together: for workflows of very many tasks."""
    step = -(-(max(depth_of) + 1) // most)
    found = _members([depth // step for depth in depth_of])
    return [(_depths(depth_of[group[0]] // step, step), group) for group in found]


def _depths(band: int, step: int) -> str:
    return f"tasks at depth {band}" if step == 1 else f"tasks at depths {band * step} to {(band + 1) * step - 1}"


def _members(keys: Sequence[Hashable]) -> list[list[int]]:
    """The instances of each key, in order of the first."""
    found: dict[Hashable, list[int]] = {}
    for instance, key in enumerate(keys):
        found.setdefault(key, []).append(instance)
    return list(found.values())


def _expanded(groups: Sequence[Group], apart: int) -> list[Group]:
    """The smaller groups task by task, as long as that leaves no more than `apart` boxes: equal sizes alike."""
    sizes = Counter(len(instances) for _, instances in groups)
    boxes, largest = len(groups), 0
    for size in sorted(sizes):
        boxes += sizes[size] * (size - 1)
        if boxes > apart:
            break
        largest = size
    found: list[Group] = []
    for name, instances in groups:
        found += [("", [one]) for one in instances] if len(instances) <= largest else [(name, instances)]
    return found
