"""Run by ``make interop`` under Python 2.7: does the real kraken 0.5.0 read what we write?

For every model: our data sets equal those of kraken's own conversion bit for bit, kraken loads both
files, and both read the same text on real lines. Packed and float64 files are read as well, and a
codec that kraken would scramble is refused by it. And the command `kraken ocr -m NAME` takes what our
`ocr` left in its model directory.
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


# kraken's own command line. Its page segmentation does not run with the last NumPy of Python 2.7: a line
# image is one line. `regex` it needs for hOCR only.
KRAKEN = """
import re, sys
sys.modules["regex"] = re
from kraken import kraken, pageseg
pageseg.segment = lambda im, *options: [(0, 0) + im.size]
image, out, name = sys.argv[1:]
kraken.cli(["-c", "1", "-i", image, out, "segment", "ocr", "-m", name, "--text"])
"""


def check_command(source, image, folder):
    name = os.path.basename(source)
    home = tempfile.mkdtemp(dir=folder)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "KRAKEN_HOME")}
    environment.update(HOME=home, LC_ALL="C.UTF-8", LANG="C.UTF-8")
    arguments = ["ocr", "-q", "-m", source, image, "--threshold", "0.5", "-o", os.path.join(home, "ours")]
    subprocess.check_call([COMMAND] + arguments, env=environment)
    (stored,) = glob.glob(os.path.join(home, ".kraken", "*"))
    with open(stored, "rb") as stream:
        before = stream.read()
    # What bears the name of the model where kraken runs is no model: only the stored one can be read.
    with open(os.path.join(home, name), "wb") as stream:
        stream.write(b"no pickle")
    environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    out = os.path.join(home, "theirs.txt")
    subprocess.check_output([sys.executable, "-W", "ignore", "-c", KRAKEN, image, out, name], env=environment, cwd=home)
    (ours,) = glob.glob(os.path.join(home, "ours", "*.txt"))
    with io.open(ours, encoding="utf-8") as left, io.open(out, encoding="utf-8") as right:
        left, right = left.read().strip(), right.read().strip()
    assert left and left == right, "%s: %r and %r" % (name, left, right)
    assert glob.glob(os.path.join(home, ".kraken", "*")) == [stored], "%s: kraken made another file" % name
    with open(stored, "rb") as stream:
        assert stream.read() == before
    print("ok   %-40s `kraken ocr -m` takes %s" % (name, os.path.basename(stored)))


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
        image = os.path.join(FIXTURES, "lines", "line-0.png")
        check_command(os.path.join(FIXTURES, "models", "digits.pyrnn.gz"), image, folder)
        checked += 1
        if REAL:
            image = sorted(glob.glob(os.path.join(SHARED, "real", "lines", "*.png")))[-1]
            check_command(os.path.join(SHARED, "real", "fraktur-jze.pyrnn.gz"), image, folder)
            checked += 1
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
