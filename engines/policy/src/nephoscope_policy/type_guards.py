"""Type guards: the resource types that a rule can apply to, decided before any resource is read.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/policy-applicability
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.keywords import CASED
from nephoscope_policy.operators import assess
from nephoscope_policy.resource_view import NotCollected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope_policy.engine_differences import Switches
    from nephoscope_policy.resource_view import View

Fold = "Callable[[tree.Operand], object]"
APPLICABILITY_FIELDS = frozenset({"type", "name", "kind"})


def iterate_leaves(node: tree.Condition) -> Iterator[tree.Leaf]:
    """Every leaf condition, those inside counts left out."""
    if isinstance(node, tree.Leaf):
        yield node
    elif isinstance(node, tree.Not):
        yield from iterate_leaves(node.child)
    else:
        for child in node.children:
            yield from iterate_leaves(child)


def is_case_sensitive(condition: tree.Condition) -> bool:
    """Return whether a condition tells spellings of one type apart: `match` and `notMatch` look at the case."""
    return any(
        leaf.operator in CASED and get_field_name(leaf) == "type" for leaf in iterate_leaves(condition)
    )


def get_field_name(leaf: tree.Leaf) -> str:
    """The lower-cased literal field of a leaf, '' where its left side is something else."""
    subject = leaf.subject
    if isinstance(subject, tree.FieldRef) and isinstance(subject.name, tree.PolicyLiteral):
        return str(subject.name.value).lower()
    return ""


def find_possible_types(
    node: tree.Condition, fold: Callable[[tree.Operand], object]
) -> frozenset[str] | None:
    """The lower-cased types that the condition can hold for, None where it proves nothing.

    `fold` gives an operand's value where it is known beforehand, else MISSING.
    """
    if isinstance(node, tree.Leaf):
        return _find_leaf_types(node, fold)
    if isinstance(node, tree.Not):
        return None
    found = [find_possible_types(child, fold) for child in node.children]
    if isinstance(node, tree.AllOf):
        known = [one for one in found if one is not None]
        return frozenset.intersection(*known) if known else None
    if any(one is None for one in found):
        return None
    return frozenset[str]().union(*(one for one in found if one is not None))


def _find_leaf_types(leaf: tree.Leaf, fold: Callable[[tree.Operand], object]) -> frozenset[str] | None:
    if get_field_name(leaf) != "type" or leaf.operator not in ("equals", "in", "like"):
        return None
    expected = fold(leaf.operand)
    if isinstance(expected, str):
        wild = leaf.operator == "like" and ("*" in expected or "?" in expected)
        return None if wild else frozenset({expected.lower()})
    if (
        leaf.operator == "in"
        and isinstance(expected, list)
        and all(isinstance(item, str) for item in expected)
    ):
        return frozenset(item.lower() for item in expected)
    return None


def find_applicability_fields(condition: tree.Condition) -> frozenset[str]:
    """Return which of type, name and kind decide applicability of the rule, after Azure's special cases; empty: everything applies."""
    found = {
        name if (name := get_field_name(leaf)) in APPLICABILITY_FIELDS else ""
        for leaf in iterate_leaves(condition)
    }
    if found <= {"kind", "name"}:
        return frozenset()
    if found in ({"type", "kind"}, {"type", "name"}):
        return frozenset({"type"})
    return frozenset(found - {""})


def is_applicable(
    node: tree.Condition,
    view: View,
    fields: frozenset[str],
    fold: Callable[[tree.Operand], object],
    switches: Switches,
    *,
    upper: bool = True,
) -> bool:
    """Return whether the condition can hold when only the given fields are judged and all else is taken as true (false
    when negated)."""
    if isinstance(node, tree.Leaf):
        expected = fold(node.operand) if get_field_name(node) in fields else MISSING
        if expected is MISSING:
            return upper
        return assess(node.operator, _read_field(view, get_field_name(node)), expected, switches)
    if isinstance(node, tree.Not):
        return not is_applicable(node.child, view, fields, fold, switches, upper=not upper)
    results = (is_applicable(child, view, fields, fold, switches, upper=upper) for child in node.children)
    return all(results) if isinstance(node, tree.AllOf) else any(results)


def _read_field(view: View, name: str) -> object:
    try:
        return view.follow(("kind",)) if name == "kind" else view.get_special_field(name)
    except NotCollected:
        return MISSING
