"""kraken's entry point `kraken.models`: our network as a model of kraken 7.

kraken hands over a page and the places of its lines, and gets records of text, positions and
confidences. In between runs what `pyrnn2hdf5 ocr` runs: with kraken's own decoder the error rate is
about twice as high. Only public names of kraken are used; those behind them changed from 7.0 to 7.1.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from kraken.configs import RecognitionInferenceConfig
from kraken.containers import BaselineLine, BaselineOCRRecord, BBoxLine, BBoxOCRRecord, Segmentation
from kraken.lib.segmentation import extract_polygons
from kraken.models import RecognitionBaseModel
from PIL import Image, ImageOps

from ..errors import InvalidModelError
from ..model.model import Codec, LineNormalizer, Model, codec_of
from ..model.network import Float64, arrays_of, network_of
from ..model.shapes import DIRECTIONS, GATES, PEEPHOLES, check_labels, check_shapes
from ..ocr.images import grey_values
from ..ocr.line_normalization import normalizer_warning
from ..ocr.recognition import Recognition, recognize_each
from ..text import describe_error, visible

# A child of kraken's own logger, so that its -v decides what is shown.
logger = logging.getLogger("kraken.pyrnn2hdf5")

SegmentedLine: TypeAlias = BBoxLine | BaselineLine
OCRRecord: TypeAlias = BBoxOCRRecord | BaselineOCRRecord
BLANK_IMAGE: Final = np.ones((2, 2))


class PyrnnModel(torch.nn.Module, RecognitionBaseModel):  # type: ignore[misc]
    """An OCRopus line recognizer in kraken 7.

    The weights are float64 buffers, `forward_WGI` ... `reversed_WOP` and `W2`. `user_metadata` holds
    the arguments of the constructor, so that kraken can write the model to safetensors and read it back.

    Parameters
    ----------
    Ni, Ns, No
        Inputs, hidden units of one direction, and classes.
    labels
        Label of each class; class 0 is the blank, None a class without label.
    line_normalizer
        Class name and parameters of the line normalizer; None where the model names none.
    model_type
        Given by kraken when it reads safetensors; always recognition.

    Raises
    ------
    InvalidModelError
        Where a size is out of bounds or a label is no text.
    """

    _kraken_min_version = "7.0.0"
    model_type = ("recognition",)
    # By this kraken reads boxes from XML unless told otherwise; baselines are read as well.
    seg_type = "bbox"
    one_channel_mode = "1"

    def __init__(
        self,
        Ni: int,
        Ns: int,
        No: int,
        labels: Sequence[str | None],
        line_normalizer: tuple[str, Mapping[str, Any]] | None = None,
        model_type: Sequence[str] = model_type,
    ) -> None:
        super().__init__()
        shapes = _shapes(Ni, Ns, No)
        check_shapes(Ni, No, [(Ni, Ns, 1 + Ni + Ns)] * 2, (No, 2 * Ns), shapes)
        if not all(label is None or isinstance(label, str) for label in labels):
            raise InvalidModelError("labels: expected texts, got others")
        check_labels(labels, No)
        sizes = {"Ni": Ni, "Ns": Ns, "No": No}
        self.user_metadata: dict[str, Any] = {**sizes, "labels": list(labels), "line_normalizer": line_normalizer}
        for name, shape in shapes.items():
            self.register_buffer(_buffer(name), torch.zeros(shape, dtype=torch.float64))
        self._told = False

    @classmethod
    def from_model(cls, model: Model) -> PyrnnModel:
        """A model of ours for kraken. Raises `InvalidModelError` for one without codec."""
        codec = codec_of(model)
        normalizer = model.line_normalizer
        named = (normalizer.kind, dict(normalizer.parameters)) if normalizer else None
        made = cls(model.Ni, model.Ns, model.No, codec.labels, named)
        made.load_state_dict({_buffer(name): torch.tensor(values) for name, values in arrays_of(model.network).items()})
        return made

    def to_model(self) -> Model:
        """The model of ours, sharing the weights. Raises `InvalidModelError` where its parts do not fit."""
        given = self.user_metadata
        sizes = given["Ni"], given["Ns"], given["No"]
        arrays = {name: getattr(self, _buffer(name)).numpy(force=True) for name in _shapes(*sizes)}
        normalizer = None
        if given["line_normalizer"]:
            kind, parameters = given["line_normalizer"]
            # JSON knows no tuples.
            plain = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
            normalizer = LineNormalizer(kind, tuple(sorted(plain.items())))
        return Model(sizes[0], sizes[2], network_of(arrays, *sizes), Codec(tuple(given["labels"])), normalizer)

    def prepare_for_inference(self, config: RecognitionInferenceConfig) -> None:
        """Take kraken's options; says by its logger, once, which of them have no effect."""
        self._config, self._model = config, self.to_model()
        if self._told:
            return
        self._told = True
        if warning := normalizer_warning(self._model.line_normalizer, self._model.Ni):
            logger.warning("%s", visible(warning))
        if config.accelerator not in ("auto", "cpu"):
            logger.warning("device %s has no effect: the network runs on the CPU", visible(config.accelerator))
        if config.temperature != 1:
            logger.warning("temperature %g has no effect: characters are decoded as in ocropy", config.temperature)

    def predict(self, im: Image.Image, segmentation: Segmentation) -> Iterator[OCRRecord]:
        """Read the lines of a page, after `prepare_for_inference`.

        Parameters
        ----------
        im
            The page, dark on light, in any mode of Pillow.
        segmentation
            Where its lines are, as boxes or as baselines in polygons.

        Yields
        ------
        BBoxOCRRecord or BaselineOCRRecord
            One a line, in the order of the lines; an empty one, and a word to kraken's logger, for a
            line that cannot be read.
        """
        config, shapes = self._config, []
        page = _on_zero(im, polygons=segmentation.type == "baselines")

        def images() -> Iterator[Float64]:
            for line in segmentation.lines:
                try:
                    image = _cut(page, segmentation, line)
                except ValueError as error:
                    # kraken's own, of a place that is not on the page.
                    logger.warning("line %s: %s", visible(line.id), visible(error))
                    image = BLANK_IMAGE
                shapes.append(image.shape)
                yield image

        results = recognize_each(self._model, images(), pad=config.padding)
        for i, (line, result) in enumerate(zip(segmentation.lines, results, strict=True)):
            if not isinstance(result, Recognition):
                if config.raise_on_error:
                    raise result
                logger.warning("line %s: %s", visible(line.id), visible(describe_error(result)))
                result = Recognition("", ())
            for warning in result.warnings:
                logger.info("line %s: %s", visible(line.id), visible(warning))
            record = _record(line, segmentation, result, *shapes[i])
            order = config.bidi_reordering
            yield record.logical_order(order if order in ("L", "R") else None) if order else record.display_order(None)


