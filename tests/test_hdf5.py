"""The stored form and the file: layout, order of classes, labels of every kind, odd files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import Hdf5LayoutError, InvalidModelError, SourceError
from pyrnn2hdf5.hdf5.h5py_io import to_bytes
from pyrnn2hdf5.hdf5.layout import KIND, KIND_EXT, LAYOUT, restore, store
from pyrnn2hdf5.hdf5.plain_reader import NotPlainError
from pyrnn2hdf5.load import load_file, load_hdf5, read_plain
from pyrnn2hdf5.load import read_by_library as read
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source, TrainingRecord, arrays_of, network_of

from .conftest import MODELS


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


def written(model: Model, folder: Path, **options: bool) -> Path:
    path = folder / "model.hdf5"
    path.write_bytes(to_bytes(store(model, **options)))
    return path


def same(left: Model, right: Model) -> bool:
    arrays, others = arrays_of(left.network), arrays_of(right.network)
    return left.codec == right.codec and all(arrays[name].tobytes() == others[name].tobytes() for name in arrays)


EXPECTED_LAYOUT = {
    ".bidilstm.0.parallel.0.lstm.WGI": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WGF": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WGO": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WCI": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WIP": (3, 1),
    ".bidilstm.0.parallel.0.lstm.WFP": (3, 1),
    ".bidilstm.0.parallel.0.lstm.WOP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGI": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGF": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGO": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WCI": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WIP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WFP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WOP": (3, 1),
    ".bidilstm.1.softmax.w": (2, 1),
    ".bidilstm.1.softmax.W": (2, 6),
    "codec": (2, 1),
}


@pytest.mark.parametrize("float64", [False, True])
def test_root_holds_kind_and_the_data_sets_and_nothing_else(tmp_path: Path, float64: bool) -> None:
    model = random_model(4, 3, ("", "a"))
    with h5py.File(written(model, tmp_path, float64=float64), "r") as file:
        assert dict(file.attrs) == {"kind": "pyrnn-bidi"}
        assert {name: file[name].shape for name in file if name != "pyrnn2hdf5"} == EXPECTED_LAYOUT
        for name in EXPECTED_LAYOUT:
            assert file[name].dtype == (np.float64 if float64 and name != "codec" else np.float32)
            assert (file[name].chunks, file[name].maxshape) == (None, EXPECTED_LAYOUT[name])
        W2 = model.network.softmax.W2
        assert (
            file[".bidilstm.1.softmax.w"][()].tobytes()
            == W2[:, :1].astype(file[".bidilstm.1.softmax.w"].dtype).tobytes()
        )
        assert np.array_equal(file[".bidilstm.1.softmax.W"][()], W2[:, 1:].astype(file[".bidilstm.1.softmax.W"].dtype))
        assert file["codec"][()].tolist() == [[0], [97]]
        kind = file.attrs.get_id("kind")
        assert (kind.shape, kind.get_type().is_variable_str()) == ((), True)
    assert tuple(EXPECTED_LAYOUT) == tuple(entry.name for entry in LAYOUT)


def test_file_format_is_that_of_hdf5_1_8(tmp_path: Path) -> None:
    data = written(random_model(4, 3, ("", "a")), tmp_path).read_bytes()
    assert data[:9] == b"\x89HDF\r\n\x1a\n\x00"  # superblock version 0


def test_compression_is_gzip_and_shuffle_for_matrices(tmp_path: Path) -> None:
    assert read(written(random_model(1, 1, ("",)), tmp_path, compress=True)).compressed
    path = written(load_file(MODELS / "digits.pyrnn.gz"), tmp_path, compress=True)
    with h5py.File(path, "r") as file:
        large = file[LAYOUT[0].name]
        assert (large.compression, large.shuffle, large.chunks) == ("gzip", True, large.shape)
        assert file[LAYOUT[4].name].chunks is None
    assert read(path).compressed
    plain = written(load_file(MODELS / "digits.pyrnn.gz"), tmp_path)
    assert not read(plain).compressed


@pytest.mark.parametrize("options", [{}, {"compress": True}, {"float64": True}])
def test_the_same_model_gives_the_same_bytes(options: dict[str, bool]) -> None:
    first, second = (to_bytes(store(load_file(MODELS / "digits-00004000.pyrnn.gz"), **options)) for _ in range(2))
    assert first == second


LABEL = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=[]), max_size=4),
    st.sampled_from(["", "\0", "a\0", "\ud800", "~"]),
)
PARAMETER = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=3).map(tuple),
    st.text(st.characters(exclude_categories=[], exclude_characters="\0"), max_size=5),
)


@given(
    Ni=st.integers(1, 5),
    Ns=st.integers(1, 4),
    labels=st.one_of(st.none(), st.lists(LABEL, min_size=1, max_size=6).map(tuple)),
    options=st.sampled_from([{}, {"float64": True}, {"compress": True}]),
    normalizer=st.dictionaries(st.sampled_from(["a", "b", "target_height"]), PARAMETER),
    commands=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    name=st.text(st.characters(exclude_characters="\0"), min_size=1),
)
def test_every_model_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    Ni: int,
    Ns: int,
    labels: tuple[str | None, ...] | None,
    options: dict[str, bool],
    normalizer: dict[str, Any],
    commands: tuple[str, ...],
    name: str,
) -> None:
    training = TrainingRecord(5, commands, 3, 2, np.array([0.5, 1e300]), np.array([[1, 2], [3, 4]], np.int64))
    model = random_model(
        Ni,
        Ns,
        labels,
        line_normalizer=LineNormalizer("K", tuple(sorted(normalizer.items()))),
        training=training,
        normalize="ocrolib.lstm.normalize_nfkc",
        source=Source(name, "0" * 64),
    )
    again = load_hdf5(written(model, tmp_path_factory.mktemp("again"), **options))
    if not options.get("float64"):
        arrays = {key: value.astype("f4").astype("f8") for key, value in arrays_of(model.network).items()}
        model = replace(model, network=network_of(arrays, Ni, Ns, model.No))
    assert same(model, again)
    assert again.line_normalizer == model.line_normalizer
    assert (again.normalize, again.source) == (model.normalize, model.source)
    assert again.training is not None
    assert vars(again.training).keys() == vars(training).keys()
    for key, value in vars(training).items():
        assert np.array_equal(getattr(again.training, key), value)


@given(labels=st.permutations(list("abcdeäſ\U0001d504")), seed=st.integers(0, 9))
def test_codec_out_of_order_is_permuted_and_restored(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], seed: int
) -> None:
    model = random_model(2, 2, ("", *labels), seed)
    stored = store(model, float64=True)
    assert stored.kind == KIND
    points = stored.data["codec"][:, 0].tolist()
    assert points == sorted(points)
    assert stored.labels == ("", *sorted(labels))
    assert (stored.permutation is None) == (labels == sorted(labels))
    # Each row still belongs to its label.
    W2 = np.hstack([stored.data[".bidilstm.1.softmax.w"], stored.data[".bidilstm.1.softmax.W"]])
    for row, label in enumerate(stored.labels):
        assert W2[row].tolist() == model.network.softmax.W2[("", *labels).index(label or "")].tolist()
    assert same(model, load_hdf5(written(model, tmp_path_factory.mktemp("order"), float64=True)))


@pytest.mark.parametrize(
    "labels", [None, ("a", "b"), ("", "ll"), ("", "a", "a"), ("", None, "b"), (None, "a"), ("", "\0"), ("", "")]
)
def test_codecs_kraken_would_scramble_get_another_kind(labels: tuple[str | None, ...] | None) -> None:
    stored = store(random_model(2, 2, labels))
    assert stored.kind == KIND_EXT
    assert stored.permutation is None
    assert stored.labels == labels
    assert stored.data["codec"][0, 0] == 0


def test_overflow_of_float32_is_refused_and_float64_keeps_it(tmp_path: Path) -> None:
    arrays = arrays_of(random_model(2, 2, ("", "a")).network)
    arrays["W2"] = arrays["W2"].copy()
    arrays["W2"][1, 3] = -1e300
    model = Model(2, 2, network_of(arrays, 2, 2, 2), Codec(("", "a")))
    message = "weights overflow float32 (use convert --float64): softmax W: expected at most 3.4e38, got -1e+300"
    with pytest.raises(InvalidModelError, match=re.escape(message) + " at row 1, column 2"):
        store(model)
    assert same(model, load_hdf5(written(model, tmp_path, float64=True)))


def test_kraken_files_have_labels_by_code_point(tmp_path: Path) -> None:
    path = written(random_model(2, 2, ("", "a", "ä")), tmp_path)
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
    model = load_hdf5(path)
    assert model.codec == Codec(("", "a", "ä"))
    assert (model.source, model.training, model.line_normalizer) == (None, None, None)


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([0, 98, 97], ("", "a", "b")),
        ([0, 97, 97], ("", "a", None)),
        ([99, 97, 98], ("", "a", "b")),
        ([0, 0, 97], ("", "\0", "a")),
    ],
)
def test_kraken_files_are_read_as_kraken_reads_them(tmp_path: Path, points: list[int], labels: tuple[str]) -> None:
    # kraken 0.5.0: charset[0] = ""; sorted(list(set(charset)))
    path = written(random_model(2, 2, ("", "a", "b")), tmp_path)
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
        file["codec"][:, 0] = points
    assert load_hdf5(path).codec == Codec(labels)


def test_labels_beside_another_codec_are_refused(tmp_path: Path) -> None:
    path = written(random_model(2, 2, ("", "a", "b")), tmp_path)
    with h5py.File(path, "r+") as file:
        file["codec"][2] = ord("x")
    with pytest.raises(Hdf5LayoutError, match="labels: expected those that kraken reads from the codec, got others"):
        load_hdf5(path)


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


ODD_FILES: dict[str, tuple[Break, str]] = {
    "no kind": (attribute("kind", None), "kind: expected pyrnn-bidi or pyrnn-bidi-ext, got None"),
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


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    normalizer = LineNormalizer("CenterNormalizer", (("range", 4),))
    training = TrainingRecord(5, ("x",), 2, 1, np.zeros(2), np.zeros((2, 2), np.int64))
    model = random_model(4, 3, ("", "a"), line_normalizer=normalizer, training=training, source=Source("m", "0" * 64))
    return written(model, tmp_path)


@pytest.mark.parametrize("what", ODD_FILES)
def test_odd_files_are_refused_before_data_is_read(sound: Path, what: str) -> None:
    load_hdf5(sound)
    change, message = ODD_FILES[what]
    with h5py.File(sound, "r+") as file:
        change(file)
    with pytest.raises(Hdf5LayoutError, match=message):
        load_hdf5(sound)


def test_files_that_are_no_hdf5(tmp_path: Path, sound: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(SourceError, match="expected a file, got a directory"):
        load_hdf5(tmp_path)
    for data in (b"", b"garbage", sound.read_bytes()[:700]):
        path.write_bytes(data)
        with pytest.raises(Hdf5LayoutError, match="not a readable HDF5 model"):
            load_hdf5(path)
    with pytest.raises(FileNotFoundError):
        load_hdf5(tmp_path / "nothing")


def test_restore_is_the_inverse_of_store() -> None:
    model = random_model(3, 2, ("", "b", "a"))
    assert same(model, restore(store(model, float64=True)))


@pytest.mark.parametrize(("at", "byte"), [(4, b"\0"), (11, b"x")])
def test_a_name_that_does_not_end_at_its_only_nul_is_left_to_the_library(tmp_path: Path, at: int, byte: bytes) -> None:
    model = load_file(MODELS / "digits.pyrnn.gz")
    path = written(model, tmp_path)
    data = path.read_bytes()
    start = data.index(b"source_name\0") + at
    path.write_bytes(data[:start] + byte + data[start + 1 :])
    with pytest.raises(NotPlainError):
        read_plain(path)
