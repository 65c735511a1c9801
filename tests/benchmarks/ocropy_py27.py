"""Run by ``make bench`` under Python 2.7: steps a second of ocropy's own forward pass.

Arguments: a model, then dewarped lines as .npy or .npz. Prints the best of three rounds.
"""

from __future__ import absolute_import, division, print_function

import os
import sys
import time

import numpy as np

said, sys.stdout = sys.stdout, open(os.devnull, "w")
import ocrolib  # noqa: E402
from ocrolib.lstm import prepare_line  # noqa: E402

network = ocrolib.load_object(sys.argv[1], nofind=1)
for net in network.walk():
    net.postLoad()
arrays = [np.load(path) for path in sys.argv[2:]]
lines = [prepare_line(array if isinstance(array, np.ndarray) else array["line"]) for array in arrays]
best = None
for _ in range(3):
    start = time.time()
    for line in lines:
        np.array(network.lstm.forward(line))
    seconds = time.time() - start
    best = seconds if best is None else min(best, seconds)
print(sum(map(len, lines)) / best, file=said)
