"""A model to ONNX and back: what the onnx library says of it, and what is no file of ours."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import helper

import pyrnn2hdf5
from pyrnn2hdf5.errors import InvalidModelError, Pyrnn2Hdf5Error, SizeLimitError, SourceError
from pyrnn2hdf5.files.paths import sha256_of
from pyrnn2hdf5.limits import MAX_LABEL, MAX_LABEL_TEXT
from pyrnn2hdf5.model.decoding import THRESHOLD
from pyrnn2hdf5.model.forward_pass import PAD
from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.model.network import arrays_of, network_of
from pyrnn2hdf5.onnx_graph.metadata import to_metadata
from pyrnn2hdf5.onnx_graph.model_file import ONNX_MAGIC, from_onnx, read_onnx, to_onnx

from ..conftest import MODELS
from ..pronn.messages import data, small
from .models import models, with_nan

DIGITS = pyrnn2hdf5.load_pyrnn(MODELS / "digits.pyrnn.gz")
SMALL: Final = to_onnx(small())


def same(left: Model, right: Model) -> bool:
    """Whether two models are equal in all that ONNX keeps; a NaN equals itself."""
    arrays = arrays_of(left.network), arrays_of(right.network)
    kept = [
        repr((m.Ni, m.No, m.codec and m.codec.labels, m.line_normalizer, m.normalize, m.source)) for m in (left, right)
    ]
    return kept[0] == kept[1] and all(
        np.array_equal(arrays[0][name].astype("f4"), arrays[1][name]) for name in arrays[0]
    )


@settings(max_examples=50)
@given(models())
def test_what_is_written_is_read_and_always_the_same(model: Model) -> None:
    written = to_onnx(model)
    assert same(model, from_onnx(written))
    assert to_onnx(model) == to_onnx(from_onnx(written)) == written


@settings(max_examples=20)
@given(models())
def test_onnx_reads_and_writes_the_same(model: Model) -> None:
    written = to_onnx(model)
    file = onnx.load_model_from_string(written)
    onnx.checker.check_model(file, full_check=True)
    assert file.SerializeToString(deterministic=True) == written
    assert {entry.key: entry.value for entry in file.metadata_props} == to_metadata(model)


def test_metadata_are_json_that_any_reader_takes() -> None:
    entries = to_metadata(replace(DIGITS, line_normalizer=with_nan()))
    values = {name: json.loads(text, parse_constant=pytest.fail) for name, text in entries.items()}
    assert values["labels"] == list(DIGITS.codec.labels if DIGITS.codec else ())
    assert (values["blank"], values["threshold"], values["pad"]) == (0, THRESHOLD, PAD)
    assert values["line_normalizer"]["parameters"] == {"a": None, "b": [np.inf, -np.inf, 1.5], "c": -np.inf}
    assert values["source_sha256"] == sha256_of(MODELS / "digits.pyrnn.gz")
    model = replace(DIGITS, line_normalizer=with_nan())
    assert same(model, from_onnx(to_onnx(model)))


def test_a_weight_beyond_float32_is_told() -> None:
    arrays = arrays_of(small().network) | {"forward.WOP": np.array([1.0, 1e39])}
    with pytest.raises(
        InvalidModelError, match=r"overflow float32: forward LSTM WOP: expected at most 3.4e38, got 1e\+39"
    ):
        to_onnx(replace(small(), network=network_of(arrays, 2, 2, 3)))


def edited(edit: Callable[[Any], object]) -> bytes:
    """A small file that the onnx library changed."""
    file = onnx.load_model_from_string(SMALL)
    edit(file)
    return bytes(file.SerializeToString(deterministic=True))


def entry(name: str, text: str) -> bytes:
    """A small file with an entry of the metadata, in the place of that name if there is one."""

    def edit(file: Any) -> None:
        entries = {item.key: item.value for item in file.metadata_props} | {name: text}
        del file.metadata_props[:]
        helper.set_model_props(file, entries)

    return edited(edit)


def external(file: Any) -> None:
    tensor = file.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def weight(name: str, /, **values: Any) -> Callable[[Any], None]:
    def edit(file: Any) -> None:
        (tensor,) = (tensor for tensor in file.graph.initializer if tensor.name == name)
        for key, value in values.items():
            if key == "dims":
                del tensor.dims[:]
                tensor.dims.extend(value)
            else:
                setattr(tensor, key, value)

    return edit


OURS = "expected the very file that pyrnn2hdf5 writes for these weights, got another"
FLAWS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "expected ONNX by pyrnn2hdf5, which begins with"),
    "the beginning alone": (ONNX_MAGIC, "ONNX.graph: expected one, got none"),
    "of another program": (
        edited(lambda file: setattr(file, "producer_name", "pytorch")),
        "expected ONNX by pyrnn2hdf5",
    ),
    "cut off": (SMALL[:-1], "ONNX.metadata_props: expected "),
    "a byte behind it": (SMALL + b"\0", "ONNX: expected fields "),
    "twice": (SMALL * 2, "ONNX.ir_version: expected at most 1, got more"),
    "data elsewhere": (edited(external), "ONNX.graph.initializer: expected fields 1, 2, 8, 9, got field 13"),
    "another operator": (edited(lambda file: setattr(file.graph.node[-1], "op_type", "LogSoftmax")), OURS),
    "another node": (edited(lambda file: file.graph.node.add(op_type="Loop", input=["x"])), OURS),
    "many nodes": (
        edited(lambda file: [file.graph.node.add() for _ in range(100)]),
        "ONNX.graph.node: expected at most",
    ),
    "a function": (edited(lambda file: file.functions.add(name="f")), "ONNX: expected fields"),
    "another domain": (edited(lambda file: setattr(file.opset_import[0], "domain", "ai.onnx.ml")), OURS),
    "another constant": (edited(weight("lowest", raw_data=bytes(4))), OURS),
    "a bias of its own": (edited(weight("forward.B", raw_data=b"\0\0\x80\x3f" * 16)), OURS),
    "a weight with a name of no weight": (
        edited(weight("forward.R", name="R")),
        "ONNX forward.R: expected shape (1, 8, 2), got nothing",
    ),
    "two weights of one name": (edited(weight("forward.R", name="forward.W")), "ONNX"),
    "a weight too short": (
        edited(weight("softmax.w", raw_data=bytes(8))),
        "ONNX softmax.w: expected 12 bytes of float32",
    ),
    "half the shape": (edited(weight("forward.W", dims=[1, 8])), "ONNX: expected the weights forward.W"),
    "no units": (edited(weight("forward.P", dims=[1, 0])), "ONNX forward.W: expected shape (1, 0, 2), got (1, 8, 2)"),
    "huge units": (edited(weight("forward.P", dims=[1, 2**32 - 1])), "ONNX forward.W: expected shape (1, 57266"),
    "units beyond 32 bits": (
        edited(weight("forward.P", dims=[1, 2**40])),
        "ONNX.graph.initializer.dims: expected an integer",
    ),
    "doubles": (edited(weight("softmax.w", data_type=11)), "ONNX softmax.w: expected 12 bytes of float32"),
    "NaN": (edited(weight("softmax.w", raw_data=b"\x01\0\x80\x7f" * 3)), "softmax W2: expected finite numbers"),
    "no metadata": (
        edited(lambda file: file.ClearField("metadata_props")),
        "ONNX metadata format_version: expected 1, got None",
    ),
    "a later version": (entry("format_version", "2"), "ONNX metadata format_version: expected 1, got 2"),
    "an entry more": (entry("run", '"me"'), OURS),
    "an entry twice": (edited(lambda file: file.metadata_props.add(key="pad", value="16")), OURS),
    "no JSON": (entry("labels", "[1"), "ONNX metadata 'labels': expected JSON in ASCII, got b'[1'"),
    "a number with spaces": (entry("pad", " 16"), OURS),
    "another pad": (entry("pad", "17"), OURS),
    "labels of numbers": (entry("labels", "[1, 2, 3]"), "ONNX metadata labels: expected a list of strings and nulls"),
    "labels one by one": (entry("labels", '{"0": ""}'), "ONNX metadata labels: expected a list of strings and nulls"),
    "a label missing": (entry("labels", '["", "a"]'), "codec: expected 3 codes as the network has classes, got 2"),
    "a long label": (entry("labels", json.dumps(["", "a", "x" * 257])), "codec label 2: expected at most 256"),
    "deep": (entry("labels", "[" * 100_000), "ONNX metadata 'labels': expected JSON in ASCII"),
    "a long number": (entry("labels", "9" * 100_000), "ONNX metadata 'labels': expected JSON in ASCII"),
    "much metadata": (
        entry("labels", "[" + "[]," * 1_500_000 + "[]]"),
        "ONNX metadata 'labels': expected at most 4194304",
    ),
    "NaN in metadata": (entry("pad", "NaN"), "ONNX metadata 'pad': expected JSON"),
    "no string": (entry("source_name", "1"), "ONNX metadata source_name: expected a string, got 1"),
    "no line normalizer": (entry("line_normalizer", '["kind"]'), "ONNX metadata line_normalizer: expected its kind"),
    "a parameter that is an object": (
        entry("line_normalizer", '{"kind": "a", "parameters": {"b": {}}}'),
        "ONNX metadata line_normalizer: expected parameters, got {}",
    ),
    "a list in a list": (
        entry("line_normalizer", '{"kind": "a", "parameters": {"b": [[1]]}}'),
        "ONNX metadata line_normalizer: expected parameters, got [1]",
    ),
    "a name with a line feed": (entry("a\nb", "1"), OURS),
}


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_told(name: str) -> None:
    content, expected = FLAWS[name]
    with pytest.raises((SourceError, InvalidModelError)) as caught:
        from_onnx(content)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


def test_every_flipped_bit_is_refused_or_in_a_value() -> None:
    chance = random.Random(7)
    for at in [*range(200), *chance.sample(range(len(SMALL)), 300)]:
        flipped = bytearray(SMALL)
        flipped[at] ^= 1 << chance.randrange(8)
        try:
            model = from_onnx(bytes(flipped))
        except Pyrnn2Hdf5Error:
            continue
        # A weight, a label, or another value: then the file is that of another model.
        assert to_onnx(model) == flipped


def test_what_is_only_claimed_takes_no_memory() -> None:
    claims = edited(weight("forward.W", dims=[1, 2**31, 2**31])), ONNX_MAGIC + data(7, b"", 2**31), SMALL[:60]
    tracemalloc.start()
    for content in claims:
        with pytest.raises(SourceError):
            from_onnx(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(SMALL)
    with pytest.raises(SizeLimitError, match=r"ONNX: expected at most 1000 bytes, got \d+"):
        read_onnx(path, limits=pyrnn2hdf5.Limits(size=1000))
    with path.open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(SizeLimitError, match="ONNX: expected at most 41943040 bytes, got 1099511627776"):
        read_onnx(path)


def test_as_many_labels_as_a_model_may_have_are_read_again() -> None:
    # Each takes twelve bytes as JSON.
    labels = ["\U0001f600" * (MAX_LABEL_TEXT // MAX_LABEL // 4)] * (4 * MAX_LABEL)
    model = small(labels, No=len(labels))
    assert sum(map(len, labels)) == MAX_LABEL_TEXT
    assert from_onnx(to_onnx(model)).codec == model.codec
