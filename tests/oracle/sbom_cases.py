"""Bills of materials, package URLs and VEX documents: valid as labelled, and the same components as wanted.

`python tests/oracle/sbom_cases.py FOLDER [-v]`

Each record of FOLDER's `*.jsonl` and `*.jsonl.gz` is a package URL to parse, build or canonicalise, or a document. An invalid
document matches when it is refused or read with a named defect. A valid one matches when it is read without defects, with the
wanted components, and what is written of it reads as the same set. CSAF's recommended and informative tests do not decide. A
document that the labelling library cannot read (`parse_error` of a valid one) only has to be read. The last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from corpus_records import Record, judged, lines

from nephoscope.collect.sbom.bill_of_materials import Bill, UnreadableBillError
from nephoscope.collect.sbom.sbom_reader import read_bill
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs
from nephoscope.collect.sbom.writing.writers import WRITERS
from nephoscope.model import package_url
from nephoscope.model.package_url import PackageUrl, PackageUrlError

#: Of a package URL.
PARTS = ("type", "namespace", "name", "version", "subpath")

#: What a written bill needs of its caller.
WRITTEN_AS = WrittenAs(subject="cases", version="1", time="2026-01-01T00:00:00Z")

ComponentKey = tuple[str, ...]


def judge_url(value: dict[str, Any]) -> str:
    """Return what differs in a record of package URLs."""
    try:
        found: object = compute_url(value)
    except PackageUrlError as error:
        return "" if value["want"] == "error" else f"wanted {value['want']}, refused: {error}"
    return "" if found == value["want"] else f"wanted {value['want']}, found {found}"


def compute_url(value: dict[str, Any]) -> object:
    """Return what an operation gives, in the words of the record."""
    given = value["input"]
    if value["op"] == "parse":
        return as_parts(package_url.parse(given))
    if value["op"] == "validate":
        return package_url.canonicalize_text(given)
    return str(
        package_url.build_package_url(
            given["type"] or "",
            given["name"] or "",
            namespace=given["namespace"] or "",
            version=given["version"] or "",
            qualifiers=given["qualifiers"],
            subpath=given["subpath"] or "",
        )
    )


def as_parts(url: PackageUrl) -> dict[str, Any]:
    """Return a package URL as the object that a record has."""
    return {part: getattr(url, part) or None for part in PARTS} | {"qualifiers": dict(url.qualifiers) or None}


def read_record(value: dict[str, Any]) -> Bill:
    """Read the document of a record."""
    file = value.get("file") or {"name": value["case"], "text": value["text"]}
    content = base64.b64decode(file["b64"]) if "b64" in file else file["text"].encode()
    return read_bill(file["name"], content)


def judge_document(value: dict[str, Any], components: dict[str, set[ComponentKey]]) -> str:
    """Return what differs in a record of a document."""
    try:
        bill = read_record(value)
    except UnreadableBillError as error:
        return "" if not value["valid"] else f"refused: {error}"
    if not value["valid"]:
        return "" if bill.defects else "read without a defect"
    if bill.defects:
        return f"defects: {[str(one)[:200] for one in bill.defects[:3]]}"
    components[value["id"]] = keys(bill)
    return compare(value, bill, components) or compare_written(bill)


def keys(bill: Bill) -> set[ComponentKey]:
    """Return the components as a set."""
    return {(one.type, one.group, one.name, one.version, one.purl) for one in bill.components}


def compare(value: dict[str, Any], bill: Bill, components: dict[str, set[ComponentKey]]) -> str:
    """Return what differs between a bill and what its record wants."""
    if value.get("same_as") in components and keys(bill) != components[value["same_as"]]:
        return f"components differ from the JSON: {sorted(keys(bill) ^ components[value['same_as']])[:4]}"
    wanted = value.get("expected") or {}
    if "parse_error" in wanted:
        return ""
    compare_one = {"cyclonedx": compare_cyclonedx, "spdx": compare_spdx, "spdx3": compare_spdx}
    comparing = compare_one.get(value.get("format", "").partition("-")[0])
    return comparing(wanted, bill) if comparing and wanted else ""


def compare_cyclonedx(wanted: dict[str, Any], bill: Bill) -> str:
    """Return what differs in a bill of CycloneDX."""
    if isinstance(wanted["components"], int):
        return compare_counts(wanted, bill)
    names = ("type", "group", "name", "version", "purl")
    components = {tuple(one.get(name) or "" for name in names) for one in wanted["components"]}
    if components != keys(bill):
        return f"components: {sorted(components ^ keys(bill))[:4]}"
    if wanted["services"] != len(bill.services):
        return f"services: wanted {wanted['services']}, found {len(bill.services)}"
    dependencies = {ref: sorted(needed) for ref, needed in wanted["dependencies"].items()}
    if dependencies != {ref: sorted(needed) for ref, needed in bill.dependencies.items()}:
        return f"dependencies: wanted {dependencies}, found {bill.dependencies}"
    return compare_vulnerabilities(wanted["vulnerabilities"], bill)


def compare_counts(wanted: dict[str, Any], bill: Bill) -> str:
    """Return what differs in a large bill, of which the corpus has the count, the package URLs and the analyses."""
    if wanted["components"] != len(bill.components):
        return f"components: wanted {wanted['components']}, found {len(bill.components)}"
    if set(wanted["purls"]) != {one.purl for one in bill.components if one.purl}:
        return (
            f"purls: {sorted(set(wanted['purls']) ^ {one.purl for one in bill.components if one.purl})[:4]}"
        )
    return compare_vulnerabilities(wanted["vulnerabilities"], bill)


def compare_vulnerabilities(wanted: list[Any], bill: Bill) -> str:
    """Return what differs in the vulnerabilities: their names, and their analyses where the record has them."""
    full = [isinstance(one, dict) for one in wanted]
    if not any(full):
        found = [one.id for one in bill.vulnerabilities]
        return "" if wanted == found else f"vulnerabilities: wanted {wanted}, found {found}"
    states = [
        {
            "id": one.id,
            "state": one.state or None,
            "justification": one.justification or None,
            "affects": list(one.affects),
        }
        for one in bill.vulnerabilities
    ]
    return "" if wanted == states else f"vulnerabilities: wanted {wanted}, found {states}"


def compare_spdx(wanted: dict[str, Any], bill: Bill) -> str:
    """Return what differs in a document of SPDX."""
    packages = [one for one in bill.components if one.type != "file"]
    found = [spdx_package(one, wanted["packages"]) for one in packages]
    # of a document of version 2, the corpus has the first package only
    compared = found[: len(wanted["packages"])] if bill.encoding != "json-ld" else found
    if sorted(map(repr, compared)) != sorted(map(repr, wanted["packages"])):
        return f"packages: wanted {wanted['packages']}, found {compared}"
    if wanted["files"] != bill.file_count:
        return f"files: wanted {wanted['files']}, found {bill.file_count}"
    if wanted["relationships"] != bill.relationship_count:
        return f"relationships: wanted {wanted['relationships']}, found {bill.relationship_count}"
    return ""


def spdx_package(component: Any, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a component in the words of the record, which has fewer of them for version 3."""
    values = {
        "spdx_id": component.reference,
        "name": component.name,
        "version": component.version or None,
        "supplier": component.supplier or None,
        "license_concluded": component.license_concluded or None,
        "license_declared": component.license_declared or None,
        "purls": list(component.purls),
        "cpes": list(component.cpes),
        "purl": component.purl or None,
    }
    return {name: values[name] for name in (wanted[0] if wanted else ())}


