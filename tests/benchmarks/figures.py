"""Run by `make bench`: figures of our library inside one process, the best of several rounds.

figures.py one|batch MODEL LINE...    steps a second of the forward pass of `ocr`, lines one by one or all in one batch
figures.py onnx-one|onnx-batch MODEL LINE...  the same by onnxruntime, on one thread too
figures.py load MODEL.hdf5            seconds to load a converted model
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from pyrnn2hdf5.cli.common import tune_openblas

# As the command line does, before NumPy is imported.
tune_openblas()

import numpy as np  # noqa: E402

from pyrnn2hdf5.hdf5.reader import load_hdf5  # noqa: E402
from pyrnn2hdf5.load import load_file  # noqa: E402
from pyrnn2hdf5.model.forward_pass import class_probabilities, hidden_units  # noqa: E402
from pyrnn2hdf5.ocr.line_reading import read_line  # noqa: E402
from pyrnn2hdf5.ocr.recognition import as_float32  # noqa: E402
from pyrnn2hdf5.onnx_graph.execution import open_session, run  # noqa: E402
from pyrnn2hdf5.onnx_graph.model_file import to_onnx  # noqa: E402


def best(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def steps(how: str, path: str, paths: list[str]) -> float:
    model = load_file(path)
    loaded = [np.load(line) for line in paths]
    arrays = [array if isinstance(array, np.ndarray) else array["line"] for array in loaded]
    lines = [read_line(array, None, model.Ni, normalize=False).xs for array in arrays]
    batches = [lines] if how.endswith("batch") else [[line] for line in lines]
    network, gates = as_float32(model.network)
    session = open_session(to_onnx(model)) if how.startswith("onnx") else None

    def run_all() -> None:
        for batch in batches:
            if session:
                run(session, batch)
                continue
            for units in hidden_units(gates, batch)[0]:
                class_probabilities(network, units)

    return sum(map(len, lines)) / best(run_all, 3)


def main() -> None:
    what, path, *lines = sys.argv[1:]
    print(best(lambda: load_hdf5(path), 20) if what == "load" else steps(what, path, lines))


main()
