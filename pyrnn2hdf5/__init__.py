"""Convert OCRopus and kraken pyrnn models to HDF5: safely, exactly, verified.

>>> import pyrnn2hdf5
>>> model = pyrnn2hdf5.load_pyrnn("fixtures/models/digits.pyrnn.gz")
>>> model.Ni, model.Ns, model.No
(32, 24, 25)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .conversion import Conversion as Conversion
    from .conversion import convert as convert
    from .errors import CorruptPickleError as CorruptPickleError
    from .errors import Hdf5LayoutError as Hdf5LayoutError
    from .errors import InvalidInputError as InvalidInputError
    from .errors import InvalidModelError as InvalidModelError
    from .errors import LoadLimitError as LoadLimitError
    from .errors import Pyrnn2Hdf5Error as Pyrnn2Hdf5Error
    from .errors import SizeLimitError as SizeLimitError
    from .errors import SourceError as SourceError
    from .errors import TargetExistsError as TargetExistsError
    from .errors import UnsafePickleError as UnsafePickleError
    from .errors import UnsupportedModelError as UnsupportedModelError
    from .errors import VerificationError as VerificationError
    from .load import load_hdf5 as load_hdf5
    from .model import Codec as Codec
    from .model import LineNormalizer as LineNormalizer
    from .model import Model as Model
    from .model import Source as Source
    from .model import TrainingRecord as TrainingRecord
    from .names import default_target as default_target
    from .pyrnn import load_pyrnn as load_pyrnn
    from .recognition import Character as Character
    from .recognition import Recognition as Recognition
    from .recognition import recognize as recognize
    from .source import Limits as Limits
    from .store import load_any as load_any
    from .verification import Verification as Verification
    from .verification import verify as verify
    from .writing import save_hdf5 as save_hdf5

_ROOMS = {
    "conversion": ("Conversion", "convert"),
    "errors": (
        *("CorruptPickleError", "Hdf5LayoutError", "InvalidInputError", "InvalidModelError", "LoadLimitError"),
        "Pyrnn2Hdf5Error",
        *("SizeLimitError", "SourceError", "TargetExistsError", "UnsafePickleError", "UnsupportedModelError"),
        "VerificationError",
    ),
    "load": ("load_hdf5",),
    "model": ("Codec", "LineNormalizer", "Model", "Source", "TrainingRecord"),
    "names": ("default_target",),
    "pyrnn": ("load_pyrnn",),
    "recognition": ("Character", "Recognition", "recognize"),
    "source": ("Limits",),
    "store": ("load_any",),
    "verification": ("Verification", "verify"),
    "writing": ("save_hdf5",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_ROOM_OF)]


def __getattr__(name: str) -> Any:
    # NumPy and h5py are imported when a name needs them, so that `--help` does not wait for them.
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_ROOM_OF[name]}", __name__), name)
