"""What is in a pyrnn file: its model, or what can be read of it, and what its opcodes say."""

from __future__ import annotations

import os
from typing import Any, Final

from .errors import CorruptPickleError, InvalidModelError, Pyrnn2Hdf5Error, SourceError, UnsupportedModelError
from .facts import Facts, FileFacts, Scan
from .pyrnn import read_pyrnn
from .remains import gather
from .sandbox import alongside
from .scan import scan
from .sections import codec_facts, compatibility, model_facts, training_facts
from .source import Limits
from .stored import store
from .unpickle import OCROPUS

PROGRAMS: Final = {"kraken.": "kraken", "ocrd_cis.": "ocrd_cis (OCR-D)"}
TRAILING: Final = "bytes follow"
"""What `SourceFacts.damage` says where nothing is wrong with the model itself."""


def pyrnn_facts(path: str | os.PathLike[str], limits: Limits) -> Facts:
    """The facts of a pyrnn file; see `show.facts`. Loaded and scanned in two bounded children at a time."""
    problem: Pyrnn2Hdf5Error | None = None
    shown: dict[str, Any] = {}
    with alongside(lambda: scan(path, limits=limits), limits, CorruptPickleError) as scanned:
        try:
            model = read_pyrnn(path, limits=limits, ignore_checksum=True)[0]
            shown = model_facts(model)
            shown["compatibility"] = compatibility(store(model), model)
        except Pyrnn2Hdf5Error as error:
            problem = error
        try:
            found, source = scanned()
        except Pyrnn2Hdf5Error as error:
            raise problem or error from None
    if isinstance(problem, (UnsupportedModelError, InvalidModelError)) and not shown:
        shown = _remaining_facts(path, limits)
    if source.damage and not source.damage.startswith(TRAILING):
        if problem is None:
            problem = SourceError(f"{source.damage} (see convert --ignore-checksum)")
        elif isinstance(problem, CorruptPickleError):
            # The damage is why, and there is nothing behind it to convert.
            problem = SourceError(source.damage)
    return Facts(
        path=os.fspath(path),
        file=FileFacts(
            format="pyrnn",
            compression=source.compression,
            protocol=found.protocol,
            writer=_writer(found),
            size=source.size,
            unpacked_size=source.unpacked_size,
            trailing_size=source.unpacked_size - sum(found.parts.values()),
            sha256=source.sha256,
        ),
        parts=found.parts,
        globals=found.globals,
        unlisted_globals=found.unlisted,
        scan_problem=found.problem,
        problem=problem,
        **shown,
    )


def _writer(found: Scan) -> str | None:
    """The program that wrote a pickle, as far as the modules it names and its dialect tell."""
    module = next((name.module for name in found.globals if name.module in OCROPUS), None)
    if module is None:
        return None
    program = next((program for package, program in PROGRAMS.items() if module.startswith(package)), "OCRopus")
    # Python 3 has no other way to put the bytes of an array into these protocols.
    python = 3 if found.protocol > 2 or any(name.path == "_codecs.encode" for name in found.globals) else 2
    return f"{program} under Python {python} (module {module})"


def _remaining_facts(path: str | os.PathLike[str], limits: Limits) -> dict[str, Any]:
    try:
        with alongside(lambda: gather(path, limits), limits, CorruptPickleError) as gathered:
            remains = gathered()
    except Pyrnn2Hdf5Error:
        return {}
    return {
        "structure": remains.structure,
        "codec": codec_facts(remains.labels, remains.No or 0),
        "line_normalizer": remains.line_normalizer,
        "normalize": remains.normalize,
        "training": training_facts(remains.training),
        "notes": remains.notes,
    }
