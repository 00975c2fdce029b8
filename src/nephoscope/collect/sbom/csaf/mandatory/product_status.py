"""The status of products: it does not contradict itself, nor what is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import Tree, get_text, list_texts, list_trees
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

#: The lists of products that say the same; those of different groups have no product in common.
GROUPS: dict[str, tuple[str, ...]] = {
    "affected": ("first_affected", "known_affected", "last_affected"),
    "not affected": ("known_not_affected",),
    "fixed": ("first_fixed", "fixed"),
    "under investigation": ("under_investigation",),
    "unknown": ("unknown",),
}

#: Remediations that may stand beside one another for a product; any other two may not.
_TOGETHER = frozenset(
    frozenset(pair.split())
    for pair in (
        "workaround mitigation",
        "workaround vendor_fix",
        "workaround fix_planned",
        "workaround no_fix_planned",
        "mitigation vendor_fix",
        "mitigation fix_planned",
        "mitigation no_fix_planned",
    )
)

#: Groups of products for which a remediation may not be given.
_NOT_FOR: dict[str, tuple[str, ...]] = {
    "workaround": ("not affected", "fixed"),
    "mitigation": ("not affected", "fixed"),
    "vendor_fix": ("not affected", "fixed"),
    "optional_patch": ("affected",),
    "none_available": ("not affected", "fixed"),
    "fix_planned": ("fixed",),
    "no_fix_planned": ("fixed",),
}

#: Flags that say why a product is not affected.
JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "inline_mitigations_already_exist",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_not_present",
    }
)


def list_group_products(vulnerability: Tree, group: str) -> set[str]:
    """Return the products of a vulnerability that are in a group."""
    return {product for key in GROUPS[group] for product in list_texts(vulnerability, "product_status", key)}


@declare_mandatory_test("6.1.6")
def check_statuses_do_not_contradict(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that are in two groups."""
    for place, vulnerability in document.vulnerabilities:
        for first, second in combinations(GROUPS, 2):
            for product in sorted(
                list_group_products(vulnerability, first) & list_group_products(vulnerability, second)
            ):
                yield f"{place}/product_status", f"the product {product[:80]} is {first} and {second}"


@declare_mandatory_test("6.1.29")
def check_remediations_name_products(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the remediations for no product."""
    for place, _, item in document.iterate_items("remediations"):
        if not {"product_ids", "group_ids"} & item.keys():
            yield place, "the remediation is for no product"


@declare_mandatory_test("6.1.32")
def check_flags_name_products(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the flags of no product."""
    for place, _, item in document.iterate_items("flags"):
        if not {"product_ids", "group_ids"} & item.keys():
            yield place, "the flag is of no product"


@declare_mandatory_test("6.1.33")
def check_products_have_one_justification(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products with two flags that say why they are not affected."""
    for place, vulnerability in document.vulnerabilities:
        seen: set[str] = set()
        for flag in list_trees(vulnerability, "flags"):
            if get_text(flag, "label") in JUSTIFICATIONS:
                products = document.products.members(flag)
                for product in sorted(products & seen):
                    yield f"{place}/flags", f"the product {product[:80]} has two flags with a justification"
                seen |= products


@declare_mandatory_test("6.1.35", since="2.1")
def check_remediations_do_not_contradict(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products with two remediations that exclude each other."""
    for place, vulnerability in document.vulnerabilities:
        found: dict[str, set[str]] = {}
        for item in list_trees(vulnerability, "remediations"):
            for product in document.products.members(item):
                found.setdefault(product, set()).add(get_text(item, "category"))
        for product, categories in sorted(found.items()):
            for pair in combinations(sorted(categories), 2):
                if frozenset(pair) not in _TOGETHER:
                    yield f"{place}/remediations", f"the product {product[:80]} has {pair[0]} and {pair[1]}"


@declare_mandatory_test("6.1.36", since="2.1")
def check_remediations_fit_statuses(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products with a remediation that their status excludes."""
    for place, vulnerability, item in document.iterate_items("remediations"):
        category = get_text(item, "category")
        for group in _NOT_FOR.get(category, ()):
            for product in sorted(
                document.products.members(item) & list_group_products(vulnerability, group)
            ):
                yield place, f"{category} is given for the product {product[:80]}, which is {group}"
