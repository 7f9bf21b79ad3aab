"""Which tasks of a picture share a box, when they are too many for one each.

    few tasks     every one has its box
    more          the largest families stand as one box for each depth, the others task by task
    too many      so do tasks whose names differ by numbers alone (`part_1`, `part_2`), then those of several depths
                  together, at last everything of some depths

How long a chain is, is seen in each of these; and a fan-out of a thousand is one box.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from compiler.drawing.shape import Shape, depths_of

Group = tuple[str, list[int]]
LEFT_OUT = "\N{HORIZONTAL ELLIPSIS}"
DIGITS = re.compile(r"\d+")


def fold(shape: Shape, apart: int, most: int) -> list[Group]:
    """The instances of each box with its name, in order of the first of them; one alone needs no name.

    Up to `apart` boxes for tasks of their own, and about `most` in all.
    """
    if len(shape) <= apart:
        return [("", [instance]) for instance in range(len(shape))]
    depth_of, kin_of = depths_of(shape), _kin(shape)
    for names, limit in ((_names(shape), apart), (kin_of, apart), (kin_of, most)):
        if len(found := _members(names, depth_of)) <= limit:
            return _expanded(found, apart)
    band = 2
    while band <= max(depth_of):
        if len(found := _members(kin_of, [depth // band for depth in depth_of])) <= most:
            return _expanded(found, apart)
        band *= 2
    return _bands(depth_of, most)


def _names(shape: Shape) -> list[str]:
    return [shape.families[family] for family in shape.family_of]


def _kin(shape: Shape) -> list[str]:
    """The names of families with the numbers left out by which they differ: `fold2_…` of fold2_1 and fold2_2."""
    numbers: defaultdict[str, list[list[str]]] = defaultdict(list)
    plain = [DIGITS.sub(LEFT_OUT, family) for family in shape.families]
    for kin, family in zip(plain, shape.families, strict=True):
        numbers[kin].append(DIGITS.findall(family))
    shown = {kin: _shared(kin, found) for kin, found in numbers.items()}
    return [shown[plain[family]] for family in shape.family_of]


def _shared(kin: str, numbers: Sequence[Sequence[str]]) -> str:
    """The name with those of its numbers that all have."""
    kept = [
        number if all(one == number for one in column) else LEFT_OUT for number, *column in zip(*numbers, strict=True)
    ]
    return "".join(text + number for text, number in zip(kin.split(LEFT_OUT), [*kept, ""], strict=True))


def _bands(depth_of: Sequence[int], most: int) -> list[Group]:
    """Everything of some depths together: for workflows of very many tasks."""
    step = -(-(max(depth_of) + 1) // most)
    bands = [depth // step for depth in depth_of]
    return _members([_depths(band, step) for band in bands], bands)


def _depths(band: int, step: int) -> str:
    return f"tasks at depth {band}" if step == 1 else f"tasks at depths {band * step} to {(band + 1) * step - 1}"


def _members(names: Sequence[str], bands: Sequence[int]) -> list[Group]:
    """The instances of each name and band, in order of the first."""
    found: dict[tuple[str, int], list[int]] = {}
    for instance, key in enumerate(zip(names, bands, strict=True)):
        found.setdefault(key, []).append(instance)
    return [(name, instances) for (name, _), instances in found.items()]


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
