"""Run by `make bench`: steps a second of our forward pass, one line at a time or all in one batch.

Arguments: `one` or `batch`, a model, then dewarped lines as .npy or .npz. Prints the best of three.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from pyrnn2hdf5.lines import prepare_line
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.lstm import forward_batch


def main() -> None:
    network = load_file(sys.argv[2]).network
    arrays = [np.load(path) for path in sys.argv[3:]]
    lines = [prepare_line(array if isinstance(array, np.ndarray) else array["line"]) for array in arrays]
    batches = [lines] if sys.argv[1] == "batch" else [[line] for line in lines]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for batch in batches:
            forward_batch([network], batch)
        seconds.append(time.perf_counter() - start)
    print(sum(map(len, lines)) / min(seconds))


main()
