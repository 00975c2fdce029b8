"""Constraints of Composer.

Source: Composer's documentation, "Versions and constraints". A lower bound lets in the development versions of its numbers, and an
upper bound without `=` leaves them out.
"""

from __future__ import annotations

import re

from nephoscope.model.version_ranges.version_range import VersionComparison, VersionRange
from nephoscope.model.versions.composer import normalize_version
from nephoscope.model.versions.errors import VersionError

TITLE = "Composer"
SYNTAXES = ("composer", "packagist")

_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*")
_TERM = re.compile(r"(~|\^|[<>]=|==|!=|<>|[<>=]|)v?(.+)")
_WILDCARD = re.compile(r"(\d+(?:\.\d+)*)?\.?[xX*](?:\.[xX*])*")
_STABILITY = re.compile(r"-(?:dev|alpha|beta|RC|patch)[\d.-]*(?:-dev)?$")
_DEV = "-dev"
_NUMBERS = 4

Bound = tuple[str, str]


def _fill_numbers(numbers: list[int]) -> str:
    return ".".join(map(str, [*numbers, *[0] * (_NUMBERS - len(numbers))]))


def _parse_numbers(version: str) -> list[int]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    if not found:
        raise VersionError(f"{version!r} is not a version that can start a range")
    return [int(number) for number in found[1].split(".")]


def _add_dev_suffix(version: str) -> str:
    """Return a bound that counts from the development versions on, unless it names a stability itself."""
    normal = normalize_version(version)
    return normal if _STABILITY.search(normal) else normal + _DEV


def _raise_number(numbers: list[int], place: int) -> str:
    return _fill_numbers([*numbers[:place], numbers[place] + 1]) + _DEV


def _build_bounds_between(version: str, place: int) -> list[Bound]:
    return [(">=", _add_dev_suffix(version)), ("<", _raise_number(_parse_numbers(version), place))]


def _expand_tilde(version: str) -> list[Bound]:
    return _build_bounds_between(version, max(len(_parse_numbers(version)) - 2, 0))


def _expand_caret(version: str) -> list[Bound]:
    numbers = _parse_numbers(version)
    return _build_bounds_between(
        version, next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    )


def _expand_wildcard(numbers: str | None) -> list[Bound]:
    if not numbers:
        return []
    found = _parse_numbers(numbers)
    return [(">=", _fill_numbers(found) + _DEV), ("<", _raise_number(found, len(found) - 1))]


def _build_comparison_bounds(operator: str, version: str) -> list[Bound]:
    normal = normalize_version(version)
    if operator in ("<", ">="):
        return [(operator, _add_dev_suffix(version))]
    return [({"": "=", "==": "=", "<>": "!="}.get(operator, operator), normal)]


def _parse_term(text: str) -> list[Bound]:
    found = _TERM.fullmatch(re.sub(r"@\w+$", "", text))
    if not found:
        raise VersionError(f"{text!r} is not a Composer constraint")
    operator, version = found.groups()
    if wildcard := _WILDCARD.fullmatch(version):
        return _expand_wildcard(wildcard[1])
    if operator == "~":
        return _expand_tilde(version)
    return _expand_caret(version) if operator == "^" else _build_comparison_bounds(operator, version)


def _expand_hyphen_range(first: str, last: str) -> list[Bound]:
    numbers = _parse_numbers(last)
    whole = (
        len(numbers) > 2 or _STABILITY.search(normalize_version(last)) is not None
    )  # major and minor alone are open
    upper = ("<=", normalize_version(last)) if whole else ("<", _raise_number(numbers, len(numbers) - 1))
    return [(">=", _add_dev_suffix(first)), upper]


def _parse_alternative(text: str) -> tuple[VersionComparison, ...]:
    found = _HYPHEN.fullmatch(text)
    terms = re.sub(r"(~|\^|[<>]=|==|!=|<>|[<>=])\s+", r"\1", text.strip()).replace(",", " ").split()
    bounds = (
        _expand_hyphen_range(found[1], found[2])
        if found
        else [bound for term in terms for bound in _parse_term(term)]
    )
    return tuple(VersionComparison(*bound, "packagist") for bound in bounds)


def parse(text: str, _ecosystem: str = "") -> VersionRange:
    """Read a constraint; raises VersionError."""
    return VersionRange("packagist", tuple(_parse_alternative(part) for part in re.split(r"\|\|?", text)))
