"""SPDX 2.3 in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nephoscope.collect.sbom.nephoscope_properties import OWN
from nephoscope.collect.sbom.writing.cyclonedx_tree import build_cyclonedx_tree
from nephoscope.collect.sbom.writing.document_metadata import TOOL, WrittenAs, build_content_uuid, to_json
from nephoscope.collect.sbom.writing.licenses import is_expression
from nephoscope.model.package import Package

_UNKNOWN = "NOASSERTION"
_SUBJECT = "SPDXRef-Subject"


def write_spdx_json(packages: Sequence[Package], written_as: WrittenAs) -> bytes:
    """Write packages as a document of SPDX 2.3 in JSON; what is described contains each package."""
    tree = build_cyclonedx_tree(packages, written_as)
    numbers = {
        one["bom-ref"]: f"SPDXRef-Package-{number}" for number, one in enumerate(tree["components"], 1)
    }
    return to_json(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": written_as.subject,
            "documentNamespace": f"urn:uuid:{build_content_uuid([tree, 'spdx'])}",
            "creationInfo": {"created": written_as.time, "creators": [f"Tool: {TOOL}"]},
            "packages": [
                _build_subject(written_as),
                *(_build_package(one, numbers) for one in tree["components"]),
            ],
            "relationships": list(_build_relationships(tree, numbers)),
        }
    )


def _build_subject(written_as: WrittenAs) -> dict[str, object]:
    """Return what is described, as the package that contains the others."""
    subject = _build_unknown_package(_SUBJECT, written_as.subject, written_as.version)
    return subject | {"primaryPackagePurpose": written_as.subject_type.upper().replace("-", "_")}


def _build_unknown_package(identifier: str, name: str, version: str) -> dict[str, object]:
    """Return a package of which only name and version are known."""
    return {
        "SPDXID": identifier,
        "name": name,
        **({"versionInfo": version} if version else {}),
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
    }


def _build_package(component: dict[str, Any], numbers: dict[str, str]) -> dict[str, Any]:
    """Return a component as a package, its group before its name."""
    separator = ":" if component["purl"].startswith("pkg:maven/") else "/"
    name = separator.join(filter(None, (component.get("group"), component["name"])))
    package = _build_unknown_package(numbers[component["bom-ref"]], name, component["version"])
    licenses = list(_list_licenses(component))
    if licenses and all(map(is_expression, licenses)):
        package["licenseDeclared"] = (
            licenses[0] if len(licenses) == 1 else " AND ".join(f"({one})" for one in licenses)
        )
    elif licenses:
        package["licenseComments"] = ", ".join(licenses)
    purl = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": component["purl"],
    }
    cpes = [
        component.get("cpe", ""),
        *(one["value"] for one in component.get("properties", ()) if one["name"] == f"{OWN}cpe"),
    ]
    references = [purl, *(_build_platform_reference(one) for one in cpes if one)]
    found = [
        f"{one['name'].rpartition(':')[2]}: {one['value']}"
        for one in component.get("properties", ())
        if one["name"] != f"{OWN}cpe"
    ]
    return package | {"externalRefs": references, **({"sourceInfo": "\n".join(found)} if found else {})}


def _build_platform_reference(cpe: str) -> dict[str, str]:
    return {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": cpe}


def _list_licenses(component: dict[str, Any]) -> Iterator[str]:
    for one in component.get("licenses", ()):
        yield one.get("expression") or one["license"].get("id") or one["license"]["name"]


def _build_relationships(tree: dict[str, Any], numbers: dict[str, str]) -> Iterator[dict[str, str]]:
    """Give what the document describes, what that contains, and what each package needs."""
    yield _build_relationship("SPDXRef-DOCUMENT", "DESCRIBES", _SUBJECT)
    for number in numbers.values():
        yield _build_relationship(_SUBJECT, "CONTAINS", number)
    for one in tree["dependencies"]:
        for needed in one["dependsOn"]:
            yield _build_relationship(numbers[one["ref"]], "DEPENDS_ON", numbers[needed])


def _build_relationship(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}
