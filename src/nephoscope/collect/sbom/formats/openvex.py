"""OpenVEX, which is JSON-LD."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Bill, Defect
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.files.json_tree import Tree, get_list, get_text, list_texts
from nephoscope.model.vex import VexJustification, VexStatement, VexStatus
from nephoscope.vulnerability.documents.openvex_document import OpenVexDocument, OpenVexStatement

TITLE = "OpenVEX"
PRECEDENCE = 12

CONTEXT = "https://openvex.dev/ns"

#: The words of OpenVEX are those of the model.
_STATUSES: dict[str, VexStatus] = {
    "not_affected": "not_affected",
    "affected": "affected",
    "fixed": "fixed",
    "under_investigation": "under_investigation",
}
_JUSTIFICATIONS: dict[str, VexJustification] = {
    "component_not_present": "component_not_present",
    "vulnerable_code_not_present": "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path": "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary": "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist": "inline_mitigations_already_exist",
}


def recognizes(file: SbomFile) -> bool:
    """Return whether its context is that of OpenVEX."""
    return (
        CONTEXT in file.head
        and file.claims_json("@context")
        and _read_context(file.document).startswith(CONTEXT)
    )


def _read_context(document: Tree) -> str:
    return get_text(document, "@context") or next(iter(list_texts(document, "@context")), "")


def read(file: SbomFile) -> Bill:
    """Read the statements; a product without a name is left out, and is a defect."""
    document = OpenVexDocument(file.document)
    return Bill(
        format="openvex",
        encoding="json-ld",
        version=_read_context(document.tree).removeprefix(CONTEXT).strip("/").removeprefix("v"),
        serial=get_text(document.tree, "@id"),
        time=document.time,
        author=document.author,
        statements=tuple(_read_statements(document)),
        defects=tuple(_read_defects(document)),
    )


def _read_statements(document: OpenVexDocument) -> Iterator[VexStatement]:
    for one in document.statements:
        status = _STATUSES.get(one.status)
        for product in one.products:
            if status is None or not product.identifier or not one.vulnerability:
                continue
            yield VexStatement(
                vulnerability=one.vulnerability,
                aliases=one.aliases,
                product=product.identifier,
                status=status,
                subcomponents=product.subcomponents,
                justification=_JUSTIFICATIONS.get(one.justification, ""),
                author=one.supplier or document.author,
                time=one.time or document.time,
                impact=one.impact,
                action=one.action,
            )


def _read_defects(document: OpenVexDocument) -> Iterator[Defect]:
    """Give what a document does against the specification."""
    for key in ("@id", "author", "timestamp", "version"):
        if not get_text(document.tree, key):
            yield Defect("openvex-required", f"/{key}", f"it has no {key}")
    if not get_list(document.tree, "statements"):
        yield Defect("openvex-required", "/statements", "it has no statements")
    for one in document.statements:
        yield from _list_statement_defects(one)


def _list_statement_defects(one: OpenVexStatement) -> Iterator[Defect]:
    if not one.vulnerability:
        yield Defect("openvex-required", f"{one.place}/vulnerability", "it names no vulnerability")
    if one.status not in _STATUSES:
        yield Defect("openvex-word", f"{one.place}/status", f"{one.status[:40]!r} is no status")
    if one.justification and one.justification not in _JUSTIFICATIONS:
        message = f"{one.justification[:60]!r} is no justification"
        yield Defect("openvex-word", f"{one.place}/justification", message)
    if one.status == "not_affected" and not one.justification and not one.impact:
        yield Defect(
            "openvex-required",
            one.place,
            "no justification or impact statement, and the product is not affected",
        )
    if one.status == "affected" and not one.action:
        yield Defect("openvex-required", one.place, "no action statement for the affected product")
    if not one.products or not all(product.identifier for product in one.products):
        message = "it names no product, or one without an identifier"
        yield Defect("openvex-required", f"{one.place}/products", message)
