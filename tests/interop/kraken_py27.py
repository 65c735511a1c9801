"""Run by ``make interop`` under Python 2.7: does the real kraken 0.5.0 read what we write?

For every model: our data sets equal those of kraken's own conversion bit for bit, kraken loads both
files, and both read the same text on real lines. Packed and float64 files are read as well, and a
codec that kraken would scramble is refused by it.
"""

from __future__ import absolute_import, division, print_function

import glob
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np
from kraken.lib.exceptions import KrakenInvalidModelException
from kraken.lib.lstm import prepare_line
from kraken.lib.models import load_hdf5, load_pyrnn, pyrnn_to_hdf5

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.path.join(ROOT, "fixtures")
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
COMMAND = os.environ["PYRNN2HDF5"]
# Where ../shared is not here, the fixtures alone are checked.
REAL = ("fraktur-jze", "loeb-greek", "en-default-history", "en-default-buffers") if os.path.isdir(SHARED) else ()


def convert(source, target, *options):
    # The path to Python 2.7 packages is not for our own Python.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.check_call([COMMAND, "convert", "-q", source, "-o", target] + list(options), env=environment)
    return target


def data_sets(path):
    with h5py.File(path, "r") as stream:
        return {
            name: (stream[name].shape, stream[name].dtype.str, stream[name][()].tobytes())
            for name in stream
            if name != "pyrnn2hdf5"
        }


def fixture_lines():
    return [np.load(path) for path in sorted(glob.glob(os.path.join(FIXTURES, "lines", "*.line.npy")))]


def real_lines():
    paths = sorted(glob.glob(os.path.join(SHARED, "real", "lines", "*.npz")))
    return [np.load(path)["line"] for path in paths]


def lineages():
    path = os.path.join(SHARED, "lineages", "index.json")
    if not os.path.isfile(path):
        return []
    with io.open(path, encoding="utf-8") as stream:
        return json.load(stream)


def made_up_lines(height):
    random = np.random.RandomState(height)
    return [random.rand(height, 60).astype("float32") for _ in range(3)]


def texts(path, lines):
    network = load_hdf5(path)
    return [network.predictString(prepare_line(line)) for line in lines]


def check(source, lines, folder):
    name = os.path.basename(source)
    ours = convert(source, os.path.join(folder, "ours.hdf5"), "--force")
    theirs = os.path.join(folder, "theirs.hdf5")
    # kraken goes by suffix; the content may be packed differently.
    pyrnn_to_hdf5(load_pyrnn(source), theirs)
    left, right = data_sets(ours), data_sets(theirs)
    assert left == right, "%s: data sets differ: %s" % (name, [key for key in right if left.get(key) != right[key]])
    expected = texts(theirs, lines)
    assert texts(ours, lines) == expected, "%s: texts differ" % name
    for option in ("--compress", "--float64"):
        other = convert(source, os.path.join(folder, "other.hdf5"), "--force", option)
        assert texts(other, lines) == expected, "%s: texts differ with %s" % (name, option)
    print("ok   %-40s %2d data sets, %2d lines read alike" % (name, len(left), len(lines)))


def check_refusal(source, folder):
    ours = convert(source, os.path.join(folder, "ours.hdf5"), "--force")
    try:
        load_hdf5(ours)
    except KrakenInvalidModelException:
        print("ok   %-40s refused by kraken, as it must be" % os.path.basename(source))
    else:
        raise AssertionError("%s: kraken loads a codec that it scrambles" % source)


def main():
    folder = tempfile.mkdtemp()
    checked = 0
    try:
        for path in sorted(glob.glob(os.path.join(FIXTURES, "models", "*"))):
            check(path, fixture_lines(), folder)
            checked += 1
        for name in REAL:
            check(os.path.join(SHARED, "real", name + ".pyrnn.gz"), real_lines(), folder)
            checked += 1
        if REAL:
            check_refusal(os.path.join(SHARED, "real", "kraken-test-protocol0.pyrnn.gz"), folder)
        for entry in lineages():
            if entry["expect"] == "convert" and entry["kraken050"] == "converts":
                check(os.path.join(SHARED, "lineages", entry["file"]), made_up_lines(entry["Ni"]), folder)
                checked += 1
    finally:
        shutil.rmtree(folder)
    print("interop: %d passed, 0 failed" % checked)


if __name__ == "__main__":
    sys.exit(main())
