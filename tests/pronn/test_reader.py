"""A pronn to a model: what the real kraken wrote, what is wrong with one, and every flipped byte."""

from __future__ import annotations

import random
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrnn2hdf5
from pyrnn2hdf5 import limits as limits_module
from pyrnn2hdf5.errors import InvalidModelError, Pyrnn2Hdf5Error, SizeLimitError, SourceError
from pyrnn2hdf5.files.paths import sha256_of
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pronn import reader
from pyrnn2hdf5.pronn.reader import from_pronn, load_pronn

from ..conftest import MODELS, ROOT
from .messages import array, data, encode, fields, number, small

DIGITS = ROOT / "fixtures" / "pronn" / "digits.pronn"


def test_what_kraken_wrote() -> None:
    model, source = load_pronn(DIGITS), pyrnn2hdf5.load_pyrnn(MODELS / "digits.pyrnn.gz")
    assert (model.Ni, model.Ns, model.No, model.codec) == (source.Ni, source.Ns, source.No, source.codec)
    for name, values in arrays_of(source.network).items():
        assert np.array_equal(arrays_of(model.network)[name], values.astype("f4"))
    assert model.source == pyrnn2hdf5.Source("digits.pronn", sha256_of(DIGITS))
    assert (model.line_normalizer, model.training, model.normalize) == (None, None, None)
    assert model.notes == (
        "a pronn keeps no line normalizer, for which a CenterNormalizer of 32 pixels is taken, and no training record; "
        "its weights are rounded to float32 already",
    )


def test_our_encoder_writes_as_kraken_does() -> None:
    assert encode(load_pronn(DIGITS)) == DIGITS.read_bytes()


@given(st.lists(st.text(max_size=4), min_size=1, max_size=40))
def test_labels_of_any_kind(labels: list[str]) -> None:
    # Out of order, twice, of several code points, on the blank: as in a pyrnn.
    model = from_pronn(encode(small(labels, No=len(labels))))
    assert model.codec is not None
    assert model.codec.labels == tuple(labels)


def test_no_codec() -> None:
    assert from_pronn(encode(small(None))).codec is None


def test_fields_in_any_order_and_a_name() -> None:
    parts = fields(small())
    kind = parts.pop("kind")
    model = from_pronn(kind + b"".join(reversed(parts.values())) + data(2, b"nomen"))
    assert encode(model) == encode(small())
    assert model.notes[1] == "the name that it gives itself is not kept: 'nomen'"


def with_field(name: str, value: bytes) -> bytes:
    return b"".join((fields(small()) | {name: value}).values())


def with_weight(number_of_net: int, weight: int, value: bytes) -> bytes:
    """A small model in which one array of one LSTM is another."""
    name = "fwdnet" if number_of_net == 13 else "revnet"
    model = small()
    direction = "forward" if number_of_net == 13 else "reversed"
    weights = ("WGI", "WGF", "WGO", "WCI", "WIP", "WFP", "WOP")
    arrays = [data(i, array(arrays_of(model.network)[f"{direction}.{w}"])) for i, w in enumerate(weights, 1)]
    arrays[weight - 1] = value
    return with_field(name, data(number_of_net, b"".join(arrays)))


