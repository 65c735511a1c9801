"""The libraries of the extra `[onnx]`: onnx checks a file, onnxruntime runs it.

Neither is handed anything but what `model_file.to_onnx` made: what a stranger wrote is never read by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike

from ..errors import VerificationError
from ..model.network import Float32
from .graph import INPUT, LENGTHS

NOISE_SEED: Final = 2013

NOISE: Final = 9.0
"""Greatest number behind the end of a padded line; ink is 1."""


def check(data: bytes) -> None:
    """Raise `VerificationError` where a file is not ONNX as onnx defines it, types and shapes inferred."""
    import onnx

    try:
        onnx.checker.check_model(data, full_check=True)
    # Their base classes differ from version to version.
    except Exception as error:
        raise VerificationError(f"verification failed: onnx: {error!s:.200}") from error


def open_session(data: bytes) -> Any:
    """An `onnxruntime.InferenceSession` of a file: one thread, no talk."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise VerificationError(f"verification failed: onnxruntime: {error!s:.200}") from error


def run(session: Any, lines: Sequence[ArrayLike]) -> list[Float32]:
    """Class probabilities of lines (T, Ni) in one batch, float32 (T, No) each; noise is behind those that end early."""
    xs = [np.asarray(line, np.float32) for line in lines]
    lengths = np.array([len(x) for x in xs], np.int64)
    batch = (
        RandomState(NOISE_SEED).uniform(-NOISE, NOISE, (len(xs), int(lengths.max()), xs[0].shape[1])).astype(np.float32)
    )
    for row, x in zip(batch, xs, strict=True):
        row[: len(x)] = x
    (outputs,) = session.run(None, {INPUT: batch, LENGTHS: lengths})
    return [row[:length] for row, length in zip(outputs, lengths, strict=True)]
