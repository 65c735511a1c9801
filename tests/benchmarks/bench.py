"""Run by `make bench`: what we take as a ratio to a peer, both in turn in the same run, and how cost grows.

Prints a table, puts it into docs/benchmarks.md and the rows that tell most into README.md, each between
its marks, and writes `build/bench.json`. Uses the models in ../shared, and the real kraken and ocropy
under Python 2.7; without these there is nothing to compare with.
"""

from __future__ import annotations

import compileall
import gzip
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..pickles import Scalar, dump, recognizer
from .measure import PYTHON27, ROOT, Program, exponent, in_turn, on_cores, our_library, ours, peer, rpred
from .tables import Goal, Row, long_table, put_between_marks, short_table

REAL = ROOT.parent / "shared" / "real"
SMALL, HISTORY, BUFFERS = (
    REAL / f"{name}.pyrnn.gz" for name in ("fraktur-jze", "en-default-history", "en-default-buffers")
)
HIGHLIGHTS = (
    "convert and verify fraktur-jze",
    "convert and verify en-default-history",
    "show en-default-history",
    "100 different models, two small kinds, 2 processes, verified",
    "ocr of 60 lines, one core",
    "forward pass in float32, 12 lines in one batch",
)
"""Cases that README.md shows."""

FASTER = "{} times as fast"
OF_THAT = "{} of the time of that"
OF_TIME, OF_MEMORY, OF_SIZE = "{} of kraken's time", "{} of kraken's memory", "{} of kraken's size"


def seconds(value: float) -> str:
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def conversions(folder: Path) -> Iterator[Row]:
    """Whole processes: time and peak memory of conversions with verification."""

    def convert(source: Path) -> Program:
        return ours("convert", "-q", "--force", source, "-o", folder / "ours.hdf5")

    def kraken(source: Path) -> Program:
        return peer("convert", source, folder / "kraken.hdf5")

    a, b, ratio = in_turn(convert(SMALL).seconds, kraken(SMALL).seconds, 9)
    yield Row(
        "convert and verify fraktur-jze",
        seconds(a),
        f"kraken {seconds(b)}, unverified",
        ratio,
        OF_TIME,
        Goal("<=", 0.95),
    )
    a, b, ratio = in_turn(kraken(HISTORY).seconds, convert(HISTORY).seconds, 1)
    case = "convert and verify en-default-history"
    yield Row(case, seconds(b), f"kraken {seconds(a)}", ratio, FASTER, Goal(">=", 15))
    a, b, ratio = in_turn(peer("load_object", HISTORY).seconds, convert(HISTORY).seconds, 3)
    yield Row("the same", seconds(b), f"ocropy load_object {seconds(a)}", ratio, FASTER, Goal(">=", 2.2))
    a, b, ratio = in_turn(convert(HISTORY).megabytes, kraken(HISTORY).megabytes, 1)
    goal = Goal("<=", 300, "MB")
    yield Row("the same, peak memory", goal.show(a), f"kraken {b:.0f} MB", ratio, OF_MEMORY, goal, a)
    a, b, ratio = in_turn(convert(BUFFERS).seconds, kraken(BUFFERS).seconds, 5)
    yield Row("convert and verify en-default-buffers", seconds(a), f"kraken {seconds(b)}", ratio, OF_TIME, Goal("<", 1))
    a, b, ratio = in_turn(convert(BUFFERS).megabytes, kraken(BUFFERS).megabytes, 1)
    goal = Goal("<=", 150, "MB")
    yield Row("the same, peak memory", goal.show(a), f"kraken {b:.0f} MB", ratio, OF_MEMORY, goal, a)
    a, b, ratio = in_turn(peer("load_pyrnn", HISTORY).seconds, ours("show", HISTORY).seconds, 1)
    yield Row("show en-default-history", seconds(b), f"kraken load_pyrnn {seconds(a)}", ratio, FASTER, Goal(">=", 10))
    plain = ours("convert", "-q", "--force", "--no-verify", SMALL, "-o", folder / "ours.hdf5")
    verify = ours("verify", "-q", SMALL, folder / "ours.hdf5")
    plain.run()
    a, b, ratio = in_turn(verify.seconds, plain.seconds, 5)
    case = "verify fraktur-jze"
    yield Row(case, seconds(a), f"our convert --no-verify {seconds(b)}", ratio, OF_THAT, Goal("<=", 2))


