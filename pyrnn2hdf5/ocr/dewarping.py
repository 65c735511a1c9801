"""A text line made straight, as OCRopus' CenterNormalizer does it, without SciPy.

`ink` is how dark a pixel is, 0 to 1, h and w are rows and columns. Filters are Gaussian, cut off at four
sigma, with nothing but 0 outside the image:

    smoothed = ink filtered by (0.5 h, smoothness h) + 0.001 of its mean over (int(0.5 h), w) pixels
    center   = the row of the maximum of each column, filtered by extra h, cut off to an integer
    r        = int(1 + range * mean |row - center| over all ink)

The 2 r rows around the center of each column are scaled to the height of the network, linearly. SciPy's own
filter spends as much on a pixel as the image is high; a product with a matrix and a Fourier transform give the
same to 4e-16, and the same maxima.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..model.network import Float32, Float64

BLOCK_PIXELS: Final = 2**18
"""Pixels looked at together, so that no copy is as large as the image."""

TRUNCATE: Final = 4.0
"""A Gaussian ends after this many sigma, as in SciPy."""

Integers = NDArray[np.int64]


def measure(line: Float64, parameters: Mapping[str, float]) -> tuple[Integers, int]:
    """The center of a line image (h, w), dark on light, in each column, and the r that says how far its ink reaches.

    `parameters` are those of a CenterNormalizer: `range`, `smoothness`, `extra`. The image is not blank.
    """
    h = len(line)
    smoothed = _smoothed(line, h * parameters["smoothness"])
    _add_mean(smoothed, 0.001)
    center = _filtered_integers(_first_maxima(smoothed), h * parameters["extra"])
    paper = line.max()
    total = count = 0
    for columns in _blocks(*line.shape):
        row, column = np.nonzero(line[:, columns] != paper)
        total += int(np.abs(row - center[columns][column]).sum())
        count += len(row)
    return center, int(1 + parameters["range"] * (total / count))


def dewarp(line: Float64, center: Integers, r: int, Ni: int) -> Float32:
    """The 2 r rows around the center of each column, scaled linearly to (Ni, int(w * Ni / 2 r)), float32."""
    h, w = line.shape
    scale = Ni / (2.0 * r)
    step, paper = 1.0 / scale, float(line.max())
    out = np.full((Ni, int(scale * w)), paper, np.float32)
    # Beyond the middle of the last pixel there is paper.
    y, x = (step * np.arange(size) for size in out.shape)
    y, x = y[y <= 2 * r - 1], x[x <= w - 1]
    tops, lefts = y.astype(np.int64), x.astype(np.int64)
    rows = np.arange(2 * r)[:, None] - r
    below, past_row = np.minimum(tops + 1, 2 * r - 1), (y - tops)[:, None]
    for columns in _blocks(max(len(y), 2 * r), len(x)):
        left = lefts[columns]
        past = x[columns] - left
        total = np.zeros((len(y), len(left)))
        for column, part in ((left, 1.0 - past), (np.minimum(left + 1, w - 1), past)):
            at = center[column] + rows
            pixels = np.where((at >= 0) & (at < h), line[at.clip(0, h - 1), column], paper)
            # OCRopus keeps its dewarped lines in float32.
            pixels = pixels.astype(np.float32).astype(np.float64)
            total += (pixels[tops] * (1.0 - past_row) + pixels[below] * past_row) * part
        out[: len(y), columns] = total
    return out


def _blocks(h: int, w: int) -> Iterator[slice]:
    """Ranges of columns, of some `BLOCK_PIXELS` pixels each."""
    size = max(BLOCK_PIXELS // max(h, 1), 1)
    return (slice(start, min(start + size, w)) for start in range(0, w, size))


def _gaussian(sigma: float) -> Float64:
    """The kernel as SciPy has it, an odd number of weights."""
    radius = int(TRUNCATE * sigma + 0.5)
    if not radius:
        return np.ones(1)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return np.asarray(weights / weights.sum())


def _smoothed(line: Float64, sigma: float) -> Float64:
    """The ink of a line filtered by half its height up and down, and by `sigma` along the line."""
    h, w = line.shape
    kernel, paper = _gaussian(0.5 * h), line.max()
    most = (paper - line).max()
    # Twice the height to each side: every row has its part in every other.
    product = np.array([kernel[len(kernel) // 2 - row :][:h] for row in range(h)])
    result = np.empty((h, w))
    for columns in _blocks(h, w):
        np.matmul(product, (paper - line[:, columns]) / most, out=result[:, columns])

    kernel = _gaussian(sigma)
    # What is farther away than the line is long has no part.
    radius = min(len(kernel) // 2, w - 1)
    kernel = kernel[len(kernel) // 2 - radius :][: 2 * radius + 1]
    # Long enough that what runs over the end comes back where nothing is looked at.
    size = _transform_size(w + radius)
    transfer = np.fft.rfft(kernel, size)
    some = max(BLOCK_PIXELS // size, 1)
    for start in range(0, h, some):
        rows = result[start : start + some]
        rows[:] = np.fft.irfft(np.fft.rfft(rows, size) * transfer, size)[:, radius : radius + w]
    # Far from all ink there is nothing, not the rounding of a transform.
    inked = np.concatenate(([0], np.cumsum((line != paper).any(axis=0))))
    column = np.arange(w)
    result[:, inked[np.minimum(column + radius + 1, w)] == inked[np.maximum(column - radius, 0)]] = 0.0
    return result


def _transform_size(least: int) -> int:
    """A size at which a Fourier transform is fast: of small factors, at most a fifth above `least`."""
    return min(factor << max(-(-least // factor) - 1, 0).bit_length() for factor in (8, 9, 10, 12, 15))


def _add_mean(values: Float64, part: float) -> None:
    """Add to each pixel a part of the mean over a window half as high as the image, and as wide, as SciPy lays it."""
    h, w = values.shape
    high, left = int(0.5 * h), w // 2
    sums = np.empty((h, w))
    first, end = -(high // 2), high - high // 2
    window = values[:end].sum(axis=0)
    for row in range(h):
        sums[row] = window
        if row + end < h:
            window += values[row + end]
        if row + first >= 0:
            window -= values[row + first]
    np.cumsum(sums, axis=1, out=sums)
    sums *= part / (high * w)
    # A window of w columns holds those up to its right end, or all but those before its left one.
    values[:, left + 1 :] += sums[:, -1:]
    values[:, left + 1 :] -= sums[:, : w - left - 1]
    values[:, : left + 1] += sums[:, w - left - 1 :]


def _first_maxima(values: Float64) -> Integers:
    """The first row of each column at its maximum, or so near to it that only rounding is between them."""
    top = values.max(axis=0)
    least = top - np.minimum(1e-14 * top.max(), 1e-10 * top)
    rows = np.empty(values.shape[1], np.int64)
    for columns in _blocks(*values.shape):
        rows[columns] = (values[:, columns] >= least[columns]).argmax(axis=0)
    return rows


def _filtered_integers(values: Integers, sigma: float) -> Integers:
    """Integers filtered by a Gaussian, the borders mirrored, cut off to integers.

    What is cut off may hang on the last bit, so this adds up in SciPy's order: the middle, then from both ends inwards.
    """
    kernel, count = _gaussian(sigma), len(values)
    radius = len(kernel) // 2
    at = np.arange(-radius, count + radius) % (2 * count)
    padded = values.astype(np.float64)[np.minimum(at, 2 * count - 1 - at)]
    total: Float64 = padded[radius : radius + count] * kernel[radius]
    for k in range(radius):
        total += (padded[k : k + count] + padded[2 * radius - k :][:count]) * kernel[k]
    return total.astype(np.int64)
