"""Help, version and completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.cli.common import Exit

from ..conftest import MODELS
from ..documents.pages import COMMAND_PAGES
from ..pickles import Name, Text, dump, recognizer
from .commands import module, run


@pytest.mark.parametrize("arguments", [[], ["convert"], ["convert", "a", "--what"], ["what"]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert "Usage: pyrnn2hdf5" in done.output


def test_version_and_help() -> None:
    assert run("--version").stdout == f"pyrnn2hdf5 {pyrnn2hdf5.__version__}\n"
    assert "convert" in run("--help").stdout
    done = module("--version")
    assert (done.returncode, done.stderr) == (0, b"")


def test_completion_is_there() -> None:
    assert "--install-completion" in run("--help").stdout


def test_help_does_not_wait_for_numpy() -> None:
    script = "import sys, pyrnn2hdf5.cli; sys.exit('numpy' in sys.modules or 'h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_stop_that_an_import_made_an_error_of_is_still_a_stop() -> None:
    script = """
import os, signal, pyrnn2hdf5.cli as cli
def importing():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except SystemExit as stop:
        raise ImportError("multiarray failed to import") from stop
cli.app = importing
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_import_swallows_no_stop(number: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(
        f"import os, signal\ntry:\n    os.kill(os.getpid(), signal.{number})\nexcept BaseException:\n    pass\n"
    )
    script = """
import sys, time, pyrnn2hdf5.cli as cli
def work():
    import greedy
    time.sleep(60)
    print("went on")
sys.path.append(sys.argv[1])
cli.app = work
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")


@pytest.mark.parametrize(("number", "code", "told"), [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "")])
@pytest.mark.parametrize("callback", ["weakref.finalize(thing, stop)", "gc.callbacks.append(stop)"])
def test_a_stop_inside_a_callback_is_the_same_stop(callback: str, number: str, code: int, told: str) -> None:
    # Of which an error cannot be raised any further.
    script = f"""
import gc, os, signal, time, weakref, pyrnn2hdf5.cli as cli
class Thing: pass
def stop(*_):
    gc.callbacks.clear()
    os.kill(os.getpid(), signal.{number})
def work():
    thing = Thing()
    {callback}
    try:
        del thing
        gc.collect()
        time.sleep(60)
        print("went on")
    finally:
        print("temporary files go")
cli.app = work
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "temporary files go\n", told)


@pytest.mark.parametrize("command", ["", "convert", "verify", "show", "ocr", "models", "models list", "models clean"])
def test_help_fits_80_columns_and_its_examples_name_what_exists(command: str) -> None:
    done = run(*command.split(), "--help", env={"COLUMNS": "80"})
    assert run(*command.split(), "-h", env={"COLUMNS": "80"}).stdout == done.stdout
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "..." not in done.stdout.partition("Commands:")[2]
    examples = re.findall(r"^    pyrnn2hdf5 (.*)$", done.stdout, re.MULTILINE)
    assert bool(examples) == (command not in ("", "models list", "models clean"))
    for example in examples:
        assert example.startswith(command)
        assert all(option in done.stdout.partition("Examples")[0] for option in re.findall(r" (--?\w+)", example))


@pytest.mark.parametrize("command", ["", "convert", "verify", "show", "ocr", "models"])
def test_help_tells_exit_codes_and_where_more_is(command: str) -> None:
    said = " ".join(run(command or "--help", "--help", env={"COLUMNS": "80"}).stdout.split())
    (codes,) = re.findall(r"Exit codes: (.*?)\.", said)
    assert [int(code) for code in re.findall(r"\d+", codes)] == [int(code) for code in Exit]
    (page,) = re.findall(r"More: https://\S+/blob/main/(\S+)", said)
    assert page == (COMMAND_PAGES[command] if command else "docs/README.md")


def test_completion_knows_the_commands() -> None:
    environment = {
        **os.environ, "_PYRNN2HDF5_COMPLETE": "complete_bash", "COMP_WORDS": "pyrnn2hdf5 co", "COMP_CWORD": "1",
    }  # fmt: skip
    script = "import sys; sys.argv[0] = 'pyrnn2hdf5'; from pyrnn2hdf5.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == ["convert"]


@pytest.mark.parametrize(("command", "argument"), [("convert", "SOURCE..."), ("show", "MODEL..."), ("ocr", "IMAGE...")])
def test_usage_says_what_may_be_many(command: str, argument: str) -> None:
    assert argument in run(command, "-h").stdout.splitlines()[0]


COMMANDS = re.compile(r"^\s*::|##\[", re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [("show", "."), ("show", "::error ::a.pyrnn"), ("show", "::error ::a.pyrnn", "--json"), ("convert", "."),
     ("convert", "::error ::a.pyrnn"), ("show", "::error ::b"), ("show", "::error ::b", "--globals"), ("models",)],
)  # fmt: skip
def test_no_text_is_a_command_to_a_workflow(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    codec = {0: "", 1: Text("::warning ::x"), 2: Text("##[error]"), 3: Text("##")}
    changes = {"command_log": [[Text("x" * 70 + " ::error ::y ##[group]z")]]}
    Path("::error ::a.pyrnn").write_bytes(dump(recognizer(codec=codec, changes=changes)))
    Path("::error ::b").write_bytes(dump(Name("::add-mask::e", "##[debug]")))
    done = module(*arguments)
    if arguments != ("models",):
        assert COMMANDS.search((done.stdout + done.stderr).decode())
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    kept = module(*arguments)
    assert kept.returncode == done.returncode
    assert not COMMANDS.search(kept.stdout.decode())
    assert not COMMANDS.search(kept.stderr.decode())
    if "--json" in arguments:
        assert json.loads(kept.stdout) == json.loads(done.stdout)


def test_an_annotation_is_a_command_and_a_file_is_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = module("verify", MODELS / "digits.pyrnn.gz", tmp_path / "missing")
    assert [line.startswith("::error file=") for line in done.stderr.decode().splitlines()] == [False, True]
    command = [sys.executable, "-m", "pyrnn2hdf5", "show", "::a"]
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(command, stderr=log, check=False)
    (tmp_path / "::a").write_bytes(dump(recognizer()))
    with (tmp_path / "log").open("wb") as log:
        subprocess.run(command, stdout=log, check=True, cwd=tmp_path)
    assert (tmp_path / "log").read_text("utf-8").startswith("::a\n")
