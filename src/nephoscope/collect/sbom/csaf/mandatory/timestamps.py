"""Timestamps: RFC 3339, none later than the document."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_trees
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Moment, Problem, parse_moment

_STRICT = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
#: Lists of a vulnerability whose items have a date.
_DATED = ("flags", "involvements", "remediations", "threats", "first_known_exploitation_dates")


def _is_valid(text: str) -> bool:
    """Return whether a time is one of RFC 3339 in capitals; leap seconds are not allowed."""
    return parse_moment(text) is not None and _STRICT.fullmatch(text) is not None


def _read_times(document: AdvisoryDocument) -> Iterator[tuple[str, object]]:
    """Give place and value of each time."""
    tracking = document.tracking_section
    for key in ("current_release_date", "initial_release_date"):
        yield f"/document/tracking/{key}", tracking.get(key)
    generator = get_tree(tracking, "generator")
    if "date" in generator:
        yield "/document/tracking/generator/date", generator["date"]
    for number, one in enumerate(list_trees(tracking, "revision_history")):
        yield f"/document/tracking/revision_history/{number}/date", one.get("date")
    for place, vulnerability in document.vulnerabilities:
        yield from _list_times(place, vulnerability, ("disclosure_date", "discovery_date", "release_date"))
    for key in _DATED:
        for place, _, item in document.iterate_items(key):
            yield from _list_times(place, item, ("date", "exploitation_date"))
    for place, _, _, content in document.list_metrics():
        for key in ("epss", "ssvc_v1", "ssvc_v2"):
            if isinstance(content.get(key), dict):
                yield from _list_times(f"{place}/{key}", get_tree(content, key), ("timestamp",))


def _list_times(place: str, holder: Tree, keys: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for key in keys:
        if key in holder:
            yield f"{place}/{key}", holder[key]


@declare_mandatory_test("6.1.37", since="2.1")
def check_times(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the times that are none."""
    for place, value in _read_times(document):
        if not isinstance(value, str) or not _is_valid(value):
            yield place, f"{str(value)[:60]!r} is no time of RFC 3339"


def _check_not_later(document: AdvisoryDocument, place: str, text: str) -> Iterator[Problem]:
    """Give a time that is later than the newest revision of a released document."""
    when, newest = parse_moment(text), document.newest
    if document.is_released and when and newest and newest < when:
        yield place, f"{text[:60]} is later than the newest revision"


@declare_mandatory_test("6.1.45", since="2.1")
def check_disclosure_is_past(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the disclosures after a public document."""
    if get_text(document.head, "distribution", "tlp", "label") == "CLEAR":
        for place, vulnerability in document.vulnerabilities:
            yield from _check_not_later(
                document, f"{place}/disclosure_date", get_text(vulnerability, "disclosure_date")
            )


@declare_mandatory_test("6.1.49", since="2.1")
def check_ssvc_is_past(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the decisions of SSVC after the document."""
    for place, _, _, content in document.list_metrics():
        for key in ("ssvc_v1", "ssvc_v2"):
            yield from _check_not_later(
                document, f"{place}/{key}/timestamp", get_text(content, key, "timestamp")
            )


@declare_mandatory_test("6.1.51", since="2.1")
def check_epss_is_past(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the predictions of EPSS after the document."""
    for place, _, _, content in document.list_metrics():
        yield from _check_not_later(
            document, f"{place}/epss/timestamp", get_text(content, "epss", "timestamp")
        )


@declare_mandatory_test("6.1.52", since="2.1")
def check_exploitation_is_past(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the exploitations after the document."""
    for place, _, item in document.iterate_items("first_known_exploitation_dates"):
        for key in ("date", "exploitation_date"):
            yield from _check_not_later(document, f"{place}/{key}", get_text(item, key))


@declare_mandatory_test("6.1.53", since="2.1")
def check_exploitation_is_known(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the exploitations that were known before they were."""
    for place, _, item in document.iterate_items("first_known_exploitation_dates"):
        known: Moment | None = parse_moment(get_text(item, "date"))
        exploited = parse_moment(get_text(item, "exploitation_date"))
        if known and exploited and known < exploited:
            yield f"{place}/exploitation_date", "the exploitation is later than the day on which it was known"
