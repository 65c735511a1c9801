"""Dewarping against SciPy's own filters, which OCRopus uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pyrnn2hdf5.ocr import dewarping
from pyrnn2hdf5.ocr.dewarping import dewarp, measure
from pyrnn2hdf5.ocr.line_normalization import CENTER

from ..conftest import LINES, SHARED, grey_image

OURS = [grey_image(path) for path in sorted(LINES.glob("*.png"))]


def by_scipy(line: Any, parameters: Mapping[str, float], Ni: int) -> tuple[Any, Any, int, Any]:
    """Maxima, center, r and dewarped line as OCRopus computes them."""
    h, w = line.shape
    ink = line.max() - line
    ink /= ink.max()
    smoothed = ndimage.gaussian_filter(ink, (h * 0.5, h * parameters["smoothness"]), mode="constant")
    smoothed += 0.001 * ndimage.uniform_filter(smoothed, (int(h * 0.5), w), mode="constant")
    maxima = smoothed.argmax(axis=0)
    center = ndimage.gaussian_filter(maxima, h * parameters["extra"]).astype(np.int64)
    r = int(1 + parameters["range"] * np.abs(np.arange(h)[:, None] - center)[ink != 0].mean())
    padded = np.pad(line, ((r, r), (0, 0)), constant_values=line.max())
    rows = padded[center + np.arange(2 * r)[:, None], np.arange(w)].astype(np.float32)
    scale = Ni / (2.0 * r)
    scaled = ndimage.affine_transform(
        rows.astype(np.float64),
        np.eye(2) / scale,
        order=1,
        output_shape=(Ni, int(scale * w)),
        mode="constant",
        cval=line.max(),
    )
    return maxima, center, r, scaled.astype(np.float32)


def check(line: Any, parameters: Mapping[str, float] = CENTER, Ni: int = 48) -> None:
    maxima, center, r, dewarped = by_scipy(line, parameters, Ni)
    smoothed = dewarping._smoothed(line, len(line) * parameters["smoothness"])
    dewarping._add_mean(smoothed, 0.001)
    assert dewarping._first_maxima(smoothed).tolist() == maxima.tolist()
    got = measure(line, parameters)
    assert (got[0].tolist(), got[1]) == (center.tolist(), r)
    ours = dewarp(line, center, r, Ni)
    assert ours.dtype == np.float32
    assert ours.shape == dewarped.shape
    if ours.size:
        assert np.abs(ours - dewarped).max() <= 2.0**-23


@pytest.mark.parametrize("line", OURS)
@pytest.mark.parametrize("block", [dewarping.BLOCK_PIXELS, 1000])
def test_our_lines(line: Any, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dewarping, "BLOCK_PIXELS", block)
    check(line, Ni=32)


@pytest.mark.real
def test_real_lines() -> None:
    for path in sorted((SHARED / "real" / "lines").glob("*.png")):
        check(grey_image(path))


@settings(max_examples=60)
@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 200), st.integers(1, 9), st.floats(0, 0.9)), min_size=1),
    st.tuples(st.integers(2, 40), st.integers(2, 200)),
    st.fixed_dictionaries({name: st.floats(0.01, 20.0) for name in CENTER}),
    st.integers(2, 130),
)
def test_lines_of_any_shape(
    number: int, spots: list[Any], size: tuple[int, int], parameters: dict[str, float], Ni: int
) -> None:
    line = OURS[number][: size[0], : size[1]].copy()
    for row, column, extent, grey in spots:
        line[row % len(line) :, column % line.shape[1] :][:extent, :extent] = grey
    # SciPy rounds where there is no ink within half the line, and takes the maximum of that: ink on both ends.
    line[0, 0] = line[-1, -1] = 0.5
    line[0, -1] = 1.0
    parameters["range"] = max(parameters["range"], Ni / 40)
    check(line, parameters, Ni)


def test_of_rows_that_are_alike_the_first_counts_as_in_scipy() -> None:
    line = np.ones((50, 300))
    line[18:30, 20:280] = 0
    check(line)
    check(line[::-1].copy())


def test_columns_without_any_ink_near_are_as_in_scipy() -> None:
    # To their left nothing at all is within half the width of the line: all is equal, and the first row counts.
    line = np.ones((30, 900))
    line[14:19, 850:880] = 0
    check(line)
    assert measure(line, CENTER)[0][:250].tolist() == [0] * 250


@given(st.integers(1, 10**7))
def test_transforms_are_long_enough_and_not_much_longer(least: int) -> None:
    size = dewarping._transform_size(least)
    assert least <= size <= max(least * 1.25, 8)
    while size % 2 == 0:
        size //= 2
    assert size in (1, 3, 5, 9, 15)
