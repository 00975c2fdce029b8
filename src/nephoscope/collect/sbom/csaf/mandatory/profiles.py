"""Check the requirements of each CSAF profile, by the category of the document."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.csaf.mandatory.product_status import GROUPS, list_group_products
from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_texts, list_trees
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

_INFORMATION = frozenset({"csaf_informational_advisory", "csaf_security_incident_response"})
_WITHDRAWN = frozenset({"csaf_withdrawn", "csaf_superseded"})
_SECURITY = frozenset({"csaf_security_advisory", "csaf_deprecated_security_advisory"})
_WITH_PRODUCTS = _SECURITY | {"csaf_vex"}
_EXPLAINING = frozenset({"description", "details", "general", "summary"})
_NOTES = "/document/notes"
#: Branches that tell versions of one product apart.
_VERSIONS = frozenset({"patch_level", "product_version", "product_version_range", "service_pack"})


def _read_categories(document: AdvisoryDocument, key: str) -> set[str]:
    return {get_text(one, "category") for one in list_trees(document.head, key)}


@declare_mandatory_test("6.1.27.1")
def check_notes_explain(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the notes that explain nothing."""
    if document.category in _INFORMATION and not _EXPLAINING & _read_categories(document, "notes"):
        yield _NOTES, f"no note is one of {', '.join(sorted(_EXPLAINING))}"


