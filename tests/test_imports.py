"""Imports as CONTRIBUTING.md draws them: every package is there, and they run one way; each library has one door."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from .conftest import ROOT

PACKAGE = ROOT / "pyrnn2hdf5"
STANDS_ON = {
    name: set(re.findall(r"`(\w+)`", below))
    for name, below in re.findall(
        r"^\| `(\w+)` \| .* \| ?(.*) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
}
"""What each package, or module at the top, stands on."""
TABLE = list(STANDS_ON)
"""From the one that imports no other to the one that imports them all."""

DOORS = {
    "h5py": {"hdf5.h5py_io"},
    "scipy": set(),
    "PIL": {"ocr.images", "kraken7.recognizer"},
    "onnx": {"onnx_graph.execution"},
    "onnxruntime": {"onnx_graph.execution"},
    "pickle": {"pyrnn.unpickler", "pyrnn.audit"},
}
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.rglob("*.py")
}
# The public names come from everywhere, when they are asked for.
OUTER = ("__init__", "__main__")
INNER = {name: tree for name, tree in MODULES.items() if name not in OUTER}


def package_of(name: str) -> str:
    return name.partition(".")[0]


def imported(name: str) -> tuple[set[str], set[str]]:
    """The modules of this project and the packages of others that a module imports, wherever in it."""
    inside, outside = set[str](), set[str]()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            outside |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level] + (node.module.split(".") if node.module else [])
            named = [".".join([*base, alias.name]) for alias in node.names]
            # `from ..package import module`, or `from ..package.module import name`.
            inside |= {part if part in MODULES else ".".join(base) for part in named}
    return inside - {""}, outside


def test_every_package_is_in_the_table() -> None:
    assert sorted(TABLE) == sorted({package_of(name) for name in INNER})


def test_imports_between_packages_run_up_the_table() -> None:
    for name in INNER:
        above = set(TABLE[: TABLE.index(package_of(name))])
        inside = {package_of(other) for other in imported(name)[0]} - {package_of(name)}
        assert inside <= above, f"{name} imports {inside - above}, which lie below it"


def test_the_table_tells_what_a_package_stands_on() -> None:
    imports = {package: set[str]() for package in TABLE}
    for name in INNER:
        imports[package_of(name)] |= {package_of(other) for other in imported(name)[0]} - {package_of(name)}
    below: dict[str, set[str]] = {}
    for package in TABLE:
        below[package] = imports[package].union(*(below[other] for other in imports[package]))
        indirect = set[str]().union(*(below[other] for other in imports[package]))
        assert STANDS_ON[package] == imports[package] - indirect, package


def test_every_module_that_is_named_is_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = {name for name in re.findall(r"`(\w+/\w+)`", page) if package_of(name.replace("/", ".")) in TABLE}
    assert len(named) > 25
    assert {name.replace("/", ".") for name in named} <= MODULES.keys()


def test_modules_of_a_package_import_each_other_one_way() -> None:
    # Raises `CycleError`, which tells the circle.
    assert list(TopologicalSorter({name: imported(name)[0] for name in INNER}).static_order())


def test_every_import_is_understood() -> None:
    for name in INNER:
        assert imported(name)[0] <= MODULES.keys(), name


def test_a_folder_holds_few_modules() -> None:
    folders = [PACKAGE, *(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)]
    counts = {
        folder.name: len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) for folder in folders
    }
    assert counts.pop(PACKAGE.name) <= 9
    assert {name: count for name, count in counts.items() if count > 10} == {}


def test_packages_do_nothing_when_they_are_imported() -> None:
    # Or whoever imports one module waits for all.
    full = [path.parent.name for path in PACKAGE.rglob("__init__.py") if path.read_text("utf-8").strip()]
    assert sorted(full) == ["cli", PACKAGE.name]


def test_each_library_has_one_door() -> None:
    for library, doors in DOORS.items():
        assert {name for name in MODULES if library in imported(name)[1]} == doors


def test_what_runs_or_unpickles_for_others_is_nowhere() -> None:
    for name in MODULES:
        assert not imported(name)[1] & {"marshal", "shelve", "dill", "cloudpickle", "multiprocessing", "copy_reg"}, name


def test_only_the_command_line_prints_or_exits() -> None:
    for name, tree in INNER.items():
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if package_of(name) != "cli":
            assert not calls & {"print", "sys.exit", "exit", "quit", "typer.echo", "sys.stdout.write"}, name


def test_nothing_is_forked_and_no_deprecation_is_hidden() -> None:
    for name, tree in MODULES.items():
        words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        words |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not words & {"fork", "forkpty", "DeprecationWarning", "PendingDeprecationWarning", "preexec_fn"}, name


@pytest.mark.parametrize(
    "module", ["sandbox.child", "pyrnn.extraction", "pyrnn.examination", "pyrnn.audit", "pyrnn.unpickler"]
)
def test_what_reads_a_pickle_does_so_without_numpy(module: str) -> None:
    script = (
        "import sys; sys.path[:] = sys.argv[2].split(':'); before = set(sys.modules); import importlib, json\n"
        "importlib.import_module('pyrnn2hdf5.' + sys.argv[1]); print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    command = [sys.executable, "-I", "-S", "-c", script, module, ":".join([str(ROOT), *filter(None, sys.path)])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert f"pyrnn2hdf5.{module}" in loaded
    # Of others nothing at all: what is not there is not to be attacked, or waited for.
    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {PACKAGE.name}
    assert foreign == set()


def test_this_test_would_tell() -> None:
    assert imported("load")[0] >= {"errors", "hdf5.layout", "sandbox.bounded"}
    assert imported("sandbox.child")[0] >= {"errors", "limits", "sandbox.service"}
    assert "numpy" in imported("model.forward_pass")[1]
