"""Which result belongs to which source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..files.paths import default_target
from ..load import is_onnx
from .discovery import (
    HDF5,
    ONNX,
    Skipped,
    SkippedFile,
    Unlisted,
    recorded_sha256,
    result_files,
    sha256_if_readable,
    source_files,
    tell_by_raising,
    tell_nobody,
)


@dataclass(frozen=True)
class Pair:
    """A source and the result that belongs to it; None where none was found."""

    source: Path
    result: Path | None


def pairs(
    sources: Path, results: Path, unlisted: Unlisted = tell_by_raising, skipped: Skipped = tell_nobody
) -> tuple[list[Pair], list[Path]]:
    """Pairs of two folders (or of one, given twice), and the results that belong to no source.

    A result that records the SHA-256 of a source belongs to it, wherever it lies; one that records
    none, as kraken writes them, belongs to the source after which it is named. Sources are pyrnn and pronn files, and
    HDF5 files from which ONNX was made.
    """
    found = result_files(results, unlisted)
    recorded = {path: recorded_sha256(path) for path in found}
    by_sha256: dict[str, Path] = {}
    for path, sha256 in recorded.items():
        if sha256:
            by_sha256.setdefault(sha256, path)
    paired = []
    sources_of: dict[str, Path] = {}

    def told(file: SkippedFile) -> None:
        # Of results those are told that belong to no source.
        if file.why not in (HDF5, ONNX):
            skipped(file)

    for source in source_files(sources, unlisted, told):
        named = default_target(results / source.relative_to(sources))
        sha256 = sha256_if_readable(source)
        if recorded.get(named) == sha256:
            result: Path | None = named
        else:
            # A named result of another source is still what a user would take for this one.
            result = by_sha256.get(sha256) or (named if named in recorded else None)
        paired.append(Pair(source, result))
        sources_of.setdefault(sha256, source)
    # ONNX may have been made from HDF5, which is a source then.
    wanted = {sha256 for path, sha256 in recorded.items() if sha256 and is_onnx(path)} - sources_of.keys()
    if wanted:
        for stored in result_files(sources, lambda _: None):
            if not is_onnx(stored) and (its := sha256_if_readable(stored)) in wanted:
                sources_of.setdefault(its, stored)
    used = {*(pair.result for pair in paired), *sources_of.values()}
    unpaired = []
    for path in found:
        if path in used:
            continue
        sha256_of_source = recorded[path]
        if sha256_of_source and sha256_of_source in sources_of:
            # A second result of a source is one of its results too.
            paired.append(Pair(sources_of[sha256_of_source], path))
        else:
            unpaired.append(path)
    return paired, unpaired
