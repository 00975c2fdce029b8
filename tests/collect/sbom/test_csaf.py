"""CSAF: products and statements, and each mandatory test of the standard."""

from __future__ import annotations

import copy
import itertools
import json

import pytest

from nephoscope.collect.sbom.csaf.cwe_weaknesses import is_weakness
from nephoscope.collect.sbom.csaf.language_tags import is_language
from nephoscope.collect.sbom.csaf.mandatory_tests import list_mandatory_tests
from nephoscope.collect.sbom.sbom_reader import read_bill
from nephoscope.model.vex import VexStatement
from nephoscope.vulnerability.documents.csaf_document import build_number_key, parse_moment

TIME = "2026-01-01T00:00:00Z"
CVSS = {
    "version": "3.1",
    "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "baseScore": 9.8,
    "baseSeverity": "CRITICAL",
}


def branch(category, label, *inner, **product):
    return {
        "category": category,
        "name": label,
        **({"product": product} if product else {"branches": list(inner)}),
    }


def document(version="2.1"):
    """Return a document that breaks nothing."""
    head = {
        "category": "csaf_vex",
        "csaf_version": version,
        "title": "An advisory",
        "lang": "en-GB",
        "publisher": {"category": "vendor", "name": "Acme", "namespace": "https://acme.example"},
        "notes": [{"category": "other", "text": "A note", "title": "Note"}],
        "tracking": {
            "id": "ACME-1",
            "status": "final",
            "version": "2",
            "current_release_date": TIME,
            "initial_release_date": TIME,
            "revision_history": [
                {"date": TIME, "number": "2", "summary": "second"},
                {"date": "2025-12-31T00:00:00Z", "number": "1", "summary": "first"},
            ],
        },
    }
    if version == "2.1":
        head["distribution"] = {"tlp": {"label": "CLEAR"}}
    helper = {"purls": ["pkg:npm/web@2.1"]} if version == "2.1" else {"purl": "pkg:npm/web@2.1"}
    fixed = branch("product_version", "2.2", product_id="P2", name="Web 2.2")
    ranged = branch("product_version_range", "vers:npm/<2.0.0", product_id="P3", name="Web before 2")
    affected = branch(
        "product_version", "2.1", product_id="P1", name="Web 2.1", product_identification_helper=helper
    )
    combined = {"full_product_name": {"name": "Web on OS", "product_id": "P5"}}
    if version == "2.1":
        combined |= {
            "beginning_product_reference": "P1",
            "subpaths": [{"category": "installed_on", "next_product_reference": "P4"}],
        }
    else:
        combined |= {
            "category": "installed_on",
            "product_reference": "P1",
            "relates_to_product_reference": "P4",
        }
    metric = (
        {"products": ["P1"], "content": {"cvss_v3": dict(CVSS)}}
        if version == "2.1"
        else {"products": ["P1"], "cvss_v3": dict(CVSS)}
    )
    return {
        "$schema": "https://docs.oasis-open.org/csaf/csaf/v2.1/schema/csaf.json",
        "document": head,
        "product_tree": {
            "branches": [branch("vendor", "Acme", branch("product_name", "Web", affected, fixed, ranged))],
            "full_product_names": [
                {
                    "name": "OS",
                    "product_id": "P4",
                    "product_identification_helper": {"cpe": "cpe:2.3:o:acme:os:1:*:*:*:*:*:*:*"},
                }
            ],
            ("product_paths" if version == "2.1" else "relationships"): [combined],
            "product_groups": [{"group_id": "G", "product_ids": ["P3", "P5"]}],
        },
        "vulnerabilities": [
            {
                "cve": "CVE-2026-1000",
                "ids": [{"system_name": "Acme", "text": "BUG-1"}],
                "notes": [{"category": "summary", "text": "It breaks."}],
                "product_status": {
                    "known_affected": ["P1"],
                    "fixed": ["P2"],
                    "known_not_affected": ["P3", "P5"],
                },
                "flags": [{"label": "vulnerable_code_not_present", "group_ids": ["G"]}],
                "remediations": [{"category": "vendor_fix", "details": "Update.", "product_ids": ["P1"]}],
                ("metrics" if version == "2.1" else "scores"): [metric],
            }
        ],
    }


def defects(value):
    return {one.rule for one in read_bill("a.json", json.dumps(value).encode()).defects}


