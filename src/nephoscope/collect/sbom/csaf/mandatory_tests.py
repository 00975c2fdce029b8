"""Runs every mandatory test of the standard on a document."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from nephoscope.collect.sbom.bill_of_materials import Defect
from nephoscope.collect.sbom.csaf import mandatory
from nephoscope.collect.sbom.csaf.mandatory_test import ATTRIBUTE, MandatoryTest
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument

#: As many problems of one test are told.
MOST_PROBLEMS = 20


@cache
def list_mandatory_tests() -> tuple[MandatoryTest, ...]:
    """Return every test in the order of the standard."""
    found = []
    for info in pkgutil.iter_modules(mandatory.__path__):
        module = importlib.import_module(f"{mandatory.__name__}.{info.name}")
        found += [getattr(value, ATTRIBUTE) for value in vars(module).values() if hasattr(value, ATTRIBUTE)]
    return tuple(sorted(found, key=lambda one: [int(part) for part in one.section.split(".")]))


def find_defects(document: AdvisoryDocument) -> tuple[Defect, ...]:
    """Return what a document does against the tests of its version."""
    defects = []
    for test in list_mandatory_tests():
        if test.since > document.version:
            continue
        for count, (place, message) in enumerate(test.check(document)):
            if count == MOST_PROBLEMS:
                break
            defects.append(Defect(f"csaf-{test.section}", place, message))
    return tuple(defects)
