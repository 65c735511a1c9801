"""What the pages show is so: every command gives the output below it, every script and example runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ..conftest import LINES, ROOT
from .pages import COMMAND_PAGES, PAGES, README, blocks, names, rows, transcript, words

TRANSCRIPTS = [page for page in PAGES if transcript(page)]
SCRIPTS = [page for page in PAGES if blocks(page, "sh")]
EXAMPLES = [page for page in PAGES if blocks(page, "python") and page != "FORMAT.md"]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the commands of a page find: the fixtures."""
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def models(checkout: Path) -> Path:
    """A folder of models for the scripts of a page."""
    folder = checkout / "models"
    shutil.copytree(checkout / "fixtures" / "models", folder)
    # It would get the target of its sibling.
    (folder / "digits.pyrnn.bz2").unlink()
    return folder


def test_every_command_is_shown() -> None:
    assert {README, *COMMAND_PAGES.values()} <= set(TRANSCRIPTS)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("page", TRANSCRIPTS)
def test_commands_give_the_output_shown(page: str) -> None:
    # The time is the machine's own; of differences two digits are shown, and the kernels of BLAS agree in eight, but
    # not those that onnxruntime has for float32.
    number = re.compile(r"(total +\d+  |by onnxruntime within|onnxruntime  .* largest difference) [\d.e-]+")
    for command, output in transcript(page):
        done = run(words(command))
        assert number.sub(r"\1", done.stdout) == number.sub(r"\1", output), done.stderr
        assert done.returncode == 0


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("page", SCRIPTS)
def test_scripts_run_as_written(page: str) -> None:
    for line in "".join(blocks(page, "sh")).splitlines():
        done = run(words(line))
        said = re.sub(r"^report written to .*\n", "", done.stderr)
        assert (done.returncode, said) == (0, ""), line


def test_the_ways_to_use_a_model_run(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_HOME", str(checkout / "home"))
    shutil.copy("fixtures/models/digits.pyrnn.gz", "fraktur.pyrnn.gz")
    shutil.copy("fixtures/lines/line-0.png", "line.png")
    # What runs in kraken is in tests/kraken7 and tests/interop.
    commands = [name for row in rows(README, "in", "do") for name in names(row[1]) if name.startswith("pyrnn2hdf5")]
    said = [run(words(command)) for command in commands]
    assert [done.returncode for done in said] == [0, 0, 0], said
    assert said[0].stdout == Path("fixtures/lines/line-0.gt.txt").read_text("utf-8")
    assert Path("fraktur.pyrnn.onnx").exists() and Path("fraktur.pyrnn.hdf5").exists()


def test_every_command_is_run_by_something() -> None:
    runners = {
        *("pyrnn2hdf5", "make"),  # here and in tests/documents/test_facts.py
        *("kraken", "ketos"),  # tests/kraken7
        *("git", "cd", "pip", "pipx", "python3", ".venv/bin/pip", ".venv/bin/pyrnn2hdf5"),  # tests/packaging/check.py
    }
    lines = re.findall(r"^\$ (\S+)", "".join(PAGES.values()), re.MULTILINE)
    assert set(lines) <= runners


def test_every_block_is_run_by_something() -> None:
    languages = set(re.findall(r"^```(\w+)", "".join(PAGES.values()), re.MULTILINE))
    # `text` shows what is said, and is no command.
    assert languages == {"console", "sh", "python", "javascript", "yaml", "text"}


def test_a_folder_of_models_in_two_minutes(models: Path) -> None:
    (script,) = blocks(README, "sh")
    for line in script.splitlines():
        run(words(line))
    assert len(list((models.parent / "converted").iterdir())) == len(list(models.iterdir())) == 6


def test_commands_of_the_jobs_run(models: Path) -> None:
    commands = re.findall(r"(?:run|entry): (pyrnn2hdf5 .*)", "".join(blocks("docs/ci.md", "yaml")))
    assert len(commands) == 2
    run(words(f"pyrnn2hdf5 convert -q {models.name}"))
    for command in commands:
        done = run(words(command))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (models.parent / "models.xml").exists()


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("page", EXAMPLES)
def test_python_examples_run(page: str) -> None:
    example = "".join(blocks(page, "python"))
    done = run([sys.executable, "-c", example])
    assert done.stderr == ""
    said = re.findall(r"print\(.*\)\s+# (.*)", example)
    assert done.stdout.splitlines() == said
    assert said


NODE_MODULES = ROOT / "build" / "javascript" / "node_modules"


@pytest.mark.skipif(not (shutil.which("node") and NODE_MODULES.is_dir()), reason="make javascript, which needs Node")
def test_the_javascript_example_runs(checkout: Path) -> None:
    (example,) = blocks("docs/onnx.md", "javascript")
    (checkout / "example.mjs").write_text(example, "utf-8")
    (checkout / "node_modules").symlink_to(NODE_MODULES)
    run(words("pyrnn2hdf5 convert -q fixtures/models/digits.pyrnn.gz --to onnx -o digits.onnx"))
    (checkout / "digits.json").write_text(run(words("pyrnn2hdf5 show digits.onnx --json")).stdout, "utf-8")
    line = np.load(LINES / "line-1.line.npy")
    (checkout / "line.json").write_text(json.dumps(line.tolist()), "utf-8")
    done = run(["node", "example.mjs"])
    assert (done.stdout, done.stderr) == ((LINES / "line-1.ocropy.txt").read_text("utf-8").strip() + "\n", "")


def test_the_picture_is_what_show_draws(checkout: Path) -> None:
    run(words("pyrnn2hdf5 show fixtures/models/digits-00004000.pyrnn.gz --svg show.svg"))
    assert (checkout / "show.svg").read_text("utf-8") == (ROOT / "docs" / "show.svg").read_text("utf-8")