def changed(value, path, change):
    """Return a copy with the value at a path replaced (or left out, where that is Ellipsis)."""
    value = copy.deepcopy(value)
    *before, last = [int(key) if key.isdigit() else key for key in path.strip("/").split("/")]
    holder = value
    for key in before:
        holder = holder[key]
    if change is ...:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(change)
    else:
        holder[last] = change
    return value


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_a_document_that_breaks_nothing_is_valid(version):
    assert defects(document(version)) == set()


def test_a_document_of_another_version_is_refused():
    with pytest.raises(ValueError, match=r"not a supported version of CSAF: 2\.0, 2\.1"):
        defects(changed(document(), "/document/csaf_version", "1.2"))


V = "/vulnerabilities/0"
WEB = "/product_tree/branches/0/branches/0"
CONTENT = f"{V}/metrics/0/content"
HISTORY = "/document/tracking/revision_history"
SSVC = {
    "schemaVersion": "2.0.0",
    "timestamp": TIME,
    "selections": [
        {"key": "E", "namespace": "ssvc", "version": "1.1.0", "values": [{"key": "N"}, {"key": "P"}]}
    ],
}
EXTENSION = {
    "$schema": "https://acme.example/s_1.0.0-rc.1.json",
    "category": "supplementary",
    "content": {"more": 1},
    "critical": False,
}


def ssvc(**change):
    return SSVC | change


def selection(**change):
    return ssvc(selections=[SSVC["selections"][0] | change])


