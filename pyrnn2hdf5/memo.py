"""Strings of a pickle on their way through stack and memo to a STACK_GLOBAL, without a stack."""

from __future__ import annotations

from .opcodes import MEMOIZES, memo_index


class Memo:
    """Strings in the memo by index, and what was pushed last with nothing else done since.

    What is not known for sure is None: no string, or one that only the unpickler could tell.
    """

    def __init__(self) -> None:
        self._strings: dict[int, str] = {}
        self._pushed: list[str | None] = []
        self._memoized = 0
        self._numbered = False
        self._believed = True

    @property
    def top(self) -> str | None:
        """The string on top of the stack."""
        return self._pushed[-1] if self._pushed else None

    def push(self, text: str | None) -> None:
        """A string, or anything else, is pushed."""
        self._pushed = [*self._pushed[-1:], text]

    def pass_run(self, run: bytes) -> None:
        """A run of opcodes that matter to no name, but for the count of what they memoize."""
        self._pushed.clear()
        if b"\x94" in run:
            self._memoized += sum(map(len, MEMOIZES.findall(run)))
            self._doubt_mixture()

    def get(self, token: bytes) -> str | None:
        """What a GET pushes."""
        text = self._strings.get(memo_index(token)) if self._believed else None
        self.push(text)
        return text

    def put(self, token: bytes) -> None:
        """A PUT, or a MEMOIZE, stores what is on top."""
        if token == b"\x94":
            index = self._memoized
            self._memoized += 1
        else:
            index = memo_index(token)
            self._numbered = True
        self._doubt_mixture()
        if self.top is None:
            self._strings.pop(index, None)
        else:
            self._strings[index] = self.top

    def _doubt_mixture(self) -> None:
        # Writers number their PUTs or leave it to the unpickler. Of a mixture nothing is believed.
        if self._numbered and self._memoized:
            self._believed = False

    def distrust(self) -> None:
        """An index could not be read: from here on nothing is believed."""
        self._believed = False

    def take_names(self) -> tuple[str, str] | None:
        """Module and name for a STACK_GLOBAL, if they were pushed right before it."""
        pushed, self._pushed = self._pushed, []
        module, name = pushed if len(pushed) == 2 else (None, None)
        return (module, name) if module and name is not None else None
