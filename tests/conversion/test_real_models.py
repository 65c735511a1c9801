"""Real models, real conversions by kraken, real lines read by ocropy."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.model import decoding, forward_pass
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.model.shapes import GATES, PEEPHOLES
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import SHARED, prepared

pytestmark = pytest.mark.real
REAL = SHARED / "real"
LINEAGES = SHARED / "lineages"

CONVERSIONS = {
    "fraktur-jze": "fraktur-jze.kraken.hdf5",
    "loeb-greek": "loeb-greek.kraken.hdf5",
    "en-default-history": "en-default.kraken.hdf5",
    "en-default-buffers": "en-default.kraken.hdf5",
}


def data_sets(path: Path) -> dict[str, tuple[Any, ...]]:
    with h5py.File(path, "r") as file:
        return {
            name: (file[name].shape, file[name].dtype.str, hashlib.sha256(file[name][()].tobytes()).hexdigest())
            for name in file
            if name != "pyrnn2hdf5"
        }


@pytest.mark.parametrize("name", CONVERSIONS)
def test_data_sets_equal_those_of_kraken(name: str, tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(REAL / f"{name}.pyrnn.gz", tmp_path)
    assert data_sets(result.target) == data_sets(REAL / CONVERSIONS[name])
    assert (result.kind, result.warnings) == ("pyrnn-bidi", ())
    assert pyrnn2hdf5.verify(REAL / f"{name}.pyrnn.gz", REAL / CONVERSIONS[name]).ok


def test_a_model_without_codec(tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(REAL / "kraken-test-protocol0.pyrnn.gz", tmp_path)
    assert result.kind == "pyrnn-bidi-ext"
    assert "the model has no codec" in result.warnings[0]
    ours, theirs = data_sets(result.target), data_sets(REAL / "kraken-test.hdf5")
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} <= {"codec"}


LINES = sorted(path.name.split(".")[0] for path in (REAL / "lines").glob("*.npz"))


@pytest.mark.parametrize("name", LINES)
def test_lines_are_read_as_ocropy_reads_them(name: str) -> None:
    model = load_pyrnn(REAL / "fraktur-jze.pyrnn.gz")
    with np.load(REAL / "lines" / f"{name}.ocropy.npz") as oracle:
        outputs = model.forward(prepared(oracle["line"]))
        assert np.abs(outputs - oracle["outputs"]).max() < 1e-9
        assert [code for _, code in decoding.decode_classes(outputs)] == oracle["codes"].tolist()
    assert model.decode(outputs) == (REAL / "lines" / f"{name}.ocropy.txt").read_text("utf-8").rstrip("\n")


PEAK = """
import resource, sys
from pyrnn2hdf5.cli import app
try:
    app(sys.argv[1:])
finally:
    # Not RUSAGE_SELF: it begins with the memory of the process that started this one.
    own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("PEAK", max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024, file=sys.stderr)
