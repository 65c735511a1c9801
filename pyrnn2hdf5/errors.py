"""The error hierarchy. Messages name the culprit, then what was expected, then what was found.

Every error survives pickling, and equals its copy.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pyrnn2Hdf5Error(Exception):
    """Base class of every error this package raises on purpose (`OSError` is passed through).

    Attributes
    ----------
    path
        The file to blame, where an operation has several and the error comes from one of them, or where a path is
        that of no file.
    remedy
        The argument that gets past the error, by its name: `force`, `float64`, `ignore_checksum`,
        `keep_failed`, `target`, or one of `Limits`; `allow_globals=MODULE.NAME` with its value. None where nothing
        does.
    """

    def __init__(self, message: str = "", *, path: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.remedy = remedy

    def about(self, path: str | os.PathLike[str]) -> Pyrnn2Hdf5Error:
        """The same error, with a file to blame."""
        return type(self)(str(self), path=os.fspath(path), remedy=self.remedy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pyrnn2Hdf5Error) or type(other) is not type(self):
            return NotImplemented
        return (self.args, self.path, self.remedy) == (other.args, other.path, other.remedy)

    def __hash__(self) -> int:
        return hash((type(self), self.args, self.path, self.remedy))


class SourceError(Pyrnn2Hdf5Error):
    """The bytes are no pyrnn, pronn or ONNX file of ours: another format, damaged data, an empty file."""


class SizeLimitError(SourceError):
    """The file unpacks to more than the size limit."""


class LoadLimitError(SourceError):
    """Loading the file takes more memory or time than it may.

    Time is that of the clock on the wall: on a busy machine it may not be the file that is to blame.
    """


class UnsafePickleError(Pyrnn2Hdf5Error):
    """The pickle names a global outside the allow-list, or asks for something only code can give."""


class CorruptPickleError(Pyrnn2Hdf5Error):
    """The pickle is cut off, malformed, or uses an allowed name in a way no writer does."""


class UnsupportedModelError(Pyrnn2Hdf5Error):
    """A readable pickle of something else than a bidirectional LSTM line recognizer."""


class InvalidModelError(Pyrnn2Hdf5Error):
    """A line recognizer whose parts are missing, malformed or do not fit together."""


class Hdf5LayoutError(Pyrnn2Hdf5Error):
    """An HDF5 file that does not hold a model in the documented layout."""


class VerificationError(Pyrnn2Hdf5Error):
    """A written model is not the model it was written from."""


class TargetExistsError(Pyrnn2Hdf5Error):
    """The target is there already and does not come from this source."""


class TargetConflictError(Pyrnn2Hdf5Error):
    """Two sources of one run would be converted to one target, or the target is the source itself."""


class MissingExtraError(Pyrnn2Hdf5Error):
    """What is asked for needs a package of an extra that is not installed."""


class ReaderError(Pyrnn2Hdf5Error):
    """No process can be started to read a file within limits."""


class InvalidInputError(Pyrnn2Hdf5Error, ValueError):
    """An argument of the library has the wrong shape or value, or an image is none."""


Failure = Pyrnn2Hdf5Error | OSError | MemoryError
FAILURES: Final = (Pyrnn2Hdf5Error, OSError, MemoryError)
"""What one model or image may meet without an end to the others."""


@contextlib.contextmanager
def blamed_on(path: str | os.PathLike[str]) -> Iterator[None]:
    """An error of ours that is raised meanwhile has the path of the file to blame."""
    try:
        yield
    except Pyrnn2Hdf5Error as error:
        raise error.about(path) from error
