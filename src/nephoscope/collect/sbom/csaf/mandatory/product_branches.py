"""Branches of the product tree: no range as a version, no version as a range, each kind once on the way to a product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.model.versions.errors import VersionError
from nephoscope.model.versions.scheme_discovery import find_scheme
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

#: As many branches may stand inside one another.
DEEPEST = 30
#: Words of ranges in the name of a version.
_WORDS = frozenset({"after", "all", "before", "earlier", "later", "prior", "versions"})
_WORD = re.compile(r"[a-z]+")
_RANGE = re.compile(r"vers:([a-z0-9][a-z0-9.+\-]*)?/(.+)")
_CONSTRAINT = re.compile(r"(<=|>=|!=|<|>|=)?([^\s<>=!|*]+)")
_ALL = "vers:all/*"


@declare_mandatory_test("6.1.31")
def check_versions_are_no_ranges(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the versions that are ranges."""
    for branch in document.products.branches:
        name = branch.name.lower()
        if branch.category == "product_version" and (
            {"<", ">"} & set(name) or _WORDS & set(_WORD.findall(name))
        ):
            yield f"{branch.place}/name", f"{branch.name[:80]!r} is a range of versions"


@declare_mandatory_test("6.1.34", since="2.1")
def check_depth(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the branches that stand too deep."""
    for branch in document.products.branches:
        if branch.depth == DEEPEST + 1:
            yield branch.place, f"more than {DEEPEST} branches are nested"


def _parse_constraints(name: str) -> list[tuple[str, str]] | None:
    """Return operators and versions of a range, none for all versions; None for a name that is no range."""
    if name == _ALL:
        return []
    text = name
    if name.startswith("vers:"):
        match = _RANGE.fullmatch(name)
        if not match:
            return None
        # without a scheme only all versions can be meant
        if not match[1]:
            return [] if match[2] in {"all", "*"} else None
        text = match[2]
        if text == "*":
            return []
    parts = [_CONSTRAINT.fullmatch(part) for part in text.split("|")]
    found = [(part[1] or "=", part[2]) for part in parts if part]
    return found if len(found) == len(parts) else None


@declare_mandatory_test("6.1.50", since="2.1")
def check_ranges(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the ranges that are written in none of the two ways."""
    for branch in document.products.branches:
        if branch.category != "product_version_range":
            continue
        constraints = _parse_constraints(branch.name)
        if constraints is None:
            yield (
                f"{branch.place}/name",
                f"{branch.name[:80]!r} is no range, in the universal notation or by comparisons",
            )
        elif not _is_canonical(constraints, branch.name):
            yield f"{branch.place}/name", f"{branch.name[:80]!r} is not in order, or says something twice"


def _is_canonical(constraints: list[tuple[str, str]], name: str) -> bool:
    """Return whether bounds change direction, and versions stand once and in the order of their scheme where that is known."""
    bounds = [operator[0] for operator, _ in constraints if operator[0] in "<>"]
    if any(one == other for one, other in pairwise(bounds)):
        return False
    match = _RANGE.fullmatch(name)
    scheme = find_scheme(match[1]) if match and match[1] else None
    if scheme is None:
        return True
    versions = [unquote(version) for _, version in constraints]
    try:
        return all(scheme.compare(one, other) < 0 for one, other in pairwise(versions))
    except VersionError:
        # what the scheme cannot tell apart is in any order
        return True


@declare_mandatory_test("6.1.57", since="2.1")
def check_categories_are_used_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the branches on whose way a category stands twice."""
    for branch in document.products.branches:
        if branch.category != "product_family" and branch.category in branch.above:
            yield branch.place, f"a branch above it is of the category {branch.category[:40]} too"


@declare_mandatory_test("6.1.58", since="2.1")
def check_versions_and_ranges_are_apart(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the branches on whose way a version and a range stand."""
    both = {"product_version", "product_version_range"}
    for branch in document.products.branches:
        if branch.category in both and both & set(branch.above) - {branch.category}:
            yield branch.place, "its ancestors hold both a version and a version range"


@declare_mandatory_test("6.1.59", since="2.1")
def check_ranges_are_no_versions(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the ranges that hold one version."""
    for branch in document.products.branches:
        constraints = _parse_constraints(branch.name) if branch.category == "product_version_range" else None
        if constraints and _is_single(constraints):
            yield f"{branch.place}/name", f"{branch.name[:80]!r} is a single version"


def _is_single(constraints: list[tuple[str, str]]) -> bool:
    """Return whether comparisons hold one version: it alone, or from it and up to it."""
    if len(constraints) == 1:
        return constraints[0][0] == "="
    return {operator for operator, _ in constraints} == {"<=", ">="} and len(
        {version for _, version in constraints}
    ) == 1
