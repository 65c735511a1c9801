"""Run by ``make interop-pronn``: does the real kraken 0.7.2, under Python 3, agree with us on pronn?

What it writes of every fixture we read as the weights and labels that went in. Every pronn gives the same weights,
the same text and the same probabilities to both. Of mutated files, we read none otherwise than the protobuf library
does. With a path, the model of the fixtures is written there by kraken: that is how ``fixtures/pronn`` was made.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from kraken.lib import models as kraken
from kraken.lib import pyrnn_pb2
from kraken.lib.lstm import prepare_line

from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.model import forward_pass
from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.model.shapes import GATES, PEEPHOLES
from pyrnn2hdf5.pronn.reader import from_pronn, load_pronn
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FIXTURES: Final = ROOT / "fixtures"
REAL: Final = ROOT.parent / "shared" / "real"
WEIGHTS: Final = GATES + PEEPHOLES
THRESHOLD: Final = 0.5
MUTATIONS: Final = 4000


def write_by_kraken(model: Model, path: Path) -> None:
    """kraken's own conversion, of our model in the shape of its recognizer."""
    assert model.codec is not None
    net = model.network
    layers = [
        SimpleNamespace(nets=(net.forward_lstm, SimpleNamespace(net=net.reversed_lstm))),
        SimpleNamespace(W2=net.softmax.W2),
    ]
    codec = SimpleNamespace(code2char=dict(enumerate(model.codec.labels)))
    recognizer = SimpleNamespace(Ni=model.Ni, No=model.No, codec=codec, lstm=SimpleNamespace(nets=layers))
    kraken.pyrnn_to_pronn(recognizer, str(path))


def check_written(source: Path, folder: Path) -> None:
    model, path = load_pyrnn(source), folder / "theirs.pronn"
    write_by_kraken(model, path)
    read = load_pronn(path)
    assert read.codec == model.codec, source
    expected = arrays_of(model.network)
    for name, values in arrays_of(read.network).items():
        assert np.array_equal(values, expected[name].astype("f4")), (source, name)
    print(f"ok   {source.name:<40} written by kraken, read by us")


def check_read(path: Path, lines: Sequence[Any]) -> None:
    ours, theirs = load_pronn(path), kraken.load_pronn(str(path))
    assert theirs.codec.code2char == dict(enumerate(ours.codec.labels if ours.codec else ())), path
    forward, reverse = theirs.lstm.nets[0].nets
    net = ours.network
    for mine, other in ((net.forward_lstm, forward), (net.reversed_lstm, reverse.net)):
        assert all(np.array_equal(getattr(mine, weight), getattr(other, weight)) for weight in WEIGHTS), path
    assert np.array_equal(net.softmax.W2, theirs.lstm.nets[1].W2), path
    largest = unclipped = 0.0
    for line in lines:
        xs = prepare_line(line)
        assert ours.predict_string(xs, THRESHOLD) == theirs.predictString(xs), path
        largest = max(largest, float(np.abs(ours.forward(xs) - theirs.outputs).max()))
        clip, forward_pass.GATE_CLIP = forward_pass.GATE_CLIP, 1e9  # type: ignore[misc] # kraken of then did not clip gates
        unclipped = max(unclipped, float(np.abs(ours.forward(xs) - theirs.outputs).max()))
        forward_pass.GATE_CLIP = clip  # type: ignore[misc]
    assert largest < 1e-6, (path, largest)
    assert unclipped < 1e-9, (path, unclipped)
    print(f"ok   {path.name:<40} {len(lines):2d} lines read alike, within {largest:.1g}, without clip {unclipped:.1g}")


def check_mutations(path: Path) -> None:
    """What we accept of a damaged file, the protobuf library accepts too, and finds the same in it."""
    chance, seed = random.Random(path.name), path.read_bytes()
    accepted = 0
    # Most of a model is weights: most of the damage goes where labels, shapes and lengths are.
    heads = [match.start() for match in re.finditer(rb"\x0a.{1,3}\x08.\x08|\x0a.{1,3}\x08.\x12", seed, re.DOTALL)]
    tags = [at for head in (0, *heads) for at in range(head, head + (16 if head else 200))]
    for number in range(MUTATIONS):
        data = bytearray(seed)
        at = chance.choice(tags) if number % 8 else chance.randrange(len(data))
        data[at] = chance.randrange(256)
        try:
            ours = from_pronn(bytes(data))
        except Pyrnn2Hdf5Error:
            continue
        accepted += 1
        theirs = pyrnn_pb2.pyrnn()
        theirs.ParseFromString(bytes(data))
        assert theirs.IsInitialized()
        assert (ours.Ni, ours.No) == (theirs.ninput, theirs.noutput)
        assert (ours.codec.labels if ours.codec else ()) == tuple(theirs.codec)
        arrays = arrays_of(ours.network)
        found = {"W2": theirs.softmax.w2}
        for direction, net in (("forward", theirs.fwdnet), ("reversed", theirs.revnet)):
            found.update({f"{direction}.{weight}": getattr(net, weight.lower()) for weight in WEIGHTS})
        for name, values in found.items():
            assert np.array_equal(arrays[name], np.array(values.value).reshape(values.dim)), name
    print(f"ok   {path.name:<40} {MUTATIONS} mutations, {accepted} read, each as the protobuf library reads it")


def main() -> None:
    """Run all checks, or write the fixture."""
    if len(sys.argv) > 1:
        write_by_kraken(load_pyrnn(FIXTURES / "models" / "digits.pyrnn.gz"), Path(sys.argv[1]))
        return
    checked = 0
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((FIXTURES / "models").iterdir()):
            check_written(source, Path(folder))
            checked += 1
    ours = [np.load(path) for path in sorted((FIXTURES / "lines").glob("*.line.npy"))]
    real = [np.load(path)["line"] for path in sorted((REAL / "lines").glob("*.npz"))]
    digits = FIXTURES / "pronn" / "digits.pronn"
    # Where ../shared is not here, the fixtures alone are checked.
    for path, lines in ((digits, ours), (REAL / "en-default.pronn", real), (REAL / "loeb-greek.pronn", real)):
        if path.is_file():
            check_read(path, lines)
            checked += 1
    check_mutations(digits)
    print(f"interop of pronn: {checked + 1} passed, 0 failed")


if __name__ == "__main__":
    main()
