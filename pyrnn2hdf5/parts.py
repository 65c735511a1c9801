"""What the bytes of a pickle are: weights, scratch buffers, derivatives, history, or the rest.

Told by the names of attributes, which stand in a pickle before their values.
"""

from __future__ import annotations

from typing import Final

from .lstm import GATES, PEEPHOLES

WEIGHTS: Final = frozenset((*GATES, *PEEPHOLES, "W2"))
NAMES: Final = {
    **dict.fromkeys(WEIGHTS, "weights"),
    **{f"D{weight}": "derivatives" for weight in WEIGHTS},
    **dict.fromkeys(("error_log", "cerror_log", "key_log", "command_log", "dstats"), "history"),
    **dict.fromkeys(("codec", "lnorm", "normalize", "lstm", "nets", "net", "last_trial"), "other"),
    **dict.fromkeys(("Ni", "No", "Nh", "Ns", "Na", "dims"), "other"),
}
"""Attributes that tell a part; an array of any other name is a scratch buffer."""

PARTS: Final = ("weights", "buffers", "derivatives", "history", "other")


class Parts:
    """Bytes by part, counted while a pickle is read from its beginning to its end."""

    def __init__(self) -> None:
        self.sizes = dict.fromkeys(PARTS, 0)
        self._part = "other"
        self._counted = 0

    def name(self, name: str, position: int) -> None:
        """From `position` on bytes belong to the attribute `name`, one of `NAMES`."""
        self.count(position)
        self._part = NAMES[name]

    def array(self, start: int, end: int) -> None:
        """The data of an array of the last name lie from `start` to `end`."""
        self.count(start)
        if self._part == "other":
            self._part = "buffers"
        self.count(end)
        # A history may go on behind an array; an array ends with its data.
        if self._part != "history":
            self._part = "other"

    def count(self, position: int) -> None:
        """Count what lies before `position`."""
        self.sizes[self._part] += position - self._counted
        self._counted = position
