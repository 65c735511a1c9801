"""Small models of any shape, with all that goes with one, for tests of ONNX."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source
from pyrnn2hdf5.model.network import arrays_of, network_of

from ..pronn.messages import small

NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1)
PARAMETERS = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.booleans() | NUMBERS | st.text(max_size=5) | st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
    max_size=4,
)
LABELS = st.lists(st.none() | st.text(max_size=3) | st.just("\ud800"), min_size=1, max_size=6)


@st.composite
def models(draw: st.DrawFn, scale: float = 1.0) -> Model:
    """Any network of a few weights, peepholes as large as any, with anything beside it that a pickle may hold."""
    labels = draw(LABELS)
    Ni, Ns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    model = small(labels, Ni, Ns, len(labels))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays = {name: random.normal(size=values.shape) * scale for name, values in arrays_of(model.network).items()}
    normalizer = LineNormalizer(draw(st.text(max_size=5)), tuple(sorted(draw(PARAMETERS).items())))
    return replace(
        model,
        network=network_of(arrays, Ni, Ns, model.No),
        codec=draw(st.none() | st.just(Codec(tuple(labels)))),
        line_normalizer=draw(st.none() | st.just(normalizer)),
        normalize=draw(st.none() | st.text(max_size=5)),
        source=draw(st.none() | st.builds(Source, st.text(max_size=5) | st.just("\udce4"), st.text(max_size=5))),
    )


def with_nan() -> LineNormalizer:
    """A line normalizer of numbers that JSON does not have."""
    return LineNormalizer("CenterNormalizer", (("a", math.nan), ("b", (math.inf, -math.inf, 1.5)), ("c", -math.inf)))
