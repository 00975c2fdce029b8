"""Define mandatory tests: functions marked with their section and the versions of the standard that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

Check = Callable[[AdvisoryDocument], Iterator[Problem]]

#: Marks a function as a test; `mandatory_tests` looks for it.
ATTRIBUTE = "csaf_test"


@dataclass(frozen=True, slots=True)
class MandatoryTest:
    """A test of the standard: its section, and since which version it is there."""

    section: str
    since: str
    check: Check


def declare_mandatory_test(section: str, since: str = "2.0") -> Callable[[Check], Check]:
    """Mark a function as the test of a section; one function may be several tests."""

    def mark(check: Check) -> Check:
        setattr(check, ATTRIBUTE, MandatoryTest(section, since, check))
        return check

    return mark
