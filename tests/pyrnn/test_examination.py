"""All that can be told of a pyrnn file in one reading: what its bytes are, its protocol, what remains of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import CorruptPickleError, SourceError, UnsupportedModelError
from pyrnn2hdf5.pyrnn.examination import protocol_of
from pyrnn2hdf5.pyrnn.reader import examine_pyrnn, read_pyrnn
from pyrnn2hdf5.show.facts import PARTS

from ..conftest import MODELS
from ..pickles import DIALECTS, Dialect, Name, Obj, dump, recognizer


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_every_dialect(dialect: Dialect, tmp_path: Path) -> None:
    data = dump(recognizer(Ni=20, Ns=10), dialect)
    (tmp_path / "m").write_bytes(data + b"more")
    found, _ = examine_pyrnn(tmp_path / "m")
    assert (found.protocol, found.problem, found.unlisted, found.unfollowed) == (dialect.protocol, None, 0, None)
    assert protocol_of(data[:256]) == dialect.protocol
    assert found.source.trailing_size == 4
    assert found.parts is not None
    assert tuple(found.parts) == PARTS
    assert sum(found.parts.values()) == len(data)


def test_parts_are_told_by_name(tmp_path: Path) -> None:
    text = "a line of text, far longer than any name is"
    (tmp_path / "m").write_bytes(dump(recognizer(Ni=20, Ns=10, changes={"key_log": [text] * 50}), Dialect(2)))
    parts = examine_pyrnn(tmp_path / "m")[0].parts
    assert parts is not None
    gates, peepholes, W2 = 2 * 4 * 10 * 31 * 8, 2 * 3 * 10 * 8, 4 * 21 * 8
    assert parts["weights"] == gates + peepholes + W2
    assert parts["derivatives"] == gates
    assert parts["buffers"] == 2 * 2 * 10 * 8
    assert parts["rest"] > 50 * len(text)


@pytest.mark.parametrize("path", sorted(MODELS.iterdir()), ids=lambda path: path.name)
def test_fixtures(path: Path) -> None:
    found, _ = examine_pyrnn(path)
    assert found.parts is not None
    assert sum(found.parts.values()) == found.source.unpacked_size
    assert found.parts["weights"] == 12_313 * 8
    assert found.source == read_pyrnn(path)[1]
    assert found.remains is not None
    assert found.remains.structure[0].endswith("lstm.SeqRecognizer")


def test_what_is_no_model_has_a_problem_and_remains(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(dump(Obj(Name("ocrolib.lineest", "CenterNormalizer"), {"range": 4})))
    found, named = examine_pyrnn(path)
    assert isinstance(found.problem, UnsupportedModelError)
    assert found.model is None
    assert found.remains is not None
    assert found.remains.structure == ("ocrolib.lineest.CenterNormalizer",)
    assert [name.path for name in named] == ["ocrolib.lineest.CenterNormalizer"]
    path.write_bytes(dump(recognizer())[:-1])
    found, _ = examine_pyrnn(path)
    assert isinstance(found.problem, CorruptPickleError)
    assert (found.model, found.remains, found.parts) == (None, None, None)


def test_damage_behind_the_pickle_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(dump(recognizer()))[:-8])
    found, _ = examine_pyrnn(path)
    assert found.problem == SourceError(
        "gzip data is damaged or cut off: fetch the file again", remedy="ignore_checksum"
    )
    assert found.model is not None
    assert found.source.damage is not None
    with pytest.raises(SourceError):
        read_pyrnn(path)
