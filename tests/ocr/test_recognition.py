"""Texts of line images: those ocropy reads, whatever the images are, in whatever order they are run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pyrnn2hdf5
from pyrnn2hdf5.errors import InvalidInputError, InvalidModelError, ReaderError
from pyrnn2hdf5.model import forward_pass
from pyrnn2hdf5.model.model import Codec, LineNormalizer
from pyrnn2hdf5.model.network import arrays_of, network_of
from pyrnn2hdf5.ocr import recognition
from pyrnn2hdf5.ocr.evaluation import error_rate
from pyrnn2hdf5.ocr.line_normalization import PreparedLine, normalizer_warning
from pyrnn2hdf5.ocr.line_reading import read_line
from pyrnn2hdf5.ocr.recognition import Recognition, recognize, recognize_each
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import LINES, MODELS, SHARED, Load, grey_image
from ..pickles import recognizer

DIGITS = load_pyrnn(MODELS / "digits.pyrnn.gz")
IMAGES = sorted(LINES.glob("*.png"))
OCROPY = [path.with_name(path.stem + ".ocropy.txt").read_text("utf-8").rstrip("\n") for path in IMAGES]


def texts(results: list[Recognition]) -> list[str]:
    return [result.text for result in results]


def test_images_and_arrays_are_read_as_ocropy_reads_them() -> None:
    assert texts(recognize(DIGITS, IMAGES)) == OCROPY
    assert texts(recognize(DIGITS, [grey_image(path) for path in IMAGES])) == OCROPY
    dewarped = [np.load(path.with_name(path.stem + ".line.npy")) for path in IMAGES]
    assert texts(recognize(DIGITS, dewarped, normalize=False)) == OCROPY
    assert recognize(DIGITS, []) == []


@pytest.mark.parametrize(("lines", "cells", "jobs"), [(1, 1, 0), (2, 2**30, 1), (4, 50_000, 2), (256, 2**30, 3)])
def test_batches_and_processes_change_nothing_but_the_speed(
    monkeypatch: pytest.MonkeyPatch, lines: int, cells: int, jobs: int
) -> None:
    expected = recognize(DIGITS, IMAGES)
    monkeypatch.setattr(recognition, "BATCH_LINES", lines)
    # Of the batches, not of a line.
    monkeypatch.setattr(recognition, "most_steps", lambda model: 2**16)
    monkeypatch.setattr("pyrnn2hdf5.ocr.recognition.MAX_CELLS", cells)
    given = [IMAGES[i] for i in (3, 0, 5, 1, 4, 2)]
    got = list(recognize_each(DIGITS, given, jobs=jobs))
    for i, result in zip((3, 0, 5, 1, 4, 2), got, strict=True):
        assert isinstance(result, Recognition)
        assert result.text == expected[i].text
        assert [c.column for c in result.characters] == [c.column for c in expected[i].characters]
        assert np.allclose(
            [c.probability for c in result.characters], [c.probability for c in expected[i].characters], atol=1e-5
        )


@given(st.lists(st.integers(0, 2**17), max_size=40))
def test_every_line_is_in_one_batch_of_bounded_size(lengths: list[int]) -> None:
    most = recognition._most_together(DIGITS)
    # Lines that take no memory of their own.
    lines = [PreparedLine(np.broadcast_to(np.float32(0), (length, 32)), 16, 1.0, 1) for length in lengths]
    batches = list(recognition._batches(iter(lines), DIGITS))
    assert [id(line) for batch in batches for line in batch] == list(map(id, lines))
    for batch in batches:
        steps = [len(line.xs) for line in batch if isinstance(line, PreparedLine)]
        assert 0 < len(steps) <= recognition.BATCH_LINES
        assert len(steps) == 1 or sum(steps) <= most


def test_who_stops_early_waits_for_nothing(tmp_path: Path) -> None:
    def endless() -> Iterator[Path]:
        while True:
            yield IMAGES[0]

    results = recognize_each(DIGITS, endless(), jobs=2)
    first = next(results)
    results.close()
    assert isinstance(first, Recognition)
    assert first.text == OCROPY[0]


@pytest.mark.parametrize(
    ("Ni", "Ns", "No"), [(48, 100, 107), (48, 200, 550), (48, 800, 200), (120, 200, 200), (48, 100, 30_000)]
)
def test_lines_of_real_sizes_are_within_the_bounds(Ni: int, Ns: int, No: int) -> None:
    # Real lines have some 22 times as many columns as rows once they are dewarped.
    assert recognition.most_steps(sized(Ni, Ns, No)) > 30 * Ni


@given(st.integers(1, 2000), st.integers(1, 970), st.integers(1, 50_000))
def test_a_line_is_bounded_by_the_size_of_the_model(Ni: int, Ns: int, No: int) -> None:
    most = recognition.most_steps(sized(Ni, Ns, No))
    assert 1 <= most <= 2**16
    assert most == 1 or most * (4 * Ni + 2 * Ns) * 4 <= 64 * 2**20
    assert most == 1 or most * (8 * Ns * (Ni + Ns) + 2 * No * Ns) <= 15e9


def sized(Ni: int, Ns: int, No: int) -> Any:
    return SimpleNamespace(Ni=Ni, Ns=Ns, No=No)


@pytest.mark.real
def test_real_lines() -> None:
    real = SHARED / "real"
    model, stored = load_pyrnn(real / "fraktur-jze.pyrnn.gz"), pyrnn2hdf5.load_hdf5(real / "fraktur-jze.kraken.hdf5")
    paths = sorted((real / "lines").glob("*.bin.png"))
    ocropy, truth = (
        [path.with_name(path.name.replace(".bin.png", end)).read_text("utf-8").rstrip("\n") for path in paths]
        for end in (".ocropy.txt", ".gt.txt")
    )
    dewarped = []
    for path in paths:
        with np.load(path.with_name(path.name.replace(".bin.png", ".ocropy.npz"))) as oracle:
            dewarped.append(oracle["line"])
    assert len(paths) == 12
    assert texts(recognize(model, dewarped, normalize=False)) == ocropy
    assert texts(recognize(stored, dewarped, normalize=False)) == ocropy
    read = texts(recognize(model, paths))
    assert sum(map(str.__eq__, read, ocropy)) >= 11
    assert error_rate(read, truth) <= error_rate(ocropy, truth)
    assert texts(recognize(stored, paths)) == read


def test_characters_make_the_text_and_lie_in_the_image() -> None:
    for path, result in zip(IMAGES, recognize(DIGITS, IMAGES), strict=True):
        assert "".join(c.label for c in result.characters) == result.text
        columns = [c.column for c in result.characters]
        assert columns == sorted(columns)
        assert 0 <= columns[0] <= columns[-1] <= grey_image(path).shape[1] - 1
        # A run of probability below the threshold for the blank: something else has the rest.
        assert all(0.3 / DIGITS.No < c.probability <= 1 for c in result.characters)


def test_columns_are_those_of_the_image_given() -> None:
    image = grey_image(IMAGES[0])
    (plain,) = recognize(DIGITS, [image])
    (twice,) = recognize(DIGITS, [image.repeat(2, axis=0).repeat(2, axis=1)])
    (moved,) = recognize(DIGITS, [np.pad(image, ((0, 0), (200, 0)), constant_values=image.max())])
    assert plain.text == twice.text == moved.text
    for a, b, c in zip(plain.characters, twice.characters, moved.characters, strict=True):
        assert abs(b.column - 2 * a.column) < 8
        assert abs(c.column - a.column - 200) < 4


def test_a_character_is_where_its_ink_is() -> None:
    # Take the ink around a character away, and that character is gone.
    image = grey_image(IMAGES[0])
    (result,) = recognize(DIGITS, [image])
    at = round(result.characters[2].column)
    image[:, max(at - 12, 0) : at + 12] = image.max()
    (without,) = recognize(DIGITS, [image])
    assert without.text != result.text
    assert without.text.startswith(result.text[:1])
    assert without.text.endswith(result.text[4:])


def test_steps_and_columns() -> None:
    line = PreparedLine(np.empty((0, 4), np.float32), pad=16, scale=0.5, width=100)
    assert [line.column(step) for step in (0, 16, 17, 65, 66, 90)] == [0, 0, 2, 98, 99, 99]


def test_pad_and_threshold_are_ocropys() -> None:
    assert len(read_line(IMAGES[0], None, 32, pad=3).xs) == len(read_line(IMAGES[0], None, 32).xs) - 26
    assert texts(recognize(DIGITS, IMAGES[:1], threshold=0.0)) == [""]
    xs = read_line(IMAGES[0], DIGITS.line_normalizer, DIGITS.Ni, pad=4).xs
    assert texts(recognize(DIGITS, IMAGES[:1], pad=4, threshold=0.5)) == [DIGITS.predict_string(xs, 0.5)]


def test_a_blank_image_has_no_text() -> None:
    for image in (np.ones((20, 90)), np.zeros((20, 90), bool), np.full((32, 5), 200, np.uint8)):
        for normalize in (True, False):
            (result,) = recognize(DIGITS, [image], normalize=normalize)
            assert result == Recognition("", (), ("blank image, nothing to read",))


def test_what_looks_wrong_is_said() -> None:
    image = grey_image(IMAGES[0])

    def said(image: Any) -> str:
        return "; ".join(recognize(DIGITS, [image])[0].warnings)

    assert said(image) == ""
    assert said(image.max() - image).startswith("mostly dark: ")
    assert "the image may be inverted" in said(image.max() - image)
    assert said(image[:8]).startswith("8 rows: lines are 12 to 300 pixels high as a rule")
    assert said(np.pad(image, ((400, 0), (0, 0)), constant_values=1.0)).startswith(f"{400 + len(image)} rows")
    tall = np.ones((200, 30))
    tall[20:180, 10:20] = 0
    vertical = "30 x 200 pixels, much taller than wide: expected one horizontal line; if the text is vertical, turn it"
    assert said(tall) == vertical


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.eye(1001), "at most 1000 rows, got 1001: no text line"),
        (np.ones((5, 5, 3)), r"expected shape \(h, w\) of at least \(2, 2\), got \(5, 5, 3\)"),
        (np.ones((1, 9)), r"got \(1, 9\)"),
        (np.ones((0, 0)), r"got \(0, 0\)"),
        (np.array([[0, np.nan], [1, 1]]), "grey values from 0 to at most 1e\\+30, got others"),
        (np.array([["a", "b"], ["c", "d"]]), "expected numbers"),
        (
            np.eye(2, 2_000_000),
            r"of 1 to 65536 columns once it is 32 pixels high, .*, got \d+: 2 rows and 2000000 columns",
        ),
        (np.eye(900, 9_500), r"at most 8388608 pixels, got \(900, 9500\)"),
        (
            np.eye(900, 3),
            "3 x 900 pixels, much taller than wide: expected one horizontal line; if the text is vertical",
        ),
    ],
)
def test_what_is_no_line(image: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        recognize(DIGITS, [image])


def test_a_model_cannot_ask_for_any_memory_or_time_it_likes() -> None:
    # A range of next to nothing makes a line as long as it is narrow.
    greedy = replace(DIGITS, line_normalizer=LineNormalizer("CenterNormalizer", (("range", 0.01),)))
    image = np.tile(grey_image(IMAGES[0]), (1, 40))
    h, w = image.shape
    with pytest.raises(InvalidInputError, match=rf"got {16 * w}: {h} rows and {w} columns, ink over 2 rows"):
        recognize(greedy, [image])
    assert recognize(DIGITS, [image])


def test_a_dewarped_line_must_fit_the_model() -> None:
    with pytest.raises(InvalidInputError, match="expected 32 rows as the model has inputs, got 33"):
        recognize(DIGITS, [np.eye(33)], normalize=False)
    with pytest.raises(InvalidInputError, match="at most 65536 columns for a model of this size, got 70000"):
        recognize(DIGITS, [np.eye(32, 70000)], normalize=False)


def test_a_broken_image_fails_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(IMAGES[0].read_bytes()[:200])
    given = [IMAGES[0], broken, tmp_path / "none.png", IMAGES[1]]
    first, second, third, fourth = recognize_each(DIGITS, given)
    assert isinstance(first, Recognition) and isinstance(fourth, Recognition)
    assert [first.text, fourth.text] == OCROPY[:2]
    assert isinstance(second, InvalidInputError) and isinstance(third, FileNotFoundError)
    with pytest.raises(InvalidInputError, match="not a readable image") as caught:
        recognize(DIGITS, given)
    assert caught.value.path == str(broken)
    array = grey_image(IMAGES[0])
    with pytest.raises(
        InvalidInputError, match=r"^image 2: expected at most 1000 rows, got 1001: no text line"
    ) as caught:
        recognize(DIGITS, [array, np.eye(1001)])
    assert caught.value.path is None
    with pytest.raises(FileNotFoundError) as missing:
        recognize(DIGITS, [tmp_path / "none.png"])
    assert missing.value.filename == str(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pad": -1}, "pad: expected a whole number from 0 to 65536, got -1"),
        ({"pad": 3.5}, "pad: expected a whole number from 0 to 65536, got 3.5"),
        ({"pad": 10**9}, "pad: expected a whole number from 0 to 65536, got 1000000000"),
        ({"threshold": 7}, "threshold: expected a number from 0 to 1, got 7"),
        ({"threshold": float("nan")}, "threshold: expected a number from 0 to 1, got nan"),
        ({"threshold": "x"}, "threshold: expected a number from 0 to 1, got 'x'"),
    ],
)
def test_options_are_looked_at_before_any_work(options: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=f"^{said}$"):
        recognize(DIGITS, iter([Path("nothing")]), **options)


@pytest.mark.parametrize("image", ["line.png", Path("line.png"), b"line.png"])
def test_a_single_path_is_no_list_of_images(image: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^images: expected a list of them, got the single path b?'line\.png'$"
    ):
        recognize(DIGITS, image)
    with pytest.raises(InvalidInputError, match=r"^images: expected a list of them, got a single array of shape"):
        recognize(DIGITS, grey_image(IMAGES[0]))


def test_without_an_interpreter_arrays_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(
        ReaderError, match=r"^no interpreter can be started to read an image file: pass arrays"
    ) as caught:
        recognize(DIGITS, IMAGES[:1])
    assert caught.value.remedy is None
    assert texts(recognize(DIGITS, [grey_image(IMAGES[0])])) == OCROPY[:1]


def test_too_little_memory_fails_a_batch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = forward_pass.hidden_units

    def tight(gates: Any, xs: Any) -> Any:
        if len(xs[0]) > 300:
            raise MemoryError
        return real(gates, xs)

    monkeypatch.setattr(recognition, "hidden_units", tight)
    monkeypatch.setattr(recognition, "BATCH_LINES", 1)
    image = grey_image(IMAGES[0])
    results = list(recognize_each(DIGITS, [np.tile(image, (1, 8)), image]))
    assert [type(result) for result in results] == [MemoryError, Recognition]


def test_weights_beyond_float32_are_run_in_float64() -> None:
    arrays = {name: values.copy() for name, values in arrays_of(DIGITS.network).items()}
    # On a blank step everything is far beyond float32; elsewhere nothing changes.
    arrays["W2"][:, 0] *= 1e38
    large = replace(DIGITS, network=network_of(arrays, DIGITS.Ni, DIGITS.Ns, DIGITS.No))
    xs = read_line(IMAGES[0], DIGITS.line_normalizer, DIGITS.Ni).xs
    assert texts(recognize(large, IMAGES[:1])) == [large.predict_string(xs)]


def test_a_model_without_codec_reads_nothing() -> None:
    with pytest.raises(InvalidModelError, match="codec: expected labels to decode with, got none"):
        recognize(replace(DIGITS, codec=None), IMAGES)


def test_labels_of_any_kind_are_kept() -> None:
    assert DIGITS.codec is not None
    labels = tuple({"8": "\u202e\n", "7": None, "4": ""}.get(label or "", label) for label in DIGITS.codec.labels)
    (result,) = recognize(replace(DIGITS, codec=Codec(labels)), IMAGES[:1])
    assert OCROPY[0] == "88774 3"
    assert result.text == "\u202e\n\u202e\n~~ 3"
    assert [c.label for c in result.characters] == ["\u202e\n", "\u202e\n", "~", "~", " ", "3"]


@pytest.mark.parametrize(
    ("normalizer", "warning"),
    [
        (None, "the model names no line normalizer: lines are dewarped by a CenterNormalizer of 32 pixels"),
        (LineNormalizer("MvNormalizer"), "the model has the line normalizer MvNormalizer: lines are dewarped by"),
        (LineNormalizer("CenterNormalizer"), None),
        (LineNormalizer("CenterNormalizer", (("range", 3), ("smoothness", 0.5))), None),
        (LineNormalizer("CenterNormalizer", (("range", 1e9),)), "above 0, at most 20, for range: lines are"),
        (LineNormalizer("CenterNormalizer", (("extra", "x"), ("range", float("nan")))), "for range, extra: lines"),
        (LineNormalizer("CenterNormalizer", (("smoothness", (1.0, 2.0)),)), "for smoothness: lines are"),
        (LineNormalizer("CenterNormalizer", (("range", -1),)), "for range: lines are"),
    ],
)
def test_other_normalizers(normalizer: LineNormalizer | None, warning: str | None) -> None:
    said = normalizer_warning(normalizer, 32)
    assert (said is None) if warning is None else (said is not None and warning in said)
    assert texts(recognize(replace(DIGITS, line_normalizer=normalizer), IMAGES[:1]))


def test_the_parameters_of_the_model_count() -> None:
    wide = replace(DIGITS, line_normalizer=LineNormalizer("CenterNormalizer", (("range", 8.0),)))
    narrow, usual = (
        read_line(grey_image(IMAGES[0]), normalizer, 32, pad=0).xs for normalizer in (wide.line_normalizer, None)
    )
    assert len(narrow) < len(usual) * 0.6


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.bool_, np.float64, np.float32, np.int64]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=40),
        fill=st.nothing(),
    )
    | hnp.arrays(np.float64, (32, 9), elements=st.floats(allow_nan=True, allow_infinity=True))
)
def test_no_array_is_a_crash(image: Any) -> None:
    for normalize in (True, False):
        (result,) = recognize_each(DIGITS, [image], normalize=normalize)
        assert isinstance(result, Recognition | InvalidInputError)


def test_the_same_from_python(load: Load, tmp_path: Path) -> None:
    model = pyrnn2hdf5.load_any(MODELS / "digits.pyrnn.gz", autoconvert=True, model_dir=tmp_path)
    (result,) = pyrnn2hdf5.recognize(model, [IMAGES[0]])
    assert (result.text, type(result.characters[0])) == (OCROPY[0], pyrnn2hdf5.Character)
    assert model.predict_string(read_line(IMAGES[0], model.line_normalizer, model.Ni).xs) == OCROPY[0]
    # Tiny models read lines of any height.
    assert len(recognize(load(recognizer()), IMAGES)) == 6