NAN = np.array([np.nan, 1.0])
FLAWS = {
    "nothing": (b"", SourceError, "expected a pronn, which begins with b'\\n\\npyrnn-bidi', got b''"),
    "another kind": (with_field("kind", data(1, b"pyrnn-unid")), SourceError, "expected a pronn, which begins with"),
    "kind alone": (data(1, b"pyrnn-bidi"), SourceError, "pronn.ninput: expected one, got none"),
    "kind twice": (encode(small()) + data(1, b"pyrnn-bidi"), SourceError, "pronn.kind: expected at most 1, got more"),
    "a field of another schema": (
        encode(small()) + number(20, 1),
        SourceError,
        "pronn: expected fields 1, 2, 10, 11, 12, 13, 14, 15, got field 20",
    ),
    "no softmax": (with_field("softmax", b""), SourceError, "pronn.softmax: expected one, got none"),
    "no weight": (with_weight(13, 3, b""), SourceError, "pronn.fwdnet.WGO: expected one, got none"),
    "two networks": (
        with_field("fwdnet", fields(small())["fwdnet"] * 2),
        SourceError,
        "pronn.fwdnet: expected at most",
    ),
    "three dimensions": (
        with_weight(13, 1, data(1, array(np.zeros((2, 5, 1))))),
        SourceError,
        "pronn.fwdnet.WGI.dim: expected at most 2, got more",
    ),
    "dimensions packed": (
        with_weight(13, 1, data(1, data(1, b"\x02\x05") + data(2, bytes(40)))),
        SourceError,
        "pronn.fwdnet.WGI.dim: expected wire type 0, got 2",
    ),
    "values one by one": (
        with_weight(13, 5, data(5, number(1, 2) + b"\x15" + bytes(4))),
        SourceError,
        "pronn.fwdnet.WIP.value: expected wire type 2, got 5",
    ),
    "rank of a peephole": (
        with_weight(13, 5, data(5, array(np.zeros((2, 1))))),
        InvalidModelError,
        "forward LSTM WIP: expected shape (2,), got (2, 1)",
    ),
    "another number of units": (
        with_weight(14, 5, data(5, array(np.zeros(3)))),
        InvalidModelError,
        "reversed LSTM WIP: expected shape (2,), got (3,)",
    ),
    "values missing": (
        with_weight(14, 2, data(2, number(1, 2) + number(1, 5) + data(2, bytes(36)))),
        InvalidModelError,
        "reversed LSTM WGF: expected 40 bytes for shape (2, 5), got 36",
    ),
    "half a value": (
        with_weight(14, 2, data(2, number(1, 2) + number(1, 5) + data(2, bytes(41)))),
        InvalidModelError,
        "reversed LSTM WGF: expected 40 bytes for shape (2, 5), got 41",
    ),
    "no values": (
        with_weight(13, 5, data(5, number(1, 2) + data(2, b""))),
        InvalidModelError,
        "forward LSTM WIP: expected 8 bytes for shape (2,), got 0",
    ),
    "no units": (with_weight(13, 5, data(5, number(1, 0) + data(2, b""))), InvalidModelError, "forward LSTM dims:"),
    "huge units": (
        with_weight(13, 5, data(5, number(1, 2**32 - 1) + data(2, b""))),
        InvalidModelError,
        "forward LSTM dims: expected (Ni, Ns, 1 + Ni + Ns), at most 2000 and 5000, got (2, 4294967295, 4294967298)",
    ),
    "huge inputs": (with_field("ninput", number(10, 2**32 - 1)), InvalidModelError, "forward LSTM dims:"),
    "another height": (
        with_field("ninput", number(10, 3)),
        InvalidModelError,
        "forward LSTM WGI: expected shape (2, 6), got (2, 5)",
    ),
    "no classes": (with_field("noutput", number(11, 0)), InvalidModelError, "No: expected 1 to 50000 classes, got 0"),
    "huge classes": (
        with_field("noutput", number(11, 2**32 - 1)),
        InvalidModelError,
        "No: expected 1 to 50000 classes",
    ),
    "a class without weights": (
        with_field("noutput", number(11, 4)),
        InvalidModelError,
        "softmax W2: expected shape (4, 5), got (3, 5)",
    ),
    "a label missing": (
        with_field("codec", data(12, b"") + data(12, b"a")),
        InvalidModelError,
        "codec: expected 3 codes as the network has classes, got 2",
    ),
    "a long label": (
        with_field("codec", data(12, b"") + data(12, b"a") + data(12, b"x" * 257)),
        InvalidModelError,
        "codec label 2: expected at most 256 code points, got 257",
    ),
    "more labels than classes may be": (
        with_field("codec", data(12, b"") * 50_001),
        SourceError,
        "pronn.codec: expected at most 50000, got more",
    ),
    "NaN": (with_weight(13, 6, data(6, array(NAN))), InvalidModelError, "forward LSTM WFP: expected finite numbers"),
    "signalling NaN": (
        with_weight(13, 6, data(6, number(1, 2) + data(2, b"\x01\x00\x80\x7f" * 2))),
        InvalidModelError,
        "forward LSTM WFP: expected finite numbers, got nan at row 0",
    ),
    "infinity": (
        with_weight(13, 6, data(6, array(np.array([1.0, -np.inf])))),
        InvalidModelError,
        "forward LSTM WFP: expected finite numbers, got -inf at row 1",
    ),
}


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_told(name: str) -> None:
    content, kind, expected = FLAWS[name]
    with pytest.raises(kind) as caught:
        from_pronn(content)
    assert str(caught.value).startswith(expected)
    assert len(str(caught.value).splitlines()) == 1


