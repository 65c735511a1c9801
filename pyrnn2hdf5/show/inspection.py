"""What is in a model file, as plain values. Nothing is printed here, and nothing in the file is run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import InvalidModelError
from ..files.paths import sha256_of
from ..files.sources import SourceFacts
from ..hdf5.layout import KIND, Stored, store
from ..limits import DEFAULT_LIMITS, Limits
from ..load import is_hdf5, is_onnx, is_pronn, load_stored
from ..model.compatibility import codec_problems, remarks
from ..model.model import LineNormalizer, Model, TrainingRecord
from ..model.network import arrays_of
from ..onnx_graph.model_file import OPERATOR_SET, read_onnx
from ..pronn.reader import read_pronn
from ..pyrnn.findings import Global, Remains
from ..sandbox.bounded import Reader
from .facts import CodecFacts, Compatibility, Curve, Facts, FileFacts, NetworkFacts, TrainingFacts
from .unicode_labels import group
from .weight_statistics import matrix_facts, unit_facts

PROGRAMS: Final = {"kraken.": "kraken", "ocrd_cis.": "ocrd_cis (OCR-D)"}
KRAKEN: Final = "kraken, or a program that writes as it does"


def facts(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, reader: Reader | None = None) -> Facts:
    """The facts of a pyrnn, pronn, HDF5 or ONNX file; of a pyrnn that cannot be converted, as many as can be read.

    Raises `OSError`, and a `Pyrnn2Hdf5Error` where the file is no model of any kind.
    """
    if is_hdf5(path):
        return _hdf5_facts(path, limits, reader)
    if is_pronn(path):
        model, source = read_pronn(path, limits=limits)
        return _protobuf_facts(path, "pronn", KRAKEN, compatibility(store(model), model), model, source)
    if is_onnx(path):
        kind = f"ONNX, operator set {OPERATOR_SET}, weights in float32"
        readers = Compatibility("onnx", ("onnxruntime", "whatever else runs ONNX", "pyrnn2hdf5"), ())
        return _protobuf_facts(path, kind, "pyrnn2hdf5", readers, *read_onnx(path, limits=limits))
    return _pyrnn_facts(path, limits, reader)


def _hdf5_facts(path: str | os.PathLike[str], limits: Limits, reader: Reader | None) -> Facts:
    stored, model = load_stored(path, limits=limits, reader=reader)
    size = Path(path).stat().st_size
    values = sum(array.nbytes for name, array in stored.data.items() if name != "codec")
    dtypes = {array.dtype.name for name, array in stored.data.items() if name != "codec"}
    ours = stored.labels is not None or stored.source is not None or stored.training is not None
    return Facts(
        path=os.fspath(path),
        file=FileFacts(
            format=f"HDF5, {stored.kind}, weights in {' and '.join(sorted(dtypes))}",
            compression="gzip inside" if stored.compressed else "none",
            protocol=None,
            writer="pyrnn2hdf5" if ours else KRAKEN,
            size=size,
            unpacked_size=None,
            trailing_size=0,
            sha256=sha256_of(path, limits),
        ),
        # What lies packed in the file is not known by part.
        parts=None if stored.compressed else {"weights": values, "rest": size - values},
        compatibility=compatibility(stored, model),
        **model_facts(model),
    )


def _protobuf_facts(
    path: str | os.PathLike[str], kind: str, writer: str, readers: Compatibility, model: Model, source: SourceFacts
) -> Facts:
    values = sum(array.size * 4 for array in arrays_of(model.network).values())
    return Facts(
        path=os.fspath(path),
        file=FileFacts(
            format=kind,
            compression=source.compression,
            protocol=None,
            writer=writer,
            size=source.size,
            unpacked_size=None,
            trailing_size=0,
            sha256=source.sha256,
        ),
        parts={"weights": values, "rest": source.size - values},
        compatibility=readers,
        **model_facts(model),
    )


def _pyrnn_facts(path: str | os.PathLike[str], limits: Limits, reader: Reader | None) -> Facts:
    # Imported when a pickle is met: an HDF5 file needs none of it.
    from ..pyrnn.reader import examine_pyrnn, to_model

    found, named = examine_pyrnn(path, limits=limits, reader=reader)
    source, problem = found.source, found.problem
    shown: dict[str, Any] = {}
    if found.model:
        try:
            model = to_model(found.model, source)
            shown = model_facts(model)
            shown["compatibility"] = compatibility(store(model), model)
        except InvalidModelError as error:
            problem = problem or error
    if not shown and found.remains:
        shown = _remaining_facts(found.remains, found.model.logs if found.model else found.remains.logs)
    followed = found.unfollowed is None
    if followed:
        shown["notes"] = tuple(dict.fromkeys((*source.remarks, *shown.get("notes", ()))))
    return Facts(
        path=os.fspath(path),
        file=FileFacts(
            format="pyrnn",
            compression=source.compression,
            protocol=found.protocol,
            writer=_writer(found.protocol, named),
            size=source.size,
            unpacked_size=source.unpacked_size,
            trailing_size=source.trailing_size if followed else 0,
            sha256=source.sha256,
        ),
        parts=dict(found.parts) if found.parts else None,
        globals=named,
        unlisted_globals=found.unlisted,
        unfollowed=found.unfollowed,
        problem=problem,
        **shown,
    )


def _writer(protocol: int, named: Sequence[Global]) -> str | None:
    """The program that wrote a pickle, as far as the modules it names and its dialect tell."""
    from ..pyrnn.unpickler import OCROPUS

    module = next((name.module for name in named if name.module in OCROPUS), None)
    if module is None:
        return None
    program = next((program for package, program in PROGRAMS.items() if module.startswith(package)), "OCRopus")
    # Python 3 has no other way to put the bytes of an array into these protocols.
    python = 3 if protocol > 2 or any(name.path == "_codecs.encode" for name in named) else 2
    return f"{program} under Python {python} (module {module})"


def _remaining_facts(remains: Remains, logs: Mapping[str, Any]) -> dict[str, Any]:
    from ..pyrnn.reader import training_record

    return {
        "structure": remains.structure,
        "codec": codec_facts(remains.labels, remains.No or 0),
        "line_normalizer": LineNormalizer(*remains.line_normalizer) if remains.line_normalizer else None,
        "normalize": remains.normalize,
        "training": training_facts(training_record(logs)) if logs else None,
        "notes": remains.notes,
    }


MAX_CURVE: Final = 50
"""Points of an error curve."""


def model_facts(model: Model) -> dict[str, Any]:
    """The sections of a whole model, by their names in `Facts`."""
    return {
        "network": NetworkFacts(
            model.Ni, model.Ns, model.No, sum(values.size for values in arrays_of(model.network).values())
        ),
        "codec": codec_facts(
            None if model.codec is None else [(c, t) for c, t in enumerate(model.codec.labels) if t is not None],
            model.No,
        ),
        "line_normalizer": model.line_normalizer,
        "normalize": model.normalize,
        "training": training_facts(model.training),
        "weights": matrix_facts(model.network),
        "units": unit_facts(model.network),
        "notes": remarks(model),
    }


def codec_facts(labels: Iterable[tuple[int, str]] | None, No: int) -> CodecFacts | None:
    """The section of a codec given as (code, label), for a network of `No` classes."""
    if labels is None:
        return None
    labels = tuple(labels)
    known = {code for code, _ in labels}
    return CodecFacts(labels, group(labels), tuple(code for code in range(No) if code not in known))


def training_facts(training: TrainingRecord | None) -> TrainingFacts | None:
    """The section of a training record."""
    if training is None:
        return None
    return TrainingFacts(training.last_trial, training.lines, training.commands, _curve(training))


def _curve(training: TrainingRecord) -> Curve | None:
    kind, errors, lengths = "character error rate", *training.character_errors.T.astype(np.float64)
    if not lengths.any():
        kind, errors, lengths = "training error", training.error, np.ones(len(training.error))
    if not len(errors):
        return None
    starts = np.linspace(0, len(errors), min(len(errors), MAX_CURVE), endpoint=False).astype(np.int64)
    with np.errstate(all="ignore"):
        rates = np.add.reduceat(errors, starts) / np.add.reduceat(lengths, starts)
    points = tuple(float(rate) if np.isfinite(rate) else None for rate in rates)
    known = [point for point in points if point is not None]
    return Curve(kind, points, known[0], min(known), known[-1]) if known else None


def compatibility(stored: Stored, model: Model) -> Compatibility:
    """Which readers take the stored form of a model."""
    # It decodes by the codec, whatever is in there.
    ours = ("kraken 7 with pyrnn2hdf5", "pyrnn2hdf5") if model.codec else ("pyrnn2hdf5",)
    if stored.kind != KIND:
        return Compatibility(stored.kind, ours, codec_problems(model.codec))
    reasons = ["every class but the blank has a label of one code point, and no two the same"]
    if stored.permutation:
        reasons.append("classes are permuted into code point order, in which kraken reads them")
    return Compatibility(stored.kind, ("kraken 0.3 to 0.6", *ours), tuple(reasons))
