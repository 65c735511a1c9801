"""kraken 7 itself, through its own command line, with this package installed beside it: `make kraken7`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pyrnn2hdf5
from pyrnn2hdf5.model.model import Codec, Model
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.ocr.evaluation import error_rate
from pyrnn2hdf5.ocr.recognition import recognize

from ..conftest import LINES, MODELS, ROOT, SHARED

if importlib.util.find_spec("kraken") is None:
    pytest.skip("kraken is not here", allow_module_level=True)

# What kraken and torch warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default")

DIGITS = MODELS / "digits.pyrnn.gz"
FRAKTUR = SHARED / "real" / "fraktur-jze.pyrnn.gz"
REAL_LINES = sorted((SHARED / "real" / "lines").glob("*.bin.png"))
VERSION = importlib.metadata.version("kraken")
on_7_1 = pytest.mark.skipif(VERSION.startswith("7.0"), reason="with one version of kraken")

Config = Callable[..., Any]


def run(program: str, *arguments: object, **environment: str) -> str:
    """Run a program of kraken's and return what it says, in one long line a message."""
    words = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    done = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "1000", **environment},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def read_lines(images: Sequence[Path], folder: Path, *options: object, **environment: str) -> tuple[list[str], str]:
    """The texts of images of one line each, and what kraken says."""
    outputs = [folder / f"{i}.txt" for i in range(len(images))]
    pairs = [word for pair in zip(images, outputs, strict=True) for word in ("-i", *pair)]
    position = options.index("ocr")
    said = run("kraken", *options[:position], *pairs, "ocr", "-s", *options[position + 1 :], **environment)
    return [output.read_text("utf-8") for output in outputs], said


def truths(images: Sequence[Path], suffix: str = ".ocropy.txt") -> list[str]:
    return [image.with_name(image.name.partition(".")[0] + suffix).read_text("utf-8").strip("\n") for image in images]


TEXTS = truths(sorted(LINES.glob("*.png")))


def converted(source: Path, kind: str, folder: Path) -> Path:
    """A pyrnn as it is, as the pronn of kraken 0.7, as HDF5, or as safetensors by kraken's own program."""
    if kind == "pronn":
        return MODELS.parent / "pronn" / "digits.pronn"
    if kind == "hdf5":
        return pyrnn2hdf5.convert(source, folder / "model.hdf5").target
    if kind == "safetensors":
        run("ketos", "convert", "-o", folder / "model.safetensors", source)
        return folder / "model.safetensors"
    return source


@pytest.mark.parametrize("kind", ["pyrnn", "pronn", "hdf5", "safetensors"])
def test_lines_are_read_as_ocropy_reads_them(tmp_path: Path, model_dir: Path, kind: str) -> None:
    images = sorted(LINES.glob("*.png"))
    texts, said = read_lines(images, tmp_path, "ocr", "-m", converted(DIGITS, kind, tmp_path))
    assert texts == truths(images)
    assert ("WARNING" in said) == (kind == "pronn"), "only a pronn names no line normalizer"
    assert model_dir.exists() == (kind != "hdf5")


@pytest.mark.real
@pytest.mark.parametrize("kind", ["pyrnn", "hdf5", "safetensors"])
def test_real_lines_are_read_as_ocropy_reads_them(tmp_path: Path, kind: str) -> None:
    texts, _ = read_lines(REAL_LINES, tmp_path, "ocr", "-m", converted(FRAKTUR, kind, tmp_path))
    assert len(texts) == 12
    assert texts == truths(REAL_LINES)


@on_7_1
def test_options_of_kraken(tmp_path: Path) -> None:
    images = sorted(LINES.glob("*.png"))
    options = ("-d", "cuda:0", "--threads", "2", "ocr", "-B", "4", "-t", "2", "-m", DIGITS)
    texts, said = read_lines(images, tmp_path, *options)
    assert texts == truths(images)
    assert said.count("device gpu has no effect: the network runs on the CPU") == 1
    assert said.count("temperature 2 has no effect") == 1

    bare, _ = read_lines(images, tmp_path, "ocr", "-p", "0", "-m", DIGITS)
    assert bare == [read.text for read in recognize(pyrnn2hdf5.load_any(DIGITS), images, pad=0)]
    assert bare != texts


