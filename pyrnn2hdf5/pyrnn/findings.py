"""What the process that reads a pyrnn file hands back, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Pyrnn2Hdf5Error
from ..files.sources import SourceFacts


@dataclass(frozen=True, eq=False)
class RawModel:
    """What a pickle holds of a line recognizer, with shapes that fit.

    `weights` are the 15 arrays by their names in `network.arrays_of`, raw on the way out and NumPy arrays
    where they arrive; `line_normalizer` is (class, ((name, parameter), ...)); `logs` are those of
    `attributes.training_logs_of`; `notes` tell what was not kept.
    """

    Ni: int
    Ns: int
    No: int
    weights: Mapping[str, Any]
    labels: tuple[str | None, ...] | None
    line_normalizer: tuple[str, tuple[tuple[str, Any], ...]] | None
    logs: Mapping[str, Any]
    normalize: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Remains:
    """Parts of an object that is no convertible model; None or empty where they could not be read.

    `structure` is the tree of its parts, an indented line a part; `labels` are (code, label); the others
    are as in `RawModel`.
    """

    structure: tuple[str, ...] = ()
    No: int | None = None
    labels: tuple[tuple[int, str], ...] | None = None
    line_normalizer: tuple[str, tuple[tuple[str, Any], ...]] | None = None
    logs: Mapping[str, Any] = field(default_factory=dict)
    normalize: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Examination:
    """What is in a pyrnn file.

    `problem` is why it cannot be converted, `remains` what there is in any case. `parts` are the bytes of the
    unpacked pickle: of the data of its arrays by kind, of `spelling` in protocol 0, and the rest. `unlisted` counts
    the uses of names beyond `audit.MAX_GLOBALS`, `unfollowed` is why behind some place only those that are
    spelled out are known.
    """

    source: SourceFacts
    protocol: int
    model: RawModel | None = None
    remains: Remains | None = None
    parts: Mapping[str, int] | None = None
    problem: Pyrnn2Hdf5Error | None = None
    unlisted: int = 0
    unfollowed: str | None = None


@dataclass(frozen=True)
class Global:
    """A name in a pickle.

    Attributes
    ----------
    module, name
        As the pickle spells them, cut where they are very long. `module` is empty where it is no global, but
        something as bad: then `name` says what.
    verdict
        `allowed`: part of what an OCRopus model is made of; `unknown`: of no program known here, as in an unknown
        fork, so that nobody has said what it does; `dangerous`: a name that runs programs or reaches files.
    calls
        Of what is not allowed, the arguments of the first calls, as Python would write them: a text for each call, of
        all its arguments. Empty where it is named and not called.
    """

    module: str
    name: str
    verdict: str
    calls: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Module and name in one."""
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def allowed(self) -> bool:
        """Whether a model may name this."""
        return self.verdict == "allowed"


def globals_of(told: list[tuple[str, ...]]) -> tuple[Global, ...]:
    """What `audit.Names` told, in the order of first use."""
    calls: dict[tuple[str, str, str], list[str]] = {}
    for module, name, verdict, *arguments in told:
        calls.setdefault((module, name, verdict), []).extend(arguments)
    return tuple(Global(*key, tuple(arguments)) for key, arguments in calls.items())
