"""`ocr` as a user meets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from typer.testing import Result

import pyrnn2hdf5
from pyrnn2hdf5.cli.text_output import evaluation_lines, text_line
from pyrnn2hdf5.errors import TargetConflictError
from pyrnn2hdf5.files.paths import refuse_shared_targets
from pyrnn2hdf5.model.model import Codec
from pyrnn2hdf5.ocr.evaluation import evaluate

from ..conftest import LINES, MODELS, SHARED, grey_image
from ..pickles import Name, dump
from .commands import on_terminal, run

SOURCE = MODELS / "digits.pyrnn.gz"
NOLNORM = MODELS / "digits-nolnorm.pyrnn.gz"
TEXTS = [path.read_text("utf-8").rstrip("\n") for path in sorted(LINES.glob("*.ocropy.txt"))]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HDF5 model, so that nothing is converted."""
    return pyrnn2hdf5.convert(SOURCE, tmp_path_factory.mktemp("model")).target


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two pages with lines of the same names."""
    for page in ("1", "2"):
        (tmp_path / "book" / page).mkdir(parents=True)
        for number in (0, 1):
            shutil.copy(LINES / f"line-{number}.png", tmp_path / "book" / page / f"{number}.bin.png")
            shutil.copy(LINES / f"line-{number}.gt.txt", tmp_path / "book" / page / f"{number}.gt.txt")
    (tmp_path / "book" / "._0.png").write_bytes(b"what some systems leave")
    return tmp_path / "book"


def texts(folder: Path) -> dict[str, str]:
    found = sorted(folder.rglob("*.txt"))
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in found if ".gt." not in path.name}


def closing(done: Result, read: int, failed: int = 0) -> str:
    """The last line of a run over several images."""
    *_, last = done.stderr.splitlines()
    lines = "line" if read == 1 else "lines"
    assert re.fullmatch(rf"{read} {lines} read{f', {failed} failed' if failed else ''}, \d+\.\d s", last)
    return last


def test_a_single_image_gives_its_text(model: Path) -> None:
    done = run("ocr", "-m", model, LINES / "line-0.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{TEXTS[0]}\n", "")


def test_the_first_run_converts_and_says_so(model_dir: Path) -> None:
    first, second = (run("ocr", "-m", SOURCE, LINES / "line-0.png") for _ in range(2))
    assert first.stdout == second.stdout == f"{TEXTS[0]}\n"
    assert first.stderr == f"{SOURCE}: converted, verified and stored as {model_dir / 'digits.pyrnn.hdf5'}\n"
    assert second.stderr == ""
    (model_dir / "digits.pyrnn.hdf5").unlink()
    assert run("ocr", "-m", SOURCE, LINES / "line-0.png", "--disable-autoconversion").stderr == ""
    assert list(model_dir.iterdir()) == []
    assert run("ocr", "-q", "-m", SOURCE, LINES / "line-0.png", "--model-dir", model_dir / "sub").output == ""
    assert [path.name for path in model_dir.rglob("*.hdf5")] == ["digits.pyrnn.hdf5"]


def test_many_images_give_a_line_each_in_their_order(model: Path) -> None:
    images = sorted(LINES.glob("*.png"))
    expected = "".join(f"{image}\t{text}\n" for image, text in zip(images, TEXTS, strict=True))
    for arguments in (images, [LINES], [LINES / "*.png"], [LINES / "line-[0-2].png", LINES, images[0]]):
        assert run("ocr", "-m", model, *arguments).stdout == expected
    turned = run("ocr", "-m", model, *reversed(images)).stdout
    assert turned.splitlines() == expected.splitlines()[::-1]


def test_a_folder_with_one_image_gives_its_path_too(model: Path, tmp_path: Path) -> None:
    shutil.copy(LINES / "line-0.png", tmp_path)
    assert run("ocr", "-m", model, tmp_path).stdout == f"{tmp_path / 'line-0.png'}\t{TEXTS[0]}\n"


def test_a_broken_image_fails_alone(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken\x1b.png"
    broken.write_bytes(b"x")
    good = LINES / "line-0.png"
    done = run("ocr", "-m", model, broken, tmp_path / "none.png", good, tmp_path / "*.tif")
    assert (done.exit_code, done.stdout) == (1, f"{good}\t{TEXTS[0]}\n")
    errors = done.stderr.splitlines()
    assert errors[0] == f"error: {tmp_path}/*.tif: expected line images, found none"
    assert errors[1].startswith(f"error: {tmp_path}/broken\\x1b.png: expected an image (PNG, TIFF, ")
    assert errors[2] == f"error: {tmp_path}/none.png: No such file or directory"
    assert errors[3:] == [closing(done, 1, 2)]
    done = run("ocr", "-m", model, broken, "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["kind"]) == (1, "InvalidInputError")


def test_warnings_are_a_line_each(model: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (90, 30), 255).save(tmp_path / "blank.png")
    done = run("ocr", "-m", model, tmp_path / "blank.png")
    assert (done.exit_code, done.stdout) == (0, "\n")
    assert done.stderr == f"warning: {tmp_path}/blank.png: blank image, nothing to read\n"
    done = run("ocr", "-m", NOLNORM, LINES / "line-0.png", "-q")
    assert done.stderr == (
        f"warning: {NOLNORM}: the model names no line normalizer: "
        "lines are dewarped by a CenterNormalizer of 32 pixels\n"
    )


def test_where_text_files_go(model: Path, book: Path, tmp_path: Path) -> None:
    one, two = (f"{text}\n" for text in TEXTS[:2])
    done = run("ocr", "-m", model, book, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == closing(done, 4) + "\n"
    assert run("ocr", "-q", "-m", model, book, "-o", tmp_path / "out").output == ""
    assert texts(tmp_path / "out") == {"1/0.txt": one, "1/1.txt": two, "2/0.txt": one, "2/1.txt": two}
    run("ocr", "-m", model, book / "*" / "0.*.png", "-o", tmp_path / "glob", "--suffix", ".ocr.txt")
    assert texts(tmp_path / "glob") == {"1/0.ocr.txt": one, "2/0.ocr.txt": one}
    run("ocr", "-m", model, book / "1" / "1.bin.png", "-o", tmp_path / "file")
    assert texts(tmp_path / "file") == {"1.txt": two}
    run("ocr", "-m", model, book / "1", "--suffix", "_x.txt")
    assert texts(book) == {"1/0_x.txt": one, "1/1_x.txt": two}
    done = run("ocr", "-m", model, book / "1", "--suffix", "_x.txt", "--json")
    assert [json.loads(line)["text"] + "\n" for line in done.stdout.splitlines()] == [one, two]


def test_existing_texts_are_replaced_but_no_truth_and_no_image(model: Path, book: Path) -> None:
    (book / "1" / "0.txt").write_text("old")
    (book / "1" / "0.nrm.txt").write_text("not ours")
    run("ocr", "-m", model, book / "1", "--suffix", ".txt")
    assert (book / "1" / "0.txt").read_text() == f"{TEXTS[0]}\n"
    before = {path: path.read_bytes() for path in book.rglob("*.*")}
    for suffix in (".gt.txt", ".bin.png"):
        done = run("ocr", "-m", model, book / "1", "--suffix", suffix)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.endswith("expected a text file to write, got an image or a truth\n")
    assert {path: path.read_bytes() for path in book.rglob("*.*")} == before


def test_two_images_with_one_text_file_are_refused_before_anything_is_written(
    model: Path, book: Path, tmp_path: Path
) -> None:
    pages = [book / "1" / "0.bin.png", book / "2" / "0.bin.png"]
    done = run("ocr", "-m", model, *pages, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {pages[0]} and {pages[1]}: expected a target for each, both would be {tmp_path}/out/0.txt\n"
    )
    assert not (tmp_path / "out").exists()
    shutil.copy(pages[0], book / "1" / "0.nrm.png")
    assert run("ocr", "-m", model, book / "1", "--suffix", ".txt").exit_code == 1
    assert texts(book) == {}
    with pytest.raises(TargetConflictError):
        refuse_shared_targets([(Path("a"), Path("x")), (Path("b"), Path("x"))])


def test_a_text_file_that_cannot_be_written_fails_alone(model: Path, book: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1").write_text("in the way")
    done = run("ocr", "-m", model, book, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stderr.count("error: ") == 2
    assert [line for line in done.stderr.splitlines() if "error: " not in line] == [closing(done, 2, 2)]
    assert list(texts(tmp_path / "out")) == ["2/0.txt", "2/1.txt"]


@pytest.mark.parametrize("options", [["--suffix", ""], ["--suffix", "a/b"], ["-o", LINES / "line-0.png"]])
def test_wrong_usage(model: Path, options: list[object]) -> None:
    assert run("ocr", "-m", model, LINES, *options).exit_code == 2


def test_json(model: Path) -> None:
    done = run("ocr", "-m", model, LINES / "line-0.png", "--json")
    said = json.loads(done.stdout)
    assert list(said) == ["schema", "image", "status", "text", "characters", "warnings", "error"]
    assert (said["schema"], said["image"], said["text"]) == (2, str(LINES / "line-0.png"), TEXTS[0])
    assert [character["label"] for character in said["characters"]] == list(TEXTS[0])
    assert list(said["characters"][0]) == ["label", "column", "probability"]
    width = grey_image(LINES / "line-0.png").shape[1]
    assert all(0 <= c["column"] < width and 0 < c["probability"] <= 1 for c in said["characters"])


def test_evaluate(model: Path, book: Path) -> None:
    done = run("ocr", "-m", model, book, "--evaluate")
    assert done.stdout.splitlines()[4:] == ["4 lines, 36 characters, 0 errors: character error rate 0.00%"]
    length = len(TEXTS[1])
    (book / "2" / "1.gt.txt").write_text(TEXTS[1][1:] + "\x1b", "utf-8")
    (book / "1" / "1.gt.txt").unlink()
    done = run("ocr", "-m", model, book, "--evaluate", "-q")
    shown = done.stdout.splitlines()
    assert shown[0].startswith(f"3 lines, {2 * len(TEXTS[0]) + length} characters, 2 errors: character error rate ")
    assert shown[1:3] == [
        "worst lines (errors of characters)",
        f"    2 of {length:<3}  {book}/2/1.bin.png",
    ]
    assert shown[3:] == [
        "commonest confusions (truth, read)",
        f"    1  nothing  '{TEXTS[1][0]}'",
        "    1  U+001B  nothing",
    ]
    *_, last = run("ocr", "-m", model, book, "--evaluate", "--json").stdout.splitlines()
    said = json.loads(last)["evaluation"]
    assert (said["errors"], said["error_rate"]) == (2, 2 / said["characters"])
    assert [line["errors"] for line in said["lines"]] == [0, 0, 2]
    assert said["confusions"][0] == {"truth": "", "read": TEXTS[1][0], "count": 1}


def test_a_model_that_fails_has_a_record(tmp_path: Path, model_dir: Path) -> None:
    done = run("ocr", "--json", "-m", "nope", LINES / "line-0.png")
    record = json.loads(done.stdout)
    assert (done.exit_code, record["model"], record["status"]) == (1, "nope", "failed")
    assert record["error"]["kind"] == "FileNotFoundError"
    done = run("ocr", "--json", "-m", NOLNORM, tmp_path)
    record = json.loads(done.stdout)
    assert (done.exit_code, record["image"], record["error"]["message"]) == (
        *(1, str(tmp_path), "expected line images, found none"),
    )


def test_a_broken_model_is_told_by_its_path(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_dir.mkdir(exist_ok=True)
    broken = model_dir / "fraktur.hdf5"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 999)
    for name in ("fraktur", "fraktur.hdf5"):
        done = run("ocr", "-m", name, LINES / "line-0.png")
        assert done.exit_code == 1
        assert done.stderr.startswith(f"error: {broken}: ")
        assert done.stderr.endswith("; delete it, or give the path of the model that it was made from\n")
    said = run("ocr", "-m", broken, LINES / "line-0.png").stderr
    assert said.count(str(broken)) == 1
    # A record that can be read, and weights that cannot.
    pyrnn2hdf5.convert(NOLNORM, model_dir / "digits-nolnorm.pyrnn.hdf5")
    with h5py.File(model_dir / "digits-nolnorm.pyrnn.hdf5", "a") as file:
        del file["codec"]
    done = run("ocr", "-m", "digits-nolnorm.pyrnn.gz", LINES / "line-0.png")
    assert done.stderr.startswith(f"error: {model_dir / 'digits-nolnorm.pyrnn.hdf5'}: ")
    (tmp_path / "evil.pyrnn").write_bytes(dump(Name("os", "system")))
    monkeypatch.setenv("OCROPUS_DATA", str(tmp_path))
    said = run("ocr", "-m", "evil", LINES / "line-0.png").stderr
    assert said.startswith(f"error: {tmp_path / 'evil.pyrnn'}: refused")


def test_images_without_a_truth_are_counted(model: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        shutil.copy(LINES / f"line-{number}.png", tmp_path)
    shutil.copy(LINES / "line-0.gt.txt", tmp_path)
    done = run("ocr", "-q", "-m", model, tmp_path, "--evaluate")
    assert (done.exit_code, done.stderr) == (0, "1 image without .gt.txt, not counted\n")


def test_a_page_is_told_what_to_do_with(model: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (90, 2800), 255).save(tmp_path / "page.png")
    said = run("ocr", "-m", model, tmp_path / "page.png").stderr
    expected = (
        "line image: expected at most 1000 rows, got 2800: no text line (a page? cut it into lines first, by kraken"
    )
    assert expected in said


def test_evaluate_without_truth(model: Path, tmp_path: Path) -> None:
    shutil.copy(LINES / "line-0.png", tmp_path)
    done = run("ocr", "-q", "-m", model, tmp_path, "--evaluate")
    assert (done.exit_code, done.stderr) == (1, "error: expected NAME.gt.txt beside the images, found none\n")
    (tmp_path / "line-0.gt.txt").write_bytes(b"\xff")
    assert "line-0.gt.txt: expected UTF-8" in run("ocr", "-m", model, tmp_path, "--evaluate").stderr
    assert evaluation_lines(evaluate(["a"], [""]), ["x"])[0] == (
        "1 line, 0 characters, 1 error: character error rate undefined"
    )


def test_options_of_the_line(model: Path, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    line = np.load(LINES / "line-0.line.npy")
    Image.fromarray((line / line.max() * 255).astype("uint8")).save(tmp_path / "line.dew.png")
    assert run("ocr", "-m", model, "--no-normalize-line", tmp_path / "line.dew.png").stdout == f"{TEXTS[0]}\n"
    done = run("ocr", "-m", model, "--no-normalize-line", LINES / "line-0.png")
    assert "expected 32 rows as the model has inputs" in done.stderr
    assert run("ocr", "-m", model, "--threshold", "0", LINES / "line-0.png").stdout == "\n"
    assert run("ocr", "-m", model, "--pad", "8", LINES / "line-0.png").exit_code == 0
    for wrong in (["--pad", "-1"], ["--threshold", "2"]):
        assert run("ocr", "-m", model, *wrong, LINES / "line-0.png").exit_code == 2


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A model whose labels steer a terminal."""
    digits = pyrnn2hdf5.load_pyrnn(SOURCE)
    assert digits.codec is not None
    odd = {"8": "\x1b[2J", "7": "\u202e\n\t", "4": "\u200c\ud800"}
    labels = tuple(label and odd.get(label, label) for label in digits.codec.labels)
    pyrnn2hdf5.save_hdf5(replace(digits, codec=Codec(labels)), tmp_path / "hostile.hdf5")
    return tmp_path / "hostile.hdf5"