def _buffer(name: str) -> str:
    # `forward` is a method of every module, and a dot ends the name of one.
    return name.replace(".", "_")


def _shapes(Ni: int, Ns: int, No: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the 15 arrays of a network, by the names of `network_of`."""
    lstm = {**dict.fromkeys(GATES, (Ns, 1 + Ni + Ns)), **dict.fromkeys(PEEPHOLES, (Ns,))}
    shapes = {f"{direction}.{weight}": lstm[weight] for direction in DIRECTIONS for weight in lstm}
    return {**shapes, "W2": (No, 1 + 2 * Ns)}


def _on_zero(page: Image.Image, *, polygons: bool) -> Image.Image:
    """The page inverted: paper is 0, with which kraken fills what lies outside a line, and these models read as ink.

    For lines in polygons the first channel is grey, and the others are 255: kraken cuts off edges of nothing but
    0, and the positions of characters would move.
    """
    if page.mode not in ("1", "L", "RGB"):
        page = Image.fromarray(np.rint(grey_values(page) * 255).astype(np.uint8))
    inverted = ImageOps.invert(page.convert("L") if page.mode == "1" else page)
    if not polygons:
        return inverted
    if inverted.mode == "RGB":
        inverted = inverted.convert("L", (1 / 3, 1 / 3, 1 / 3, 0))
    full = Image.new("L", page.size, 255)
    return Image.merge("RGB", (inverted, full, full))


def _cut(page: Image.Image, segmentation: Segmentation, line: SegmentedLine) -> Float64:
    """A line of a page of `_on_zero` as grey values (h, w), float64 in 0..1, dark on light.

    Raises `ValueError` where it is not on the page.
    """
    image, _ = next(extract_polygons(page, dataclasses.replace(segmentation, lines=[line])))
    values = np.asarray(image, np.float64)
    if segmentation.type == "baselines":
        values = values[..., 0]
    elif values.ndim == 3:
        values = values.mean(axis=2)
    return (255 - values) / 255


def _record(line: SegmentedLine, segmentation: Segmentation, result: Recognition, height: int, width: int) -> OCRRecord:
    """A line as kraken knows it: a place and a confidence for each code point of its text.

    The network says where the middle of a character is. It reaches half way to its neighbours; the
    first and the last are as wide as half the line is high.
    """
    characters = result.characters
    columns = [character.column for character in characters]
    edges = [(left + right) / 2 for left, right in pairwise(columns)]
    if columns:
        edges = [max(columns[0] - height / 4, 0), *edges, min(columns[-1] + height / 4, width)]
    spans = [(round(start), max(round(end), round(start) + 1)) for start, end in pairwise(edges)]
    if segmentation.type == "baselines":
        cuts: list[Any] = spans
    else:
        x0, y0, x1, y1 = line.bbox
        if segmentation.text_direction.startswith("horizontal"):
            boxes = [(x0 + start, y0, x0 + end, y1) for start, end in spans]
        else:
            boxes = [(x0, y0 + start, x1, y0 + end) for start, end in spans]
        # Lists: kraken adds them to its own.
        cuts = [[[left, top], [right, top], [right, bottom], [left, bottom]] for left, top, right, bottom in boxes]
    # A label may have several code points, all in one place.
    repeated = [(cut, c.probability) for cut, c in zip(cuts, characters, strict=True) for _ in c.label]
    make = BaselineOCRRecord if segmentation.type == "baselines" else BBoxOCRRecord
    return make(result.text, [cut for cut, _ in repeated], [confidence for _, confidence in repeated], line)
