"""Statements of VEX and vulnerabilities out of a document of CSAF."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import ListedComponent, Vulnerability
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_texts, list_trees
from nephoscope.model.vex import VexJustification, VexStatement, VexStatus
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument
from nephoscope.vulnerability.documents.product_tree import Product

#: What each list of products says; `recommended` says nothing of a vulnerability.
_STATUSES: dict[str, VexStatus] = {
    "first_affected": "affected",
    "known_affected": "affected",
    "last_affected": "affected",
    "known_not_affected": "not_affected",
    "first_fixed": "fixed",
    "fixed": "fixed",
    "under_investigation": "under_investigation",
}
_JUSTIFICATIONS: dict[str, VexJustification] = {
    "component_not_present": "component_not_present",
    "inline_mitigations_already_exist": "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary": "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path": "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present": "vulnerable_code_not_present",
}


def list_components(document: AdvisoryDocument) -> tuple[ListedComponent, ...]:
    """Return the products as components; a range of versions is none."""
    return tuple(
        ListedComponent(
            name=product.get_branch_name("product_name") or product.name,
            type="application",
            group=product.get_branch_name("vendor"),
            version=product.get_branch_name("product_version"),
            reference=product.id,
            purls=tuple(product.purls),
            cpes=(product.cpe,) if product.cpe else (),
        )
        for product in document.products.products
    )


def list_vulnerabilities(document: AdvisoryDocument) -> tuple[Vulnerability, ...]:
    """Return the vulnerabilities, with the products that they affect."""
    return tuple(_read_vulnerability(one) for _, one in document.vulnerabilities)


def _read_vulnerability(one: Tree) -> Vulnerability:
    identifier, *aliases = [
        *filter(None, [get_text(one, "cve")]),
        *(get_text(each, "text") for each in list_trees(one, "ids")),
    ] or [""]
    contents = [
        *list_trees(one, "scores"),
        *(get_tree(each, "content") for each in list_trees(one, "metrics")),
    ]
    vectors = [
        get_text(content, name, "vectorString")
        for content in contents
        for name in ("cvss_v4", "cvss_v3", "cvss_v2")
    ]
    weaknesses = [get_text(one, "cwe", "id"), *(get_text(each, "id") for each in list_trees(one, "cwes"))]
    affected = [
        product
        for key, status in _STATUSES.items()
        if status == "affected"
        for product in list_texts(one, "product_status", key)
    ]
    notes = [
        get_text(each, "text")
        for each in list_trees(one, "notes")
        if get_text(each, "category") in {"description", "summary"}
    ]
    return Vulnerability(
        id=identifier,
        aliases=tuple(aliases),
        description=next(iter(notes), get_text(one, "title")),
        vectors=tuple(dict.fromkeys(filter(None, vectors))),
        weaknesses=tuple(filter(None, weaknesses)),
        published=get_text(one, "release_date") or get_text(one, "disclosure_date"),
        affects=tuple(dict.fromkeys(affected)),
    )


def iterate_statements(document: AdvisoryDocument) -> Iterator[VexStatement]:
    """Give a statement for each product of each status of each vulnerability, a product once for a status."""
    products = document.products.by_id
    for _, vulnerability in document.vulnerabilities:
        seen = set[tuple[str, VexStatus]]()
        for key, status in _STATUSES.items():
            for product in list_texts(vulnerability, "product_status", key):
                if (product, status) not in seen:
                    seen.add((product, status))
                    yield _read_statement(document, vulnerability, product, status, products.get(product))


def _read_statement(
    document: AdvisoryDocument,
    vulnerability: Tree,
    reference: str,
    status: VexStatus,
    product: Product | None,
) -> VexStatement:
    identifier, *aliases = [
        *filter(None, [get_text(vulnerability, "cve")]),
        *_list_identifiers(vulnerability),
    ] or [""]
    return VexStatement(
        vulnerability=identifier,
        product=_read_product_name(document, reference, product),
        status=status,
        aliases=tuple(aliases),
        version_range=product.get_branch_name("product_version_range") if product else "",
        subcomponents=tuple(_read_subcomponents(document, reference)),
        justification=_read_justification(document, vulnerability, reference)
        if status == "not_affected"
        else "",
        author=get_text(document.head, "publisher", "name"),
        time=get_text(document.tracking_section, "current_release_date"),
        impact=_find_details(document, vulnerability, "threats", reference, "impact")
        if status == "not_affected"
        else "",
        action=_find_details(document, vulnerability, "remediations", reference)
        if status == "affected"
        else "",
    )


def _list_identifiers(vulnerability: Tree) -> list[str]:
    return [get_text(one, "text") for one in list_trees(vulnerability, "ids")]


def _read_product_name(document: AdvisoryDocument, reference: str, product: Product | None) -> str:
    """Return the package URL or the CPE of a product, else its name; of a combined one, those of what it is combined with."""
    if product is None:
        return reference
    own = next(iter(product.purls), product.cpe)
    parts = document.products.parts.get(reference, ())
    holder = document.products.by_id.get(parts[-1]) if parts and not own else None
    return own or (next(iter(holder.purls), holder.cpe or holder.name) if holder else product.name)


def _read_subcomponents(document: AdvisoryDocument, reference: str) -> Iterator[str]:
    """Give what a combined product has inside, where it has no identifier of its own."""
    product = document.products.by_id.get(reference)
    parts = document.products.parts.get(reference, ())
    if parts and product and not (product.purls or product.cpe):
        for part in parts[:-1]:
            inner = document.products.by_id.get(part)
            yield next(iter(inner.purls), inner.cpe or inner.name) if inner else part


def _read_justification(document: AdvisoryDocument, vulnerability: Tree, product: str) -> VexJustification:
    for flag in list_trees(vulnerability, "flags"):
        if product in document.products.members(flag) and get_text(flag, "label") in _JUSTIFICATIONS:
            return _JUSTIFICATIONS[get_text(flag, "label")]
    return ""


def _find_details(
    document: AdvisoryDocument, vulnerability: Tree, key: str, product: str, category: str = ""
) -> str:
    """Return the details of the first item for a product."""
    for item in list_trees(vulnerability, key):
        if product in document.products.members(item) and category in {"", get_text(item, "category")}:
            return get_text(item, "details")
    return ""
