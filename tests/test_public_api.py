"""The public names: seen by `dir`, by `help` and by a type checker, each said what it takes and raises."""

from __future__ import annotations

import builtins
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import pyrnn2hdf5

from .conftest import ROOT

FUNCTIONS = [name for name in pyrnn2hdf5.__all__ if inspect.isfunction(getattr(pyrnn2hdf5, name))]


def test_every_public_name_is_there() -> None:
    assert all(getattr(pyrnn2hdf5, name) for name in pyrnn2hdf5.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pyrnn2hdf5.nothing  # type: ignore[attr-defined]


def test_dir_shows_the_public_names_and_no_others() -> None:
    assert dir(pyrnn2hdf5) == sorted(pyrnn2hdf5.__all__)
    assert len(set(pyrnn2hdf5.__all__)) == len(pyrnn2hdf5.__all__)


def test_help_names_the_public_functions() -> None:
    # In a fresh interpreter: what was imported before must not matter.
    script = "import pydoc, pyrnn2hdf5; print(pydoc.plain(pydoc.render_doc(pyrnn2hdf5)))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == pydoc.plain(pydoc.render_doc(pyrnn2hdf5)) + "\n"
    for name in FUNCTIONS:
        assert f"\n    {name}(" in said
    assert all(name in said for name in pyrnn2hdf5.__all__ if name != "__version__")


def test_a_misspelt_name_is_an_error_for_a_type_checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mypy = pytest.importorskip("mypy.api")
    monkeypatch.setenv("MYPYPATH", str(ROOT))

    def check(line: str) -> tuple[str, int]:
        path = tmp_path / "program.py"
        path.write_text(f"import pyrnn2hdf5\n{line}\n")
        said, _, code = mypy.run(["--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(path)])
        return said, code

    said, code = check('pyrnn2hdf5.covert("m.pyrnn")')
    assert (code, 'Module has no attribute "covert"' in said) == (1, True)
    assert check('print(pyrnn2hdf5.convert("m.pyrnn").target.name)')[1] == 0
    said, code = check('pyrnn2hdf5.convert("m.pyrnn").target.nme')
    assert (code, 'has no attribute "nme"' in said) == (1, True)


def sections(text: str) -> dict[str, str]:
    """The sections of a docstring in the style of numpydoc, by their headings."""
    found, lines = {}, text.splitlines()
    starts = [i for i, line in enumerate(lines[:-1]) if line and lines[i + 1] == "-" * len(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        found[lines[start]] = "\n".join(lines[start + 2 : end])
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_say_what_they_take_return_and_raise(name: str) -> None:
    function: Any = getattr(pyrnn2hdf5, name)
    found = sections(inspect.getdoc(function) or "")
    assert {"Parameters", "Returns", "Raises"} <= found.keys()
    # A name stands alone, what it means is indented below it; names that belong together share a line.
    documented = [line for line in found["Parameters"].splitlines() if line and not line.startswith(" ")]
    assert documented == list(inspect.signature(function).parameters)
    raised = [line for line in found["Raises"].splitlines() if line and not line.startswith(" ")]
    assert raised
    for kind in ", ".join(raised).split(", "):
        if "." not in kind and not kind.startswith("On any"):
            assert kind in pyrnn2hdf5.__all__ or kind in vars(builtins)
    assert get_type_hints(function)["return"] is not None
