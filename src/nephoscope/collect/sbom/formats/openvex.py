"""OpenVEX, which is JSON-LD."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill import Bill, Defect
from nephoscope.collect.sbom.sbom_file import SbomFile
from nephoscope.collect.sbom.trees import Tree, list_of, text_of, texts_of, trees_of
from nephoscope.model.vex import VexJustification, VexStatement, VexStatus

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


def claims(file: SbomFile) -> bool:
    """Return whether its context is that of OpenVEX."""
    return (
        CONTEXT in file.head and file.claims_json("@context") and _context(file.document).startswith(CONTEXT)
    )


def _context(document: Tree) -> str:
    return text_of(document, "@context") or next(iter(texts_of(document, "@context")), "")


def read(file: SbomFile) -> Bill:
    """Read the statements; a product without a name is left out, and is a defect."""
    document = file.document
    return Bill(
        format="openvex",
        encoding="json-ld",
        version=_context(document).removeprefix(CONTEXT).strip("/").removeprefix("v"),
        serial=text_of(document, "@id"),
        time=text_of(document, "timestamp"),
        author=text_of(document, "author"),
        statements=tuple(_statements(document)),
        defects=tuple(_defects(document)),
    )


def _vulnerability(statement: Tree) -> tuple[str, list[str]]:
    """Return name and aliases: an object since 0.2, a text before."""
    name = text_of(statement, "vulnerability") or text_of(statement, "vulnerability", "name")
    return name or text_of(statement, "vulnerability", "@id"), texts_of(statement, "vulnerability", "aliases")


def _identifier(product: object) -> str:
    """Return the package URL of a product, else its identifier."""
    if isinstance(product, str):
        return product
    kinds = [text_of(product, "identifiers", kind) for kind in ("purl", "cpe23", "cpe22")]
    identifier = text_of(product, "@id")
    return identifier if identifier.startswith("pkg:") else next(filter(None, kinds), identifier)


def _statements(document: Tree) -> Iterator[VexStatement]:
    for one in trees_of(document, "statements"):
        name, aliases = _vulnerability(one)
        status = _STATUSES.get(text_of(one, "status"))
        for product in list_of(one, "products"):
            identifier = _identifier(product)
            if status is None or not identifier or not name:
                continue
            inner = (
                list_of(product, "subcomponents")
                if isinstance(product, dict)
                else list_of(one, "subcomponents")
            )
            yield VexStatement(
                vulnerability=name,
                aliases=tuple(aliases),
                product=identifier,
                status=status,
                subcomponents=tuple(filter(None, map(_identifier, inner))),
                justification=_JUSTIFICATIONS.get(text_of(one, "justification"), ""),
                author=text_of(one, "supplier") or text_of(document, "author"),
                time=text_of(one, "last_updated")
                or text_of(one, "timestamp")
                or text_of(document, "timestamp"),
                impact=text_of(one, "impact_statement"),
                action=text_of(one, "action_statement"),
            )


def _defects(document: Tree) -> Iterator[Defect]:
    """Give what a document does against the specification."""
    for key in ("@id", "author", "timestamp", "version"):
        if not text_of(document, key):
            yield Defect("openvex-required", f"/{key}", f"it has no {key}")
    statements = list_of(document, "statements")
    if not statements:
        yield Defect("openvex-required", "/statements", "it has no statements")
    for number, one in enumerate(statements):
        yield from _statement_defects(one, f"/statements/{number}") if isinstance(one, dict) else ()


def _statement_defects(one: Tree, place: str) -> Iterator[Defect]:
    status, justification = text_of(one, "status"), text_of(one, "justification")
    if not _vulnerability(one)[0]:
        yield Defect("openvex-required", f"{place}/vulnerability", "it names no vulnerability")
    if status not in _STATUSES:
        yield Defect("openvex-word", f"{place}/status", f"{status[:40]!r} is no status")
    if justification and justification not in _JUSTIFICATIONS:
        yield Defect("openvex-word", f"{place}/justification", f"{justification[:60]!r} is no justification")
    if status == "not_affected" and not justification and not text_of(one, "impact_statement"):
        yield Defect("openvex-required", place, "nothing says why the product is not affected")
    if status == "affected" and not text_of(one, "action_statement"):
        yield Defect("openvex-required", place, "nothing says what to do about the product")
    products = list_of(one, "products")
    if not products or not all(map(_identifier, products)):
        yield Defect(
            "openvex-required", f"{place}/products", "it names no product, or one without an identifier"
        )