@on_7_1
def test_the_conversion_is_stored_and_used(tmp_path: Path, model_dir: Path) -> None:
    images = sorted(LINES.glob("*.png"))[:1]
    _, said = read_lines(images, tmp_path, "ocr", "-m", DIGITS, PYRNN2HDF5_AUTOCONVERSION="0")
    assert not model_dir.exists()
    _, said = read_lines(images, tmp_path, "-v", "ocr", "-m", DIGITS)
    (stored,) = model_dir.iterdir()
    assert f"digits.pyrnn.gz: converted, verified and stored as {stored}" in said
    _, said = read_lines(images, tmp_path, "-v", "ocr", "-m", DIGITS)
    assert "converted" not in said
    assert list(model_dir.iterdir()) == [stored]


def stacked(images: Sequence[Path], target: Path) -> Path:
    """A page of line images, one below the other."""
    lines = [Image.open(image).convert("L") for image in images]
    page = Image.new("L", (400 + max(line.width for line in lines), 400 + sum(40 + line.height for line in lines)), 255)
    top = 200
    for line in lines:
        page.paste(line, (200, top))
        top += line.height + 40
    page.save(target)
    return target


@on_7_1
@pytest.mark.real
@pytest.mark.parametrize("way", ["-x", "-bl"])
def test_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    # Boxes are found where all lines are of one size, baselines where they are many.
    images = REAL_LINES[:9] if way == "-x" else REAL_LINES * 2
    monkeypatch.chdir(tmp_path)
    stacked(images, Path("page.png"))
    again = ("ocr", "--linetype", "bbox" if way == "-x" else "baselines", "-m", FRAKTUR)
    run("kraken", "-a", "-i", "page.png", "alto", "segment", way, "ocr", "-m", FRAKTUR)
    # From format to format; each tells kraken where the lines are.
    run("kraken", "-f", "alto", "-i", "alto", "text", *again)
    run("kraken", "-f", "alto", "-x", "-i", "alto", "page", *again)
    run("kraken", "-f", "page", "-h", "-i", "page", "hocr", *again)
    alto, page, hocr = (Path(name).read_text("utf-8") for name in ("alto", "page", "hocr"))
    lines = Path("text").read_text("utf-8").splitlines()
    text = " ".join(lines)
    assert error_rate([text], [" ".join(truths(images, ".gt.txt"))]) < 0.06
    assert "".join(re.findall('<String .*CONTENT="([^"]*)"', alto)) == "".join(text.split())
    assert alto.count("<Glyph ") == len("".join(text.split()))
    assert page.count("<Glyph ") == sum(map(len, lines))
    assert sum(len(numbers.split()) for numbers in re.findall('x_confs ([^";]*)', hocr)) == sum(map(len, lines))
    if way == "-x":
        boxes = [len(numbers.split()) / 8 for numbers in re.findall('class="ocr_line".*x_bboxes ([^";]*)', hocr)]
        assert boxes == list(map(len, lines))