BROKEN = [
    ("6.1.1", f"{V}/product_status/fixed/1", "P9"),
    (
        "6.1.1",
        f"{V}/flags/0",
        {"label": "vulnerable_code_not_present", "group_ids": ["G"], "product_ids": ["P9"]},
    ),
    ("6.1.2", "/product_tree/full_product_names/1", {"name": "again", "product_id": "P1"}),
    ("6.1.3", "/product_tree/product_paths/0/beginning_product_reference", "P5"),
    ("6.1.4", f"{V}/flags/0/group_ids/1", "H"),
    ("6.1.5", "/product_tree/product_groups/1", {"group_id": "G", "product_ids": ["P1"]}),
    ("6.1.6", f"{V}/product_status/under_investigation", ["P1"]),
    ("6.1.7", f"{V}/metrics/1", {"products": ["P1"], "content": {"cvss_v3": CVSS}}),
    ("6.1.8", f"{CONTENT}/cvss_v3/baseSeverity", ...),
    ("6.1.8", f"{CONTENT}/cvss_v3/vectorString", "CVSS:3.1/AV:N"),
    ("6.1.8", f"{CONTENT}/cvss_v3/version", "3.7"),
    ("6.1.8", f"{CONTENT}/cvss_v3/baseSeverity", ["HIGH"]),
    ("6.1.9", f"{CONTENT}/cvss_v3/baseScore", 5.0),
    (
        "6.1.9",
        f"{CONTENT}/cvss_v2",
        {"version": "2.0", "vectorString": "AV:N/AC:L/Au:N/C:P/I:P/A:P", "baseScore": 1.0},
    ),
    ("6.1.10", f"{CONTENT}/cvss_v3/scope", "CHANGED"),
    ("6.1.11", f"{V}/cwes", [{"id": "CWE-79", "name": "Another name", "version": "4.13"}]),
    ("6.1.12", "/document/lang", "xq"),
    ("6.1.13", f"{WEB}/branches/0/product/product_identification_helper/purls/0", "pkg:npm"),
    ("6.1.14", f"{HISTORY}/0/number", "0"),
    ("6.1.15", "/document/publisher/category", "translator"),
    ("6.1.16", "/document/tracking/version", "1"),
    ("6.1.17", "/document/tracking/version", "0"),
    ("6.1.18", f"{HISTORY}/1/number", "0"),
    ("6.1.19", f"{HISTORY}/1/number", "1.0.0-rc"),
    ("6.1.20", "/document/tracking/version", "2.0.0-rc"),
    ("6.1.21", f"{HISTORY}/0/number", "4"),
    ("6.1.22", f"{HISTORY}/1/number", "2"),
    ("6.1.23", "/vulnerabilities/1", {"cve": "CVE-2026-1000"}),
    ("6.1.24", f"{V}/involvements", [{"party": "vendor", "date": TIME}, {"party": "vendor", "date": TIME}]),
    (
        "6.1.25",
        "/product_tree/full_product_names/0/product_identification_helper/hashes",
        [
            {
                "filename": "a",
                "file_hashes": [{"algorithm": "sha256", "value": "a"}, {"algorithm": "sha256", "value": "b"}],
            }
        ],
    ),
    ("6.1.26", "/document/category", "V E X"),
    ("6.1.26", "/document/category", "csaf_own"),
    ("6.1.27.1", "/document/category", "csaf_security_incident_response"),
    ("6.1.27.2", "/document/category", "csaf_informational_advisory"),
    ("6.1.27.3", "/document/category", "csaf_informational_advisory"),
    ("6.1.27.4", "/product_tree", ...),
    ("6.1.27.5", f"{V}/notes", ...),
    ("6.1.27.7", f"{V}/product_status", {"first_fixed": ["P1"]}),
    ("6.1.27.8", f"{V}", {"notes": [], "product_status": {"fixed": ["P2"]}}),
    ("6.1.27.9", f"{V}/flags", ...),
    ("6.1.27.10", f"{V}/remediations", ...),
    ("6.1.27.11", "/vulnerabilities", ...),
    ("6.1.27.14", "/document/category", "csaf_withdrawn"),
    ("6.1.27.15", "/document/category", "csaf_superseded"),
    ("6.1.27.17", "/document/category", "csaf_withdrawn"),
    ("6.1.27.18", "/document/category", "csaf_superseded"),
    ("6.1.27.19", "/document/category", "csaf_superseded"),
    ("6.1.28", "/document/source_lang", "en-GB"),
    ("6.1.29", f"{V}/remediations/1", {"category": "mitigation", "details": "Wait."}),
    ("6.1.30", f"{HISTORY}/1/number", "1.0.0"),
    ("6.1.31", f"{WEB}/branches/0/name", "2.1 and earlier"),
    ("6.1.32", f"{V}/flags/1", {"label": "component_not_present"}),
    ("6.1.33", f"{V}/flags/1", {"label": "component_not_present", "product_ids": ["P5"]}),
    ("6.1.35", f"{V}/remediations/1", {"category": "none_available", "details": "", "product_ids": ["P1"]}),
    ("6.1.36", f"{V}/remediations/1", {"category": "workaround", "details": "", "group_ids": ["G"]}),
    ("6.1.37", "/document/tracking/current_release_date", "2026-01-01 00:00:00Z"),
    ("6.1.37", f"{V}/discovery_date", "2025-02-29T00:00:00Z"),
    ("6.1.39", "/document/distribution/sharing_group", {"id": "a"}),
    ("6.1.40", "/document/distribution/sharing_group", {"id": "a", "name": "Public"}),
    ("6.1.41", "/document/distribution/sharing_group", {"id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}),
    ("6.1.42", f"{WEB}/branches/0/product/product_identification_helper/purls/1", "pkg:npm/other@2.1"),
    ("6.1.43", "/product_tree/full_product_names/0/product_identification_helper/model_numbers", ["A*B*"]),
    ("6.1.44", "/product_tree/full_product_names/0/product_identification_helper/serial_numbers", ["*1*"]),
    ("6.1.45", f"{V}/disclosure_date", "2026-01-01T00:00:01Z"),
    ("6.1.46", f"{CONTENT}/ssvc_v2", {"schemaVersion": "2.0.0", "timestamp": TIME}),
    ("6.1.47", f"{CONTENT}/ssvc_v2", ssvc(target_ids=["CVE-2026-9999"])),
    ("6.1.48", f"{CONTENT}/ssvc_v2", selection(values=[{"key": "P"}, {"key": "N"}])),
    ("6.1.48", f"{CONTENT}/ssvc_v2", selection(key="NONE")),
    ("6.1.48", f"{CONTENT}/ssvc_v2", selection(namespace="invalid")),
    ("6.1.49", f"{CONTENT}/ssvc_v2", ssvc(timestamp="2026-02-01T00:00:00Z")),
    ("6.1.50", f"{WEB}/branches/2/name", "before 2"),
    ("6.1.50", f"{WEB}/branches/2/name", "vers:npm/"),
    ("6.1.50", f"{WEB}/branches/2/name", "vers:npm/>=2.0.0|<1.0.0"),
    ("6.1.50", f"{WEB}/branches/2/name", "vers:npm/<1.0.0|<2.0.0"),
    (
        "6.1.51",
        f"{CONTENT}/epss",
        {"percentile": "0.9", "probability": "0.1", "timestamp": "2026-02-01T00:00:00Z"},
    ),
    (
        "6.1.52",
        f"{V}/first_known_exploitation_dates",
        [{"date": "2026-02-01T00:00:00Z", "exploitation_date": TIME, "product_ids": ["P1"]}],
    ),
    (
        "6.1.53",
        f"{V}/first_known_exploitation_dates",
        [
            {
                "date": "2025-12-01T00:00:00Z",
                "exploitation_date": "2025-12-02T00:00:00Z",
                "product_ids": ["P1"],
            }
        ],
    ),
    ("6.1.54", "/document/license_expression", "free for all"),
    ("6.1.54", "/document/license_expression", "(MIT"),
    ("6.1.54", "/document/license_expression", "DocumentRef-other:LicenseRef-acme"),
    ("6.1.54", "/document/license_expression", "licenseref-acme"),
    ("6.1.55", "/document/license_expression", "LicenseRef-acme"),
    ("6.1.55", "/document/license_expression", "MIT OR Acme-1.0"),
    ("6.1.56", f"{CONTENT}/qualitative_severity_rating", "high"),
    ("6.1.57", f"{WEB}/category", "vendor"),
    (
        "6.1.58",
        f"{WEB}",
        branch("product_version", "2", branch("product_version_range", "<2.1", product_id="P3", name="a")),
    ),
    ("6.1.59", f"{WEB}/branches/2/name", "vers:npm/2.0.0"),
    ("6.1.59", f"{WEB}/branches/2/name", ">=2.0|<=2.0"),
    ("6.1.60.1", "/x_extensions", [EXTENSION | {"more": 1}]),
    ("6.1.60.1", "/x_extensions", [{key: value for key, value in EXTENSION.items() if key != "critical"}]),
    ("6.1.60.1", "/x_extensions", [EXTENSION | {"content": {}}]),
    ("6.1.60.1", "/x_extensions", [EXTENSION | {"category": ["grave"]}]),
    ("6.1.60.1", "/document/x_extensions", [EXTENSION | {"$schema": "https://acme.example/s.json"}]),
    (
        "6.1.60.1",
        "/vulnerabilities/0/x_extensions",
        [EXTENSION | {"$schema": "http://acme.example/s_1.0.0.json"}],
    ),
    ("6.1.61", "/product_tree/full_product_names/0/product_identification_helper/skus", ["**"]),
]


@pytest.mark.parametrize(("section", "path", "change"), BROKEN)
def test_what_breaks_a_mandatory_test_is_a_defect_of_its_name(section, path, change):
    assert f"csaf-{section}" in defects(changed(document(), path, change))


#: Tests that need another document than the one above.
ELSEWHERE = {"6.1.27.6", "6.1.27.12", "6.1.27.13", "6.1.27.16", "6.1.34", "6.1.38"}


def test_every_mandatory_test_is_tested():
    assert {section for section, _, _ in BROKEN} | ELSEWHERE == {
        test.section for test in list_mandatory_tests()
    }


def test_products_of_extensions_are_defined_and_others_are_not():
    named = {"under_investigation": ["P9"], "known_not_affected": ["P3", "P5"]}
    advisory = changed(document(), f"{V}/product_status", named)
    assert defects(advisory) == {"csaf-6.1.1"}
    relation = {"full_product_name": {"product_id": "P9", "name": "Web that listens"}}
    extended = {"content": {"tree": {"relationships": [relation]}}}
    assert defects(changed(advisory, "/x_extensions", [EXTENSION | extended])) == set()
    relation["full_product_name"]["product_id"] = "P8"
    assert defects(changed(advisory, "/x_extensions", [EXTENSION | extended])) == {"csaf-6.1.1"}


def test_a_security_advisory_tells_the_affected_versions_of_what_is_fixed():
    advisory = changed(document(), "/document/category", "csaf_security_advisory")
    assert defects(advisory) == set()
    status = {"fixed": ["P2"]}
    assert {"csaf-6.1.27.12", "csaf-6.1.27.13"} <= defects(changed(advisory, f"{V}/product_status", status))
    assert "csaf-6.1.27.13" in defects(changed(advisory, f"{V}/product_status/known_affected", ["P4"]))
    assert "csaf-6.1.27.6" in defects(changed(advisory, f"{V}/product_status", ...))


def test_a_withdrawn_document_was_there_before():
    withdrawn = changed(document(), "/document/category", "csaf_withdrawn")
    assert "csaf-6.1.27.16" in defects(changed(withdrawn, f"{HISTORY}/1", ...))


def test_everybody_is_the_group_of_public_documents():
    group = {"id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "name": "Public"}
    shared = changed(document(), "/document/distribution/sharing_group", group)
    assert defects(shared) == set()
    assert "csaf-6.1.38" in defects(changed(shared, "/document/distribution/tlp/label", "RED"))


def test_branches_stand_thirty_deep():
    deep = branch("product_version", "2.1", product_id="P1", name="Web 2.1")
    for _ in range(29):
        deep = branch("product_family", "inner", deep)
    assert "csaf-6.1.34" not in defects(changed(document(), "/product_tree/branches", [deep]))
    assert "csaf-6.1.34" in defects(
        changed(document(), "/product_tree/branches", [branch("product_family", "outer", deep)])
    )


def test_tests_of_the_newer_version_are_not_those_of_the_older():
    older = changed(document("2.0"), f"{WEB}/branches/2/name", "all versions before 2")
    assert defects(older) == set()


SHAPES = [
    ("/document/title", ...),
    ("/document/publisher/name", ...),
    ("/document/publisher/category", "nobody"),
    ("/document/tracking/status", "done"),
    ("/document/tracking/revision_history", []),
    ("/document/distribution", ...),
    ("/vulnerabilities", []),
    ("/vulnerabilities", {}),
    ("/more", 1),
    (f"{WEB}/branches/0/product", ...),
]


@pytest.mark.parametrize(("path", "change"), SHAPES)
def test_what_the_schema_requires_is_there(path, change):
    assert "csaf-schema" in defects(changed(document(), path, change))


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_statuses_are_statements_of_vex(version):
    bill = read_bill("a.json", json.dumps(document(version)).encode())
    common = {"vulnerability": "CVE-2026-1000", "aliases": ("BUG-1",), "author": "Acme", "time": TIME}
    assert set(bill.statements) == {
        VexStatement(product="pkg:npm/web@2.1", status="affected", action="Update.", **common),
        VexStatement(product="Web 2.2", status="fixed", **common),
        VexStatement(
            product="Web before 2",
            status="not_affected",
            version_range="vers:npm/<2.0.0",
            justification="vulnerable_code_not_present",
            **common,
        ),
        VexStatement(
            product="cpe:2.3:o:acme:os:1:*:*:*:*:*:*:*",
            subcomponents=("pkg:npm/web@2.1",),
            status="not_affected",
            justification="vulnerable_code_not_present",
            **common,
        ),
    }
    vulnerability = bill.vulnerabilities[0]
    assert (vulnerability.id, vulnerability.vectors, vulnerability.affects) == (
        "CVE-2026-1000",
        (CVSS["vectorString"],),
        ("P1",),
    )


def test_times_sort_across_zones():
    assert parse_moment("2026-01-01T01:00:00+01:00") == parse_moment("2026-01-01T00:00:00.000Z")
    assert (
        parse_moment("2026-01-01T00:00:00Z")
        < parse_moment("2026-01-01T00:00:00.0000001Z")
        < parse_moment("2025-12-31T23:00:01-01:00")
    )
    assert parse_moment("2026-02-30T00:00:00Z") is None


def test_numbers_of_revisions_sort():
    numbers = ["0.9.0", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-rc", "1.0.0+build", "1.10.0", "2.0.0"]
    keys = [build_number_key(number) for number in numbers]
    assert all(before < after for before, after in itertools.pairwise(keys))


@pytest.mark.parametrize(
    ("identifier", "name", "version", "is_one"),
    [
        ("CWE-601", "URL Redirection to Untrusted Site ('Open Redirect')", "4.14", True),
        ("CWE-601", "Open Redirect", "4.14", False),
        ("CWE-0", "Nothing", "", False),
        ("CWE-9999", "A newer one", "5.0", True),
    ],
)
def test_weaknesses_have_the_name_of_the_version(identifier, name, version, is_one):
    assert is_weakness(identifier, name, version) is is_one


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        ("en", True),
        ("de-CH", True),
        ("zh-Hant-TW", True),
        ("en-XA", True),
        ("i-default", True),
        ("qq", False),
        ("en-QA1", False),
        ("", False),
    ],
)
def test_languages(tag, is_one):
    assert is_language(tag) is is_one
