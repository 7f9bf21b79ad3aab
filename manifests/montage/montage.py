"""A mosaic of overlapping exposures: align them, level their backgrounds, add them up, compare with the sky.

The steps are those of the Montage toolkit (project, difference, fit, model, correct, add); the functions are this
example's own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from frames import Frame, Pixels, bounds, cutout, decode, encode, place, resample, tangent_plane
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

CENTRE = (150.1, 2.2)
"""Where the sky of this example is: right ascension and declination, degrees."""

SEEING = 1.0
"""The atmosphere's blur, in pixels. A sharper sky could not be sampled twice without loss."""

FINER = 0.8
"""Arcseconds per pixel of an exposure, give or take a twentieth; the mosaic has 1."""

Tile = tuple[int, int]
Plane = NDArray[np.float64]
"""Level, slope along x, slope along y; the mosaic reaches from -1 to 1 in both."""

Nested = list["Fit"] | list["Nested"]


@dataclass(frozen=True, slots=True)
class Fit:
    """The plane through the difference of two tiles, `first` minus `second`, and on how many pixels it rests."""

    first: Tile
    second: Tile
    plane: Plane
    pixels: int


class Report(TypedDict):
    """Errors are in shades of grey, of 255. `ok`: the mosaic has no hole, and is the sky but for rounding."""

    width: int
    height: int
    holes: int
    seams_before: float
    rms_error: float
    max_error: float
    ok: bool
    path: str | None


def photograph() -> NDArray[np.uint8]:
    """Rows x columns x 3. Read without importing scikit-learn: that takes longer than all that follows."""
    from PIL import Image

    package = find_spec("sklearn")
    assert package is not None and package.submodule_search_locations, "scikit-learn is a requirement"
    with Image.open(Path(package.submodule_search_locations[0], "datasets", "images", "china.jpg")) as photo:
        return np.asarray(photo)


def look() -> bytes:
    """The sky: the brightness of the photograph `china.jpg`, which scikit-learn ships, as the atmosphere blurs it."""
    brightness = photograph() @ np.array([0.299, 0.587, 0.114])
    height, width = brightness.shape
    wcs = tangent_plane(CENTRE, ((width - 1) / 2, (height - 1) / 2))
    return encode(Frame(gaussian_filter(brightness[::-1], SEEING), wcs))


def template(sky: bytes) -> str:
    """The header of the mosaic to be made: where each of its pixels lies, and how many there are."""
    with fits.open(io.BytesIO(sky)) as units:
        return str(units[0].header.tostring())


def expose(sky: bytes, *, row: int, column: int, rows: int, columns: int, overlap: int, seed: int) -> bytes:
    """What a telescope sees of one tile: shifted, turned, in pixels of its own, with a background that slopes."""
    whole = decode(sky)
    height, width = whole.shape
    chance = np.random.default_rng([seed, row, column])
    scale = FINER * chance.uniform(0.95, 1.05)
    middle = np.array([(column + 0.5) * width / columns, (row + 0.5) * height / rows]) - 0.5 + chance.uniform(-3, 3, 2)
    centre = whole.wcs.wcs_pix2world([middle], 0)[0]
    across, up = (round((size + 2 * overlap) / scale) for size in (width / columns, height / rows))
    wcs = tangent_plane(centre, ((across - 1) / 2, (up - 1) / 2), scale=scale, angle=chance.uniform(-4, 4))
    padded = Frame(np.pad(whole.pixels, 3 * overlap, mode="edge"), _moved(whole.wcs, 3 * overlap))
    x, y = range(across), range(up)
    seen = resample(padded, wcs, x, y)
    assert np.isfinite(seen).all(), "the border is wide enough for any tile"
    return encode(Frame(seen + _plane_at(chance.uniform(-20, 20, 3), x, y, (up, across)), wcs))


def project(tile: bytes, header: str) -> bytes:
    """The tile in the pixels of the mosaic, cut to where it has any."""
    wcs, shape = _grid(header)
    frame = decode(tile)
    columns, rows = bounds(frame, wcs, shape)
    return encode(cutout(resample(frame, wcs, columns, rows), wcs, columns, rows))


def difference(first: bytes, second: bytes, header: str) -> bytes:
    """`first` minus `second` where both have pixels."""
    wcs, shape = _grid(header)
    minuend, subtrahend = np.full(shape, np.nan), np.full(shape, np.nan)
    for canvas, piece in ((minuend, decode(first)), (subtrahend, decode(second))):
        canvas[place(piece, wcs)] = piece.pixels
    both = minuend - subtrahend
    found = np.isfinite(both)
    rows, columns = (_extent(found.any(axis=axis)) for axis in (1, 0))
    return encode(cutout(both[rows.start : rows.stop, columns.start : columns.stop], wcs, columns, rows))


