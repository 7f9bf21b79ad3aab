"""Blocks of two matrices, their products and sums, and the comparison with numpy's own product."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float64]


class Report(TypedDict):
    """`ok`: the blocked product agrees with numpy's within rounding."""

    n: int
    max_error: float
    ok: bool


def make_block(matrix: str, row: int, column: int, n: int, block: int) -> Block:
    """One block of a random matrix: the same arguments give the same numbers in every process."""
    shape = (min(block, n - row * block), min(block, n - column * block))
    return np.random.default_rng([ord(matrix), row, column]).standard_normal(shape)


def multiply(a: Block, b: Block) -> Block:
    return a @ b


def accumulate(products: list[Block]) -> Block:
    total = products[0].copy()
    for product in products[1:]:
        total += product
    return total


def compare_with_numpy(a: list[list[Block]], b: list[list[Block]], c: list[list[Block]]) -> Report:
    """Put the blocks together, multiply once more in one piece, and report the largest difference."""
    expected = np.block(a) @ np.block(b)
    max_error = float(np.abs(np.block(c) - expected).max())
    return Report(n=len(expected), max_error=max_error, ok=max_error <= 1e-9 * len(expected))
