"""Statements as a VEX document of CycloneDX 1.6."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.collect.sbom.cyclonedx.vex_statements import STATES, WRITTEN_JUSTIFICATIONS
from nephoscope.collect.sbom.writing.document_metadata import TOOL, WrittenAs, build_content_uuid, to_json
from nephoscope.model.package_url import PackageUrlError, split_package_url
from nephoscope.model.vex import VexStatement


def write_cyclonedx_vex(statements: Sequence[VexStatement], written_as: WrittenAs) -> bytes:
    """Write statements as the vulnerabilities of a bill whose components are the products."""
    products = sorted({one.product for one in statements})
    references = {product: f"product-{number}" for number, product in enumerate(products, 1)}
    ordered = sorted(
        statements, key=lambda one: (one.vulnerability, one.product, one.status, one.version_range, one.time)
    )
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": written_as.time,
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "authors": [{"name": written_as.author}],
            "component": {"type": written_as.subject_type, "bom-ref": "subject", "name": written_as.subject},
        },
        "components": [_build_component(product, references[product]) for product in products],
        "vulnerabilities": [_build_vulnerability(one, references[one.product]) for one in ordered],
    }
    return to_json({**document, "serialNumber": f"urn:uuid:{build_content_uuid(document)}"})


def _build_component(product: str, reference: str) -> dict[str, object]:
    """Return a product: with its parts where it is a package URL, else with its name alone."""
    try:
        url = split_package_url(product)
    except PackageUrlError:
        return {"type": "library", "bom-ref": reference, "name": product}
    group = {"group": url.namespace} if url.namespace else {}
    version = {"version": url.version} if url.version else {}
    return {"type": "library", "bom-ref": reference, **group, "name": url.name, **version, "purl": product}


def _build_vulnerability(one: VexStatement, reference: str) -> dict[str, object]:
    analysis: dict[str, object] = {"state": STATES[one.status]}
    if one.justification:
        analysis["justification"] = WRITTEN_JUSTIFICATIONS[one.justification]
    if one.status == "not_affected" and one.impact:
        analysis["detail"] = one.impact
    affected: dict[str, object] = {"ref": reference}
    if one.version_range:
        affected["versions"] = [{"range": one.version_range, "status": "affected"}]
    vulnerability: dict[str, object] = {"id": one.vulnerability}
    if one.aliases:
        vulnerability["references"] = [
            {"id": alias, "source": {"name": alias.partition("-")[0]}} for alias in one.aliases
        ]
    if one.status == "affected" and one.action:
        vulnerability["recommendation"] = one.action
    if one.time:
        vulnerability["updated"] = one.time
    return {**vulnerability, "analysis": analysis, "affects": [affected]}