def test_labels_cannot_steer_a_terminal_but_are_kept(hostile: Path, tmp_path: Path) -> None:
    done = run("ocr", "-m", hostile, LINES / "line-0.png")
    assert TEXTS[0] == "88774 3"
    assert done.stdout == "\\x1b[2J" * 2 + "\\u202e\\x0a\\x09" * 2 + "\u200c\\ud800 3\n"
    text = "\x1b[2J" * 2 + "\u202e\n\t" * 2 + "\u200c\ud800 3"
    assert json.loads(run("ocr", "-m", hostile, LINES / "line-0.png", "--json").stdout)["text"] == text
    run("ocr", "-m", hostile, LINES / "line-0.png", "-o", tmp_path / "out")
    written = (tmp_path / "out" / "line-0.txt").read_bytes()
    assert written == (text + "\n").encode("utf-8", "backslashreplace")
    assert text_line("\u00ad\u200d\u202a") == "\u00ad\u200d\\u202a"


def test_a_locale_that_cannot_write_the_text(hostile: Path) -> None:
    command = [sys.executable, "-m", "pyrnn2hdf5", "ocr", "-m", str(hostile), str(LINES / "line-0.png")]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"\\u200c\\ud800 3\n")


def test_a_missing_extra_is_one_line_with_the_cure(model: Path) -> None:
    script = "import sys; sys.modules['PIL'] = None; from pyrnn2hdf5.cli import main; main()"
    command = [sys.executable, "-c", script, "ocr", "-m", str(model), str(LINES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: line images need Pillow, of the extra [ocr]: `pip install pillow`\n"


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    image = LINES / "line-0.png"
    assert run("ocr", "-m", tmp_path / "no", image).stderr == f"error: {tmp_path / 'no'}: No such file or directory\n"
    said = run("ocr", "-m", "no.pyrnn.gz", image).stderr
    assert said.startswith("error: no.pyrnn.gz: No such file or directory, nor a model of this name in /")
    assert "expected a file, got a directory" in run("ocr", "-m", tmp_path, image).stderr
    assert "expected a pickle, got a PNG image" in run("ocr", "-m", image, image).stderr
    assert "file size: expected at most" in run("ocr", "-m", SOURCE, "--max-size", "9K", image).stderr
    pyrnn2hdf5.save_hdf5(replace(pyrnn2hdf5.load_pyrnn(SOURCE), codec=None), tmp_path / "mute.hdf5")
    done = run("ocr", "-m", tmp_path / "mute.hdf5", image)
    assert done.exit_code == 1
    assert done.stderr == f"error: {tmp_path}/mute.hdf5: codec: expected labels to decode with, got none\n"


def test_a_home_that_cannot_be_written_is_a_warning(model_dir: Path) -> None:
    model_dir.write_bytes(b"a file")
    done = run("ocr", "-m", SOURCE, LINES / "line-0.png")
    assert (done.exit_code, done.stdout) == (0, f"{TEXTS[0]}\n")
    assert done.stderr == f"warning: {SOURCE}: the conversion was not stored in {model_dir}: File exists\n"


@pytest.mark.real
def test_real_lines_on_the_command_line(tmp_path: Path) -> None:
    real = SHARED / "real"
    for name in ("fraktur-jze.pyrnn.gz", "fraktur-jze.kraken.hdf5"):
        done = run("ocr", "-m", real / name, real / "lines", "--evaluate", "-o", tmp_path / name)
        assert done.stdout.startswith("12 lines, 795 characters, 18 errors: character error rate 2.26%\n")
    assert texts(tmp_path / "fraktur-jze.pyrnn.gz") == texts(tmp_path / "fraktur-jze.kraken.hdf5")


def test_a_truth_too_long_for_a_line_fails_alone(model: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        shutil.copy(LINES / f"line-{number}.png", tmp_path)
        shutil.copy(LINES / f"line-{number}.gt.txt", tmp_path)
    (tmp_path / "line-1.gt.txt").write_text("x" * 2**20, "utf-8")
    done = run("ocr", "-m", model, tmp_path, "--evaluate", "-q")
    assert done.exit_code == 1
    assert "expected at most 65536 bytes, got 1048576" in done.stderr
    assert "1 lines" in done.stdout or "1 line" in done.stdout


def test_no_text_is_written_over_the_model(model: Path, model_dir: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    for folder in (lines, model_dir):
        folder.mkdir()
        shutil.copy(LINES / "line-0.png", folder)
        shutil.copy(LINES / "line-1.png", folder / "a.png")
        shutil.copy(model, folder / "line-0.hdf5")
        shutil.copy(SOURCE, folder / "line-0.pyrnn.gz")
    (lines / "link").symlink_to(model_dir)
    for name, folder, suffix in (
        (lines / "line-0.hdf5", lines, ".hdf5"),
        (lines / "line-0.pyrnn.gz", lines, ".pyrnn.gz"),
        ("line-0.hdf5", model_dir, ".hdf5"),
        ("line-0.pyrnn.gz", lines / "link", ".pyrnn.gz"),
    ):
        done = run("ocr", "-m", name, folder / "a.png", folder / "line-0.png", "--suffix", suffix)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.endswith(f"error: {folder}/line-0{suffix}: expected a text file to write, got the model\n")
        assert (folder / "line-0.hdf5").read_bytes() == model.read_bytes()
        assert (folder / "line-0.pyrnn.gz").read_bytes() == SOURCE.read_bytes()
        assert not (folder / f"a{suffix}").exists()


def test_no_text_is_written_over_an_image_by_another_path(model: Path, book: Path) -> None:
    (book / "link").symlink_to(book / "1")
    image = book / "1" / "0.png"
    shutil.copy(LINES / "line-0.png", image)
    done = run("ocr", "-m", model, image, "-o", book / "link", "--suffix", ".png")
    assert (done.exit_code, done.stdout) == (1, "")
    assert image.read_bytes() == (LINES / "line-0.png").read_bytes()


def test_a_place_that_cannot_be_searched_is_told(model: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access, is_file = os.access, Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent.name == "2":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr("os.access", lambda path, *rest, **more: str(path)[-1] != "2" and access(path, *rest, **more))
    line = f"error: {book}/2: Permission denied\n"
    done = run("ocr", "-q", "-m", model, book)
    assert (done.exit_code, done.stderr) == (1, line)
    done = run("ocr", "-m", model, book)
    assert (done.exit_code, done.stdout.count("\n"), done.stderr) == (1, 2, f"{line}{closing(done, 2)}\n")
    done = run("ocr", "-m", model, book / "2")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", line)
    monkeypatch.setattr(Path, "is_file", refuse)
    done = run("ocr", "-m", model, book / "2" / "*.png", book / "1")
    assert (done.exit_code, done.stdout.count("\n")) == (1, 2)
    assert done.stderr == f"error: {book}/2/0.bin.png: Permission denied\n{closing(done, 2)}\n"


def test_a_name_too_long_fails_alone(model: Path) -> None:
    done = run("ocr", "-m", model, "x" * 300, LINES / "line-0.png")
    assert (done.exit_code, done.stdout) == (1, f"{LINES / 'line-0.png'}\t{TEXTS[0]}\n")
    assert done.stderr == f"error: {'x' * 300}: File name too long\n{closing(done, 1, 1)}\n"
    assert run("ocr", "-m", model, LINES / "line-0.png", "-o", "x" * 300).exit_code == 1


def test_a_broken_truth_costs_no_text(model: Path, book: Path, tmp_path: Path) -> None:
    (book / "1" / "0.gt.txt").write_bytes(b"\xff")
    done = run("ocr", "-m", model, book / "1", "--evaluate", "-o", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("error: ")) == (1, 1)
    assert "0.gt.txt: expected UTF-8" in done.stderr
    assert texts(tmp_path / "out") == {"0.txt": f"{TEXTS[0]}\n", "1.txt": f"{TEXTS[1]}\n"}
    assert done.stdout.startswith("1 line, ")
    done = run("ocr", "-m", model, book / "1", "--evaluate")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, f"{book}/1/0.bin.png\t{TEXTS[0]}")
    told = [
        json.loads(line) for line in run("ocr", "-m", model, book / "1", "--evaluate", "--json").stdout.splitlines()
    ]
    assert [one.get("text") for one in told] == [*TEXTS[:2], None]


def test_nothing_names_no_image_and_no_model(model: Path) -> None:
    for arguments in (["-m", model, ""], ["-m", "", LINES]):
        done = run("ocr", *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "got nothing" in done.stderr


def test_progress_on_a_terminal_and_results_where_they_belong(model: Path, tmp_path: Path) -> None:
    images = sorted(LINES.glob("*.png"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    expected = "".join(f"{image}\t{text}\n" for image, text in zip(images, TEXTS, strict=True))
    code, said, results = on_terminal(200, "ocr", "-j", "2", "-m", model, broken, LINES, piped="stdout")
    assert (code, results) == (1, expected)
    assert f"error: {broken}: expected an image" in said
    assert "7/7" in said
    assert re.search(r"6 lines read, 1 failed, \d+\.\d s\n$", said)
    code, said, _ = on_terminal(200, "ocr", "-m", model, LINES)
    assert code == 0
    assert "6/6" in said
    assert all(f"{image}\t{text}" in said or text in said for image, text in zip(images, TEXTS, strict=True))
    assert "\x1b" not in on_terminal(200, "ocr", "-q", "-m", model, LINES)[1]


def test_processes_change_nothing(model: Path, book: Path) -> None:
    assert run("ocr", "-j", "3", "-m", model, LINES, book).stdout == run("ocr", "-m", model, LINES, book).stdout
    assert run("ocr", "-j", "0", "-m", model, LINES).exit_code == 2


def test_a_text_too_long_to_compare_fails_alone(model: Path, book: Path) -> None:
    (book / "1" / "0.gt.txt").write_text("x" * 65_536)
    (book / "2" / "0.gt.txt").write_text("x" * 65_537)
    done = run("ocr", "-m", model, book, "--evaluate")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[4].startswith("3 lines, ")
    assert f"{book}/2/0.bin.png: " in done.stderr
    assert "expected at most 65536 bytes, got 65537" in done.stderr


def test_no_memory_for_a_thread_is_one_line(model: Path) -> None:
    script = (
        "import sys, threading; from pyrnn2hdf5.cli import main\n"
        'def start(self): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = start; main()"
    )
    command = [sys.executable, "-c", script, "ocr", "-m", str(model), str(LINES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: no memory for a thread\n")