def fit(difference: bytes, header: str, first: Tile, second: Tile) -> Fit:
    """The plane through a difference, by least squares; what is far off it is left out, and the plane fitted again."""
    wcs, shape = _grid(header)
    frame = decode(difference)
    rows, columns = (range(part.start, part.stop) for part in place(frame, wcs))
    x, y = _coordinates(columns, rows, shape)
    used = np.isfinite(frame.pixels)
    plane = np.zeros(3)
    for _ in range(2):
        terms = np.column_stack([np.ones(used.sum()), x[used], y[used]])
        plane = np.linalg.lstsq(terms, frame.pixels[used], rcond=None)[0]
        off = np.abs(frame.pixels - plane[0] - plane[1] * x - plane[2] * y)
        used &= off <= 3 * max(1e-3, np.nanstd(off[used])) if used.any() else used
    return Fit(first=tuple(first), second=tuple(second), plane=plane, pixels=int(used.sum()))


def model(planes: Nested) -> dict[Tile, Plane]:
    """What to add to each tile, so that all fit together: least squares over all pairs, weighted by their pixels.

    Differences say nothing about a plane that all tiles have in common: of all solutions this is the one with the
    least corrections, and these add up to nothing.
    """
    pairs = [one for one in _flat(planes) if one.pixels]
    tiles = sorted({tile for one in pairs for tile in (one.first, one.second)})
    at = {tile: number for number, tile in enumerate(tiles)}
    terms, wanted = np.zeros((len(pairs), len(tiles))), np.zeros((len(pairs), 3))
    for number, one in enumerate(pairs):
        weight = np.sqrt(one.pixels)
        terms[number, at[one.first]], terms[number, at[one.second]] = weight, -weight
        wanted[number] = -weight * one.plane
    solution = np.linalg.lstsq(terms, wanted, rcond=None)[0]
    return {tile: solution[number] for tile, number in at.items()}


def correct(piece: bytes, model: dict[Tile, Plane], header: str, tile: Tile) -> bytes:
    """The piece with its background level with those of the others."""
    wcs, shape = _grid(header)
    frame = decode(piece)
    rows, columns = (range(part.start, part.stop) for part in place(frame, wcs))
    return encode(Frame(frame.pixels + _plane_at(model[tuple(tile)], columns, rows, shape), frame.wcs))


def add(pieces: list[list[bytes]], header: str) -> bytes:
    """The mosaic: each pixel is the mean of the pieces that have it."""
    wcs, shape = _grid(header)
    total, count = np.zeros(shape), np.zeros(shape)
    for piece in (decode(one) for row in pieces for one in row):
        at = place(piece, wcs)
        total[at] += np.nan_to_num(piece.pixels)
        count[at] += np.isfinite(piece.pixels)
    with np.errstate(invalid="ignore"):
        return encode(Frame(total / np.where(count > 0, count, np.nan), wcs))


def compare(mosaic: bytes, sky: bytes, planes: Nested, output: str) -> Report:
    """How far the mosaic is from the sky, but for the one plane that no difference of tiles can tell.

    With `output`, an absolute path, the mosaic is written there.
    """
    if output and not Path(output).is_absolute():
        raise ValueError(f"output must be an absolute path, it is {output!r}")
    made, seen = decode(mosaic).pixels, decode(sky).pixels
    height, width = made.shape
    off = made - seen
    there = np.isfinite(off)
    x, y = _coordinates(range(width), range(height), made.shape)
    terms = np.column_stack([np.ones(there.sum()), x[there], y[there]])
    error = off[there] - terms @ np.linalg.lstsq(terms, off[there], rcond=None)[0]
    if output:
        Path(output).write_bytes(mosaic)
    rms = float(np.sqrt(np.mean(error**2)))
    return Report(
        width=width,
        height=height,
        holes=int((~there).sum()),
        seams_before=round(float(np.mean([abs(one.plane[0]) for one in _flat(planes) if one.pixels])), 3),
        rms_error=round(rms, 4),
        max_error=round(float(np.abs(error).max()), 4),
        ok=bool(there.all()) and rms < 0.5,
        path=output or None,
    )


def _grid(header: str) -> tuple[WCS, tuple[int, int]]:
    """The mosaic's coordinates, its rows and its columns."""
    cards = fits.Header.fromstring(header)
    return WCS(cards), (cards["NAXIS2"], cards["NAXIS1"])


def _moved(wcs: WCS, by: int) -> WCS:
    own = wcs.deepcopy()
    own.wcs.crpix = wcs.wcs.crpix + by
    return own


def _coordinates(columns: range, rows: range, shape: tuple[int, ...]) -> tuple[Pixels, Pixels]:
    height, width = shape
    x, y = np.meshgrid(np.array(columns), np.array(rows))
    return 2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1


def _plane_at(plane: Plane, columns: range, rows: range, shape: tuple[int, ...]) -> Pixels:
    x, y = _coordinates(columns, rows, shape)
    level: Pixels = plane[0] + plane[1] * x + plane[2] * y
    return level


def _extent(found: NDArray[np.bool_]) -> range:
    """From the first to the last that is found; one when none is: an image has a pixel."""
    places = np.flatnonzero(found)
    return range(int(places[0]), int(places[-1]) + 1) if len(places) else range(1)


def _flat(planes: Nested) -> Iterator[Fit]:
    for one in planes:
        yield from [one] if isinstance(one, Fit) else _flat(one)
