"""Ranges of npm.

Source: the documentation of npm's semver. A pre-release is in a range only where a comparison names a pre-release of the same numbers;
`npm-with-prereleases` is npm's option that lets all of them in.
"""

from __future__ import annotations

import re
from functools import partial

from nephoscope.model.version_ranges.partial_versions import PartialVersion, parse_partial
from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions import semantic
from nephoscope.model.versions.errors import VersionError

TITLE = "npm"
SYNTAXES = ("npm",)

_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*")
_OPERATOR = re.compile(r"(~>|[<>]=|==|!=|[<>=~^])\s+")
_TERM = re.compile(r"(~>|[<>]=|==|!=|[<>=~^]|)(.*)")
#: The oldest pre-release: an upper bound leaves out the pre-releases of the version that it names.
_OLDEST = "-0"

Bound = tuple[str, str]


def _build_bounds_between(lowest: str, above: str) -> list[Bound]:
    return [(">=", lowest), ("<", above + _OLDEST)]


def _expand_tilde(version: PartialVersion) -> list[Bound]:
    if not version.numbers:
        return []
    return _build_bounds_between(version.lowest, version.increment_at(min(1, len(version.numbers) - 1)))


def _expand_caret(version: PartialVersion) -> list[Bound]:
    if not version.numbers:
        return []
    last = len(version.numbers) - 1
    place = next((place for place, number in enumerate(version.numbers) if number), last)
    return _build_bounds_between(version.lowest, version.increment_at(place))


def _expand_exact(version: PartialVersion) -> list[Bound]:
    if version.is_whole:
        return [("=", version.lowest)]
    return (
        _build_bounds_between(version.lowest, version.increment_at(len(version.numbers) - 1))
        if version.numbers
        else []
    )


def _compare_bounds(operator: str, version: PartialVersion) -> list[Bound]:
    """Return the bounds of `<`, `<=`, `>`, `>=`; of a version with open numbers the whole of what it means counts."""
    if version.is_whole:
        return [(operator, version.lowest)]
    if not version.numbers:
        return [("<", "0.0.0" + _OLDEST)] if operator in "<>" else []
    last = len(version.numbers) - 1
    if operator in (">=", "<"):
        return [(operator, version.lowest + (_OLDEST if operator == "<" else ""))]
    return (
        [(">=", version.increment_at(last))]
        if operator == ">"
        else [("<", version.increment_at(last) + _OLDEST)]
    )


def _parse_term(text: str) -> list[Bound]:
    found = _TERM.fullmatch(text)
    assert (
        found is not None
    )  # the last group takes every text without a line break, and terms hold no white space
    if found[1] and not found[2]:
        raise VersionError(f"{text!r} names no version")
    operator, version = found[1], parse_partial(found[2])
    if operator in ("~", "~>"):
        return _expand_tilde(version)
    if operator == "^":
        return _expand_caret(version)
    return _expand_exact(version) if operator in ("", "=", "==") else _compare_bounds(operator, version)


def _expand_hyphen_range(first: str, last: str) -> list[Bound]:
    end = parse_partial(last)
    upper = [("<=", end.lowest)] if end.is_whole else _compare_bounds("<=", end)
    start = parse_partial(first)
    return [*([(">=", start.lowest)] if start.numbers else []), *upper]


def parse_bounds(text: str) -> list[Bound]:
    """Return the comparisons of one alternative; raises VersionError."""
    if found := _HYPHEN.fullmatch(text):
        return _expand_hyphen_range(found[1], found[2])
    terms = _OPERATOR.sub(r"\1", text.strip().replace(",", " ")).split()
    return [bound for term in terms for bound in _parse_term(term)]


def admits_named_prereleases(comparisons: tuple[VersionComparison, ...], version: str) -> bool:
    """Return whether a version is a release, or a pre-release of numbers of which a comparison names a pre-release."""
    numbers, before, _ = semantic.split_version(version)
    if not before:
        return True
    found = (semantic.split_version(comparison.version) for comparison in comparisons)
    return any(
        other and semantic.build_number_key(named) == semantic.build_number_key(numbers)
        for named, other, _ in found
    )


def _include_prereleases(bound: Bound, text: str) -> Bound:
    """Return a lower bound from the pre-releases on, where the range left its last numbers open."""
    operator, version = bound
    return (
        (operator, version + _OLDEST)
        if operator == ">=" and version not in text and "-" not in version
        else bound
    )


def parse(text: str, ecosystem: str = "npm") -> VersionRange:
    """Read a range; raises VersionError."""
    comparison = partial(VersionComparison, ecosystem="npm")
    if ecosystem == "npm-with-prereleases":
        opened = (
            (_include_prereleases(bound, part) for bound in parse_bounds(part)) for part in text.split("||")
        )
        return VersionRange(
            "npm", tuple(tuple(comparison(*bound) for bound in alternative) for alternative in opened)
        )
    alternatives = tuple(
        tuple(comparison(*bound) for bound in parse_bounds(part)) for part in text.split("||")
    )
    return VersionRange("npm", alternatives, admits_named_prereleases)
