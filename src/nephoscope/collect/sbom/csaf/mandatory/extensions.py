"""Extensions: their own shape; the schemas that they declare are elsewhere and are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import get_text
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

_REQUIRED = frozenset({"$schema", "category", "content", "critical"})
#: The words of both drafts of the standard.
_CATEGORIES = frozenset(
    {"critical", "high_value", "informational", "essential", "significant", "supplementary"}
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_VERSION = (
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?"
)
#: The address of a schema ends with the name of the extension and its version.
_SCHEMA = re.compile(rf"https://{_LABEL}(?:\.{_LABEL})+/(?:[^/\s]+/)*[^/\s]+_{_VERSION}\.json", re.ASCII)


def _find_members(root: object, name: str) -> Iterator[tuple[str, object]]:
    """Give place and value of each outermost member of a name, wherever it is."""
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        place, value = waiting.pop()
        items: Iterable[tuple[object, object]] = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in items:
            if key == name:
                yield f"{place}/{name}", inner
            elif isinstance(inner, dict | list):
                waiting.append((f"{place}/{key}", inner))


def _read_lists(document: AdvisoryDocument) -> Iterator[tuple[str, list[object]]]:
    """Give place and content of each list of extensions."""
    for place, several in _find_members(document.tree, "x_extensions"):
        if isinstance(several, list):
            yield place, several


def list_extension_products(document: AdvisoryDocument) -> set[str]:
    """Return the ids of the products that extensions define, each by a full product name as the standard has it."""
    return {
        id_
        for _, several in _read_lists(document)
        for _, product in _find_members(several, "full_product_name")
        if isinstance(product, dict) and (id_ := get_text(product, "product_id"))
    }


def _read_extensions(document: AdvisoryDocument) -> Iterator[tuple[str, object]]:
    for place, several in _read_lists(document):
        yield from ((f"{place}/{number}", one) for number, one in enumerate(several))


@declare_mandatory_test("6.1.60.1", since="2.1")
def check_extensions(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the extensions that lack a part, have one too many, or have one of another kind."""
    for place, one in _read_extensions(document):
        if not isinstance(one, dict):
            yield place, "an extension is an object"
            continue
        for key in sorted(_REQUIRED - one.keys()):
            yield place, f"the extension has no {key}"
        for key in sorted(one.keys() - _REQUIRED):
            yield place, f"an extension has no {key[:80]!r}"
        yield from ((place, problem) for problem in _check_values(one))


def _check_values(extension: dict[str, object]) -> Iterator[str]:
    content = extension.get("content")
    if not (isinstance(content, dict) and content) or not isinstance(extension.get("critical"), bool):
        yield "the content of an extension is an object with a property, and critical is true or false"
    schema, category = extension.get("$schema"), extension.get("category")
    if not (isinstance(schema, str) and _SCHEMA.fullmatch(schema)):
        yield "the schema of an extension is an address by HTTPS that ends with a name and a version, as name_1.0.0.json"
    if not (isinstance(category, str) and category in _CATEGORIES):
        yield "the category of an extension is critical, high_value or informational"
