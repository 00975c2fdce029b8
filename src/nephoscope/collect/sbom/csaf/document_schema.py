"""Check the properties and values that the CSAF schema requires of every document."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import Defect
from nephoscope.files.json_tree import Tree, get_list, get_text, get_tree, list_trees
from nephoscope.vulnerability.documents.product_tree import walk_branches

_HEAD = ("category", "csaf_version", "title")
_TRACKING = ("current_release_date", "id", "initial_release_date", "status", "version")
_REVISION = ("date", "number", "summary")
_PUBLISHER = ("category", "name", "namespace")
_STATUSES = frozenset({"draft", "final", "interim"})
_PUBLISHERS = {
    "2.0": frozenset({"coordinator", "discoverer", "other", "translator", "user", "vendor"}),
    "2.1": frozenset({"coordinator", "discoverer", "multiplier", "other", "translator", "user", "vendor"}),
}
_LABELS = frozenset({"AMBER", "AMBER+STRICT", "CLEAR", "GREEN", "RED"})
_ROOT = frozenset({"document", "product_tree", "vulnerabilities", "$schema", "x_extensions"})


def find_shape_defects(tree: Tree, version: str) -> tuple[Defect, ...]:
    """Return what a document lacks."""
    return (
        *_check_head(tree, version),
        *_check_tracking(get_tree(tree, "document", "tracking")),
        *_check_lists(tree),
        *_check_branches(tree),
    )


def _find_missing_properties(holder: Tree, place: str, keys: tuple[str, ...]) -> Iterator[Defect]:
    for key in keys:
        if not get_text(holder, key):
            yield Defect("csaf-schema", f"{place}/{key}", f"it has no {key}")


def _check_head(tree: Tree, version: str) -> Iterator[Defect]:
    head = get_tree(tree, "document")
    yield from _find_missing_properties(head, "/document", _HEAD)
    yield from _find_missing_properties(get_tree(head, "publisher"), "/document/publisher", _PUBLISHER)
    publisher = get_text(head, "publisher", "category")
    if publisher and publisher not in _PUBLISHERS[version]:
        yield Defect(
            "csaf-schema", "/document/publisher/category", f"{publisher[:40]!r} is no category of publishers"
        )
    label = get_text(head, "distribution", "tlp", "label")
    if version == "2.1" and label not in _LABELS:
        yield Defect(
            "csaf-schema", "/document/distribution/tlp/label", f"{label[:40]!r} is no label of TLP 2.0"
        )
    for key in sorted(tree.keys() - _ROOT):
        yield Defect("csaf-schema", f"/{key[:80]}", "a document has no such part")


def _check_tracking(tracking: Tree) -> Iterator[Defect]:
    yield from _find_missing_properties(tracking, "/document/tracking", _TRACKING)
    status = get_text(tracking, "status")
    if status and status not in _STATUSES:
        yield Defect("csaf-schema", "/document/tracking/status", f"{status[:40]!r} is no status")
    revisions = get_list(tracking, "revision_history")
    if not revisions:
        yield Defect("csaf-schema", "/document/tracking/revision_history", "it has no revisions")
    for number, one in enumerate(revisions):
        yield from _find_missing_properties(
            one if isinstance(one, dict) else {}, f"/document/tracking/revision_history/{number}", _REVISION
        )


def _check_lists(tree: Tree) -> Iterator[Defect]:
    """Give the parts that are empty, or of another kind."""
    for key, kind in (("product_tree", dict), ("vulnerabilities", list)):
        if key in tree and not (isinstance(tree[key], kind) and tree[key]):
            yield Defect("csaf-schema", f"/{key}", "it is empty, or of another kind")
    for number, one in enumerate(get_list(tree, "vulnerabilities")):
        if not isinstance(one, dict) or not one:
            yield Defect("csaf-schema", f"/vulnerabilities/{number}", "it is empty, or of another kind")
    for number, one in enumerate(list_trees(tree, "product_tree", "full_product_names")):
        yield from _find_missing_properties(
            one, f"/product_tree/full_product_names/{number}", ("name", "product_id")
        )


def _check_branches(tree: Tree) -> Iterator[Defect]:
    for place, branch, _ in walk_branches(get_tree(tree, "product_tree")):
        yield from _find_missing_properties(branch, place, ("category", "name"))
        if ("branches" in branch) == ("product" in branch):
            yield Defect("csaf-schema", place, "it has either branches or a product")
