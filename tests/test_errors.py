"""Errors travel: between processes of whoever uses this package, with all they know, and without the command line."""

from __future__ import annotations

import ast
import concurrent.futures
import copy
import itertools
import multiprocessing
import pickle
import re
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5 import errors
from pyrnn2hdf5.cli.common import HINTS, explain
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.limits import Limits

from .conftest import MODELS, ROOT
from .pickles import Name, dump

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Pyrnn2Hdf5Error)]
OPTION = re.compile(r"--[a-z]")


def same(one: Pyrnn2Hdf5Error, other: Pyrnn2Hdf5Error) -> bool:
    return (type(one), one.args, one.path, one.remedy, str(one)) == (
        *(type(other), other.args, other.path, other.remedy, str(other)),
    )


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("path", [None, "m\udcff.pyrnn"])
@pytest.mark.parametrize("remedy", [None, "force"])
def test_every_error_survives_pickling(kind: type[Pyrnn2Hdf5Error], path: str | None, remedy: str | None) -> None:
    error = kind("culprit: expected this, got that", path=path, remedy=remedy)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert same(again, error)
        assert again == error
        assert hash(again) == hash(error)
    assert same(copy.copy(error), error)


def test_errors_are_told_apart() -> None:
    every = [
        kind(*text, path=path, remedy=remedy)
        for kind, text, path, remedy in itertools.product(CLASSES, ((), ("x",)), (None, "m"), (None, "force"))
    ]
    assert all((one == other) == (one is other) for one, other in itertools.product(every, every))
    assert Pyrnn2Hdf5Error("x") != "x"


def test_every_error_is_exported() -> None:
    assert {kind.__name__ for kind in CLASSES} <= set(pyrnn2hdf5.__all__)
    assert all(getattr(pyrnn2hdf5, kind.__name__) is kind for kind in CLASSES)


def convert(name: str) -> object:
    """In another process."""
    return pyrnn2hdf5.convert(name, limits=Limits(size=10_000))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_pool_of_a_user_gets_the_error_and_goes_on(method: str, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.pyrnn"
    hostile.write_bytes(dump(Name("os", "system")))
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        for source, kind, remedy in (
            (MODELS / "digits.pyrnn.gz", errors.SizeLimitError, "size"),
            (hostile, errors.UnsafePickleError, None),
            (tmp_path / "nothing", FileNotFoundError, None),
        ):
            with pytest.raises(kind) as caught:
                pool.submit(convert, str(source)).result()
            assert getattr(caught.value, "remedy", None) == remedy
        assert pool.submit(int, "1").result() == 1


def test_the_file_to_blame_is_told(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.pyrnn"
    hostile.write_bytes(dump(Name("os", "system")))
    good = MODELS / "digits.pyrnn.gz"
    for pair in ((hostile, good), (good, hostile)):
        with pytest.raises(errors.UnsafePickleError) as caught:
            pyrnn2hdf5.verify(*pair)
        assert caught.value.path == str(hostile)


def test_a_folder_that_is_no_model_is_blamed(tmp_path: Path) -> None:
    for load in (pyrnn2hdf5.load_pyrnn, pyrnn2hdf5.load_pronn, pyrnn2hdf5.load_hdf5, pyrnn2hdf5.load_any):
        with pytest.raises(errors.SourceError, match="expected a file, got a directory") as caught:
            load(tmp_path)
        assert caught.value.path == str(tmp_path)


def strings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def remedies(path: Path) -> set[str]:
    """The remedies that a module names, without the value that one may have."""
    given = [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "remedy"
    ]
    found = [part for value in given for part in ast.walk(value) if isinstance(part, ast.Constant)]
    return {part.value.rstrip("=") for part in found if isinstance(part.value, str)}


LIBRARY = [path for path in (ROOT / "pyrnn2hdf5").rglob("*.py") if path.parent.name != "cli"]


def test_the_library_names_no_option_of_the_command_line() -> None:
    named = {path.name: [text for text in strings(path) if OPTION.search(text)] for path in LIBRARY}
    assert {name: texts for name, texts in named.items() if texts} == {}


def test_the_command_line_knows_every_remedy() -> None:
    used = set().union(*map(remedies, LIBRARY))
    # No command reads in its own process, and a time that ran out is an error of Python.
    assert used - {"in_process"} | {"timeout"} == set(HINTS)
    for remedy in HINTS:
        assert OPTION.search(explain(Pyrnn2Hdf5Error("x", remedy=remedy)))
    assert explain(Pyrnn2Hdf5Error("x", remedy="in_process")) == explain(Pyrnn2Hdf5Error("x")) == "x"
    assert explain(TimeoutError("late")) == "late (see --timeout)"
