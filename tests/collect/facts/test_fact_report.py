"""A report is taken apart into claims, each document in one, or refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.collect.facts.fact_report import (
    MOST_DOCUMENT_BYTES,
    FactReport,
    list_claims,
    merge_claims,
    parse_reports,
)
from nephoscope.collect.facts.fact_types import load_fact_types
from nephoscope.collect.facts.report_errors import FactError
from nephoscope_policy.model.resource_id import ResourceId, is_in_scope

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"
OTHER = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web02"
PATCHES = "Microsoft.HybridCompute/machines/patchAssessmentResults"
GUEST = "Microsoft.GuestConfiguration/guestConfigurationAssignments"
KEY = f"{MACHINE}/providers/Microsoft.Security/assessments/f97aa83c-9b63-4f9a-99f6-b22c4398f936"
FINDING = "Microsoft.Security/assessments/subAssessments"


def report(*documents: dict[str, Any], **more: Any) -> FactReport:
    given_ = {"resource": MACHINE, "readAt": NOW, "documents": documents, **more}
    return msgspec.convert(given_, FactReport)


def document(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "properties": {}, **more}


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


LATEST = f"{MACHINE}/patchAssessmentResults/latest"
GOOD = {
    "itself": (report(document(MACHINE)), {(MACHINE, "Microsoft.HybridCompute/machines"): 1}),
    "a child by itself": (report(document(LATEST)), {(LATEST, PATCHES): 1}),
    "a child of what was read in full": (report(document(LATEST), scopes={MACHINE: [PATCHES]}), {(MACHINE, PATCHES): 1}),
    "nothing of what was read in full": (report(scopes={KEY: [FINDING]}), {(KEY, FINDING): 0}),
    "an extension by itself": (
        report(document(f"{MACHINE}/providers/{GUEST}/AzureLinuxBaseline")),
        {(f"{MACHINE}/providers/{GUEST}/AzureLinuxBaseline", GUEST): 1},
    ),
    "the narrowest of two claims": (
        report(document(f"{KEY}/subAssessments/a"), scopes={KEY: [FINDING], MACHINE: [FINDING]}),
        {(KEY, FINDING): 1, (MACHINE, FINDING): 0},
    ),
    "in other letters": (
        report(document(LATEST.upper()), resource=MACHINE.lower(), scopes={MACHINE.upper(): [PATCHES.lower()]}),
        {(MACHINE, PATCHES): 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_claims(name: str) -> None:
    given_, wanted = GOOD[name]
    found = {(one.subject, one.type): len(one.documents) for one in list_claims(given_, NOW)}
    assert found == {(subject.lower(), type_.lower()): count for (subject, type_), count in wanted.items()}


BAD = {
    "nothing": (report(), "report: the report has neither documents nor scopes"),
    "no resource": (report(document(MACHINE), resource=GROUP), "resource: must be the ID of a resource"),
    "no id": (report(document("web01")), r"documents\[0\].id: not a resource id"),
    "no text": (report({"id": 7, "properties": {}}), r"documents\[0\].id: must be the ID"),
    "a neighbor": (report(document(MACHINE), document(OTHER)), r"documents\[1\].id: must be .*web01 or below it"),
    "a longer name": (report(document(f"{MACHINE}1")), r"documents\[0\].id: must be .*web01 or below it"),
    "what lies above": (report(document(MACHINE), resource=LATEST), r"documents\[0\].id: must be .* or below it"),
    "twice": (report(document(MACHINE), document(MACHINE.upper())), "occurs twice in the report"),
    "an unknown type": (report(document(f"{MACHINE}/secrets/x")), "unsupported type"),
    "another parent": (
        report(document(f"{LATEST}/providers/{GUEST}/x")), f"{GUEST} must be below Microsoft.HybridCompute/machines or"),
    "another name": (report(document(MACHINE, name="web02")), r"documents\[0\].name: must match the ID, 'web01'"),
    "another type": (report(document(MACHINE, type="Microsoft.Compute/virtualMachines")), r"documents\[0\].type: must match the ID"),
    "no properties": (report({"id": MACHINE}), r"documents\[0\].properties: must be an object"),
    "a member of its own": (report(document(MACHINE, tenantId="x")), r"documents\[0\].tenantId: unknown member"),
    "too deep": (report(document(MACHINE, properties=nested(80))), r"documents\[0\]: nested deeper than"),
    "too large": (report(document(MACHINE, properties={"a": "x" * MOST_DOCUMENT_BYTES})), "bytes, and at most"),
    "no zone": (report(document(MACHINE), readAt=NOW.replace(tzinfo=None)), "readAt: must have a time zone"),
    "the future": (report(document(MACHINE), readAt=NOW + timedelta(minutes=6)), "readAt: must not be in the future"),
    "a tenant": (report(document(MACHINE), tenant="../x"), "tenant: must be a tenant ID"),
    "a claim beside": (report(scopes={OTHER: [PATCHES]}), "scopes.*must be .*web01 or below it"),
    "a claim above": (report(scopes={GROUP: [PATCHES]}), "scopes.*must be the ID of a resource"),
    "a claim of itself": (report(scopes={MACHINE: ["Microsoft.HybridCompute/machines"]}), "is the type of the scope itself"),
    "a claim of everything": (report(scopes={MACHINE: ["*"]}), "unsupported type '\\*'"),
    "too many claims": (report(*(document(f"{MACHINE}/extensions/{n}") for n in range(201))), "makes 201 claims"),
    "too many documents": (report(*(document(f"{KEY}/subAssessments/{n}") for n in range(5001))), "documents: there are 5,001"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str) -> None:
    given_, said = BAD[name]
    with pytest.raises(FactError, match=said):
        list_claims(given_, NOW)


READ_AT = "2026-11-29T10:00:00Z"
RIGHT = f'{{"resource": "{MACHINE}", "readAt": "{READ_AT}", "documents": [{{"id": "{MACHINE}", "properties": {{}}}}]}}'
#: name -> (text, the whole refusal)
TEXTS = {
    "no JSON": (b"{", "report: it is not JSON in UTF-8 (Input data was truncated): send a JSON object, or a list of them"),
    "nothing": (b" \n", "report: it is empty: send a JSON object, or a list of them"),
    "an empty list": (b"[]", "report: the list is empty"),
    "no object": (b"7", "report: it must be an object or a list, and is a number"),
    "a line a report": (f"{RIGHT}\n{RIGHT}".encode(), "report: more follows the first JSON value (JSON is malformed: trailing "
        f"characters (byte {len(RIGHT) + 2})): put several reports into one list"),
    "UTF-16": (RIGHT.encode("utf-16"), "report: it is in UTF-16: write it in UTF-8 (`Out-File -Encoding utf8`)"),
    "an unknown member": (f'{{"resource": "/x", "readAt": "{READ_AT}", "extra": 1}}'.encode(),
        "extra: a report has no such member, only resource, readAt, documents, scopes, tenant"),
    "no time": (b'{"resource": "/x"}', "readAt: it is missing: give the time of the scan, as in 2026-11-29T10:00:00Z"),
    "no resource of the second": (f'[{RIGHT}, {{"readAt": "{READ_AT}"}}]'.encode(),
        "reports[1].resource: it is missing: give the ID of the resource that was scanned"),
    "a day": (b'{"resource": "/x", "readAt": "2026-11-29"}', "readAt: a time is written with its zone, as in 2026-11-29T10:00:00Z"),
    "a document that is a text": (b'{"resource": "/x", "documents": ["a"]}', "documents[0]: it must be an object, and is a text"),
    "a type that is no list": (b'{"resource": "/x", "scopes": {"/x": "a"}}', "scopes[...]: it must be a list, and is a text"),
    "no JSON of text": (b'"\xff"', None),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_no_report(name: str) -> None:
    text, said = TEXTS[name]
    with pytest.raises(FactError) as caught:
        parse_reports(text)
    assert said is None or str(caught.value) == said


def test_the_mark_that_windows_begins_texts_with_is_passed_over() -> None:
    assert parse_reports(b"\xef\xbb\xbf" + RIGHT.encode()) == parse_reports(RIGHT.encode())


def test_the_place_of_several_reports_names_the_report() -> None:
    good, bad = report(document(MACHINE)), report(document(OTHER))
    assert len(merge_claims([good, good], NOW)) == 2
    with pytest.raises(FactError, match=r"^documents\[0\]\.id: must be"):
        merge_claims([bad], NOW)
    with pytest.raises(FactError, match=r"^reports\[1\]\.documents\[0\]\.id: must be"):
        merge_claims([good, bad], NOW)
    with pytest.raises(FactError, match=r"^reports\[1\]: the report has neither"):
        merge_claims([good, report()], NOW)


SEGMENTS = st.sampled_from([
    "subscriptions", "resourceGroups", "rg", "providers", "Microsoft.HybridCompute", "machines", "web01", "web02", "..", "", "%2e",
    "patchAssessmentResults", "latest", "Microsoft.Security", "assessments", "subAssessments", "a b", "11111111-1111",
])  # fmt: skip
IDS = st.one_of(
    st.lists(SEGMENTS, max_size=12).map("/".join),
    st.lists(SEGMENTS, max_size=4).map(lambda parts: f"{MACHINE}/{'/'.join(parts)}"),
    st.text(max_size=40),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["id", "name", "type", "properties", "location", "x"]), st.one_of(IDS, JSON), max_size=4
) | st.builds(
    lambda id_, properties: {"id": id_, "properties": properties},
    IDS,
    st.dictionaries(st.text(max_size=4), JSON, max_size=2),
)
TYPES = st.sampled_from([one.type for one in load_fact_types().values()]) | st.text(max_size=8)


@given(
    st.lists(DOCUMENTS, max_size=3),
    st.dictionaries(IDS, st.lists(TYPES, max_size=2), max_size=2),
    st.one_of(st.just(MACHINE), IDS),
)
def test_whatever_is_kept_lies_below_the_resource_and_is_of_a_known_type(
    documents: list[dict[str, Any]], scopes: dict[str, list[str]], resource: str
) -> None:
    try:
        found = list_claims(report(*documents, scopes=scopes, resource=resource), NOW)
    except FactError:
        return
    key = ResourceId.parse(resource).key
    kept = [body for one in found for body in one.documents]
    assert len(kept) == len(documents)
    for one in found:
        assert is_in_scope(one.subject, key)
        assert one.type in load_fact_types()
        for body in one.documents:
            id_ = ResourceId.parse(body["id"])
            assert is_in_scope(id_.key, one.subject)
            assert (id_.type, body["type"].lower()) == (one.type, one.type)


@given(JSON)
def test_any_json_is_a_report_or_refused(value: Any) -> None:
    with pytest.raises(FactError):
        parse_reports(msgspec.json.encode({"resource": value, "x": value}))
