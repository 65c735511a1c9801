"""The worker of an archive as it is on Windows."""

from __future__ import annotations

from . import windows as windows  # isort: skip - first, for it takes away what Windows lacks

from pyrnn2hdf5.batch.worker import main as main
