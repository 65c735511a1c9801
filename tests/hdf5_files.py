"""Models written to HDF5, and every way to make such a file odd."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from pyrnn2hdf5.model.network import arrays_of, network_of


def random_model(Ni: int, Ns: int, labels: tuple[str | None, ...] | None, seed: int = 0, **parts: Any) -> Model:
    random = np.random.RandomState(seed)
    No = len(labels) if labels else 3
    arrays = {"W2": random.normal(size=(No, 1 + 2 * Ns))}
    for direction in ("forward", "reversed"):
        for name in ("WGI", "WGF", "WGO", "WCI"):
            arrays[f"{direction}.{name}"] = random.normal(size=(Ns, 1 + Ni + Ns))
        for name in ("WIP", "WFP", "WOP"):
            arrays[f"{direction}.{name}"] = random.normal(size=Ns)
    return Model(Ni, No, network_of(arrays, Ni, Ns, No), None if labels is None else Codec(labels), **parts)


def whole_model() -> Model:
    """A small model with all that may come with a network."""
    normalizer = LineNormalizer("CenterNormalizer", (("range", 4),))
    training = TrainingRecord(5, ("x",), 2, 1, np.zeros(2), np.zeros((2, 2), np.int64))
    return random_model(4, 3, ("", "a"), line_normalizer=normalizer, training=training, source=Source("m", "0" * 64))


def written(model: Model, folder: Path, **options: bool) -> Path:
    path = folder / "model.hdf5"
    path.write_bytes(to_hdf5(store(model, **options)))
    return path


def as_kraken_writes(model: Model, path: Path) -> Path:
    """Write a model without the subgroup of this project."""
    path.write_bytes(to_hdf5(store(model)))
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
    return path


def same(left: Model, right: Model) -> bool:
    arrays, others = arrays_of(left.network), arrays_of(right.network)
    return left.codec == right.codec and all(arrays[name].tobytes() == others[name].tobytes() for name in arrays)


Break = Callable[[Any], Any]


def put(name: str, value: Any, **options: Any) -> Break:
    """Replace one data set."""

    def change(file: Any) -> None:
        if name in file:
            del file[name]
        if value is not None:
            file.create_dataset(name, data=value, **options)

    return change


def link(name: str, target: Any) -> Break:
    def change(file: Any) -> None:
        del file[name]
        file[name] = target

    return change


def attribute(name: str, value: Any, group: str = "/") -> Break:
    def change(file: Any) -> None:
        if name in file[group].attrs:
            del file[group].attrs[name]
        if value is not None:
            file[group].attrs[name] = value

    return change


WGI = ".bidilstm.0.parallel.0.lstm.WGI"
WIP = ".bidilstm.0.parallel.0.lstm.WIP"
EXTRA = "pyrnn2hdf5"


def external(file: Any) -> None:
    shape = file[WGI].shape
    del file[WGI]
    file.create_dataset(WGI, shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(file: Any) -> None:
    shape = file[WGI].shape
    del file[WGI]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("other.hdf5", "x", shape)
    file.create_virtual_dataset(WGI, layout)


def bomb(file: Any) -> None:
    del file[WGI]
    file.create_dataset(WGI, (20000, 20005), "f4", chunks=(1000, 1000), compression="gzip")


def keras(add: Break) -> Break:
    def change(file: Any) -> None:
        file.clear()
        del file.attrs["kind"]
        add(file)

    return change


ODD_FILES: dict[str, tuple[Break, str]] = {
    "no kind": (attribute("kind", None), "kind: expected pyrnn-bidi or pyrnn-bidi-ext, got None"),
    "codes for characters": (
        lambda file: (file.attrs.__delitem__("kind"), put("codec", np.array([[0], [1]], "f4"))(file)),
        "got None; the codec holds codes instead of characters, as ocracy wrote it: convert the pyrnn again",
    ),
    "Keras": (keras(attribute("keras_version", "2.1.6")), "got a Keras file"),
    "weights of Keras 1": (keras(attribute("layer_names", [b"dense_1"])), "got a Keras file"),
    "weights of Keras 3": (keras(lambda file: file.create_group("_layer_checkpoint_dependencies")), "got a Keras file"),
    "another kind": (attribute("kind", "clstm"), "kind: expected pyrnn-bidi or pyrnn-bidi-ext, got 'clstm'"),
    "kind a number": (attribute("kind", 7), "kind: expected one string"),
    "kind an array": (attribute("kind", ["a", "b"]), "kind: expected one string"),
    "missing": (put(WIP, None), f"{re.escape(WIP)}: expected a data set, got nothing"),
    "rank": (put(WGI, np.zeros(3, "f4")), r"expected rank 2, got shape \(3,\)"),
    "scalar": (put(WGI, np.float32(0)), r"expected rank 2, got shape \(\)"),
    "shape": (put(WIP, np.zeros((4, 1), "f4")), r"WIP: expected shape \(3, 1\), got \(4, 1\)"),
    "no columns for inputs": (put(WGI, np.zeros((3, 4), "f4")), "shapes: expected Ns >= 1, Na > 1"),
    "integers": (put(WIP, np.zeros((3, 1), "i4")), "expected plain numbers of kind f, got int32"),
    "strings": (put("codec", np.array([[b"a"], [b"b"]])), "codec: expected plain numbers of kind f"),
    "codec fraction": (put("codec", np.array([[0], [97.5]], "f4")), "codec: expected code points, got other numbers"),
    "codec beyond": (put("codec", np.array([[0], [2e6]], "f4")), "codec: expected code points"),
    "codec NaN": (put("codec", np.array([[0], [np.nan]], "f4")), "codec: expected code points"),
    "soft link": (link(WIP, h5py.SoftLink("/codec")), "expected a data set, got SoftLink"),
    "external link": (link(WIP, h5py.ExternalLink("x.hdf5", "/codec")), "expected a data set, got ExternalLink"),
    "group": (lambda file: (file.__delitem__(WIP), file.create_group(WIP)), "expected a data set, got Group"),
    "external storage": (external, "expected data stored in this file"),
    "virtual": (virtual, "expected data stored in this file"),
    "lzf": (put(WIP, np.zeros((3, 1), "f4"), compression="lzf"), "expected data stored in this file"),
    "claims 1.6 GB": (bomb, "expected at most 67108864 bytes, got 1600400000"),
    "float16": (put(WIP, np.zeros((3, 1), "f2")), "expected plain numbers of kind f, got float16"),
    "many commands": (put(f"{EXTRA}/commands", np.zeros(1001, "S1")), "commands: expected at most 1000 rows, got 1001"),
    "long history": (put(f"{EXTRA}/error", np.zeros(1001)), "error: expected at most 1000 rows, got 1001"),
    "huge chunk": (
        put(f"{EXTRA}/error", np.zeros(9), chunks=(2**27,), maxshape=(None,), compression="gzip"),
        "error: expected at most 67108864 bytes, got 1073741824",
    ),
    "format version": (attribute("format_version", 2, EXTRA), "format_version: expected 1 to 1, got 2"),
    "no format version": (attribute("format_version", None, EXTRA), "format_version: expected 1 to 1, got None"),
    "subgroup a data set": (put(EXTRA, 5), "pyrnn2hdf5: expected a group"),
    "subgroup a link": (link(EXTRA, h5py.SoftLink("/")), "pyrnn2hdf5: expected a group"),
    "too few labels": (
        lambda file: (
            put(f"{EXTRA}/labels", np.array([b"a"]))(file),
            put(f"{EXTRA}/labels_bytes", np.array([1], "i4"))(file),
        ),
        "labels: expected 2, got 1",
    ),
    "label lengths": (put(f"{EXTRA}/labels_bytes", np.array([0, 99], "i4")), "labels_bytes: expected lengths"),
    "no label lengths": (put(f"{EXTRA}/labels_bytes", None), "labels_bytes: expected a data set, got nothing"),
    "labels no UTF-8": (
        lambda file: (
            put(f"{EXTRA}/labels", np.array([b"", b"\xff"]))(file),
            put(f"{EXTRA}/labels_bytes", np.array([0, 1], "i4"))(file),
        ),
        "not a readable HDF5 model",
    ),
    "permutation": (put(f"{EXTRA}/permutation", np.array([0, 0], "i4")), "permutation: expected the numbers 0 to 1"),
    "last_trial": (attribute("last_trial", 1.5, EXTRA), "last_trial: expected an integer, got 1.5"),
    "lines": (attribute("lines", -5, EXTRA), "lines: expected at least 0, got -5"),
    "lines_per_point": (attribute("lines_per_point", 0, EXTRA), "lines_per_point: expected at least 1, got 0"),
    "source_name": (attribute("source_name", 5, EXTRA), "source_name: expected one string"),
    "history": (put(f"{EXTRA}/character_errors", np.zeros((2, 3), "i8")), r"character_errors: expected shape \(n, 2\)"),
    "parameter": (attribute("line_normalizer.range", [[1, 2]], EXTRA), "line_normalizer.range: expected numbers"),
}