@on_7_1
def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(LINES.parent, tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    # The segmentation by boxes wants black and white.
    Image.open(stacked(sorted(LINES.glob("*.png")), Path("page.png"))).convert("1", dither=Image.Dither.NONE).save(
        "page.png"
    )
    commands = re.findall(r"^\$ ((?:kraken|ketos) .*)", (ROOT / "docs" / "kraken.md").read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 5
    # And that of the README.
    shutil.copy(DIGITS, "fraktur.pyrnn.gz")
    shutil.copy(LINES / "line-0.png", "line.png")
    commands += re.findall(r"^\| kraken 7 .*`(kraken .*)`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        said = run(*shlex.split(command))
        assert "ERROR" not in said and "WARNING" not in said, said
    assert Path("line.txt").read_text("utf-8") == Path("again.txt").read_text("utf-8") == TEXTS[0]
    assert Path("boxes.txt").exists() and "<alto" in Path("baselines.xml").read_text("utf-8")


# The model, as kraken's own code uses it


@pytest.fixture(scope="module")
def model() -> Model:
    return pyrnn2hdf5.load_any(DIGITS, autoconvert=False)


@pytest.fixture
def predict(model: Model) -> Callable[..., list[Any]]:
    """Records of boxes (x0, y0, x1, y1) or of baselines, each with its polygon, on an image."""
    from kraken.configs import RecognitionInferenceConfig
    from kraken.containers import BaselineLine, BBoxLine, Segmentation
    from kraken.tasks import RecognitionTaskModel

    from pyrnn2hdf5.kraken7.recognizer import PyrnnModel

    def records(
        page: Image.Image,
        places: Sequence[Any],
        direction: str = "horizontal-lr",
        changed: Model = model,
        **options: Any,
    ) -> list[Any]:
        boxes = len(places[0]) == 4
        lines = [
            BBoxLine(id="a", bbox=place) if boxes else BaselineLine(id="a", baseline=place[0], boundary=place[1])
            for place in places
        ]
        segmentation = Segmentation("bbox" if boxes else "baselines", "page.png", direction, False, lines)
        task = RecognitionTaskModel([PyrnnModel.from_model(changed)])
        return list(task.predict(page, segmentation, RecognitionInferenceConfig(**options)))

    return records


@pytest.fixture
def page() -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """All fixture lines below each other, and their boxes."""
    lines = [Image.open(image).convert("L") for image in sorted(LINES.glob("*.png"))]
    image = Image.new("L", (1000, 1000), 255)
    boxes: list[tuple[int, int, int, int]] = []
    for line in lines:
        corner = (50, boxes[-1][3] + 20 if boxes else 30)
        image.paste(line, corner)
        boxes.append((*corner, corner[0] + line.width, corner[1] + line.height))
    return image, boxes


Page = tuple[Image.Image, list[tuple[int, int, int, int]]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "LA", "CMYK", "I;16", "I", "F"])
def test_a_page_of_any_mode(page: Page, predict: Callable[..., list[Any]], mode: str) -> None:
    image, boxes = page
    image = image.point(lambda value: 255 * (value > 127))
    if mode in ("I;16", "I", "F"):
        white = 1.0 if mode == "F" else 65535
        image = Image.fromarray((np.asarray(image) / 255 * white).astype({"I;16": "u2", "I": "i4", "F": "f4"}[mode]))
    else:
        image = image.convert(mode)
    binary = predict(page[0].point(lambda value: 255 * (value > 127)), boxes)
    assert [record.prediction for record in predict(image, boxes)] == [record.prediction for record in binary]


def test_every_code_point_has_its_place_and_confidence(
    page: Page, predict: Callable[..., list[Any]], model: Model
) -> None:
    image, boxes = page
    records = predict(image, boxes)
    assert [record.prediction for record in records] == TEXTS
    for record, (x0, y0, x1, y1) in zip(records, boxes, strict=True):
        line = np.asarray(image.crop((x0, y0, x1, y1))) / 255
        (read,) = recognize(model, [line])
        assert len(record.cuts) == len(record.confidences) == len(read.characters)
        assert record.confidences == [pytest.approx(character.probability) for character in read.characters]
        edge = x0
        for cut, character in zip(record.cuts, read.characters, strict=True):
            (left, top), (right, _), (_, bottom), _ = cut
            assert edge <= left <= x0 + character.column <= right <= x1
            assert (top, bottom) == (y0, y1)
            edge = right


def test_labels_of_several_code_points(page: Page, predict: Callable[..., list[Any]], model: Model) -> None:
    assert model.codec
    labels = tuple(label and label * 2 for label in model.codec.labels)
    records = predict(*page, changed=replace(model, codec=Codec(labels)))
    for record, text in zip(records, TEXTS, strict=True):
        assert record.prediction == "".join(char * 2 for char in text)
        assert record.cuts[::2] == record.cuts[1::2]
        assert len(record.cuts) == len(record.confidences) == 2 * len(text)


@pytest.mark.parametrize("direction", ["vertical-lr", "vertical-rl"])
def test_vertical_lines(page: Page, predict: Callable[..., list[Any]], direction: str) -> None:
    image, boxes = page
    turned = image.rotate(-90, expand=True)
    places = [(image.height - y1, x0, image.height - y0, x1) for x0, y0, x1, y1 in boxes]
    level, upright = predict(image, boxes), predict(turned, places, direction)
    assert [record.prediction for record in upright] == TEXTS
    for one, other in zip(level, upright, strict=True):
        assert [cut[0][0] for cut in one.cuts] == [cut[0][1] for cut in other.cuts]


def test_baselines_are_read_as_boxes_are(page: Page, predict: Callable[..., list[Any]]) -> None:
    image, boxes = page
    # Outside the polygons there may be anything.
    noise = Image.effect_noise(image.size, 200)
    for box in boxes:
        noise.paste(image.crop(box), box[:2])
    places = [
        ([(x0, y1 - 10), (x1 - 1, y1 - 10)], [(x0, y0), (x1 - 1, y0), (x1 - 1, y1 - 1), (x0, y1 - 1)])
        for x0, y0, x1, y1 in boxes
    ]
    by_boxes, by_baselines = predict(image, boxes), predict(noise, places)
    assert [record.prediction for record in by_baselines] == TEXTS
    for one, other in zip(by_boxes, by_baselines, strict=True):
        starts = [min(x for x, _ in cut) for cut in other.cuts]
        assert starts == [pytest.approx(cut[0][0], abs=2) for cut in one.cuts]


def test_a_box_may_reach_beyond_the_page(page: Page, predict: Callable[..., list[Any]]) -> None:
    image, boxes = page
    x0, y0, x1, y1 = boxes[0]
    (record,) = predict(image.crop((0, 0, x1, y1)), [(x0, y0, x1 + 30, y1 + 5)])
    assert record.prediction == TEXTS[0]


def test_what_cannot_be_read_is_an_empty_record(
    page: Page, predict: Callable[..., list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    image, boxes = page
    records = predict(image, [(2000, 2000, 2100, 2100), boxes[1], (5, 5, 40, 20), (5, 5, 5, 5)])
    assert [record.prediction for record in records] == ["", TEXTS[1], "", ""]
    outside = [([(5, 5), (5, 2000)], [(5, 5), (9, 5), (9, 2000)])]
    assert [record.prediction for record in predict(image, outside)] == [""]
    assert "outside" in caplog.text
    with pytest.raises(pyrnn2hdf5.InvalidInputError):
        predict(image, [(5, 5, 5, 5)], raise_on_error=True)


@pytest.mark.parametrize(
    "given",
    [
        {"Ni": 0},
        {"Ns": 10**9},
        {"No": 10**9},
        {"Ni": 2000, "Ns": 5000},
        {"labels": ["", "a"]},
        {"labels": ["", "a", 3]},
        {"labels": ["", "a", "b" * 1000]},
    ],
)
def test_metadata_of_strangers_is_checked_before_memory_is_taken(given: dict[str, Any]) -> None:
    from pyrnn2hdf5.kraken7.recognizer import PyrnnModel

    with pytest.raises(pyrnn2hdf5.InvalidModelError):
        PyrnnModel(**{"Ni": 4, "Ns": 5, "No": 3, "labels": ["", "a", "b"], **given})


def test_reordering_is_that_of_kraken(page: Page, predict: Callable[..., list[Any]], model: Model) -> None:
    assert model.codec
    hebrew = [label and chr(0x5D0 + code) for code, label in enumerate(model.codec.labels)]
    changed = replace(model, codec=Codec(tuple(hebrew)))
    seen = predict(*page, changed=changed, bidi_reordering=False)
    for order in (True, "R"):
        logical = predict(*page, changed=changed, bidi_reordering=order)
        for one, other in zip(seen, logical, strict=True):
            assert one.prediction == other.prediction[::-1]
            assert one.cuts == other.cuts[::-1]


def test_safetensors_keep_the_model_bit_by_bit(tmp_path: Path, model: Model) -> None:
    from kraken.models import load_models

    assert model.line_normalizer
    odd = (("extra", 0.1), ("range", 3), ("shape", (1.0, 2.0)), ("smoothness", 1 / 3))
    model = replace(model, line_normalizer=replace(model.line_normalizer, parameters=odd))
    pyrnn2hdf5.save_hdf5(model, tmp_path / "model.hdf5", float64=True)
    run("ketos", "convert", "-o", tmp_path / "model.safetensors", tmp_path / "model.hdf5")
    (loaded,) = load_models(tmp_path / "model.safetensors")
    again = loaded.to_model()
    assert (again.codec, again.line_normalizer) == (model.codec, model.line_normalizer)
    for name, values in arrays_of(model.network).items():
        assert np.array_equal(arrays_of(again.network)[name], values), name


# Other loaders and other files


@pytest.fixture(params=["ours first", "kraken's first"])
def order(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which the loaders of one distribution come before those of the other."""
    first = "pyrnn2hdf5" if request.param == "ours first" else "kraken"
    found = importlib.metadata.distribution(first)._path  # type: ignore[attr-defined]
    shutil.copytree(found, tmp_path / "first" / found.name)
    environment = {"PYTHONPATH": str(tmp_path / "first")}
    code = "from importlib.metadata import entry_points as e; print([x.name for x in e(group='kraken.loaders')])"
    names = python(code, **environment).strip()
    assert names.startswith("['pyrnn2hdf5'") == (first == "pyrnn2hdf5")
    assert names.count("pyrnn2hdf5") == 1
    yield environment


def python(code: str, *arguments: object, **environment: str) -> str:
    words = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=env).stdout


LOAD = """
import json, sys
from kraken.models import load_models
for path in sys.argv[1:]:
    try: print(json.dumps([type(model).__name__ for model in load_models(path)]))
    except ValueError as error: print(json.dumps(str(error)))
"""


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch canary",)


@on_7_1
def test_in_any_order_of_loaders(tmp_path: Path, order: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = importlib.util.find_spec("kraken")
    assert found and found.origin
    theirs = Path(found.origin).with_name("blla.mlmodel")
    run("ketos", "convert", "-o", "theirs.safetensors", theirs)
    Path("evil.pyrnn").write_bytes(pickle.dumps(Evil(), 2))
    hdf5 = converted(DIGITS, "hdf5", tmp_path)
    said = python(LOAD, theirs, "theirs.safetensors", DIGITS, hdf5, "evil.pyrnn", **order)
    *models, refused = map(json.loads, said.splitlines())
    assert models == [["TorchVGSLModel"], ["TorchVGSLModel"], ["PyrnnModel"], ["PyrnnModel"]]
    assert "pyrnn2hdf5: refused global posix.system: not part of an OCRopus line recognizer" in refused
    assert not Path("canary").exists()


@on_7_1
def test_without_this_package_kraken_says_what_is_missing(tmp_path: Path) -> None:
    safetensors = converted(DIGITS, "safetensors", tmp_path)
    (tmp_path / "first" / "pyrnn2hdf5-0.dist-info").mkdir(parents=True)
    (tmp_path / "first" / "pyrnn2hdf5-0.dist-info" / "METADATA").write_text("Name: pyrnn2hdf5\nVersion: 0\n", "utf-8")
    said = python(LOAD, safetensors, PYTHONPATH=str(tmp_path / "first"))
    assert "`PyrnnModel` is not in model registry" in said


@on_7_1
@pytest.mark.real
def test_every_lineage_is_a_model_or_a_value_error() -> None:
    paths = sorted(path for path in (SHARED / "lineages").iterdir() if path.suffix in (".gz", ".pyrnn"))
    said = [json.loads(line) for line in python(LOAD, *paths).splitlines()]
    assert len(said) == len(paths) >= 60
    for path, answer in zip(paths, said, strict=True):
        try:
            usable = pyrnn2hdf5.load_any(path, autoconvert=False).codec
        except pyrnn2hdf5.Pyrnn2Hdf5Error:
            usable = None
        assert answer == ["PyrnnModel"] if usable else re.search("pyrnn2hdf5: .+", answer), path
