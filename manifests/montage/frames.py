"""A frame: an image that knows where on the sky it looks. Read, written and resampled here; tasks pass it as FITS.

Which frames there are, and what is done with their brightness, is the business of `montage`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Pixels = NDArray[np.float64]
"""Rows x columns of brightness; NaN where there is none."""

ARCSECONDS = 3600.0

TRUSTED = 2
"""Pixels from the border of a frame on which a cubic spline still sees only the frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`wcs` tells which place on the sky pixel (x, y) shows, counted from 0 at the lower left."""

    pixels: Pixels
    wcs: WCS

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.pixels.shape
        return height, width


def tangent_plane(centre: Sequence[float], middle: Sequence[float], *, scale: float = 1.0, angle: float = 0.0) -> WCS:
    """A gnomonic projection: pixel `middle` (x, y) looks at `centre` (right ascension, declination in degrees).

    `scale` is arcseconds per pixel, `angle` degrees by which the frame is turned.
    """
    turn = np.radians(angle)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = list(centre)
    wcs.wcs.crpix = [middle[0] + 1, middle[1] + 1]  # FITS counts pixels from 1
    wcs.wcs.cdelt = [-scale / ARCSECONDS, scale / ARCSECONDS]  # east is left
    wcs.wcs.pc = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    wcs.wcs.set()
    return wcs


def encode(frame: Frame) -> bytes:
    """A FITS file of single precision."""
    buffer = io.BytesIO()
    fits.PrimaryHDU(frame.pixels.astype(np.float32), header=frame.wcs.to_header()).writeto(buffer)
    return buffer.getvalue()


def decode(data: bytes) -> Frame:
    with fits.open(io.BytesIO(data)) as units:
        image = units[0]
        return Frame(np.asarray(image.data, dtype=np.float64), WCS(image.header))


def resample(frame: Frame, wcs: WCS, columns: range, rows: range) -> Pixels:
    """What those pixels of `wcs` would show of the frame, by cubic splines; NaN where it shows nothing."""
    x, y = np.meshgrid(np.array(columns), np.array(rows))
    sky = wcs.wcs_pix2world(np.column_stack([x.ravel(), y.ravel()]), 0)
    seen = frame.wcs.wcs_world2pix(sky, 0).T[::-1].reshape(2, *x.shape)
    values = map_coordinates(frame.pixels, seen, order=3, mode="nearest")
    return np.where(_trusted(seen, frame.shape), values, np.nan)


def _trusted(seen: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    last = np.reshape(shape, (2, 1, 1)) - 1 - TRUSTED
    inside: NDArray[np.bool_] = np.all((seen >= TRUSTED) & (seen <= last), axis=0)
    return inside


def bounds(frame: Frame, wcs: WCS, shape: tuple[int, int]) -> tuple[range, range]:
    """The columns and rows of `wcs`, an image of that shape, that the frame's corners enclose."""
    height, width = frame.shape
    corners = np.array([(x, y) for x in (0, width - 1) for y in (0, height - 1)])
    x, y = wcs.wcs_world2pix(frame.wcs.wcs_pix2world(corners, 0), 0).T
    return _within(x, shape[1]), _within(y, shape[0])


def _within(places: NDArray[np.float64], length: int) -> range:
    return range(max(0, int(np.floor(places.min()))), min(length, int(np.ceil(places.max())) + 1))


def cutout(pixels: Pixels, wcs: WCS, columns: range, rows: range) -> Frame:
    """Pixels that lie at those columns and rows of `wcs`, as a frame of their own."""
    own = wcs.deepcopy()
    own.wcs.crpix = [wcs.wcs.crpix[0] - columns.start, wcs.wcs.crpix[1] - rows.start]
    return Frame(pixels, own)


def place(piece: Frame, wcs: WCS) -> tuple[slice, slice]:
    """Rows and columns of `wcs` that a cutout of it fills."""
    left, low = (round(whole - own) for whole, own in zip(wcs.wcs.crpix, piece.wcs.wcs.crpix, strict=True))
    height, width = piece.shape
    return slice(low, low + height), slice(left, left + width)
