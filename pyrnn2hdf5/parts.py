"""What the bytes of a pickle are: weights, scratch buffers, derivatives, history, or the rest.

Told by the names of attributes, which stand in a pickle before their values.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from .facts import PARTS
from .lstm import GATES, PEEPHOLES
from .opcodes import TOKEN, memo_index

WEIGHTS: Final = frozenset((*GATES, *PEEPHOLES, "W2"))
NAMES: Final = {
    **dict.fromkeys(WEIGHTS, "weights"),
    **{f"D{weight}": "derivatives" for weight in WEIGHTS},
    **dict.fromkeys(("error_log", "cerror_log", "key_log", "command_log", "dstats"), "history"),
    **dict.fromkeys(("codec", "lnorm", "normalize", "lstm", "nets", "net", "last_trial"), "other"),
    **dict.fromkeys(("Ni", "No", "Nh", "Ns", "Na", "dims"), "other"),
}
"""Attributes that tell a part; an array of any other name is a scratch buffer."""


class Parts:
    """Bytes by part, counted while a pickle is read from its beginning to its end."""

    def __init__(self) -> None:
        self.sizes = dict.fromkeys(PARTS, 0)
        self._part = "other"
        self._counted = 0
        self._memoized: dict[int, str] = {}
        self._runs: deque[bytes] = deque(maxlen=4)

    def name(self, name: str, position: int, put: bytes | None = None) -> None:
        """From `position` on bytes belong to the attribute `name`, one of `NAMES`, which `put` memoizes."""
        self.count(position)
        self._part = NAMES[name]
        self._runs.clear()
        if put:
            self._memoized[memo_index(put)] = name

    def run(self, run: bytes) -> None:
        """A run of opcodes, in which the name of an attribute may come from the memo."""
        self._runs.append(run)

    def array(self, start: int, end: int) -> None:
        """The data of an array, or any other long string, lie from `start` to `end`."""
        self.count(start)
        # The reversed LSTM names its attributes by GETs of their names in the forward LSTM.
        tokens = (token[0] for run in self._runs for token in TOKEN.finditer(run))
        for token in tokens:
            if token[:1] in b"hjg" and (name := self._memoized.get(memo_index(token))):
                self._part = NAMES[name]
        self._runs.clear()
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
