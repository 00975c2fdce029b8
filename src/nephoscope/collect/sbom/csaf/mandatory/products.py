"""Products and groups: defined once, before they are named, and identified in one way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from nephoscope.collect.sbom.csaf.mandatory.extensions import list_extension_products
from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import get_list, get_text, get_tree, list_texts, list_trees
from nephoscope.model import package_url
from nephoscope.model.package_url import PackageUrl, PackageUrlError
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

#: Lists of a vulnerability whose items name products and groups.
_NAMING = (
    "flags",
    "first_known_exploitation_dates",
    "ids",
    "involvements",
    "notes",
    "remediations",
    "threats",
)

#: A star, or an escaped character that is none.
_STAR = re.compile(r"\\.|(\*)")


def _read_named_products(document: AdvisoryDocument) -> Iterator[tuple[str, str]]:
    """Give place and id of each product that is named."""
    yield from document.products.references
    for place, vulnerability in document.vulnerabilities:
        for status in get_tree(vulnerability, "product_status"):
            for product in list_texts(vulnerability, "product_status", status):
                yield f"{place}/product_status/{status}", product
    for key in _NAMING:
        for place, _, item in document.iterate_items(key):
            for product in list_texts(item, "product_ids"):
                yield f"{place}/product_ids", product
    for number, note in enumerate(list_trees(document.head, "notes")):
        for product in list_texts(note, "product_ids"):
            yield f"/document/notes/{number}/product_ids", product
    for place, _, metric, _ in document.list_metrics():
        for product in list_texts(metric, "products"):
            yield f"{place}/products", product


@declare_mandatory_test("6.1.1")
def check_products_are_defined(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that are named and not defined."""
    defined = {one.id for one in document.products.products} | list_extension_products(document)
    for place, product in _read_named_products(document):
        if product not in defined:
            yield place, f"the product {product[:80]} is not defined"


@declare_mandatory_test("6.1.2")
def check_products_are_defined_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that are defined twice."""
    seen: set[str] = set()
    for one in document.products.products:
        if one.id in seen:
            yield one.place, f"the product {one.id[:80]} is defined twice"
        seen.add(one.id)


@declare_mandatory_test("6.1.3")
def check_products_are_not_made_of_themselves(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the combined products that are part of themselves."""
    parts = document.products.parts
    for product in parts:
        waiting, seen = list(parts[product]), set[str]()
        while waiting:
            part = waiting.pop()
            if part == product:
                yield "/product_tree", f"the product {product[:80]} is made of itself"
                break
            if part not in seen:
                seen.add(part)
                waiting += parts.get(part, ())


@declare_mandatory_test("6.1.4")
def check_groups_are_defined(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the groups that are named and not defined."""
    defined = {group for group, _, _ in document.products.groups}
    for key in _NAMING:
        for place, _, item in document.iterate_items(key):
            for group in list_texts(item, "group_ids"):
                if group not in defined:
                    yield f"{place}/group_ids", f"the group {group[:80]} is not defined"


@declare_mandatory_test("6.1.5")
def check_groups_are_defined_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the groups that are defined twice."""
    counts = Counter(group for group, _, _ in document.products.groups)
    for group, count in counts.items():
        if count > 1:
            yield "/product_tree/product_groups", f"the group {group[:80]} is defined {count} times"


@declare_mandatory_test("6.1.13")
def check_package_urls(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the package URLs that are none."""
    for product in document.products.products:
        for purl in product.purls:
            try:
                package_url.parse(purl)
            except PackageUrlError as error:
                yield f"{product.place}/product_identification_helper", str(error)


@declare_mandatory_test("6.1.25")
def check_algorithms_are_used_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the algorithms that one file has two hashes of."""
    for product in document.products.products:
        for item in list_trees(product.helper, "hashes"):
            counts = Counter(get_text(one, "algorithm") for one in list_trees(item, "file_hashes"))
            for algorithm, count in counts.items():
                if count > 1:
                    yield (
                        f"{product.place}/product_identification_helper/hashes",
                        f"{algorithm[:40]} stands {count} times",
                    )


@declare_mandatory_test("6.1.42", since="2.1")
def check_package_urls_differ_by_qualifiers(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products whose package URLs name different packages."""
    for product in document.products.products:
        plain: set[PackageUrl] = set()
        for purl in product.purls:
            try:
                plain.add(msgspec.structs.replace(package_url.parse(purl), qualifiers=()))
            except PackageUrlError:
                continue
        if len(plain) > 1:
            yield (
                f"{product.place}/product_identification_helper/purls",
                "its package URLs differ in more than qualifiers",
            )


def _check_stars(document: AdvisoryDocument, key: str) -> Iterator[Problem]:
    """Give the numbers with several stars."""
    for product in document.products.products:
        for number in get_list(product.helper, key):
            if isinstance(number, str) and sum(bool(one[1]) for one in _STAR.finditer(number)) > 1:
                yield (
                    f"{product.place}/product_identification_helper/{key}",
                    f"{number[:80]!r} has several stars",
                )


@declare_mandatory_test("6.1.43", since="2.1")
def check_stars_of_model_numbers(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the model numbers with several stars."""
    yield from _check_stars(document, "model_numbers")


@declare_mandatory_test("6.1.44", since="2.1")
def check_stars_of_serial_numbers(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the serial numbers with several stars."""
    yield from _check_stars(document, "serial_numbers")


@declare_mandatory_test("6.1.61", since="2.1")
def check_stars_of_stock_keeping_units(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the stock keeping units with several stars."""
    yield from _check_stars(document, "skus")
