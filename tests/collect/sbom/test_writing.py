"""What is written is valid, reads as it was, and is the same bytes for the same content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.collect.sbom.sbom_reader import read_bill
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs
from nephoscope.collect.sbom.writing.licenses import is_expression
from nephoscope.collect.sbom.writing.writers import STATEMENT_WRITERS, WRITERS
from nephoscope.model.package import Package
from nephoscope.model.vex import VexStatement

AS = WrittenAs(
    subject="registry.example/shop", version="7", subject_type="container", time="2026-01-01T00:00:00Z"
)

PACKAGES = [
    Package(
        type="deb",
        name="libssl3",
        version="3.0.11-1~deb12u2",
        namespace="debian",
        distribution_version="12",
        architecture="amd64",
        source_name="openssl",
        source_version="3.0.11-1",
        path="var/lib/dpkg/status",
        line=120,
        layer="sha256:aa",
        licenses=("OpenSSL", "own terms"),
    ),
    Package(
        type="rpm",
        name="bash",
        version="2:5.1-4",
        namespace="redhat",
        distribution_version="9",
        modularity="tools:1",
    ),
    Package(
        type="npm",
        name="@acme/web",
        version="2.1",
        path="web/package-lock.json",
        relationship="declared",
        groups=("production",),
        licenses=("MIT OR Apache-2.0",),
        dependencies=("core@2.0",),
    ),
    Package(
        type="npm",
        name="core",
        version="2.0",
        path="web/package-lock.json",
        relationship="transitive",
        is_development=True,
    ),
    Package(type="npm", name="core", version="2.0", path="shop/package-lock.json"),
    Package(
        type="maven",
        name="org.acme:web",
        version="1.0",
        constraint="[1.0,2.0)",
        cpes=(
            "cpe:2.3:a:acme:web:1.0:*:*:*:*:*:*:*",
            "cpe:2.3:a:acme:web_server:1.0:*:*:*:*:*:*:*",
            "cpe:2.3:a:odd name",
        ),
    ),
    Package(type="golang", name="github.com/Acme/tool", version="v1.0.0"),
    Package(type="pypi", name="Flask_Login", version="0.6"),
    Package(type="generic", name='<odd> & "name"', version="1"),
    Package(type="deb", name="of-no-distribution", version="1"),
]


@pytest.mark.parametrize("name", ["bom.cdx.json", "bom.cdx.xml"])
def test_cyclonedx_reads_as_the_packages_that_were_written(name):
    bill = read_bill(name, WRITERS[name](PACKAGES, AS))
    assert bill.defects == ()
    assert sorted(bill.packages(), key=repr) == sorted(PACKAGES, key=repr)
    assert (bill.subject.name, bill.subject.version, bill.time) == (
        "registry.example/shop",
        "7",
        "2026-01-01T00:00:00Z",
    )


def test_spdx_reads_as_the_names_and_versions_that_were_written():
    bill = read_bill("bom.spdx.json", WRITERS["bom.spdx.json"](PACKAGES, AS))
    assert bill.defects == ()
    assert sorted((one.type, one.namespace, one.name, one.version) for one in bill.packages()) == sorted(
        (one.type, one.namespace, one.name, one.version) for one in PACKAGES
    )
    assert bill.subject.name == "registry.example/shop"
    assert {one.cpes for one in bill.packages()} == {one.cpes for one in PACKAGES}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_the_same_content_is_the_same_bytes(name):
    assert WRITERS[name](PACKAGES, AS) == WRITERS[name](PACKAGES[::-1], AS)
    assert WRITERS[name](PACKAGES, AS) != WRITERS[name](PACKAGES[1:], AS)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_nothing_is_a_valid_bill_too(name):
    bill = read_bill(name, WRITERS[name]([], AS))
    assert (bill.defects, bill.packages()) == ((), [])


def test_a_package_in_two_places_has_two_references():
    components = json.loads(WRITERS["bom.cdx.json"](PACKAGES, AS))["components"]
    references = [one["bom-ref"] for one in components]
    assert len(set(references)) == len(references) == len(PACKAGES)


def test_an_unknown_license_is_no_identifier():
    first = next(
        one
        for one in json.loads(WRITERS["bom.cdx.json"](PACKAGES, AS))["components"]
        if one["name"] == "libssl3"
    )
    assert first["licenses"] == [{"license": {"id": "OpenSSL"}}, {"license": {"name": "own terms"}}]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("MIT", True),
        ("MIT OR (Apache-2.0 AND BSD-3-Clause)", True),
        ("GPL-2.0-only WITH Linux-syscall-note", True),
        ("GPL-2.0+", True),
        ("LicenseRef-own", True),
        ("MIT/X11", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("GPL-2.0-only WITH MIT", False),
        ("see file", False),
        ("", False),
    ],
)
def test_expressions_of_licenses(text, is_one):
    assert is_expression(text) is is_one


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=12
)
_PACKAGES = st.lists(
    st.builds(
        Package,
        type=st.sampled_from(
            ["npm", "pypi", "maven", "golang", "deb", "rpm", "apk", "cargo", "generic", "swift", "own"]
        ),
        name=_TEXT,
        version=_TEXT,
        namespace=st.just(""),
        path=_TEXT,
        licenses=st.lists(_TEXT, max_size=2, unique=True).map(tuple),
        dependencies=st.lists(_TEXT, max_size=2).map(tuple),
    ),
    max_size=4,
)


@given(_PACKAGES)
@settings(max_examples=60, deadline=None)
def test_any_packages_come_back_and_come_back_again(packages):
    for name, write in WRITERS.items():
        once = read_bill(name, write(packages, AS))
        assert once.defects == ()
        found = once.packages()
        assert len(found) == len(packages)
        twice = read_bill(name, write(found, AS))
        assert key(twice.packages()) == key(found)


def key(packages):
    return sorted((one.type, one.namespace, one.name, one.version) for one in packages)


STATEMENTS = [
    VexStatement(
        vulnerability="CVE-2026-1000",
        product="pkg:npm/core@2.0",
        status="not_affected",
        aliases=("GHSA-aaaa-bbbb-cccc",),
        justification="vulnerable_code_not_in_execute_path",
        author="Acme",
        time="2026-01-02T00:00:00Z",
        impact="Never called.",
    ),
    VexStatement(
        vulnerability="CVE-2026-1001",
        product="urn:shop",
        status="affected",
        author="Acme",
        time="2026-01-02T00:00:00Z",
        action="Update.",
    ),
    VexStatement(
        vulnerability="CVE-2026-1002",
        product="pkg:npm/core@2.0",
        status="fixed",
        author="Acme",
        time="2026-01-02T00:00:00Z",
    ),
    VexStatement(
        vulnerability="CVE-2026-1003",
        product="pkg:npm/core@2.0",
        status="under_investigation",
        author="Acme",
        time="2026-01-02T00:00:00Z",
    ),
]


@pytest.mark.parametrize("name", sorted(STATEMENT_WRITERS))
def test_statements_read_as_they_were_written(name):
    written = STATEMENT_WRITERS[name](
        STATEMENTS, WrittenAs(subject="shop", time="2026-01-03T00:00:00Z", author="Acme")
    )
    bill = read_bill(name, written)
    assert bill.defects == ()
    assert sorted(bill.statements, key=repr) == sorted(STATEMENTS, key=repr)
    assert written == STATEMENT_WRITERS[name](
        STATEMENTS[::-1], WrittenAs(subject="shop", time="2026-01-03T00:00:00Z", author="Acme")
    )


def test_a_range_of_versions_stands_in_a_statement_of_cyclonedx():
    statement = VexStatement(
        vulnerability="CVE-1",
        product="pkg:npm/core",
        status="affected",
        version_range="vers:npm/<2.2.0",
        action="Update.",
    )
    bill = read_bill("a.json", STATEMENT_WRITERS["vex.cdx.json"]([statement], AS))
    assert [one.version_range for one in bill.statements] == ["vers:npm/<2.2.0"]