def compare_written(bill: Bill) -> str:
    """Return which writer loses a package of a bill."""
    packages = bill.packages()
    wanted = {(one.type, one.name, one.version) for one in packages}
    for name, write in WRITERS.items():
        again = read_bill(name, write(packages, WRITTEN_AS))
        if again.defects:
            return f"{name} has defects: {[str(one)[:200] for one in again.defects[:3]]}"
        found = {(one.type, one.name, one.version) for one in again.packages()}
        if found != wanted:
            return f"{name} does not read as it was: {sorted(found ^ wanted)[:4]}"
    return ""


def part_of(value: dict[str, Any]) -> str:
    """Return the part of the corpus that a record belongs to, '' when it does not score."""
    if "op" in value:
        return f"purl {value['op']}"
    if "level" in value:
        return f"csaf {value['version']} {value['level']}"
    return str(value["format"])


def assess(record: Record, components: dict[str, set[ComponentKey]]) -> str:
    """Return what differs in a record."""
    if record.wrong:
        return record.wrong
    value = record.value
    return judge_url(value) if "op" in value else judge_document(value, components)


def main() -> int:
    """Judge the folder, print what does not match, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    matched: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for path in sorted([*arguments.folder.glob("*.jsonl"), *arguments.folder.glob("*.jsonl.gz")]):
        components: dict[str, set[ComponentKey]] = {}
        # a document that has to equal another one comes after it
        for record in sorted(lines(path), key=lambda one: "same_as" in one.value):
            part = "unreadable" if record.wrong else part_of(record.value)
            wrong = judged(lambda record=record, components=components: assess(record, components))  # type: ignore[misc]
            total[part] += 1
            matched[part] += not wrong
            if wrong and arguments.verbose:
                print(
                    f"{record.place} {part} {record.value.get('case', '')} {record.value.get('test', '')}: {wrong}"
                )
    for part, count in sorted(total.items()):
        print(f"{part}: {matched[part]}/{count}")
    print(f"{matched.total()}/{total.total()} match")
    return 0 if total and matched.total() == total.total() else 1


if __name__ == "__main__":
    sys.exit(main())
