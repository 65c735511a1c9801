"""The house as CONTRIBUTING.md draws it: every room is there, and imports run one way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .conftest import ROOT

PACKAGE = ROOT / "pyrnn2hdf5"
ROOMS = re.findall(r"^\| `([\w.]+)` \| ", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
OUTSIDE = {"h5py": {"hdf5"}, "scipy": {"lines"}, "PIL": {"images"}, "pickle": {"unpickle"}}


def rooms() -> dict[str, Path]:
    files = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    # The public names come from everywhere, when they are asked for.
    return {name: path for name, path in files.items() if name not in ("__init__", "__main__")}


def imported(name: str, path: Path) -> tuple[set[str], set[str]]:
    """The rooms and the packages that a module imports, wherever in it."""
    inside, outside = set(), set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            outside |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(PACKAGE).parts[: -node.level]
            module = [*base, *(node.module or "").split(".")] if node.module else list(base)
            names = [".".join(module)] if node.module else [".".join([*module, alias.name]) for alias in node.names]
            inside |= set(names)
    return inside & set(rooms()), outside


def test_every_room_is_drawn() -> None:
    assert sorted(ROOMS) == sorted(rooms())


def test_imports_run_one_way() -> None:
    for name, path in rooms().items():
        above = set(ROOMS[: ROOMS.index(name)])
        inside, _ = imported(name, path)
        assert inside <= above, f"{name} imports {inside - above}, which lie below it"


def test_each_library_has_one_door() -> None:
    for name, path in rooms().items():
        _, outside = imported(name, path)
        for library, doors in OUTSIDE.items():
            assert library not in outside or name in doors, f"{name} imports {library}"


def test_only_the_command_line_prints_or_exits() -> None:
    for name, path in rooms().items():
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        }
        if not name.startswith("cli."):
            assert not calls & {"print", "sys.exit", "exit"}, name
