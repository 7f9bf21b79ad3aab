"""From a photograph to a drawing: cut with margins, two filters per tile, join, assemble, save as PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""Rows x columns x 3 (colours) or rows x columns (one shade), 0 to 1."""

MARGIN = 8
"""Pixels of the neighbours around a tile: no filter here looks further."""

KERNEL = np.exp(-0.5 * (np.arange(-6, 7, dtype=np.float32) / 2.5) ** 2)


@dataclass(frozen=True, slots=True)
class Tile:
    """Pixels with how many of them, on each side, belong to the neighbours (0 at the photograph's border)."""

    pixels: Pixels
    top: int
    left: int
    bottom: int
    right: int


class Saved(TypedDict):
    path: str
    width: int
    height: int
    bytes: int


def load_photo() -> NDArray[np.uint8]:
    """The photograph `china.jpg`, which scikit-learn ships: 427 x 640 pixels."""
    from sklearn.datasets import load_sample_image

    photo: NDArray[np.uint8] = load_sample_image("china.jpg")
    return photo


def cut(photo: NDArray[np.uint8], row: int, column: int, rows: int, columns: int) -> Tile:
    """Tile (row, column) of rows x columns, with its margin."""
    height, width = photo.shape[:2]
    top, bottom = height * row // rows, height * (row + 1) // rows
    left, right = width * column // columns, width * (column + 1) // columns
    first_row, last_row = max(0, top - MARGIN), min(height, bottom + MARGIN)
    first_column, last_column = max(0, left - MARGIN), min(width, right + MARGIN)
    return Tile(
        pixels=photo[first_row:last_row, first_column:last_column].astype(np.float32) / 255,
        top=top - first_row,
        left=left - first_column,
        bottom=last_row - bottom,
        right=last_column - right,
    )


def blur(tile: Tile) -> Tile:
    """A Gaussian blur: the same kernel along the rows, then along the columns."""
    weights = KERNEL / KERNEL.sum()
    return replace(tile, pixels=_convolve(_convolve(tile.pixels, weights, 0), weights, 1))


def find_edges(tile: Tile) -> Tile:
    """The strength of Sobel's gradient of the brightness."""
    brightness = tile.pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    smooth, slope = np.array([1, 2, 1], dtype=np.float32) / 4, np.array([-1, 0, 1], dtype=np.float32)
    down = _convolve(_convolve(brightness, slope, 0), smooth, 1)
    across = _convolve(_convolve(brightness, slope, 1), smooth, 0)
    return replace(tile, pixels=np.hypot(down, across))


def draw(colours: Tile, outline: Tile) -> Tile:
    """Few flat colours from the blurred tile, dark lines where the edges are."""
    flat = np.round(colours.pixels * 7) / 7
    ink = np.clip(1 - 1.6 * outline.pixels, 0, 1)
    return replace(colours, pixels=flat * ink[:, :, np.newaxis])


def assemble(tiles: list[list[Tile]]) -> bytes:
    """All tiles without their margins, as one PNG."""
    from PIL import Image

    picture = np.concatenate([np.concatenate([_without_margin(tile) for tile in row], axis=1) for row in tiles])
    buffer = io.BytesIO()
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def save(picture: bytes, path: str) -> Saved:
    """Write the PNG. The path must be absolute: the folder in which a worker runs is its own, not the user's."""
    from PIL import Image

    target = Path(path)
    if not target.is_absolute():
        raise ValueError(f"output must be an absolute path, it is {path!r}")
    target.write_bytes(picture)
    width, height = Image.open(io.BytesIO(picture)).size
    return Saved(path=str(target), width=width, height=height, bytes=len(picture))


def _convolve(pixels: Pixels, weights: NDArray[np.float32], axis: int) -> Pixels:
    """Correlate along one axis; the border's pixels are repeated outwards."""
    reach = len(weights) // 2
    widths = [(0, 0)] * pixels.ndim
    widths[axis] = (reach, reach)
    padded = np.pad(pixels, widths, mode="edge")
    length = pixels.shape[axis]
    total = np.zeros_like(pixels)
    for offset, weight in enumerate(weights):
        total += weight * np.take(padded, np.arange(offset, offset + length), axis=axis)
    return total


def _without_margin(tile: Tile) -> Pixels:
    height, width = tile.pixels.shape[:2]
    return tile.pixels[tile.top : height - tile.bottom, tile.left : width - tile.right]
