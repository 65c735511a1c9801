"""Results as JUnit XML, one test case a model, for the CI systems that show it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from .render import visible


@dataclass(frozen=True)
class Case:
    """One model: a failure is a difference found, an error something that could not be read."""

    name: str
    seconds: float
    failure: str | None = None
    error: str | None = None


def junit(suite: str, cases: Sequence[Case]) -> str:
    """One test suite as XML."""
    root = ET.Element("testsuites")
    element = ET.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
        errors=str(sum(case.error is not None for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        test = ET.SubElement(element, "testcase", classname=suite, name=visible(case.name), time=f"{case.seconds:.3f}")
        for kind, message in (("failure", case.failure), ("error", case.error)):
            if message is not None:
                ET.SubElement(test, kind, message=visible(message))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
