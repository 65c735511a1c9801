"""Convert OCRopus and kraken pyrnn models to HDF5: safely, exactly, verified.

>>> import pyrnn2hdf5
>>> model = pyrnn2hdf5.load_pyrnn("fixtures/models/digits.pyrnn.gz")
>>> model.Ni, model.Ns, model.No
(32, 24, 25)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_NAMES = {
    "conversion.converter": ("convert",),
    "conversion.model_lookup": ("load_any",),
    "conversion.outcome": ("Conversion",),
    "conversion.writer": ("save_hdf5", "save_onnx"),
    "errors": (
        *("CorruptPickleError", "Hdf5LayoutError", "InvalidInputError", "InvalidModelError", "LoadLimitError"),
        *("MissingExtraError", "Pyrnn2Hdf5Error", "ReaderError", "SizeLimitError", "SourceError"),
        *("TargetConflictError", "TargetExistsError", "UnsafePickleError", "UnsupportedModelError"),
        "VerificationError",
    ),
    "files.paths": ("default_target",),
    "hdf5.reader": ("load_hdf5",),
    "limits": ("Limits",),
    "model.model": ("Codec", "LineNormalizer", "Model", "Source", "TrainingRecord"),
    "ocr.recognition": ("Character", "Recognition", "recognize"),
    "pronn.reader": ("load_pronn",),
    "pyrnn.findings": ("Global",),
    "pyrnn.reader": ("load_pyrnn", "named_globals"),
    "verification.comparison": ("Verification", "verify"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]

if TYPE_CHECKING:
    from .conversion.converter import convert as convert
    from .conversion.model_lookup import load_any as load_any
    from .conversion.outcome import Conversion as Conversion
    from .conversion.writer import save_hdf5 as save_hdf5
    from .conversion.writer import save_onnx as save_onnx
    from .errors import CorruptPickleError as CorruptPickleError
    from .errors import Hdf5LayoutError as Hdf5LayoutError
    from .errors import InvalidInputError as InvalidInputError
    from .errors import InvalidModelError as InvalidModelError
    from .errors import LoadLimitError as LoadLimitError
    from .errors import MissingExtraError as MissingExtraError
    from .errors import Pyrnn2Hdf5Error as Pyrnn2Hdf5Error
    from .errors import ReaderError as ReaderError
    from .errors import SizeLimitError as SizeLimitError
    from .errors import SourceError as SourceError
    from .errors import TargetConflictError as TargetConflictError
    from .errors import TargetExistsError as TargetExistsError
    from .errors import UnsafePickleError as UnsafePickleError
    from .errors import UnsupportedModelError as UnsupportedModelError
    from .errors import VerificationError as VerificationError
    from .files.paths import default_target as default_target
    from .hdf5.reader import load_hdf5 as load_hdf5
    from .limits import Limits as Limits
    from .model.model import Codec as Codec
    from .model.model import LineNormalizer as LineNormalizer
    from .model.model import Model as Model
    from .model.model import Source as Source
    from .model.model import TrainingRecord as TrainingRecord
    from .ocr.recognition import Character as Character
    from .ocr.recognition import Recognition as Recognition
    from .ocr.recognition import recognize as recognize
    from .pronn.reader import load_pronn as load_pronn
    from .pyrnn.findings import Global as Global
    from .pyrnn.reader import load_pyrnn as load_pyrnn
    from .pyrnn.reader import named_globals as named_globals
    from .verification.comparison import Verification as Verification
    from .verification.comparison import verify as verify
else:
    # Not for a type checker, to which a misspelt name is an error.
    def __getattr__(name: str) -> Any:
        # NumPy and h5py are imported when a name needs them, so that `--help` does not wait for them.
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)

    def __dir__() -> list[str]:
        return sorted(__all__)