@declare_mandatory_test("6.1.27.2")
def check_references_lead_elsewhere(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the references none of which leads elsewhere."""
    if document.category in _INFORMATION and "external" not in _read_categories(document, "references"):
        yield "/document/references", "no reference is external"


@declare_mandatory_test("6.1.27.3")
def check_information_has_no_vulnerabilities(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities of a document that only informs, or is taken back."""
    if (
        document.category in _WITHDRAWN | {"csaf_informational_advisory"}
        and "vulnerabilities" in document.tree
    ):
        yield "/vulnerabilities", f"a document of the category {document.category} has none"


@declare_mandatory_test("6.1.27.4")
def check_products_are_listed(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the product tree that is not there."""
    if document.category in _WITH_PRODUCTS and "product_tree" not in document.tree:
        yield "/product_tree", f"a document of the category {document.category} has one"


@declare_mandatory_test("6.1.27.5")
def check_vulnerabilities_have_notes(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities without notes."""
    if document.category in _WITH_PRODUCTS:
        for place, vulnerability in document.vulnerabilities:
            if "notes" not in vulnerability:
                yield place, "the vulnerability has no notes"


@declare_mandatory_test("6.1.27.6")
def check_vulnerabilities_have_statuses(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities of which no status is told."""
    if document.category in _SECURITY:
        for place, vulnerability in document.vulnerabilities:
            if "product_status" not in vulnerability:
                yield place, "the vulnerability has no product_status"


@declare_mandatory_test("6.1.27.7")
def check_vex_statuses(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities of which none of the statuses of VEX is told."""
    wanted = {"fixed", "known_affected", "known_not_affected", "under_investigation"}
    if document.category == "csaf_vex":
        for place, vulnerability in document.vulnerabilities:
            if not wanted & get_tree(vulnerability, "product_status").keys():
                yield f"{place}/product_status", f"it has none of {', '.join(sorted(wanted))}"


@declare_mandatory_test("6.1.27.8")
def check_vulnerabilities_are_named(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities without a name."""
    if document.category == "csaf_vex":
        for place, vulnerability in document.vulnerabilities:
            if not {"cve", "ids"} & vulnerability.keys():
                yield place, "the vulnerability has neither cve nor ids"
            elif "cve" not in vulnerability:
                for product in sorted(_find_unnamed_products(document, vulnerability)):
                    yield (
                        f"{place}/ids",
                        f"no identifier is that of the vulnerability in the product {product[:80]}",
                    )


def _find_unnamed_products(document: AdvisoryDocument, vulnerability: Tree) -> set[str]:
    """Return the products of a vulnerability whose identifiers are all for other products (since 2.1)."""
    identifiers = list_trees(vulnerability, "ids")
    if any(not {"product_ids", "group_ids"} & one.keys() for one in identifiers):
        return set()
    every = {product for group in GROUPS for product in list_group_products(vulnerability, group)}
    return every - _find_named_products(document, identifiers)


@declare_mandatory_test("6.1.27.9")
def check_impact_is_stated(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that are not affected and nobody says why."""
    if document.category != "csaf_vex":
        return
    for place, vulnerability in document.vulnerabilities:
        threats = [
            one for one in list_trees(vulnerability, "threats") if get_text(one, "category") == "impact"
        ]
        stated = _find_named_products(document, [*list_trees(vulnerability, "flags"), *threats])
        for product in list_texts(vulnerability, "product_status", "known_not_affected"):
            if product not in stated:
                yield (
                    place,
                    f"no flag or impact statement for the product {product[:80]}, which is not affected",
                )


@declare_mandatory_test("6.1.27.10")
def check_remediation_is_stated(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that are affected and nobody says what to do."""
    if document.category != "csaf_vex":
        return
    for place, vulnerability in document.vulnerabilities:
        stated = _find_named_products(document, list_trees(vulnerability, "remediations"))
        for product in list_texts(vulnerability, "product_status", "known_affected"):
            if product not in stated:
                yield place, f"no remediation for the affected product {product[:80]}"


def _find_named_products(document: AdvisoryDocument, items: list[Tree]) -> set[str]:
    return {product for item in items for product in document.products.members(item)}


@declare_mandatory_test("6.1.27.11")
def check_vulnerabilities_are_listed(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities that are not there."""
    if document.category in _WITH_PRODUCTS and "vulnerabilities" not in document.tree:
        yield "/vulnerabilities", f"a document of the category {document.category} has some"


@declare_mandatory_test("6.1.27.12", since="2.1")
def check_affected_products_are_listed(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities that affect nothing."""
    if document.category == "csaf_security_advisory":
        for place, vulnerability in document.vulnerabilities:
            if "known_affected" not in get_tree(vulnerability, "product_status"):
                yield f"{place}/product_status", "it has no known_affected"


@declare_mandatory_test("6.1.27.13", since="2.1")
def check_fixed_products_were_affected(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the fixed products of which no other version is affected."""
    if document.category != "csaf_security_advisory":
        return
    for place, vulnerability in document.vulnerabilities:
        affected = list_group_products(vulnerability, "affected")
        known = {kind for product in affected for kind in _read_kinds(document, product)}
        for product in list_texts(vulnerability, "product_status", "fixed"):
            kinds = _read_kinds(document, product)
            if not (kinds & known if kinds else affected):
                yield f"{place}/product_status", f"no other version of the product {product[:80]} is affected"


def _read_kinds(document: AdvisoryDocument, product: str) -> set[tuple[object, ...]]:
    """Return what a product is, whatever its version: its branches, and what it is combined with; nothing where it has none."""
    parts = document.products.parts.get(product)
    if parts:
        first = _read_kinds(document, parts[0]) if parts[0] != product else set()
        return {(kind, *parts[1:]) for kind in first}
    found = document.products.by_id.get(product)
    path = tuple(one for one in found.path if one[0] not in _VERSIONS) if found else ()
    return {path} if path else set()


@declare_mandatory_test("6.1.27.14", since="2.1")
def check_notes_describe(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the notes of a document that is taken back that describe nothing."""
    if document.category in _WITHDRAWN and "description" not in _read_categories(document, "notes"):
        yield _NOTES, "no note is a description"


@declare_mandatory_test("6.1.27.15", since="2.1")
def check_withdrawn_has_no_products(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the product tree of a document that is taken back."""
    if document.category in _WITHDRAWN and "product_tree" in document.tree:
        yield "/product_tree", f"a document of the category {document.category} has none"


@declare_mandatory_test("6.1.27.16", since="2.1")
def check_withdrawn_was_published(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the history of a document that is taken back and never was there."""
    if document.category in _WITHDRAWN and len(document.history) < 2:
        yield (
            "/document/tracking/revision_history",
            "a document that is taken back has at least two revisions",
        )


def _check_reason(document: AdvisoryDocument, category: str, title: str) -> Iterator[Problem]:
    """Give the reason that is not there once, as a description."""
    if document.category == category and document.is_english:
        notes = [one for one in list_trees(document.head, "notes") if get_text(one, "title") == title]
        if len(notes) != 1 or get_text(notes[0], "category") != "description":
            yield _NOTES, f"one description has the title {title}"


@declare_mandatory_test("6.1.27.17", since="2.1")
def check_withdrawal_has_a_reason(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the withdrawal without a reason."""
    yield from _check_reason(document, "csaf_withdrawn", "Reasoning for Withdrawal")


@declare_mandatory_test("6.1.27.18", since="2.1")
def check_supersession_has_a_reason(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the supersession without a reason."""
    yield from _check_reason(document, "csaf_superseded", "Reasoning for Supersession")


@declare_mandatory_test("6.1.27.19", since="2.1")
def check_superseded_reference(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the superseded document that does not lead to the next."""
    if document.category != "csaf_superseded" or not document.is_english:
        return
    for one in list_trees(document.head, "references"):
        if get_text(one, "category") == "external" and get_text(one, "summary").startswith(
            "Superseding Document"
        ):
            return
    yield "/document/references", "no external reference has a summary that begins with Superseding Document"
