"""Records: one set of keys, whatever became of a model, and nothing that JSON cannot hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyrnn2hdf5.conversion.converter import attempt, foresee
from pyrnn2hdf5.conversion.outcome import Options, Outcome
from pyrnn2hdf5.errors import UnsafePickleError
from pyrnn2hdf5.records import SCHEMA, error_record, outcome_record, verification_record
from pyrnn2hdf5.verification.comparison import verify

from .conftest import MODELS
from .pickles import Name, Text, dump, recognizer
from .schema import problems

SOURCE = MODELS / "digits.pyrnn.gz"
KEYS = [
    *("schema", "source", "target", "status", "kind", "source_size", "source_sha256", "target_size", "target_sha256"),
    *("verification", "warnings", "duplicate_of", "seconds", "error"),
]


def outcomes(folder: Path) -> dict[str, Outcome]:
    """An outcome of each status."""
    hostile, odd, target = folder / "hostile.pyrnn", folder / "odd.pyrnn", folder / "m.hdf5"
    hostile.write_bytes(dump(Name("os", "system")))
    odd.write_bytes(dump(recognizer(codec={0: "", 1: Text("ll")})))
    converted = attempt(SOURCE, target, Options())
    return {
        "converted": converted,
        "duplicate": replace(converted, duplicate_of=odd),
        "up to date": attempt(SOURCE, target, Options()),
        "failed": attempt(odd, target, Options()),
        "refused": attempt(hostile, folder / "hostile.hdf5", Options()),
        "would convert": foresee(odd, folder / "odd.hdf5", Options()),
    }


def test_the_keys_are_the_same_whatever_became_of_a_model(tmp_path: Path) -> None:
    for status, outcome in outcomes(tmp_path).items():
        record = outcome_record(outcome)
        assert (list(record), problems(record, "convert")) == (KEYS, [])
        assert (record["schema"], record["status"]) == (SCHEMA, status)
        assert json.loads(json.dumps(record, allow_nan=False)) == json.loads(json.dumps(record))
        assert record["source_size"] == Path(record["source"]).stat().st_size
        assert (record["error"] is None) == (status not in ("failed", "refused"))
        assert isinstance(record["warnings"], list)
    missing = outcome_record(attempt(tmp_path / "no", tmp_path / "no.hdf5", Options()))
    assert problems(missing, "convert") == []
    assert (list(missing), missing["source_size"], missing["status"]) == (KEYS, None, "failed")
    assert missing["error"] == {"kind": "FileNotFoundError", "message": "No such file or directory", "remedy": None}


def test_a_second_run_tells_the_warnings_of_the_first(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    for codec, warning in (
        ({0: "", 1: Text("ll")}, "kraken cannot read this codec"),
        ({0: "", 1: Text("b"), 2: Text("a")}, "the codec was not in code point order"),
    ):
        source.write_bytes(dump(recognizer(codec=codec)))
        first, second = (outcome_record(attempt(source, tmp_path / "m.hdf5", Options())) for _ in range(2))
        assert (first["status"], second["status"]) == ("converted", "up to date")
        assert first["warnings"] == second["warnings"]
        assert warning in first["warnings"][0]
        (tmp_path / "m.hdf5").unlink()


def test_a_duplicate_names_the_first(tmp_path: Path) -> None:
    assert outcome_record(outcomes(tmp_path)["duplicate"])["duplicate_of"] == str(tmp_path / "odd.pyrnn")


def test_no_number_is_beyond_json(tmp_path: Path) -> None:
    found = verify(SOURCE, SOURCE)
    assert found.behaviour is not None
    odd = replace(found, behaviour=replace(found.behaviour, largest_difference=float("nan"), tolerance=float("inf")))
    record = json.loads(json.dumps(verification_record(odd), allow_nan=False))
    assert (record["behaviour"]["largest_difference"], record["behaviour"]["tolerance"]) == (None, None)
    assert record["ok"] is False
    rest = {"schema": SCHEMA, "source": "a", "result": "b", "status": "different", "error": None}
    assert problems(rest | {"verification": record}, "verify") == []


@pytest.mark.parametrize("source", ["m", Path("m")])
def test_an_error_is_told_by_its_kind(source: object) -> None:
    assert error_record(source, UnsafePickleError("refused", remedy="force")) == {
        "kind": "UnsafePickleError",
        "message": "refused",
        "remedy": "force",
    }
    assert error_record(source, TimeoutError("took longer"))["remedy"] == "timeout"
    assert error_record(source, TimeoutError(110, "of the network"))["remedy"] is None
    assert error_record(source, OSError(2, "No such file", "m"))["message"] == "No such file"
    assert error_record(source, OSError(2, "No such file", "n"))["message"] == "No such file: n"
