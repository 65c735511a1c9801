"""Protobuf as the protobuf library writes it, and a pronn in it, for tests that need one with a flaw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyrnn2hdf5.model.model import Codec, Model
from pyrnn2hdf5.model.network import arrays_of, network_of

WEIGHTS = ("WGI", "WGF", "WGO", "WCI", "WIP", "WFP", "WOP")


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    if value < 0x80:
        return bytes([value])
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes, length: int | None = None) -> bytes:
    """A string, packed numbers or a message; `length` is what it claims, where that is a lie."""
    return varint(field << 3 | 2) + varint(len(value) if length is None else length) + value


def array(values: NDArray[Any]) -> bytes:
    """kraken's message `array`."""
    dims = b"".join(number(1, size) for size in values.shape)
    return dims + data(2, values.astype("<f4").tobytes())


def fields(model: Model) -> dict[str, bytes]:
    """The fields of a pronn by their names, in the order of kraken's schema."""
    arrays = arrays_of(model.network)
    nets = {
        name: b"".join(data(number, array(arrays[f"{direction}.{weight}"])) for number, weight in enumerate(WEIGHTS, 1))
        for name, direction in (("fwdnet", "forward"), ("revnet", "reversed"))
    }
    return {
        "kind": data(1, b"pyrnn-bidi"),
        "ninput": number(10, model.Ni),
        "noutput": number(11, model.No),
        "codec": b"".join(data(12, (label or "").encode()) for label in model.codec.labels) if model.codec else b"",
        "fwdnet": data(13, nets["fwdnet"]),
        "revnet": data(14, nets["revnet"]),
        "softmax": data(15, data(1, array(arrays["W2"]))),
    }


def encode(model: Model) -> bytes:
    """A pronn, byte for byte as kraken writes it."""
    return b"".join(fields(model).values())


def small(labels: Iterable[str | None] | None = ("", "a", "b"), Ni: int = 2, Ns: int = 2, No: int = 3) -> Model:
    """A model of few weights, all of them float32."""
    chance = np.random.default_rng(7)
    shapes: dict[str, tuple[int, ...]] = {"W2": (No, 1 + 2 * Ns)}
    for direction in ("forward", "reversed"):
        shapes.update({f"{direction}.{weight}": (Ns, 1 + Ni + Ns) for weight in WEIGHTS[:4]})
        shapes.update({f"{direction}.{weight}": (Ns,) for weight in WEIGHTS[4:]})
    arrays = {name: chance.normal(size=shape).astype("f4").astype("f8") for name, shape in shapes.items()}
    codec = None if labels is None else Codec(tuple(labels))
    return Model(Ni=Ni, No=No, network=network_of(arrays, Ni, Ns, No), codec=codec)
