"""The error hierarchy. Messages name the culprit, then what was expected, then what was found."""

from __future__ import annotations


class Pyrnn2Hdf5Error(Exception):
    """Base class of every error this package raises on purpose (`OSError` is passed through).

    `path` is the file to blame, where an operation has several and the error comes from one of them.
    """

    path: str | None = None


class SourceError(Pyrnn2Hdf5Error):
    """The bytes are no pyrnn file: another format, damaged compression, an empty file."""


class SizeLimitError(SourceError):
    """The file unpacks to more than the size limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"unpacked size: expected at most {limit} bytes, got more (see --max-size)")


class LoadLimitError(SourceError):
    """Loading the pickle takes more memory or time than it may."""

    def __init__(self, what: str, limit: str, option: str) -> None:
        super().__init__(f"{what} to load: expected at most {limit}, got more (see {option})")


class UnsafePickleError(Pyrnn2Hdf5Error):
    """The pickle names a global outside the allow-list, or asks for something only code can give."""

    def __init__(self, what: str) -> None:
        super().__init__(f"refused {what}: not part of an OCRopus line recognizer")


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
    """Two sources would be converted to one target."""

    def __init__(self, first: object, second: object, target: object) -> None:
        super().__init__(f"{first} and {second}: expected a target for each, both would be {target}")


class MissingExtraError(Pyrnn2Hdf5Error):
    """Line images need a package of the extra `[ocr]`."""

    def __init__(self, package: str) -> None:
        super().__init__(f"line images need {package}: install it with `pip install 'pyrnn2hdf5[ocr]'`")


class InvalidInputError(Pyrnn2Hdf5Error, ValueError):
    """An argument of the library has the wrong shape."""
