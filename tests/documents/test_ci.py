"""The action and the hooks do what docs/ci.md says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import pyrnn2hdf5

from ..conftest import MODELS, ROOT
from .pages import PAGES, blocks, rows, words

PAGE: Final = "docs/ci.md"
ACTION: Final = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
INSTALL, VERIFY = (step for step in ACTION["runs"]["steps"] if "run" in step)
HOOKS: Final = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
BASH: Final = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="bash, which runs the steps of an action, is not here")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of models and their results, with something in it that must never be imported."""
    folder = tmp_path / "check out"
    (folder / "models").mkdir(parents=True)
    shutil.copy(MODELS / "digits.pyrnn.gz", folder / "models")
    pyrnn2hdf5.convert(folder / "models" / "digits.pyrnn.gz")
    for name in ("pip", "pyrnn2hdf5", "numpy"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported from the checkout')", "utf-8")
    monkeypatch.chdir(folder)
    return folder


def tamper(checkout: Path) -> None:
    """Make the result that of another model."""
    shutil.copy(MODELS / "digits-00004000.pyrnn.gz", "other.gz")
    pyrnn2hdf5.convert("other.gz", checkout / "models" / "digits.pyrnn.hdf5", force=True)
    Path("other.gz").unlink()


def run_step(step: dict[str, Any], python: str = sys.executable, **given: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does: what stands for inputs, outputs and contexts is filled in its `env` alone."""
    assert step["shell"] == "bash"
    assert set(given) <= set(ACTION["inputs"])
    values = {f"inputs.{name}": given.get(name, entry["default"]) for name, entry in ACTION["inputs"].items()}
    values |= {"steps.python.outputs.python-path": python, "github.action_path": "/the action/it's"}
    env = {
        name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], value) for name, value in step["env"].items()
    }
    command = [str(BASH), "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    changed = {**os.environ, **env, "GITHUB_ACTIONS": "true"}
    return subprocess.run(command, env=changed, capture_output=True, encoding="utf-8", check=False)


def test_no_value_becomes_script() -> None:
    assert all("${{" not in step["run"] for step in (INSTALL, VERIFY))


@pytest.fixture
def python(checkout: Path) -> str:
    """A Python that does nothing but print its arguments, each before a NUL."""
    path = checkout.parent / "py thon"
    path.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n', "utf-8")
    path.chmod(0o700)
    return str(path)


def test_the_action_installs_itself_and_imports_nothing_checked_out(python: str) -> None:
    *arguments, last, _ = run_step(INSTALL, python).stdout.split("\0")
    assert (arguments[:4], last) == (["-I", "-m", "pip", "install"], "/the action/it's[onnx]")
    assert run_step(INSTALL, "false").returncode == 1


def test_the_action_takes_what_is_equal(checkout: Path) -> None:
    done = run_step(VERIFY)
    assert (done.returncode, done.stdout.splitlines()[0][:6], done.stderr) == (0, "equal:", "3 files are no models\n")
    done = run_step(VERIFY, sources="models", junit="a report.xml")
    assert done.returncode == 0, done.stderr
    assert 'failures="0" errors="0"' in Path("a report.xml").read_text("utf-8")
    Path("re sults").mkdir()
    (checkout / "models" / "digits.pyrnn.hdf5").rename("re sults/digits.pyrnn.hdf5")
    assert run_step(VERIFY, sources="models", results="re sults").returncode == 0
    assert run_step(VERIFY, sources="models").returncode == 1


def test_the_action_fails_where_a_result_is_that_of_another_model(checkout: Path) -> None:
    tamper(checkout)
    done = run_step(VERIFY, sources="models", junit="models.xml")
    assert done.returncode == 1
    assert "::error file=models/digits.pyrnn.hdf5,title=pyrnn2hdf5 verify::" in done.stderr
    assert 'failures="1"' in Path("models.xml").read_text("utf-8")


@pytest.mark.parametrize("value", ['"; touch canary; "', "$(touch canary)", "`touch canary`", "--help", "*", "a\nb"])
def test_an_input_is_an_argument_and_no_script(value: str, checkout: Path, python: str) -> None:
    done = run_step(VERIFY, python, sources=value, results=value, junit=value)
    expected = ["-I", "-m", "pyrnn2hdf5", "verify", f"--junit={value}", "--", value, value, ""]
    assert (done.stdout.split("\0"), done.stderr) == (expected, "")
    assert run_step(VERIFY, python).stdout.split("\0")[3:] == ["verify", "--", ".", ""]
    assert not (checkout / "canary").exists()


def test_inputs_are_documented() -> None:
    assert [row[0].strip("`") for row in rows(PAGE, "input", "meaning")] == list(ACTION["inputs"])
    assert {row[0].strip("`") for row in rows(PAGE, "hook", "does")} == set(HOOKS)


def test_the_recipes_name_what_there_is() -> None:
    job, hooks = (yaml.safe_load(block) for block in blocks(PAGE, "yaml"))
    (ours,) = (step for step in job["jobs"]["verify"]["steps"] if "pyrnn2hdf5/" in step["uses"])
    assert set(ours["with"]) <= set(ACTION["inputs"])
    assert {hook["id"] for hook in hooks["repos"][0]["hooks"]} == set(HOOKS)
    version = f"v{pyrnn2hdf5.__version__}"
    assert (ours["uses"].partition("@")[2], hooks["repos"][0]["rev"]) == (version, version)
    assert set(re.findall(r"\bv\d+\.\d+\.\d+\b", PAGES[PAGE])) == {version}


def run_hook(name: str, *files: str, args: tuple[str, ...] | None = None) -> int:
    """The exit code of a hook on files of a commit, some of which it is for."""
    hook = HOOKS[name]
    assert (hook["language"], hook["entry"].split()[0]) == ("python", "pyrnn2hdf5")
    matching = [file for file in files if re.search(hook["files"], file)]
    assert matching
    passed = matching if hook.get("pass_filenames", True) else []
    command = [*shlex.split(hook["entry"]), *(hook.get("args", []) if args is None else args), *passed]
    return subprocess.run(words(shlex.join(command)), capture_output=True, check=False).returncode


def test_a_name_of_a_file_is_no_option_of_a_hook(checkout: Path) -> None:
    shutil.copy("models/digits.pyrnn.gz", "other.pyrnn")
    before = Path("other.pyrnn").read_bytes()
    Path("--html=other.pyrnn").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    assert run_hook("scan-models", "--html=other.pyrnn", "models/digits.pyrnn.gz") == 1
    assert Path("other.pyrnn").read_bytes() == before
    assert not (checkout / "canary").exists()


def test_hooks_take_what_is_good_and_refuse_what_is_not(checkout: Path) -> None:
    for name in ("pip", "pyrnn2hdf5", "numpy"):
        Path(f"{name}.py").unlink()
    files = ("models/digits.pyrnn.gz", "models/digits.pyrnn.hdf5", "README.md")
    assert [run_hook("scan-models", *files), run_hook("verify-models", *files)] == [0, 0]
    assert run_hook("verify-models", *files, args=("models",)) == 0
    tamper(checkout)
    assert [run_hook("scan-models", *files), run_hook("verify-models", files[1])] == [0, 1]
    Path("models/evil.pyrnn").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    assert run_hook("scan-models", *files, "models/evil.pyrnn") == 1
    assert not (checkout / "canary").exists()