def variants(source: Path, folder: Path, count: int, *, equal: bool = False) -> list[Path]:
    """Copies of a model; unless `equal` they differ in the name of an empty member behind the gzip data."""
    folder.mkdir(parents=True, exist_ok=True)
    data, member = source.read_bytes(), gzip.compress(b"")
    paths = [folder / f"{source.name.split('.')[0]}-{number:04}.pyrnn.gz" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(data if equal else data + member[:4] + number.to_bytes(4, "little") + member[8:])
    return paths


def archives(folder: Path) -> Iterator[Row]:
    """A tree of 100 models against a loop around kraken's functions in one process, in models a second."""
    four, two = ("fraktur-jze", "loeb-greek", "en-default-history", "en-default-buffers"), ("fraktur-jze", "loeb-greek")
    for case, mix, least in (
        ("100 copies of the four real models", [(name, 25, True) for name in four], 4),
        ("100 different models, two small kinds", [(name, 50, False) for name in two], 1.5),
    ):
        tree, out = folder / "tree", folder / "out"
        paths = [variants(REAL / f"{name}.pyrnn.gz", tree / name, count, equal=equal) for name, count, equal in mix]
        command = ours("convert", "-q", "-j", "2", tree, "-o", out)

        def run(command: Program = command, out: Path = out, paths: list[list[Path]] = paths) -> float:
            shutil.rmtree(out, ignore_errors=True)
            return sum(map(len, paths)) / command.seconds()

        # One of each kind stands for all of them: kraken takes 23 s for one with a history.
        loop = peer("loop", folder / "kraken.hdf5", *(of_kind[0] for of_kind in paths))
        a, b, ratio = in_turn(run, loop.printed, 1 if "en-default-history" in str(paths) else 3)
        yield Row(f"{case}, 2 processes, verified", f"{a:.3g}/s", f"kraken {b:.3g}/s", ratio, FASTER, Goal(">=", least))
        if least < 4:
            again = ours("convert", "-q", "--force", "-j", "2", tree, "-o", out)
            a, b, ratio = in_turn(ours("show", "-j", "2", tree).seconds, again.seconds, 3)
            yield Row("show of the same", seconds(a), f"our convert {seconds(b)}", ratio, OF_THAT, Goal("<=", 1))
        shutil.rmtree(tree)


def inside(folder: Path) -> Iterator[Row]:
    """Inside a process: loading and the forward pass; and the sizes of files."""
    for name, theirs, plain, packed in (
        ("fraktur-jze", "fraktur-jze", 1.02, 0.96),
        ("en-default-history", "en-default", 1.02, 0.93),
    ):
        peer_size = (REAL / f"{theirs}.kraken.hdf5").stat().st_size
        for options, most in (((), plain), (("--compress",), packed)):
            ours("convert", "-q", "--force", *options, REAL / f"{name}.pyrnn.gz", "-o", folder / "size.hdf5").run()
            size = (folder / "size.hdf5").stat().st_size
            case = " ".join(("file size of", name, *options))
            sizes = f"{size / 1e3:.0f} kB", f"kraken {peer_size / 1e3:.0f} kB"
            yield Row(case, *sizes, size / peer_size, OF_SIZE, Goal("<=", most))
    path = folder / "load.hdf5"
    ours("convert", "-q", "--force", SMALL, "-o", path).run()
    a, b, ratio = in_turn(peer("load", path).printed, our_library("load", path).printed, 3)
    yield Row("load_hdf5 fraktur-jze", seconds(b), f"kraken {seconds(a)}", ratio, FASTER, Goal(">=", 15))
    lines = sorted((REAL / "lines").glob("*.npz"))
    for how, some, least in (("one", lines[:1], 4), ("batch", lines, 12)):
        case = f"forward pass in float32, {'one line' if how == 'one' else f'{len(lines)} lines in one batch'}"
        a, b, ratio = in_turn(our_library(how, SMALL, *some).printed, peer("steps", SMALL, *some).printed, 5)
        yield Row(case, f"{a:,.0f} steps/s", f"ocropy {b:,.0f} steps/s", ratio, FASTER, Goal(">=", least))
        case = case.replace("forward pass", "onnxruntime")
        onnx = our_library(f"onnx-{how}", SMALL, *some)
        for name, other, goal in (
            ("our pass", our_library(how, SMALL, *some), 1),
            ("ocropy", peer("steps", SMALL, *some), 10),
        ):
            a, b, ratio = in_turn(onnx.printed, other.printed, 5)
            yield Row(case, f"{a:,.0f} steps/s", f"{name} {b:,.0f} steps/s", ratio, FASTER, Goal(">=", goal))


def lines_read(folder: Path) -> Iterator[Row]:
    """Line images to texts, whole processes."""
    model, stored = shutil.copy(SMALL, folder), folder / "model.hdf5"
    ours("convert", "-q", "--force", SMALL, "-o", stored).run()
    # Copies, for ocropy writes its texts beside the images.
    images = [
        Path(shutil.copy(path, folder / f"{copy}-{path.name}"))
        for copy in range(5)
        for path in sorted((REAL / "lines").glob("*.png"))
    ]
    for count, cores, jobs, least in ((12, 1, 1, 4), (60, 1, 1, 6), (60, 2, 1, 8), (60, 2, 2, 8)):
        on = f"{'one core' if cores == 1 else f'{cores} cores'}{f', -j {jobs}' if jobs > 1 else ''}"
        left = on_cores(rpred("-n", "-q", "-Q", 1, "-m", model, *images[:count]), 1)
        right = on_cores(ours("ocr", "-q", "-j", jobs, "-m", stored, *images[:count]), cores)
        a, b, ratio = in_turn(left.seconds, right.seconds, 1 if count > 12 else 3)
        goal = Goal(">=", least)
        yield Row(f"ocr of {count} lines, {on}", seconds(b), f"ocropus-rpred {seconds(a)}", ratio, FASTER, goal)
    left = on_cores(peer("ocr", stored, *images[:12]), 1)
    right = on_cores(ours("ocr", "-q", "-m", stored, *images[:12]), 1)
    a, b, ratio = in_turn(left.seconds, right.seconds, 3)
    yield Row(
        "ocr of 12 lines, one core, against kraken", seconds(b), f"kraken {seconds(a)}", ratio, FASTER, Goal(">=", 5)
    )


def starts() -> Iterator[Row]:
    """What a terminal waits for, against the interpreter alone."""
    bare = Program((sys.executable, "-c", "pass"))
    model = REAL / "fraktur-jze.kraken.hdf5"
    completion = {
        **os.environ,
        "_PYRNN2HDF5_COMPLETE": "complete_bash",
        "COMP_WORDS": "pyrnn2hdf5 co",
        "COMP_CWORD": "1",
    }
    for name, program, most in (
        ("show an HDF5 file", ours("show", model), 300),
        ("--version", ours("--version"), 150),
        ("--help", ours("--help"), 150),
        ("completion", Program((str(Path(sys.executable).parent / "pyrnn2hdf5"),), completion), 150),
    ):
        a, b, ratio = in_turn(program.seconds, bare.seconds, 7)
        goal = Goal("<", most, "ms")
        figure = a * 1e3
        peer_time = f"python alone {seconds(b)}"
        yield Row(name, goal.show(figure), peer_time, ratio, "{} times python's time", goal, figure)


def growth(folder: Path) -> Iterator[Row]:
    """How the time of a conversion grows, less what the smallest takes: an exponent of 1 is linear."""

    def row(case: str, sizes: list[int], commands: list[Program]) -> Row:
        costs = [min(command.seconds() for _ in range(3)) for command in commands]
        # What a start takes hides the growth of the small ones.
        grown = {size: cost - costs[0] for size, cost in zip(sizes, costs, strict=True) if cost > 1.2 * costs[0]}
        shown = ", ".join(f"{size:,}: {seconds(cost)}" for size, cost in zip(sizes, costs, strict=True))
        return Row(case, shown, "", exponent(list(grown), list(grown.values())), "exponent {}", Goal("<=", 1))

    def convert(path: Path, data: bytes) -> Program:
        path.write_bytes(data)
        # A slow machine needs more than the default for a million lines, and is to be measured too.
        return ours("convert", "-q", "--force", "--max-seconds", 120, path, "-o", folder / "grown.hdf5")

    sizes = [100, 10_000, 100_000, 1_000_000]
    errors = [[Scalar(np.float64(1 / (n + 1))) for n in range(size)] for size in sizes]
    changes = [{"error_log": error, "cerror_log": [(1, 40)] * len(error)} for error in errors]
    commands = [
        convert(folder / f"lines-{size}.pyrnn", dump(recognizer(48, 100, changes=change)))
        for size, change in zip(sizes, changes, strict=True)
    ]
    yield row("convert, by lines of history", sizes, commands)
    # The weights of a network are Ns * (1 + Ni + Ns) a gate, so that is what cost is held against.
    units = [10, 100, 200, 400, 800]
    commands = [convert(folder / f"units-{Ns}.pyrnn", dump(recognizer(48, Ns))) for Ns in units]
    yield row("convert, by weights (48 inputs, 10 to 800 units)", [8 * Ns * (49 + Ns) for Ns in units], commands)
    sizes = [1, 10, 100, 1000]
    commands = []
    for size in sizes:
        tree = folder / f"models-{size}"
        variants(ROOT / "fixtures" / "models" / "digits-kraken.pyrnn.gz", tree, size)
        commands.append(ours("convert", "-q", "--force", "-j", "2", tree, "-o", folder / "many"))
    yield row("convert, by number of models", sizes, commands)


def main() -> None:
    if not (REAL.is_dir() and PYTHON27):
        raise SystemExit("make bench: expected the models in ../shared and Python 2.7, got neither or one")
    # As pip leaves an installed package; a checkout need not have it, the peers have.
    compileall.compile_dir(ROOT / "pyrnn2hdf5", quiet=1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (
            *(conversions(folder), archives(folder), inside(folder), lines_read(folder), starts(), growth(folder)),
        ):
            for row in part:
                rows.append(row)
                print(f"{row.case}: {row.ours}; {row.peer}; {row.ratio_in_words} ({row.goal})", flush=True)
    kernels = os.environ.get("OPENBLAS_CORETYPE", "its own choice")
    where = f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, OpenBLAS: {kernels}."
    table = [*long_table(rows), "", where]
    print("\n".join(table))
    (ROOT / "build").mkdir(exist_ok=True)
    record = [asdict(row) | {"missed": row.missed} for row in rows]
    (ROOT / "build" / "bench.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    put_between_marks(ROOT / "docs" / "benchmarks.md", "bench", table)
    put_between_marks(ROOT / "README.md", "bench-short", short_table(rows, HIGHLIGHTS))


main()
