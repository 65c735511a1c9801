"""The reader as it is on Windows: it gets the name of the file, and bounds nothing of itself."""

from __future__ import annotations

import os
import socket
import sys

vars(sys)["modules"]["resource"] = None
for module, missing in ((socket, "send_fds"), (socket, "recv_fds"), (os, "O_TMPFILE")):
    vars(module).pop(missing, None)

from pyrnn2hdf5.sandbox import bounded, child, process  # noqa: E402 - they look at what is left

assert not (child.BOUNDS_ITSELF or process.PASSES_DESCRIPTORS)
vars(bounded)["CHILD_PROGRAM"] = __name__
main = child.main
