"""A list of packages as the tree that CycloneDX 1.6 writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nephoscope.collect.sbom.nephoscope_properties import OWN
from nephoscope.collect.sbom.writing.document_metadata import TOOL, WrittenAs, build_content_uuid
from nephoscope.collect.sbom.writing.licenses import IDENTIFIERS, is_expression
from nephoscope.model.package import Package
from nephoscope.model.package_url import PackageUrl
from nephoscope.model.package_url_conversion import DISTRIBUTION_TYPES, to_package_url

SUBJECT = "subject"
_PATH, _LINE, _LAYER, _GROUPS, _DEVELOPMENT, _RELATIONSHIP, _CONSTRAINT = (
    f"{OWN}{name}"
    for name in ("path", "line", "layer", "groups", "development", "relationship", "constraint")
)

#: A name of CPE 2.3 without characters that the schema refuses.
_CPE = re.compile(
    r"cpe:2\.3:[aho*\-](:([A-Za-z0-9._~\-]+|[*\-])){5}(:(\*|[A-Za-z]{2,3}(-[A-Za-z]{2}|-[0-9]{3})?|-))(:([A-Za-z0-9._~\-]+|[*\-])){4}"
)


def build_cyclonedx_tree(packages: Sequence[Package], written_as: WrittenAs) -> dict[str, Any]:
    """Return the whole bill; its serial number is made of the content."""
    ordered = sorted(packages, key=_build_sort_key)
    urls = [to_package_url(one) for one in ordered]
    texts = [str(one) for one in urls]
    references = _build_references(texts)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": _build_metadata(written_as),
        "components": [
            _build_component(*each) for each in zip(ordered, references, urls, texts, strict=True)
        ],
        "dependencies": _build_dependencies(ordered, references),
    }
    return {**document, "serialNumber": f"urn:uuid:{build_content_uuid(document)}"}


def _build_sort_key(package: Package) -> tuple[str, ...]:
    return (
        package.type,
        package.namespace,
        package.name,
        package.version,
        package.path,
        str(package.line),
        package.layer,
    )


def _build_references(urls: Sequence[str]) -> list[str]:
    """Return a reference for each package: its package URL, with a number when it stands in several places."""
    seen: dict[str, int] = {}
    found = []
    for url in urls:
        seen[url] = seen.get(url, 0) + 1
        found.append(url if seen[url] == 1 else f"{url}#{seen[url]}")
    return found


def _build_metadata(written_as: WrittenAs) -> dict[str, object]:
    subject = {"type": written_as.subject_type, "bom-ref": SUBJECT, "name": written_as.subject}
    if written_as.version:
        subject["version"] = written_as.version
    return {
        "timestamp": written_as.time,
        "tools": {"components": [{"type": "application", "name": TOOL}]},
        "authors": [{"name": written_as.author}],
        "component": subject,
    }


def _build_component(package: Package, reference: str, url: PackageUrl, text: str) -> dict[str, object]:
    group, name = _get_group_and_name(package, url)
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": package.version,
    }
    if group:
        component["group"] = group
    if licenses := _build_licenses(package.licenses):
        component["licenses"] = licenses
    cpes = [one for one in package.cpes if _CPE.fullmatch(one)] if package.cpes else []
    if cpes:
        component["cpe"] = cpes[0]
    component["purl"] = text
    properties = _list_origin_properties(package)
    if package.cpes:
        properties += [{"name": f"{OWN}cpe", "value": one} for one in package.cpes if one not in cpes[:1]]
    if properties:
        component["properties"] = properties
    return component


def _get_group_and_name(package: Package, url: PackageUrl) -> tuple[str, str]:
    """Return group and name as the ecosystem writes them; a distribution is no group."""
    if package.type in DISTRIBUTION_TYPES or not url.namespace:
        return "", package.name
    separator = ":" if package.type == "maven" else "/"
    group, found, name = package.name.rpartition(separator)
    return (group, name) if found and group and name else ("", package.name)


@lru_cache(4_096)
def _build_licenses(licenses: tuple[str, ...]) -> list[dict[str, object]]:
    """Return licenses, the same list for the same ones: one expression, or identifiers and names."""
    known = [one for one in licenses if one.strip()]
    if len(known) == 1 and known[0] not in IDENTIFIERS and is_expression(known[0]):
        return [{"expression": known[0]}]
    return [{"license": {"id": one} if one in IDENTIFIERS else {"name": one}} for one in known]


def _list_origin_properties(package: Package) -> list[dict[str, str]]:
    """Return where and how a package was found, in the words of our properties."""
    pairs = (
        (_PATH, package.path),
        (_LINE, str(package.line) if package.line else ""),
        (_LAYER, package.layer),
        (_GROUPS, ",".join(package.groups)),
        (_DEVELOPMENT, "true" if package.is_development else ""),
        (_RELATIONSHIP, package.relationship),
        (_CONSTRAINT, package.constraint),
    )
    return [{"name": name, "value": value} for name, value in pairs if value]


def _build_dependencies(packages: Sequence[Package], references: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each package needs, of what is listed; a name without a version is every version of it."""
    by_name: dict[tuple[str, str], list[str]] = {}
    for one, reference in zip(packages, references, strict=True):
        for name in (one.name, f"{one.name}@{one.version}"):
            by_name.setdefault((one.type, name), []).append(reference)
    found = []
    for one, reference in zip(packages, references, strict=True):
        if not one.dependencies:
            continue
        needed = {each for name in one.dependencies for each in by_name.get((one.type, name), ())}
        needed.discard(reference)
        if needed:
            found.append({"ref": reference, "dependsOn": sorted(needed)})
    return found
