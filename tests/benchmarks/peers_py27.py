"""Run by ``make bench`` under Python 2.7: the real kraken 0.5.0 and the real ocropy at the same work.

    peers_py27.py convert MODEL TARGET      kraken reads a pyrnn file and writes HDF5
    peers_py27.py loop TARGET MODEL...      the same for many, in one process; prints models a second
    peers_py27.py load_pyrnn MODEL          kraken loads a pyrnn file
    peers_py27.py load MODEL.hdf5           prints the seconds that kraken takes to load a converted model
    peers_py27.py load_object MODEL         ocropy loads a pyrnn file
    peers_py27.py steps MODEL LINE...       prints steps a second of ocropy's forward pass
    peers_py27.py ocr MODEL IMAGE...        kraken reads line images
"""

from __future__ import absolute_import, division, print_function

import os
import sys
import time

import numpy as np


def best(work, rounds):
    seconds = []
    for _ in range(rounds):
        start = time.time()
        work()
        seconds.append(time.time() - start)
    return min(seconds)


def convert(source, target):
    from kraken.lib.models import load_pyrnn, pyrnn_to_hdf5

    pyrnn_to_hdf5(load_pyrnn(source), target)


def loop(target, *sources):
    import kraken.lib.models  # noqa: F401

    start = time.time()
    for source in sources:
        convert(source, target)
    return len(sources) / (time.time() - start)


def load_pyrnn(path):
    import kraken.lib.models

    kraken.lib.models.load_pyrnn(path)


def load(path):
    from kraken.lib.models import load_hdf5

    return best(lambda: load_hdf5(path), 20)


def load_object(path):
    import ocrolib

    ocrolib.load_object(path, nofind=1)


def steps(path, *lines):
    import ocrolib
    from ocrolib.lstm import prepare_line

    network = ocrolib.load_object(path, nofind=1)
    for net in network.walk():
        net.postLoad()
    arrays = [np.load(line) for line in lines]
    prepared = [prepare_line(array if isinstance(array, np.ndarray) else array["line"]) for array in arrays]
    return sum(map(len, prepared)) / best(lambda: [np.array(network.lstm.forward(line)) for line in prepared], 3)


def ocr(model, *images):
    from PIL import Image
    from kraken.lib.models import load_any
    from kraken.rpred import rpred

    network = load_any(model)
    for path in images:
        image = Image.open(path).convert("L")
        (record,) = rpred(network, image, [(0, 0) + image.size])
        if not record.prediction:
            raise SystemExit("%s: nothing read" % path)


# The peers talk on stdout.
said, sys.stdout = sys.stdout, open(os.devnull, "w")
result = globals()[sys.argv[1]](*sys.argv[2:])
if result is not None:
    print(result, file=said)
