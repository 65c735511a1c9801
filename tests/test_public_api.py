"""The public names."""

from __future__ import annotations

import pytest

import pyrnn2hdf5


def test_every_public_name_is_there() -> None:
    assert all(getattr(pyrnn2hdf5, name) for name in pyrnn2hdf5.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pyrnn2hdf5.nothing
