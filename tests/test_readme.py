"""What the README says is so: its commands run, its output is real, its tables are those of the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from pyrnn2hdf5.cli import app
from pyrnn2hdf5.cli.common import Exit
from pyrnn2hdf5.hdf5.layout import LAYOUT

from .conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = re.findall(r"^\$ (pyrnn2hdf5 [^#\n]*)\n((?:(?!```|\$ ).*\n)*)", README, re.MULTILINE)


@pytest.mark.usefixtures("checkout")
def test_commands_give_the_output_shown() -> None:
    # The time is the machine's own; of differences two digits are shown, and the kernels of BLAS agree in eight.
    number = re.compile(r"(total +\d+  ) [\d.e-]+")
    assert len(COMMANDS) >= 2
    for command, output in COMMANDS:
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert number.sub(r"\1", done.stdout) == number.sub(r"\1", output)
        assert done.returncode == 0


@pytest.mark.usefixtures("checkout")
def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said = re.findall(r"print\(.*\)\s+# (.*)", example)
    assert done.stdout.splitlines() == said == ["True", "88774 3"]


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^\$ make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_option_and_exit_code_is_documented() -> None:
    commands = get_command(app).commands.values()  # type: ignore[attr-defined]
    for parameter in (parameter for command in commands for parameter in command.params):
        for option in parameter.opts:
            if option.startswith("--") and option not in ("--help", "--quiet", "--verbose"):
                assert f"`{option}" in README, option
    for code in (Exit.GOOD, Exit.FAILED, Exit.USAGE, Exit.INTERRUPTED):
        assert re.search(rf"\b{int(code)} (good|a file|wrong|interrupted)", README)


def test_the_layout_is_the_one_documented() -> None:
    documented = {}
    for names, shape in re.findall(r"^\| (`\.?[\w.`, ]+`) \| \(([^)]*)\) \|", README, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", names)
        prefix = first.rpartition(".")[0]
        for name in (first, *(prefix + other for other in others)):
            documented[name] = tuple(shape.split(", "))
    assert documented == {entry.name: entry.shape for entry in LAYOUT}


def test_the_picture_is_what_show_draws(checkout: Path) -> None:
    words = ["show", "fixtures/models/digits-00004000.pyrnn.gz", "--svg", "show.svg"]
    subprocess.run([sys.executable, "-m", "pyrnn2hdf5", *words], capture_output=True, check=True)
    assert (checkout / "show.svg").read_text("utf-8") == (ROOT / "docs" / "show.svg").read_text("utf-8")


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", README, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target[1:] in headings if target.startswith("#") else (ROOT / target).exists(), target


def test_a_folder_of_models_in_two_minutes(checkout: Path) -> None:
    shutil.copytree(checkout / "fixtures" / "models", checkout / "models")
    # It would get the target of its sibling.
    (checkout / "models" / "digits.pyrnn.bz2").unlink()
    (script,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in script.splitlines():
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(line, comments=True)], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((checkout / "converted").iterdir())) == 6
