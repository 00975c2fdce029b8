"""The history of a document: numbers in order, none left out, and the last of them its version."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import get_text
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem, build_number_key

_PLACE = "/document/tracking/revision_history"
_ZERO = re.compile(r"0|0\.\d+\.\d+([-+].*)?")


def _read_numbers(document: AdvisoryDocument) -> list[str]:
    return [get_text(one, "number") for one in document.history]


def _read_version(document: AdvisoryDocument) -> str:
    return get_text(document.tracking_section, "version")


def _has_prerelease(number: str) -> bool:
    return "-" in number.partition("+")[0]


def _parse_major_version(number: str) -> int:
    """Return the number before the first dot, -1 where there is none."""
    major = number.partition("+")[0].partition("-")[0].partition(".")[0]
    return int(major) if major.isascii() and major.isdigit() and len(major) < 20 else -1


@declare_mandatory_test("6.1.14")
def check_history_is_in_order(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the numbers that are smaller than one before."""
    numbers = _read_numbers(document)
    for before, after in itertools.pairwise(numbers):
        if build_number_key(after) < build_number_key(before):
            yield _PLACE, f"{after[:40]} comes after {before[:40]} in time"


@declare_mandatory_test("6.1.16")
def check_version_is_the_last(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the version that is not the number of the last revision."""
    numbers, version = _read_numbers(document), _read_version(document)
    if not numbers:
        return
    last, own = numbers[-1].partition("+")[0], version.partition("+")[0]
    if get_text(document.tracking_section, "status") == "draft":
        last, own = last.partition("-")[0], own.partition("-")[0]
    if last != own:
        yield (
            "/document/tracking/version",
            f"the version is {version[:40]}, the last revision {numbers[-1][:40]}",
        )


@declare_mandatory_test("6.1.17")
def check_drafts_are_drafts(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the status of a version before the first that is no draft."""
    version = _read_version(document)
    if (_ZERO.fullmatch(version) or _has_prerelease(version)) and get_text(
        document.tracking_section, "status"
    ) != "draft":
        yield "/document/tracking/status", f"a document of version {version[:40]} is a draft"


@declare_mandatory_test("6.1.18")
def check_released_history_has_no_draft(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the revisions before the first of a document that is released."""
    for number in _read_numbers(document):
        if document.is_released and _ZERO.fullmatch(number):
            yield _PLACE, f"the revision {number[:40]} is a draft, the document is not"


@declare_mandatory_test("6.1.19")
def check_history_has_no_prerelease(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the revisions that are pre-releases."""
    for number in _read_numbers(document):
        if _has_prerelease(number):
            yield _PLACE, f"the revision {number[:40]} is a pre-release"


@declare_mandatory_test("6.1.20")
def check_released_version_is_no_prerelease(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the version of a released document that is a pre-release."""
    if document.is_released and _has_prerelease(_read_version(document)):
        yield (
            "/document/tracking/version",
            f"{_read_version(document)[:40]} is a pre-release, the document is released",
        )


@declare_mandatory_test("6.1.21")
def check_history_has_no_gap(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the revisions before which one is left out."""
    majors = [_parse_major_version(number) for number in _read_numbers(document)]
    if majors and majors[0] not in {0, 1}:
        yield _PLACE, f"the first revision is {majors[0]}, not 0 or 1"
    for before, after in itertools.pairwise(majors):
        if after > before + 1:
            yield _PLACE, f"{after} comes after {before}"


@declare_mandatory_test("6.1.22")
def check_numbers_are_used_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the numbers that two revisions have."""
    for number, count in Counter(_read_numbers(document)).items():
        if count > 1:
            yield _PLACE, f"{count} revisions have the number {number[:40]}"


@declare_mandatory_test("6.1.30")
def check_versions_are_of_one_kind(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the mixture of integers and semantic versions."""
    kinds = {"." in number for number in (*_read_numbers(document), _read_version(document)) if number}
    if len(kinds) > 1:
        yield "/document/tracking", "integers and semantic versions are mixed"
