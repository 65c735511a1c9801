"""Proof that a result is the model of a source: what is stored, what it is called, what it does.

Layers, from the sharpest to the one a user cares about:

- stored: every data set equals the source's, cast to the coarser of both types, bit for bit;
- labels: codec, line normalizer and training record are equal where both sides have them;
- behaviour: both networks run over the same lines and give the same class probabilities;
- onnxruntime: of an ONNX file, onnxruntime gives what our own pass through its network gives.

Of the networks only, the weights and the behaviour are compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..errors import InvalidInputError, blamed_on
from ..extras import require
from ..hdf5.layout import LAYOUT, Stored, store
from ..limits import DEFAULT_LIMITS, Limits, check_number
from ..load import is_onnx, load_stored
from ..model.model import LineNormalizer, Model
from ..ocr.images import read_truth
from ..ocr.line_reading import read_line, refuse_single
from ..ocr.recognition import most_steps
from ..sandbox.bounded import Reader
from ..text import shorten
from .behaviour import Behaviour, Line, compare_behaviour
from .checks import DataSetCheck, LabelsCheck, compare_data_set, compare_labels
from .onnx_behaviour import compare_runs

NETWORKS: Final = 3
"""As many networks run over each line, in float64."""


@dataclass(frozen=True, repr=False)
class Verification:
    """Facts only; `problems` says in words what differs, and is empty for equal models.

    Attributes
    ----------
    stored
        A `DataSetCheck` for each data set: how many items differ, the first of them, and by how much at most.
    labels
        A `LabelsCheck`: how many labels, what was compared and what differs.
    behaviour
        A `Behaviour`: `lines` and `steps` that both ran over, their `largest_difference` and the `tolerance`. None
        where the networks have different shapes.
    onnxruntime
        A `Behaviour` of onnxruntime against our own pass; None unless the result is an ONNX file.
    """

    stored: tuple[DataSetCheck, ...]
    labels: LabelsCheck
    behaviour: Behaviour | None
    onnxruntime: Behaviour | None = None

    def __repr__(self) -> str:
        problems = self.problems
        first = f", the first {shorten(problems[0], 120)}" if problems else ""
        return f"Verification(ok={self.ok}, {len(self.stored)} data sets, {len(problems)} problems{first})"

    @property
    def problems(self) -> tuple[str, ...]:
        """What differs, one sentence each, beginning with its layer."""
        said = [f"stored: {check.problem}" for check in self.stored if check.problem]
        said += [f"labels: {problem}" for problem in self.labels.problems]
        if self.behaviour and self.behaviour.problem:
            said.append(f"behaviour: {self.behaviour.problem}")
        if self.onnxruntime and self.onnxruntime.problem:
            said.append(f"onnxruntime: {self.onnxruntime.problem}")
        elif self.onnxruntime and self.onnxruntime.texts_equal is False:
            said.append("onnxruntime: expected the texts of our own pass, got others")
        return tuple(said)

    @property
    def ok(self) -> bool:
        """Whether both are the same model."""
        return not self.problems


def verify(
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    *,
    images: Sequence[str | os.PathLike[str]] = (),
    tolerance: float | None = None,
    network_only: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Verification:
    """Compare two model files, pyrnn, pronn, HDF5 or ONNX of ours on either side.

    Parameters
    ----------
    source
        The model that is taken to be right.
    result
        The model to be compared with it.
    images
        Paths of line images, as they are and without wildcards, to run both on besides the built-in lines (needs the
        extra `[ocr]`), dewarped by the line normalizer of the source. A `*.gt.txt` beside one is its
        truth, for character error rates.
    tolerance
        Largest difference of a class probability in `behaviour` and `onnxruntime`, 0 to 1; by default what rounding to
        float32 explains. What is stored is compared bit for bit all the same.
    network_only
        Compare the weights and what the networks do, but neither codec nor line normalizer nor training record.
    limits
        What reading each model may take: bytes and seconds.

    Returns
    -------
    Verification
        Data sets compared bit for bit in the coarser of both types, labels, and what both networks do; `ok`
        where nothing differs.

    Raises
    ------
    OSError, Pyrnn2Hdf5Error
        Where a model or an image cannot be read. The `path` of a `Pyrnn2Hdf5Error` says which.
    InvalidInputError
        Where `tolerance` is no number from 0 to 1, or `images` a single path.
    MissingExtraError
        Where there are images and the extra `[ocr]` is not installed, or the result is an ONNX file and the extra
        `[onnx]` is not.
    """
    refuse_single(images)
    if tolerance is not None:
        check_number("tolerance", tolerance, 0, 1)
        tolerance = float(tolerance)
    with Reader() as reader:
        return verify_files(
            source, result, reader, images=images, tolerance=tolerance, network_only=network_only, limits=limits
        )


def verify_files(
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    reader: Reader,
    *,
    images: Sequence[str | os.PathLike[str]] = (),
    tolerance: float | None = None,
    network_only: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Verification:
    """As `verify`; `reader` is the process to read with, for many pairs."""
    runs = is_onnx(result)
    with blamed_on(result):
        if runs:
            require("onnx")
    with blamed_on(source):
        expected, source_model = load_stored(source, limits=limits, reader=reader)
    with blamed_on(result):
        got, result_model = load_stored(result, limits=limits, reader=reader)
    normalizer = source_model.line_normalizer or result_model.line_normalizer
    lines = [_line(image, normalizer, source_model, reader) for image in images]
    with blamed_on(result):
        # The file is that of its model, to the byte.
        onnxruntime = compare_runs(result_model, lines, tolerance) if runs else None
    if network_only:
        pairs = ((expected, source_model), (got, result_model))
        (expected, source_model), (got, result_model) = (_network_of(stored, model) for stored, model in pairs)
    compared = compare(expected, got, source_model, result_model, lines=lines, tolerance=tolerance)
    if network_only:
        weights = tuple(check for check in compared.stored if check.name != "codec")
        compared = replace(compared, stored=weights, labels=LabelsCheck(0, (), ()))
    return replace(compared, onnxruntime=onnxruntime)


def _network_of(stored: Stored, model: Model) -> tuple[Stored, Model]:
    """A model without what comes with its network, in its own order of classes."""
    bare = replace(model, codec=None, line_normalizer=None, training=None)
    return store(bare, float64=stored.float64), bare


def _line(image: str | os.PathLike[str], normalizer: LineNormalizer | None, model: Model, reader: Reader) -> Line:
    with blamed_on(image):
        xs = read_line(image, normalizer, model.Ni, most=max(most_steps(model) // NETWORKS, 1), reader=reader).xs
        if not len(xs):
            raise InvalidInputError("line image: expected ink on paper, got a blank image")
        return Line(xs, read_truth(image))


def compare(
    expected: Stored,
    got: Stored,
    source: Model,
    result: Model,
    *,
    lines: Sequence[Line] = (),
    tolerance: float | None = None,
) -> Verification:
    """Compare two models: their stored forms, their labels, and what they do on the built-in and more lines."""
    stored = tuple(compare_data_set(entry, expected.data[entry.name], got.data[entry.name]) for entry in LAYOUT)
    behaviour = compare_behaviour(source, result, lines=lines, tolerance=tolerance)
    return Verification(stored, compare_labels(source, result), behaviour)
