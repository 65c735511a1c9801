"""Check the wheel and the source distribution as a stranger gets them. Run by `make package`.

check.py dist                   what is inside, and what is said about it
check.py installed PYTHON       the commands, in an environment where the wheel or the source distribution is installed
check.py tests PYTHON           the tests that come with the source distribution, where that is unpacked
check.py readme                 the commands by which the README installs, in a new folder
"""

from __future__ import annotations

import email
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ADDRESS = "https://github.com/pyrnn2hdf5/pyrnn2hdf5"

LARGEST_SOURCE = 4 * 2**20

QUICK_TESTS = (
    *("tests/documents/test_facts.py", "tests/documents/test_links.py"),
    *("tests/hdf5", "tests/model", "tests/pyrnn/test_reader.py", "tests/test_load.py", "tests/test_records.py"),
)
"""Those that less than a minute is enough for, among them what reads documents, fixtures and the Makefile."""


def run_git(*words: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout


def check_dist() -> None:
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (source,) = (ROOT / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = email.message_from_bytes(archive.read(metadata))
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "pyrnn2hdf5").rglob("*") if path.suffix == ".py"}
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == modules | {"pyrnn2hdf5/py.typed"}, inside ^ modules
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    with tarfile.open(source) as archive_of_source:
        shipped = {name.partition("/")[2] for name in archive_of_source.getnames()}
    # All that a distribution needs to run the tests, and nothing that only happens to lie here.
    tracked = set(run_git("ls-files", "-z").split("\0")[:-1])
    assert shipped == tracked | {"PKG-INFO"}, shipped ^ (tracked | {"PKG-INFO"})
    assert source.stat().st_size < LARGEST_SOURCE, source.stat().st_size
    assert said["Name"] == "pyrnn2hdf5"
    assert said["Author"] == "The pyrnn2hdf5 developers"
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Requires-Python"] == ">=3.10"
    assert said["Summary"] and said["Keywords"] and said["Description-Content-Type"] == "text/markdown"
    assert sorted(said.get_all("Provides-Extra", [])) == ["kraken", "ocr", "onnx"]
    assert len(said.get_all("Project-URL", [])) >= 3
    assert len(said.get_all("Classifier", [])) >= 10


def check_installed(python: str) -> None:
    program = str(Path(python).parent.absolute() / "pyrnn2hdf5")

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "fixtures", folder / "fixtures")
        model = "fixtures/models/digits.pyrnn.gz"
        assert run("--version").startswith("pyrnn2hdf5 ")
        assert "verified: 17 of 17 data sets bit-equal" in run("convert", model, "-o", "digits.hdf5")
        assert run("verify", model, "digits.hdf5").startswith("equal: ")
        assert "CenterNormalizer" in run("show", "digits.hdf5")
        said = run("ocr", "-m", "digits.hdf5", "fixtures/lines/line-0.png")
        assert said == (folder / "fixtures" / "lines" / "line-0.gt.txt").read_text("utf-8"), said
        (folder / "evil.pyrnn").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
        run("convert", "evil.pyrnn", code=1)
        assert not (folder / "canary").exists()


def check_tests(python: str) -> None:
    (source,) = (ROOT / "dist").glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as name:
        shutil.unpack_archive(source, name, filter="data")
        (folder,) = Path(name).iterdir()
        command = [str(Path(python).absolute()), "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICK_TESTS]
        subprocess.run(command, cwd=folder, check=True)


def check_readme() -> None:
    install = (ROOT / "README.md").read_text("utf-8").partition("## Install\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^\$ (.*)", install, re.MULTILINE)
    assert [command.split()[0] for command in commands if "pip" in command.split()[0]] == [
        ".venv/bin/pip",
        "pip",
        "pipx",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "users"], check=True)
        subprocess.run([folder / "users" / "bin" / "pip", "install", "--quiet", "pipx"], check=True)
        environment = os.environ | {
            # What is cloned is this.
            **{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS},
            **{"PATH": f"{folder / 'users' / 'bin'}:{os.environ['PATH']}", "HOME": name, "PIPX_HOME": f"{name}/pipx"},
            **{"PIPX_BIN_DIR": f"{name}/bin"},
        }
        # What `make dist` makes is here: the whole tool chain would be installed once more for it.
        commands = [f"cp -r {shlex.quote(str(ROOT / 'dist'))} ." if line == "make dist" else line for line in commands]
        script = "\n".join(["set -e", *commands, "pyrnn2hdf5 --version", f"{name}/bin/pyrnn2hdf5 --version"])
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(set(re.findall(r"^pyrnn2hdf5 [\d.]+$", done.stdout, re.MULTILINE))) == 1, done.stdout


if sys.argv[1] == "dist":
    check_dist()
elif sys.argv[1] == "readme":
    check_readme()
elif sys.argv[1] == "tests":
    check_tests(sys.argv[2])
else:
    check_installed(sys.argv[2])
