"""Texts of line images: those ocropy reads, whatever the images are, in whatever order they are run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pyrnn2hdf5
from pyrnn2hdf5.errors import InvalidInputError, InvalidModelError
from pyrnn2hdf5.model import lstm
from pyrnn2hdf5.model.model import Codec, LineNormalizer
from pyrnn2hdf5.ocr import images, recognition
from pyrnn2hdf5.ocr import line_normalization as lines
from pyrnn2hdf5.ocr.evaluation import error_rate
from pyrnn2hdf5.ocr.line_normalization import PreparedLine, normalizer_warning, read_line
from pyrnn2hdf5.ocr.recognition import Recognition, recognize, recognize_each
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import LINES, MODELS, SHARED, Load
from ..pickles import recognizer

DIGITS = load_pyrnn(MODELS / "digits.pyrnn.gz")
IMAGES = sorted(LINES.glob("*.png"))
OCROPY = [path.with_name(path.stem + ".ocropy.txt").read_text("utf-8").rstrip("\n") for path in IMAGES]


def texts(results: list[Recognition]) -> list[str]:
    return [result.text for result in results]


def test_images_and_arrays_are_read_as_ocropy_reads_them() -> None:
    assert texts(recognize(DIGITS, IMAGES)) == OCROPY
    assert texts(recognize(DIGITS, [images.read_image(path) for path in IMAGES])) == OCROPY
    dewarped = [np.load(path.with_name(path.stem + ".line.npy")) for path in IMAGES]
    assert texts(recognize(DIGITS, dewarped, normalize=False)) == OCROPY
    assert recognize(DIGITS, []) == []


@pytest.mark.parametrize(("window", "steps"), [(1, 1), (2, 400), (4, 700), (256, 2**15)])
def test_batches_change_nothing_but_the_speed(monkeypatch: pytest.MonkeyPatch, window: int, steps: int) -> None:
    expected = recognize(DIGITS, IMAGES)
    monkeypatch.setattr(recognition, "WINDOW", window)
    monkeypatch.setattr(recognition, "BATCH_STEPS", steps)
    given = [IMAGES[i] for i in (3, 0, 5, 1, 4, 2)]
    got = recognize(DIGITS, given)
    for i, result in zip((3, 0, 5, 1, 4, 2), got, strict=True):
        assert result.text == expected[i].text
        assert [c.column for c in result.characters] == [c.column for c in expected[i].characters]
        assert np.allclose(
            [c.probability for c in result.characters], [c.probability for c in expected[i].characters], atol=1e-12
        )


@given(st.lists(st.integers(0, 2**17), max_size=40))
def test_every_line_is_in_one_batch(lengths: list[int]) -> None:
    batches = list(recognition._batches(dict(enumerate(lengths))))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= recognition.BATCH_STEPS


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
        assert 0 <= columns[0] <= columns[-1] <= images.read_image(path).shape[1] - 1
        # A run of probability below the threshold for the blank: something else has the rest.
        assert all(0.3 / DIGITS.No < c.probability <= 1 for c in result.characters)


def test_columns_are_those_of_the_image_given() -> None:
    image = images.read_image(IMAGES[0])
    (plain,) = recognize(DIGITS, [image])
    (twice,) = recognize(DIGITS, [image.repeat(2, axis=0).repeat(2, axis=1)])
    (moved,) = recognize(DIGITS, [np.pad(image, ((0, 0), (200, 0)), constant_values=image.max())])
    assert plain.text == twice.text == moved.text
    for a, b, c in zip(plain.characters, twice.characters, moved.characters, strict=True):
        assert abs(b.column - 2 * a.column) < 8
        assert abs(c.column - a.column - 200) < 4


def test_a_character_is_where_its_ink_is() -> None:
    # Take the ink around a character away, and that character is gone.
    image = images.read_image(IMAGES[0])
    (result,) = recognize(DIGITS, [image])
    at = round(result.characters[2].column)
    image[:, max(at - 12, 0) : at + 12] = image.max()
    (without,) = recognize(DIGITS, [image])
    assert without.text != result.text
    assert without.text.startswith(result.text[:1])
    assert without.text.endswith(result.text[4:])


def test_steps_and_columns() -> None:
    line = PreparedLine(np.empty((0, 4)), pad=16, scale=0.5, width=100)
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
    image = images.read_image(IMAGES[0])

    def said(image: Any) -> str:
        return "; ".join(recognize(DIGITS, [image])[0].warnings)

    assert said(image) == ""
    assert said(image.max() - image).startswith("mostly dark: ")
    assert "the image may be inverted" in said(image.max() - image)
    assert said(image[:8]).startswith("8 rows: lines are 12 to 300 pixels high as a rule")
    assert said(np.pad(image, ((400, 0), (0, 0)), constant_values=1.0)).startswith(f"{400 + len(image)} rows")
    tall = np.ones((200, 30))
    tall[20:180, 10:20] = 0
    assert said(tall) == "much taller (200) than wide (30): expected one horizontal line"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.eye(1001), "at most 1000 rows, got 1001: no text line"),
        (np.ones((5, 5, 3)), r"expected shape \(h, w\) of at least \(2, 2\), got \(5, 5, 3\)"),
        (np.ones((1, 9)), r"got \(1, 9\)"),
        (np.ones((0, 0)), r"got \(0, 0\)"),
        (np.array([[0, np.nan], [1, 1]]), "grey values from 0 to at most 1e\\+30, got others"),
        (np.array([["a", "b"], ["c", "d"]]), "expected numbers"),
        (np.eye(2, 2_000_000), "expected a text line, got 2 rows and 2000000 columns"),
    ],
)
def test_what_is_no_line(image: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        recognize(DIGITS, [image])


def test_a_model_cannot_ask_for_any_memory_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = replace(DIGITS, line_normalizer=LineNormalizer("CenterNormalizer", (("range", 20.0),)))
    h, w = images.read_image(IMAGES[0]).shape
    monkeypatch.setattr(lines, "MAX_PIXELS", 2 * h * w)
    assert recognize(DIGITS, IMAGES[:1])
    with pytest.raises(InvalidInputError, match=f"got {h} rows and {w} columns, ink over "):
        recognize(greedy, IMAGES[:1])


def test_a_dewarped_line_must_fit_the_model() -> None:
    with pytest.raises(InvalidInputError, match="expected 32 rows as the model has inputs, got 33"):
        recognize(DIGITS, [np.eye(33)], normalize=False)
    with pytest.raises(InvalidInputError, match="at most 65536 columns, got 70000"):
        recognize(DIGITS, [np.eye(32, 70000)], normalize=False)


def test_a_broken_image_fails_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(IMAGES[0].read_bytes()[:200])
    given = [IMAGES[0], broken, tmp_path / "none.png", IMAGES[1]]
    first, second, third, fourth = recognize_each(DIGITS, given)
    assert isinstance(first, Recognition) and isinstance(fourth, Recognition)
    assert [first.text, fourth.text] == OCROPY[:2]
    assert isinstance(second, InvalidInputError) and isinstance(third, FileNotFoundError)
    with pytest.raises(InvalidInputError, match="not a readable image"):
        recognize(DIGITS, given)


def test_too_little_memory_fails_a_batch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = lstm.hidden_batch

    def tight(networks: Any, xs: Any) -> Any:
        if len(xs[0]) > 200:
            raise MemoryError
        return real(networks, xs)

    monkeypatch.setattr(recognition, "hidden_batch", tight)
    monkeypatch.setattr(recognition, "BATCH_STEPS", 1)
    results = list(recognize_each(DIGITS, [np.eye(20, 400), IMAGES[0]]))
    assert {type(result) for result in results} <= {MemoryError, Recognition}
    assert len(results) == 2


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
    assert lines.normalize_line(images.read_image(IMAGES[0]), wide.line_normalizer, 32).shape[1] < (
        lines.normalize_line(images.read_image(IMAGES[0]), None, 32).shape[1] * 0.6
    )


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
