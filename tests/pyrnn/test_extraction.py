"""From stubs to plain values: every part, every check, every message."""

from __future__ import annotations

import collections
import datetime
import io
import pickle
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import InvalidModelError, Pyrnn2Hdf5Error, UnsupportedModelError
from pyrnn2hdf5.model.model import Codec
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import Load
from ..pickles import DIALECTS, Call, Dialect, Name, Obj, Raw, Scalar, Text, dump, recognizer

LSTM = "ocrolib.lstm"


def part(kind: str, **state: Any) -> Obj:
    return Obj(Name(LSTM, kind), state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forward": {"WGI": np.zeros((3, 7))}}, r"forward LSTM WGI: expected shape \(3, 8\), got \(3, 7\)"),
        ({"backward": {"WCI": np.zeros((8, 3))}}, r"reversed LSTM WCI: expected shape \(3, 8\), got \(8, 3\)"),
        ({"forward": {"WOP": np.zeros((3, 1))}}, r"forward LSTM WOP: expected shape \(3,\), got \(3, 1\)"),
        ({"forward": {"WGI": None}}, "forward LSTM WGI: expected an array, got nothing"),
        ({"forward": {"WGI": [1.0]}}, "forward LSTM WGI: expected an array, got a list"),
        ({"softmax": {"W2": np.zeros((4, 6))}}, r"softmax W2: expected shape \(4, 7\), got \(4, 6\)"),
        ({"softmax": {"No": 5}}, "softmax No: expected 4 as the recognizer says, got 5"),
        ({"softmax": {"Nh": 5}}, "softmax Nh: expected 6, twice the hidden units, got 5"),
        ({"forward": {"dims": (4, 3, 9)}}, r"forward LSTM dims: expected Na = 1 \+ Ni \+ Ns = 8, got 9"),
        ({"forward": {"dims": (4, 3)}}, r"forward LSTM dims: expected \(Ni, Ns, Na\), got a tuple"),
        ({"backward": {"dims": (3, 4, 8)}}, r"reversed LSTM \(Ni, Ns\): expected \(4, 3\) as the forward LSTM"),
        ({"changes": {"Ni": 5}}, "forward LSTM inputs: expected Ni = 5 as the recognizer says, got 4"),
        ({"changes": {"Ni": 4.0}}, "Ni: expected an integer, got a float"),
        ({"changes": {"No": 2**40}}, "No: expected 1 to 50000 classes, got 1099511627776"),
        ({"changes": {"No": -5}}, "No: expected 1 to 50000 classes, got -5"),
        ({"changes": {"Ni": 3000}, "Ni": 3000}, "forward LSTM dims: expected .* at most 2000 and 5000, got"),
        ({"changes": {"No": True}}, "No: expected an integer, got a bool"),
        ({"forward": {"WGI": np.full((3, 8), np.inf)}}, "forward LSTM WGI: expected finite numbers, got inf at row 0"),
        ({"forward": {"WGI": np.full((3, 8), 2**60)}}, "forward LSTM WGI: expected numbers that float64 can hold"),
        ({"codec": {0: "", 1: "a"}, "No": 1}, "codec: expected 1 codes as the network has classes, got 2"),
        ({"codec": {0: "", 5: "a"}}, "codec: expected codes 0 to 1, got 5"),
        ({"codec": {0: "", -1: "a"}}, "codec: expected codes 0 to 1, got -1"),
        ({"codec": {0: "", "a": "a"}}, "codec code: expected an integer"),
        ({"codec": {0: "", 1: 7}}, "codec label 1: expected a string, got a int"),
        ({"codec": {0: "", 1: b"\xe4"}}, "codec label 1: expected Unicode or ASCII, got bytes of unknown encoding"),
        ({"codec": {0: "", 1: Text("a" * 257)}}, "codec label 1: expected at most 256 code points, got 257"),
        ({"changes": {"codec": part("Codec", code2char=[""])}}, "codec code2char: expected a dict, got a list"),
    ],
)
def test_invalid_models_name_culprit_expected_and_got(load: Load, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        load(recognizer(**change))


def test_nan_is_named_by_its_place(load: Load) -> None:
    WGI = np.zeros((3, 8))
    WGI[2, 5] = np.nan
    with pytest.raises(InvalidModelError, match="NaN in forward LSTM WGI at row 2, column 5"):
        load(recognizer(forward={"WGI": WGI}))


def network(*nets: Obj) -> dict[str, Any]:
    return {"changes": {"lstm": part("Stacked", nets=list(nets))}}


ONE = part("LSTM")
SOFTMAX = part("Softmax")
BOTH = part("Parallel", nets=(ONE, part("Reversed", net=ONE)))


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (recognizer(changes={"lstm": None}), "lstm: expected Stacked, got nothing"),
        (recognizer(**network(ONE, SOFTMAX)), "expected a bidirectional LSTM, got a unidirectional LSTM"),
        (recognizer(**network(part("MLP"))), r"network: expected \[Parallel, Softmax\], got \[MLP\]"),
        (recognizer(**network()), r"network: expected \[Parallel, Softmax\], got \[\]"),
        (recognizer(**network(BOTH, SOFTMAX, SOFTMAX)), r"got \[Parallel, Softmax, Softmax\]"),
        (recognizer(**network(BOTH, part("Logreg"))), r"output layer is Logreg \(sigmoid\); the HDF5 layout means"),
        (recognizer(**network(part("Parallel", nets=(ONE,)), SOFTMAX)), "one parallel branch, expected forward and"),
        (recognizer(**network(part("Parallel", nets=(ONE, ONE, ONE)), SOFTMAX)), "three parallel branches, expected"),
        (recognizer(**network(part("Parallel", nets=(ONE, ONE)), SOFTMAX)), "reversed branch: expected Reversed"),
        (
            recognizer(**network(part("Parallel", nets=(part("Reversed", net=ONE), ONE)), SOFTMAX)),
            "expected forward, then reversed, got them swapped",
        ),
        (recognizer(changes={"lstm": part("Stacked", nets=5)}), "lstm nets: expected a short list, got a int"),
        (part("MLP"), r"got a multilayer perceptron character classifier \(ocrolib.lstm.MLP\)"),
        (Obj(Name("ocrolib.mlp", "MLP"), {"w1": np.zeros(3)}), r"perceptron character classifier \(ocrolib.mlp.MLP\)"),
        (Obj(Name("ocrolib.ngraphs", "NGraphs")), "got a language model"),
        (
            Obj(
                Name("ocrolib.patrec", "LocalCmodel"),
                {
                    "splitter": Obj(Name("ocrolib.patrec", "HierarchicalSplitter")),
                    "cmodels": [Obj(Name("ocrolib.patrec", "LogisticCmodel"))],
                    "normalizer": Name("ocrolib.patrec", "normalizer_normal"),
                },
            ),
            r"got a character classifier of OCRopus 0.6 \(ocrolib.patrec.LocalCmodel\)",
        ),
        (
            {"Ni": 4, "No": 4, "codec": Obj(Name(LSTM, "Codec"), {"code2char": {0: "", 1: "a"}}), "load_file": "m"},
            "got a dict of the TensorFlow fork of ocropy: there are no weights in it, but codec and line normalizer",
        ),
        (part("LSTM"), "got a single layer"),
        (Obj(Name("ocrolib.lineest", "CenterNormalizer")), "got a line normalizer alone"),
        (part("Stacked"), "got a network without codec and recognizer around it"),
        (Obj(Name("ocrolib.lineest", "GradientLineGeometry")), "got a line geometry estimator"),
        ({"WGI": np.zeros(3)}, r"expected a line recognizer \(SeqRecognizer\), got a dict$"),
        ([recognizer()], r"got a list that holds one at \[0\]: pickle that item alone"),
        ({"net": recognizer()}, r"got a dict that holds one at \[b'net'\]: pickle that item alone"),
        ([recognizer(), recognizer()], "got a list$"),
        ({Raw(b"\x8b" + struct.pack("<i", 3000) + b"\x7f" * 3000): recognizer()}, "got a dict$"),
        (Name("numpy", "ndarray"), "got the name numpy.ndarray"),
        (None, "got nothing"),
        (5, "got a int"),
    ],
)
def test_other_networks_are_refused_by_saying_what_they_are(load: Load, root: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        load(root)


def test_networks_that_contain_themselves_end(load: Load) -> None:
    state: dict[str, Any] = {}
    stacked = Obj(Name(LSTM, "Stacked"), state)
    state["nets"] = [stacked, stacked]
    with pytest.raises(UnsupportedModelError, match=r"got \[Stacked, Stacked\]"):
        load(recognizer(changes={"lstm": stacked}))


def test_shared_lstm_serves_both_directions(load: Load) -> None:
    whole = recognizer()
    nets = whole.state["lstm"].state["nets"]
    shared = nets[0].state["nets"][0]
    parallel = part("Parallel", nets=(shared, part("Reversed", net=shared)))
    model = load(recognizer(**network(parallel, nets[1])))
    assert model.network.forward_lstm.WGI.tolist() == model.network.reversed_lstm.WGI.tolist()


def test_missing_attributes_of_old_files(load: Load) -> None:
    absent = dict.fromkeys(["Ni", "No", "lnorm", "normalize", "last_trial", "error_log", "cerror_log", "command_log"])
    model = load(recognizer(changes=absent, forward={"dims": None}, softmax={"Nh": None, "No": None}))
    assert (model.Ni, model.Ns, model.No) == (4, 3, 4)
    assert (model.line_normalizer, model.normalize) == (None, None)
    assert model.training is not None
    assert (model.training.last_trial, model.training.lines) == (None, 0)


def test_numpy_values_where_python_ones_are_expected(load: Load) -> None:
    codec = {Scalar(np.int64(0)): Scalar(np.str_("x")), Scalar(np.int32(1)): Scalar(np.bytes_(b"a"))}
    changes = {"Ni": Scalar(np.int64(4)), "No": np.array(2)}
    dims = tuple(Scalar(np.int32(n)) for n in (4, 3, 8))
    model = load(recognizer(codec=codec, changes=changes, forward={"dims": dims}))
    assert (model.Ni, model.No) == (4, 2)
    assert model.codec == Codec(("x", "a"))


MODULES = [
    f"{package}{module}"
    for package in ("ocrolib.", "kraken.lib.", "ocrd_cis.ocropy.ocrolib.", "lstm.", "")
    for module in ("lstm", "lineest", "codec")
]


@given(st.lists(st.sampled_from(MODULES), min_size=5, max_size=5), st.sampled_from(DIALECTS))
def test_a_class_is_told_by_its_name_and_place(
    tmp_path_factory: pytest.TempPathFactory, modules: list[str], dialect: Dialect
) -> None:
    whole = recognizer(lstm=modules[0], lineest=modules[1])
    state = {
        **whole.state,
        "normalize": Name(modules[2], "normalize_of_a_fork"),
        "codec": Obj(Name(modules[3], "Codec"), whole.state["codec"].state),
    }
    path = tmp_path_factory.mktemp("modules") / "m"
    path.write_bytes(dump(Obj(Name(modules[4], "SeqRecognizer"), state), dialect))
    model = load_pyrnn(path)
    assert model.codec == Codec(("", " ", "a", "ä"))
    assert model.normalize == f"{modules[2]}.normalize_of_a_fork"
    assert model.line_normalizer is not None
    assert model.line_normalizer.target_height == 4


def test_attributes_of_forks_do_not_matter(load: Load) -> None:
    whole = recognizer()
    softmax = whole.state["lstm"].state["nets"][1]
    extra = {
        "output_layer": softmax,
        "charset": Call(Name("__builtin__", "set"), ([1, 2],)),
        "options": Call(Name("collections", "OrderedDict"), ([[1, 2], [3, 4]],)),
        "counts": Call(Name("collections", "defaultdict"), (Name("__builtin__", "list"),)),
        "nothing": None,
        "text": Text("ä"),
        "scores": [1.5, (2, 3), {"a": []}],
        "names": np.array(["a", "bc"]),
        "raw": np.array([b"a", b"bc"]),
        "spectrum": np.zeros(3, complex),
        "dates": np.zeros(2, "M8[s]"),
        "long": Scalar(np.longdouble(1)),
    }
    model = load(Obj(whole.kind, {**whole.state, **extra}))
    assert model.notes == ()
    assert model.network.softmax.W2.tolist() == softmax.state["W2"].tolist()


def as_python_writes(value: object, protocol: int) -> Raw:
    """A pickle of Python itself, without memo, to stand inside another."""
    out = io.BytesIO()
    pickler = pickle.Pickler(out, protocol)
    pickler.fast = True
    pickler.dump(value)
    return Raw(out.getvalue()[2:-1])


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize(
    "value",
    [
        collections.Counter("abca"),
        collections.deque([1, [2]], 5),
        collections.OrderedDict(a=1),
        {1, 2},
        datetime.datetime(2016, 5, 4, 3, 2, 1),
        datetime.date(2016, 5, 4),
        datetime.time(3, 2),
        datetime.timedelta(3),
        [np.float64, np.int32, np.uint8, np.bool_],
    ],
    ids=str,
)
def test_values_of_well_known_types_do_not_matter(load: Load, value: object, protocol: int) -> None:
    whole = recognizer()
    model = load(Obj(whole.kind, {**whole.state, "extra": as_python_writes(value, protocol)}))
    assert model.notes == ()
    # Of no use where a part of the model belongs, either.
    with pytest.raises(Pyrnn2Hdf5Error):
        load(Obj(whole.kind, {**whole.state, "Ni": as_python_writes(value, protocol)}))


def test_an_ordered_codec_is_a_codec(load: Load) -> None:
    table = Call(Name("collections", "OrderedDict"), ([[0, ""], [1, Text("b")], [2, Text("a")]],))
    model = load(recognizer(changes={"codec": part("Codec", code2char=table)}, No=3))
    assert model.codec == Codec(("", "b", "a"))


def test_codec_order_is_code_order_not_dict_order(load: Load) -> None:
    model = load(recognizer(codec={2: Text("b"), 0: "", 1: Text("a")}))
    assert model.codec == Codec(("", "a", "b"))
