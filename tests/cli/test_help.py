"""Help, version and completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import pyrnn2hdf5

from ..cli.commands import module, run


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
