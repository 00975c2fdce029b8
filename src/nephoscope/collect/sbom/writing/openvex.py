"""Statements as a document of OpenVEX 0.2."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.collect.sbom.formats.openvex import CONTEXT
from nephoscope.collect.sbom.writing.document_metadata import TOOL, WrittenAs, build_content_uuid, to_json
from nephoscope.model.vex import VexStatement

#: What the specification wants of a statement that says nothing about it.
_NO_IMPACT = "No reason is recorded."
_NO_ACTION = "No action is recorded."


def write_openvex(statements: Sequence[VexStatement], written_as: WrittenAs) -> bytes:
    """Write statements; ranges of versions, which the format has no place for, stand in the status notes."""
    ordered = sorted(
        statements, key=lambda one: (one.vulnerability, one.product, one.status, one.version_range, one.time)
    )
    document = {
        "@context": f"{CONTEXT}/v0.2.0",
        "author": written_as.author,
        "timestamp": written_as.time,
        "version": 1,
        "tooling": TOOL,
        "statements": [_build_statement(one) for one in ordered],
    }
    return to_json({"@id": f"urn:uuid:{build_content_uuid(document)}", **document})


def _build_statement(one: VexStatement) -> dict[str, object]:
    vulnerability: dict[str, object] = {"name": one.vulnerability}
    if one.aliases:
        vulnerability["aliases"] = list(one.aliases)
    product: dict[str, object] = {"@id": one.product}
    if one.product.startswith("pkg:"):
        product["identifiers"] = {"purl": one.product}
    if one.subcomponents:
        product["subcomponents"] = [{"@id": each} for each in one.subcomponents]
    optional = {
        "timestamp": one.time,
        "supplier": one.author,
        "status_notes": f"versions: {one.version_range}" if one.version_range else "",
        "justification": one.justification if one.status == "not_affected" else "",
        "impact_statement": _choose_impact_statement(one),
        "action_statement": (one.action or _NO_ACTION) if one.status == "affected" else "",
    }
    given = {key: value for key, value in optional.items() if value}
    return {"vulnerability": vulnerability, "products": [product], "status": one.status, **given}


def _choose_impact_statement(one: VexStatement) -> str:
    """Return why a product is not affected; the format wants a justification or this."""
    if one.status != "not_affected":
        return ""
    return one.impact or ("" if one.justification else _NO_IMPACT)
