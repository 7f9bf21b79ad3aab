"""The montage, step by step, against geometry and planes that are worked out here once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter

from tests.examples.loading import loaded_modules

ROWS, COLUMNS, OVERLAP, SEED = 2, 3, 24, 7
TILES = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
PAIRS = [
    (first, second) for first in TILES for second in TILES if first < second and abs(first[1] - second[1]) < 2
]  # in this grid all tiles but those two columns apart


@dataclass(frozen=True, slots=True)
class Steps:
    montage: ModuleType
    frames: ModuleType
    sky: bytes
    header: str
    exposures: dict[tuple[int, int], bytes]
    projections: dict[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def steps() -> Iterator[Steps]:
    with loaded_modules() as load:
        frames, montage = load("montage/frames.py"), load("montage/montage.py")
        sky = montage.look()
        header = montage.template(sky)
        where = {"rows": ROWS, "columns": COLUMNS, "overlap": OVERLAP, "seed": SEED}
        exposures = {(r, c): montage.expose(sky, row=r, column=c, **where) for r, c in TILES}
        projections = {tile: montage.project(data, header) for tile, data in exposures.items()}
        yield Steps(montage, frames, sky, header, exposures, projections)


def fits_of(steps: Steps) -> list[object]:
    project, found = steps.projections, []
    for first, second in PAIRS:
        difference = steps.montage.difference(project[first], project[second], steps.header)
        found.append(steps.montage.fit(difference, steps.header, first, second))
    return found


def mosaic_of(steps: Steps, model: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    corrected = {
        tile: steps.montage.correct(data, model, steps.header, tile) for tile, data in steps.projections.items()
    }
    rows = [[corrected[row, column] for column in range(COLUMNS)] for row in range(ROWS)]
    return image(steps.montage.add(rows, steps.header))


def image(data: bytes) -> np.ndarray:
    return np.asarray(fits.getdata(BytesIO(data)), dtype=float)


def gnomonic(header: fits.Header, x: float, y: float) -> tuple[float, float]:
    """Where pixel (x, y), counted from 1, looks, in degrees: the formulas of Calabretta and Greisen (2002)."""
    turn = np.array([[header.get(f"PC{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)])
    offset = turn @ np.array([x - header["CRPIX1"], y - header["CRPIX2"]])
    xi, eta = np.radians([offset[0] * header["CDELT1"], offset[1] * header["CDELT2"]])
    ra, dec = np.radians([header["CRVAL1"], header["CRVAL2"]])
    below = np.cos(dec) - eta * np.sin(dec)
    right = ra + np.arctan2(xi, below)
    up = np.arctan2(np.sin(dec) + eta * np.cos(dec), np.hypot(xi, below))
    return float(np.degrees(right)), float(np.degrees(up))


def test_exposures_look_elsewhere_are_turned_and_have_pixels_of_their_own(steps: Steps) -> None:
    headers = [fits.getheader(BytesIO(data)) for data in steps.exposures.values()]
    for name in ("CRVAL1", "CRVAL2", "CDELT2", "PC1_2"):
        assert len({header[name] for header in headers}) == len(TILES)


def test_projected_pixel_shows_the_place_on_the_sky_that_it_showed_before(steps: Steps) -> None:
    tile = steps.frames.decode(steps.exposures[1, 1])
    height, width = tile.shape
    y, x = np.mgrid[:height, :width]
    one = np.exp(-((x - 150) ** 2 + (y - 120) ** 2) / 18)
    projected = steps.montage.project(steps.frames.encode(steps.frames.Frame(one, tile.wcs)), steps.header)
    found = np.nan_to_num(image(projected))
    rows, columns = np.mgrid[: found.shape[0], : found.shape[1]]
    peak = (columns * found).sum() / found.sum() + 1, (rows * found).sum() / found.sum() + 1
    before = gnomonic(fits.getheader(BytesIO(steps.exposures[1, 1])), 151, 121)
    after = gnomonic(fits.getheader(BytesIO(projected)), *peak)
    assert after == pytest.approx(before, abs=0.02 / 3600)  # a fiftieth of a pixel


def test_difference_of_neighbours_is_the_difference_of_their_backgrounds(steps: Steps) -> None:
    both = image(steps.montage.difference(steps.projections[0, 0], steps.projections[0, 1], steps.header))
    y, x = np.indices(both.shape)
    there = np.isfinite(both)
    terms = np.column_stack([np.ones(there.sum()), x[there], y[there]])
    plane = np.linalg.lstsq(terms, both[there], rcond=None)[0]
    assert there.sum() > 200 * 2 * (OVERLAP - 8)
    assert np.abs(both[there]).mean() > 3
    assert np.std(both[there] - terms @ plane) < 0.5


def test_tiles_that_do_not_overlap_have_no_say_in_the_model(steps: Steps) -> None:
    apart = steps.montage.difference(steps.projections[0, 0], steps.projections[1, 2], steps.header)
    none = steps.montage.fit(apart, steps.header, (0, 0), (1, 2))
    assert none.pixels == 0
    one = steps.montage.Fit(first=(0, 0), second=(0, 1), plane=np.array([4.0, 2.0, 0.0]), pixels=100)
    model = steps.montage.model([[one], [[none]]])
    assert {tile: plane.tolist() for tile, plane in model.items()} == {
        (0, 0): pytest.approx([-2, -1, 0]),
        (0, 1): pytest.approx([2, 1, 0]),
    }


def test_model_finds_planted_planes_up_to_one_that_all_have_in_common(steps: Steps) -> None:
    chance = np.random.default_rng(1)
    planted = {tile: chance.uniform(-20, 20, 3) for tile in TILES}
    pairs = [
        steps.montage.Fit(first=a, second=b, plane=planted[a] - planted[b], pixels=int(chance.integers(10, 1000)))
        for a, b in PAIRS
    ]
    model = steps.montage.model([pairs])
    level = [planted[tile] + model[tile] for tile in TILES]
    assert np.ptp(level, axis=0) == pytest.approx(0, abs=1e-9)
    assert sum(model.values()) == pytest.approx(0, abs=1e-9)


def test_mosaic_is_the_photograph(steps: Steps) -> None:
    made = mosaic_of(steps, steps.montage.model([fits_of(steps)]))
    photograph = gaussian_filter(steps.montage.photograph() @ [0.299, 0.587, 0.114], 1.0)[::-1]
    assert made.shape == (427, 640)
    assert np.isfinite(made).all()
    off = made - photograph
    y, x = np.indices(off.shape)
    terms = np.column_stack([np.ones(off.size), x.ravel(), y.ravel()])
    error = off.ravel() - terms @ np.linalg.lstsq(terms, off.ravel(), rcond=None)[0]
    assert np.sqrt(np.mean(error**2)) < 0.3
    assert np.abs(error).max() < 3


def test_mosaic_without_a_model_has_seams_and_says_so(steps: Steps) -> None:
    made = mosaic_of(steps, {tile: np.zeros(3) for tile in TILES})
    frame = steps.frames.Frame(made, steps.frames.decode(steps.sky).wcs)
    report = steps.montage.compare(steps.frames.encode(frame), steps.sky, [fits_of(steps)], "")
    assert report["ok"] is False
    assert report["rms_error"] > 3


def test_mosaic_is_written_where_the_user_asked_and_nowhere_else(steps: Steps, tmp_path: Path) -> None:
    target = tmp_path / "mosaic.fits"
    report = steps.montage.compare(steps.sky, steps.sky, [fits_of(steps)[:1]], str(target))
    assert report["path"] == str(target)
    assert report["rms_error"] == 0
    assert target.read_bytes() == steps.sky
    with pytest.raises(ValueError, match="must be an absolute path"):
        steps.montage.compare(steps.sky, steps.sky, [], "mosaic.fits")