def test_every_flipped_bit_is_refused_or_read_as_what_it_says() -> None:
    seed = encode(small())
    read = 0
    for bit in range(len(seed) * 8):
        content = bytearray(seed)
        content[bit // 8] ^= 1 << bit % 8
        try:
            model = from_pronn(bytes(content))
        except (SourceError, InvalidModelError) as error:
            assert len(str(error).splitlines()) == 1
            continue
        read += 1
        # A class may have become the field `name`; a label or a weight is what it says.
        assert encode(model) == content
    assert read > len(seed)


def test_every_cut_is_refused() -> None:
    seed = encode(small())
    for length in range(len(seed)):
        with pytest.raises((SourceError, InvalidModelError)):
            from_pronn(seed[:length])


def test_flipped_bytes_of_what_kraken_wrote() -> None:
    seed, chance = DIGITS.read_bytes(), random.Random(1)
    for number_of_try in range(1000):
        content = bytearray(seed)
        content[chance.randrange(200 if number_of_try % 2 else len(seed))] = chance.randrange(256)
        try:
            assert encode(from_pronn(bytes(content))) == content
        except Pyrnn2Hdf5Error as error:
            assert len(str(error).splitlines()) == 1


@given(st.data())
def test_claims_allocate_nothing(chosen: st.DataObject) -> None:
    parts = fields(small())
    # Any field claims anything: a size, a length, a number.
    name = chosen.draw(st.sampled_from(sorted(set(parts) - {"kind"})))
    claim = chosen.draw(st.integers(0, 2**32 - 1))
    at = chosen.draw(st.integers(1, len(parts[name]) - 1))
    parts[name] = parts[name][:at] + number(1, claim)[1:] + parts[name][at + chosen.draw(st.integers(0, 4)) :]
    content = b"".join(parts.values())
    tracemalloc.start()
    try:
        from_pronn(content)
    except Pyrnn2Hdf5Error:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 40 * len(content) + 2**16


def test_memory_of_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "large.pronn"
    path.write_bytes(encode(small(["", *map(chr, range(0x4E00, 0x4E00 + 999))], Ni=48, Ns=400, No=1000)))
    load_pronn(DIGITS)
    tracemalloc.start()
    load_pronn(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The file, and its weights in float64.
    assert peak < 3.5 * path.stat().st_size


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.pronn"
    with path.open("wb") as file:
        file.write(encode(small()))
        file.truncate(limits_module.MAX_PRONN + 1)
    tracemalloc.start()
    with pytest.raises(SizeLimitError) as caught:
        load_pronn(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(caught.value) == "pronn: expected at most 41943040 bytes, got 41943041"
    assert (caught.value.remedy, peak < 2**20) == (None, True)
    with pytest.raises(SizeLimitError) as caught:
        load_pronn(DIGITS, limits=pyrnn2hdf5.Limits(size=1000))
    assert (str(caught.value), caught.value.remedy) == ("pronn: expected at most 1000 bytes, got 49482", "size")


def test_the_largest_model_fits() -> None:
    # 8 million weights in float32, and a label for each of as many classes as may be.
    assert 4 * limits_module.MAX_WEIGHTS + 100 * limits_module.MAX_CLASSES < limits_module.MAX_PRONN


def test_it_begins_with_its_kind() -> None:
    assert data(1, b"pyrnn-bidi") == reader.PRONN_MAGIC


def test_the_schema_is_the_one_documented() -> None:
    page = (ROOT / "FORMAT.md").read_text("utf-8").partition("## pronn")[2]
    for message, schema in (
        ("pyrnn", reader.PRONN_FIELDS),
        ("lstm", reader.LSTM_FIELDS),
        ("softmax", reader.SOFTMAX_FIELDS),
        ("array", reader.ARRAY_FIELDS),
    ):
        (row,) = re.findall(rf"^\| `{message}` \| (.*) \|$", page, re.MULTILINE)
        documented = {int(number): name for name, number in re.findall(r"`(\w+)` \((\d+)\)", row)}
        assert documented == {number: field.name.lower() for number, field in schema.items()}
    assert f"at most {limits_module.MAX_PRONN:,} bytes" in page