"""


def peak(*arguments: str) -> tuple[int, str, int]:
    """Exit code, stderr and peak memory in MiB of one command line, child process included."""
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=False)
    said, _, mib = done.stderr.rpartition("PEAK ")
    return done.returncode, said, int(mib)


def test_memory_for_large_buffers(tmp_path: Path) -> None:
    code, _, mib = peak("convert", str(REAL / "en-default-buffers.pyrnn.gz"), "-o", str(tmp_path))
    assert (code, mib < 200) == (0, True)


def test_memory_for_a_10_gb_bomb(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    blocks = gzip.compress(bytes(64 * 2**20))
    real = gzip.decompress((REAL / "fraktur-jze.pyrnn.gz").read_bytes())
    # Strings that are dropped again, so that nothing but the size can stop it.
    string = b"T" + struct.pack("<i", 64 * 2**20)
    bomb.write_bytes(gzip.compress(real[:2]) + (gzip.compress(string) + blocks + gzip.compress(b"0")) * 160)
    # More time than a user gives, for a busy machine: the size is what has to stop it.
    code, said, mib = peak("convert", str(bomb), "--max-seconds", "300")
    assert (code, mib < 200) == (1, True)
    assert said.startswith(f"error: {bomb}: unpacked size: expected at most 4294967296 bytes, got more")


ENTRIES = json.loads((LINEAGES / "index.json").read_text("utf-8")) if LINEAGES.is_dir() else []
INDEX = {entry["file"]: entry for entry in ENTRIES}

# Kept exactly, under a kind that kraken refuses: the weights are those of a line recognizer, only
# the codec is one that kraken's reader could not take.
KEPT = {
    "chwick2018_doubled_chars.pyrnn.gz",
    "nick_multichar_graphemes.pyrnn.gz",
    "codec_none.pyrnn.gz",
    "codec_duplicate.pyrnn.gz",
    "codec_no_empty_class0_is_a.pyrnn.gz",
    "codec_sparse.pyrnn.gz",
}
CONVERTED = [file for file, entry in INDEX.items() if entry["expect"].startswith("convert") or file in KEPT]
REFUSED = [file for file in INDEX if file not in CONVERTED]

# Written by programs from before gate inputs were clipped at 20, which no file records.
UNCLIPPED = {"oc_v1.0.pyrnn.gz", "chwick2017_resized_unsorted.pyrnn.gz"}


def genuine_threshold(entry: dict[str, Any]) -> float:
    """kraken reads at 0.5, whatever the index says."""
    return 0.5 if entry["writer"].startswith("kraken") else 0.7


@pytest.mark.parametrize("file", CONVERTED)
def test_every_lineage(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = INDEX[file]
    result = pyrnn2hdf5.convert(LINEAGES / file, tmp_path)
    assert result.kind == ("pyrnn-bidi-ext" if file in KEPT else "pyrnn-bidi")
    model, stored = load_pyrnn(LINEAGES / file), pyrnn2hdf5.load_hdf5(result.target)
    assert (model.Ni, model.Ns, model.No) == (entry["Ni"], entry["Ns"], entry["No"])
    assert stored.codec == model.codec
    if entry["codec"] is None:
        assert model.codec is None
    else:
        assert model.codec is not None
        kept = [[code, label] for code, label in enumerate(model.codec.labels) if label is not None]
        assert kept == entry["codec"]
    normalizer = model.line_normalizer
    if entry["lnorm"] is None:
        assert normalizer is None
    else:
        assert normalizer is not None
        expected = dict(entry["lnorm"])
        assert normalizer.kind == expected.pop("class").rpartition(".")[2]
        assert dict(normalizer.parameters) == expected
    assert model.training is not None
    assert (model.training.last_trial or 0) == (entry["last_trial"] or 0)

    with np.load(LINEAGES / "expected" / f"{file}.npz") as oracle:
        arrays, halves = arrays_of(model.network), arrays_of(stored.network)
        weights = (*GATES, *PEEPHOLES)
        names = {f"fwd.{w}": f"forward.{w}" for w in weights} | {f"rev.{w}": f"reversed.{w}" for w in weights}
        names["softmax.W2"] = "W2"
        for theirs, ours in names.items():
            assert arrays[ours].tobytes() == oracle[theirs].astype("f8").tobytes()
            assert halves[ours].tobytes() == oracle[theirs].astype("f4").astype("f8").tobytes()
        if not entry.get("compare_outputs", True):
            return
        outputs = model.forward(oracle["X"])
        if file in UNCLIPPED:
            assert np.abs(outputs - oracle["outputs"]).max() < 1e-8
            monkeypatch.setattr(forward_pass, "GATE_CLIP", 1e9)
            outputs = model.forward(oracle["X"])
        assert np.abs(outputs - oracle["outputs"]).max() < 1e-9
        if entry["text"] is not None and model.codec is not None:
            threshold = genuine_threshold(entry)
            for net in (model, stored):
                assert net.predict_string(oracle["X"], threshold) == entry["text"]
                assert net.predict_string(oracle["X_long_u8"] / 255, threshold) == entry["text_long"]


REASONS = {
    "arrays_overflow_float32.pyrnn.gz": "weights overflow float32: ",
    "bad_empty.pyrnn.gz": "expected a pickle, got an empty file",
    "bad_gz_crc.pyrnn.gz": "gzip data is damaged or cut off: fetch the file again",
    "chwick2017_codec_larger_than_W2.pyrnn.gz": "codec: expected 6 codes as the network has classes, got 8",
    "container_list.pyrnn.gz": "got a list that holds one at [0]: pickle that item alone",
    "kind_W2_wrong_shape.pyrnn.gz": "softmax W2: expected shape (8, 11), got (8, 10)",
    "kind_logreg_output.pyrnn.gz": "output layer is Logreg (sigmoid); the HDF5 layout means softmax",
    "kind_lstm_none.pyrnn.gz": "lstm: expected Stacked, got nothing",
    "kind_missing_WGI.pyrnn.gz": "forward LSTM WGI: expected an array, got nothing",
    "kind_parallel_swapped.pyrnn.gz": "parallel branches: expected forward, then reversed, got them swapped",
    "kind_three_branches.pyrnn.gz": "three parallel branches, expected forward and reversed",
    "kind_unequal_ns.pyrnn.gz": "reversed LSTM (Ni, Ns): expected (24, 4) as the forward LSTM, got (24, 6)",
    "kind_unidirectional_LSTM1.pyrnn.gz": "expected a bidirectional LSTM, got a unidirectional LSTM",
    "kind_weights_dict.pyrnn.gz": "expected a line recognizer (SeqRecognizer), got a dict",
    "old_GradientLineGeometry.lineest.gz": "got a line geometry estimator (ocrolib.lineest.GradientLineGeometry)",
}


@pytest.mark.parametrize("file", REFUSED)
def test_refusals_say_what_it_is(file: str, tmp_path: Path) -> None:
    with pytest.raises(Pyrnn2Hdf5Error) as caught:
        pyrnn2hdf5.convert(LINEAGES / file, tmp_path)
    assert REASONS[file] in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_trailer_can_be_accepted(tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(LINEAGES / "bad_gz_crc.pyrnn.gz", tmp_path, ignore_checksum=True)
    assert "gzip data is damaged or cut off; ignored" in result.warnings[0]


def test_overflowing_weights_can_be_kept_in_float64(tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(LINEAGES / "arrays_overflow_float32.pyrnn.gz", tmp_path, float64=True)
    with np.load(LINEAGES / "expected" / "arrays_overflow_float32.pyrnn.gz.npz") as oracle:
        assert np.array_equal(pyrnn2hdf5.load_hdf5(result.target).network.softmax.W2, oracle["softmax.W2"])
