"""A moving window on a stream, so that a scan of any length takes a bounded amount of memory."""

from __future__ import annotations

from typing import IO, Final

from .errors import CorruptPickleError

CHUNK: Final = 2**20


class Window:
    """Bytes of a stream: `data[at:]` is what comes next, at least `enough` bytes where there are so many."""

    def __init__(self, stream: IO[bytes], enough: int) -> None:
        self._stream = stream
        self._enough = enough
        self._base = 0
        self._ended = False
        self.data = b""
        self.at = 0

    @property
    def position(self) -> int:
        """Bytes of the stream that have been passed."""
        return self._base + self.at

    def fill(self) -> None:
        """Read on unless enough is here."""
        while len(self.data) - self.at < self._enough and not self._ended:
            more = self._stream.read(CHUNK)
            self._ended = not more
            self._base += self.at
            self.data, self.at = self.data[self.at :] + more, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes, not more than `enough`. Raises `CorruptPickleError` at the end."""
        data = self.data[self.at : self.at + size]
        if len(data) < size:
            raise CorruptPickleError("the pickle is cut off")
        self.at += size
        return data

    def skip(self, size: int) -> None:
        """Pass over any number of bytes. Raises `CorruptPickleError` at the end."""
        while size > len(self.data) - self.at and not self._ended:
            size -= len(self.data) - self.at
            self.at = len(self.data)
            self.fill()
        self.take(size)

    def line(self, longest: int) -> bytes:
        """The beginning of the line, at most `longest` bytes; all of it and its end are passed over."""
        self.fill()
        beginning = self.data[self.at : self.at + longest].split(b"\n", 1)[0]
        while (end := self.data.find(b"\n", self.at)) < 0:
            if self._ended:
                raise CorruptPickleError("the pickle is cut off")
            self.at = len(self.data)
            self.fill()
        self.at = end + 1
        return beginning
