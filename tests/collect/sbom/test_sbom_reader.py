"""Bills: the same in every encoding, with what is wrong in them, and refused where nothing can be read."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collect.sbom import bills

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.discovery import load_formats
from nephoscope.collect.sbom.sbom_reader import read_bill
from nephoscope.model.package import Package
from nephoscope.model.vex import VexStatement


def read(name: str) -> Bill:
    return read_bill(name, bills.EVERY[name])


def without_encoding(bill: Bill) -> Bill:
    return msgspec.structs.replace(bill, encoding="")


@pytest.mark.parametrize("name", sorted(bills.EVERY))
def test_a_valid_bill_has_no_defects(name):
    assert read(name).defects == ()


@pytest.mark.parametrize("name", ["cyclonedx-xml", "cyclonedx-text", "cyclonedx-wire"])
def test_the_encodings_of_cyclonedx_say_the_same(name):
    assert without_encoding(read(name)) == without_encoding(read("cyclonedx-json"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"\101", "A"), (r"\x41", "A"), (r"\303\251", "é"), (r"\u00e9", "é"), (r"\n", "\n"),
     (r"\9", "9"), (r"\٣", "٣"), (r"\x", "x"), (r"\u1", "u1"), (r"\U00110000", "\ufffd")],
)  # fmt: skip
def test_escapes_of_protocol_buffer_text(written, meant):
    bill = (
        f'spec_version: "1.5"\ncomponents {{ type: CLASSIFICATION_LIBRARY name: "{written}" version: "1" }}'
    )
    assert [one.name for one in read_bill("a.textproto", bill.encode()).packages()] == [meant]


@pytest.mark.parametrize("name", ["spdx-tag-value", "spdx-yaml", "spdx-xml", "spdx-rdf"])
def test_the_encodings_of_spdx_say_the_same(name):
    assert without_encoding(read(name)) == without_encoding(read("spdx-json"))


def test_cyclonedx_tells_components_services_and_what_depends_on_what():
    bill = read("cyclonedx-json")
    assert [(one.name, one.parent) for one in bill.components] == [
        ("web", ""),
        ("core", "web"),
        ("notes.txt", ""),
    ]
    assert (bill.subject.name, bill.serial, bill.version) == ("shop", bills.CYCLONEDX["serialNumber"], "1.5")
    assert [one.endpoints for one in bill.services] == [("https://pay.example",)]
    assert bill.packages() == [
        Package(
            type="maven", name="org.acme:web", version="2.1", licenses=("MIT",), dependencies=("core@2.0",)
        ),
        Package(type="generic", name="core", version="2.0"),
    ]


def test_an_analysis_of_cyclonedx_is_a_statement_of_vex():
    assert read("cyclonedx-xml").statements == (
        VexStatement(
            vulnerability="CVE-2026-1000",
            product="pkg:maven/org.acme/web@2.1",
            status="not_affected",
            justification="vulnerable_code_not_in_execute_path",
            time="2026-01-02T00:00:00Z",
            impact="The parser is off.",
        ),
    )


def test_spdx_tells_packages_licenses_and_what_depends_on_what():
    bill = read("spdx-rdf")
    web = bill.components[0]
    assert (web.license_concluded, web.license_declared, web.supplier) == (
        "MIT OR Apache-2.0",
        "MIT",
        "Organization: Acme",
    )
    assert (bill.file_count, bill.relationship_count) == (1, 2)
    assert bill.packages()[0].dependencies == ("core@2.0",)


def test_rdf_names_the_elements_of_another_document():
    other = """<spdx:ExternalDocumentRef rdf:about="https://acme.example/shop#DocumentRef-base">
      <spdx:spdxDocument rdf:resource="https://acme.example/base"/>
    </spdx:ExternalDocumentRef></rdf:RDF>"""
    text = bills.SPDX_RDF.replace(
        'https://acme.example/shop#SPDXRef-core"/>', 'https://acme.example/base#SPDXRef-core"/>'
    )
    bill = read_bill("a.rdf", text.replace("</rdf:RDF>", other).encode())
    assert bill.dependencies == {"SPDXRef-web": ("DocumentRef-base:SPDXRef-core",)}


def test_spdx_3_is_read_out_of_its_graph():
    bill = read("spdx-3")
    assert [(one.name, one.type, one.purl, one.license_declared) for one in bill.components] == [
        ("web", "framework", "pkg:npm/web@2.1", "MIT"),
        ("core", "library", "", ""),
    ]
    assert (bill.dependencies, bill.author) == ({"urn:web": ("urn:core",)}, "Somebody")


def test_syft_tells_the_distribution_the_layer_and_the_source():
    package = read("syft").packages()[0]
    assert package == Package(
        type="deb",
        name="zlib1g",
        version="1:1.2.13",
        namespace="debian",
        distribution_version="12",
        architecture="amd64",
        source_name="zlib",
        path="var/lib/dpkg/status",
        layer="sha256:aa",
        licenses=("Zlib",),
        dependencies=("libc6@2.36",),
        cpes=("cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*",),
    )


def test_the_distribution_of_a_bill_is_that_of_packages_that_do_not_say_theirs():
    assert read("syft").packages()[1].distribution_version == "12"


def test_a_submission_to_github_tells_manifests_and_relationships():
    web, core = read("github").packages()
    assert (web.name, web.path, web.relationship, web.dependencies) == (
        "@acme/web",
        "web/package-lock.json",
        "declared",
        ("core@2.0",),
    )
    assert (core.is_development, core.relationship) == (True, "transitive")


def test_openvex_has_a_statement_for_each_product():
    found = read("openvex").statements
    assert [(one.product, one.status, one.subcomponents) for one in found] == [
        ("pkg:oci/shop@sha256:aa", "not_affected", ("pkg:npm/web@2.1",)),
        ("cpe:2.3:a:acme:shop:7:*:*:*:*:*:*:*", "not_affected", ()),
        ("pkg:npm/core@2.0", "affected", ()),
    ]
    assert (found[0].aliases, found[0].justification, found[2].action) == (
        ("GHSA-aaaa-bbbb-cccc",),
        "vulnerable_code_not_in_execute_path",
        "Update to 2.2.",
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize(
    "name",
    ["cyclonedx-json", "cyclonedx-xml", "spdx-json", "spdx-tag-value", "spdx-yaml", "spdx-xml", "spdx-rdf"],
)
def test_a_bill_is_read_in_every_encoding_of_unicode(name, encoding):
    content = bills.EVERY[name].decode().encode(encoding)
    assert read_bill(name, content) == read(name)


@pytest.mark.parametrize("name", sorted(set(bills.EVERY) - {"cyclonedx-wire"}))
def test_line_ends_make_no_difference(name):
    content = bills.EVERY[name].replace(b"\n", b"\r\n")
    assert read_bill(name, content).components == read(name).components


WRONG = [
    ("cyclonedx-json", {"specVersion": "9.9"}, "cyclonedx-version"),
    ("cyclonedx-json", {"components": [{"type": "nothing", "name": "a"}]}, "cyclonedx-1.5-schema"),
    ("cyclonedx-json", {"serialNumber": "17"}, "cyclonedx-1.5-schema"),
    ("spdx-json", {"spdxVersion": "SPDX-1.0"}, "spdx-version"),
    ("spdx-json", {"packages": [{"SPDXID": "SPDXRef-a", "name": "a"}]}, "spdx-required"),
    ("spdx-json", {"packages": ["a"]}, "spdx-shape"),
    ("spdx-json", {"creationInfo": {"created": "yesterday", "creators": ["Tool: own"]}}, "spdx-time"),
    ("spdx-json", {"creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["me"]}}, "spdx-creator"),
    ("spdx-json", {"documentNamespace": "https://a#b"}, "spdx-namespace"),
    ("spdx-json", {"files": [{"SPDXID": "SPDXRef-web", "fileName": "a"}]}, "spdx-identifier"),
    (
        "spdx-json",
        {"relationships": [{"spdxElementId": "a", "relationshipType": "LIKES", "relatedSpdxElement": "b"}]},
        "spdx-word",
    ),
    ("openvex", {"author": ""}, "openvex-required"),
    (
        "openvex",
        {"statements": [{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "a"}], "status": "fine"}]},
        "openvex-word",
    ),
    (
        "openvex",
        {"statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}]},
        "openvex-required",
    ),
    ("github", {"sha": ""}, "github-required"),
    (
        "github",
        {"manifests": {"a": {"name": "a", "resolved": {"x": {"package_url": "npm/x"}}}}},
        "github-package-url",
    ),
    ("syft", {"artifacts": [{"id": "a"}]}, "syft-artifact"),
]


@pytest.mark.parametrize(("name", "change", "rule"), WRONG)
def test_what_breaks_the_standard_is_a_named_defect(name, change, rule):
    content = json.dumps(json.loads(bills.EVERY[name]) | change).encode()
    assert rule in {one.rule for one in read_bill(name, content).defects}


def test_a_bill_of_xml_is_checked_by_its_schema():
    content = bills.CYCLONEDX_XML.replace('type="framework"', 'type="nothing"').encode()
    defects = read_bill("bom.xml", content).defects
    assert {one.rule for one in defects} == {"cyclonedx-1.5-schema"}
    assert defects[0].place.startswith("line ")


def test_what_spdx_3_lacks_is_a_defect():
    graph = [one for one in bills.SPDX_3["@graph"] if one["type"] != "SpdxDocument"]
    graph[2] = {key: value for key, value in graph[2].items() if key != "creationInfo"}
    defects = read_bill("a.json", json.dumps({**bills.SPDX_3, "@graph": graph}).encode()).defects
    assert [one.message for one in defects] == ["it has no SpdxDocument", "it has no creationInfo"]


REFUSED = [
    (b"", "unsupported format"),
    (b"hello", "unsupported format"),
    (b'{"bomFormat": "CycloneDX",\n "specVersion": }', "line 2: this is not JSON"),
    (b'<bom xmlns="http://cyclonedx.org/schema/bom/1.5">\n<components>', "line 2: this is not XML"),
    (
        b'<!DOCTYPE bom [<!ENTITY a "b">]><bom xmlns="http://cyclonedx.org/schema/bom/1.5"/>',
        "line 1: document types and entities are not allowed",
    ),
    (b"SPDXVersion: SPDX-2.3\nnothing", "line 2: 'nothing' is not a tag"),
    (
        b"SPDXVersion: SPDX-2.3\nDocumentComment: <text>open",
        "line 2: the text of DocumentComment does not end",
    ),
    (b"spdxVersion: &a SPDX-2.3\nname: *a", "line 2: its YAML has an alias"),
    (b'spec_version: "1.5"\ncomponents {', "the text ends"),
    (b'spec_version: "1.5"\n\x01', "line 2"),
    (b"\n\x031.5\x2a\x7fabc", "the message is cut"),
    (b'{"bomFormat": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nests"),
    (b'{"document": {"csaf_version": "3.0"}}', "not a supported version of CSAF"),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED)
def test_what_cannot_be_read_is_refused_with_the_place(content, reason):
    with pytest.raises(UnreadableBillError, match=reason):
        read_bill("bom", content)


def test_values_of_another_kind_are_not_there():
    bill = read_bill(
        "a.json",
        json.dumps(
            {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [1, {"name": ["x"]}, {}]}
        ).encode(),
    )
    assert [one.name for one in bill.components] == ["", ""]
    assert bill.defects


def test_every_format_has_a_title():
    assert len({one.title for one in load_formats()}) == len(load_formats())


def tolerant(content: bytes) -> None:
    """Read what may be anything: it is a bill, or refused."""
    try:
        bill = read_bill("bom", content)
    except UnreadableBillError:
        return
    bill.packages()


@given(name=st.sampled_from(sorted(bills.EVERY)), data=st.data())
@settings(max_examples=60, deadline=None)
def test_cut_and_changed_bills_do_not_crash(name, data):
    content = bills.EVERY[name]
    at = data.draw(st.integers(0, len(content)))
    tolerant(content[:at])
    tolerant(content[:at] + data.draw(st.binary(min_size=1, max_size=4)) + content[at + 2 :])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "components",
                        "packages",
                        "name",
                        "purl",
                        "files",
                        "relationships",
                        "statements",
                        "products",
                        "document",
                        "branches",
                        "product_tree",
                        "vulnerabilities",
                        "manifests",
                        "resolved",
                        "artifacts",
                        "@graph",
                        "type",
                        "licenses",
                        "metrics",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_values_where_others_belong_do_not_crash(value):
    inner = (
        value
        if isinstance(value, dict)
        else {"components": value, "packages": value, "@graph": value, "statements": value}
    )
    heads = [
        {"bomFormat": "CycloneDX", "specVersion": "1.6"},
        {"spdxVersion": "SPDX-2.3"},
        {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"},
        {"@context": "https://openvex.dev/ns/v0.2.0"},
        {"descriptor": {}, "artifacts": value},
        {"detector": {}, "manifests": value},
        {"document": {"csaf_version": "2.1", "tracking": value}},
    ]
    for head in heads:
        tolerant(json.dumps({**inner, **head}).encode())


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_text_does_not_crash(text):
    for head in (
        "",
        "SPDXVersion: ",
        "spdxVersion: ",
        'spec_version: "1.5"\n',
        '<bom xmlns="http://cyclonedx.org/schema/bom/1.5">',
        "<Document>spdx",
    ):
        tolerant((head + text).encode())
