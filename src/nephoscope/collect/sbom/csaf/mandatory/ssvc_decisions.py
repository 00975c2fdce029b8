"""Decisions of SSVC: on this vulnerability, with points and values that there are."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.collect.sbom.csaf.ssvc_decision_points import COMPLETE, POINTS
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_texts, list_trees
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

_REQUIRED = ("schemaVersion", "selections", "timestamp")
_SELECTED = ("key", "namespace", "values", "version")


def _read_decisions(document: AdvisoryDocument) -> Iterator[tuple[str, Tree, Tree]]:
    """Give place, vulnerability and decision."""
    for place, vulnerability, _, content in document.list_metrics():
        if "ssvc_v2" in content:
            yield f"{place}/ssvc_v2", vulnerability, get_tree(content, "ssvc_v2")


@declare_mandatory_test("6.1.46", since="2.1")
def check_decisions_are_valid(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the decisions that lack a part."""
    for place, _, decision in _read_decisions(document):
        yield from ((place, f"the decision has no {key}") for key in _REQUIRED if not decision.get(key))
        if get_text(decision, "schemaVersion") not in {"", "2.0.0"}:
            yield (
                f"{place}/schemaVersion",
                f"{get_text(decision, 'schemaVersion')[:20]!r} is no version that is known",
            )
        for number, one in enumerate(list_trees(decision, "selections")):
            yield from (
                (f"{place}/selections/{number}", f"it has no {key}") for key in _SELECTED if not one.get(key)
            )
            for value in list_trees(one, "values"):
                if not get_text(value, "key"):
                    yield f"{place}/selections/{number}/values", "a value has no key"


@declare_mandatory_test("6.1.47", since="2.1")
def check_targets(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the decisions on something else than the vulnerability."""
    several = len(document.vulnerabilities) > 1
    own = get_text(document.tracking_section, "id")
    for place, vulnerability, decision in _read_decisions(document):
        known = {
            get_text(vulnerability, "cve"),
            *(get_text(one, "text") for one in list_trees(vulnerability, "ids")),
        } - {""}
        for target in list_texts(decision, "target_ids"):
            if target not in known or (several and target == own):
                yield f"{place}/target_ids", f"{target[:80]!r} is not this vulnerability"


@declare_mandatory_test("6.1.48", since="2.1")
def check_decision_points(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the points and values of known namespaces that there are not, or that stand in another order."""
    for place, _, decision in _read_decisions(document):
        for number, one in enumerate(list_trees(decision, "selections")):
            wrong = _explain_point_problem(one)
            if wrong:
                yield f"{place}/selections/{number}", wrong


def _explain_point_problem(one: Tree) -> str:
    """Return what is wrong with a point, '' where nothing is known to be."""
    namespace = get_text(one, "namespace").partition("/")[0]
    key, version = get_text(one, "key"), get_text(one, "version")
    if namespace == "invalid":
        return "the namespace is reserved for what is invalid"
    points = POINTS.get(namespace, {})
    if key not in points and namespace not in COMPLETE:
        return ""
    if version not in points.get(key, {}):
        return f"there is no point {key[:20]} of version {version[:20]}"
    values = points[key][version]
    chosen = [get_text(value, "key") for value in list_trees(one, "values")]
    ordered = [value for value in values if value in chosen]
    return (
        ""
        if chosen == ordered
        else f"the values are {', '.join(values)} in this order, not {', '.join(chosen)[:80]}"
    )
