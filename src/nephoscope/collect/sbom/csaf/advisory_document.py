"""A document of CSAF as the mandatory tests see it: its parts, and the moments that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from nephoscope.collect.sbom.csaf.product_tree import AdvisoryProducts, product_tree_of
from nephoscope.collect.sbom.trees import Tree, text_of, tree_of, trees_of

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)

#: A place in a document and what is wrong there.
Problem = tuple[str, str]

#: A moment: seconds since 1970, then the fraction of a second as digits, however many there are.
Moment = tuple[int, str]


def moment(text: str) -> Moment | None:
    """Return a time of RFC 3339 so that it sorts, None for what is none. A leap second is the second after."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    try:
        start = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    seconds = int(start.timestamp()) + (second == 60)
    return (seconds - _offset(match[8]), (match[7] or "").rstrip("0")) if second <= 60 else None


def _offset(zone: str) -> int:
    """Return the seconds that a zone is ahead of UTC."""
    if zone in "Zz":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds


@dataclass(frozen=True)
class AdvisoryDocument:
    """A document; `version` is that of the standard, 2.0 or 2.1."""

    tree: Tree
    version: str

    @property
    def head(self) -> Tree:
        """Return what the document says of itself."""
        return tree_of(self.tree, "document")

    @property
    def tracking(self) -> Tree:
        """Return its identifier, status and history."""
        return tree_of(self.head, "tracking")

    @property
    def category(self) -> str:
        """Return its profile."""
        return text_of(self.head, "category")

    @property
    def is_english(self) -> bool:
        """Return whether its language is English, or is not said."""
        language = text_of(self.head, "lang").lower()
        return not language or language == "en" or language.startswith("en-")

    @cached_property
    def products(self) -> AdvisoryProducts:
        """Return the product tree."""
        return product_tree_of(self.tree)

    @property
    def vulnerabilities(self) -> list[tuple[str, Tree]]:
        """Return place and content of each vulnerability."""
        return [
            (f"/vulnerabilities/{number}", one)
            for number, one in enumerate(trees_of(self.tree, "vulnerabilities"))
        ]

    @cached_property
    def history(self) -> list[Tree]:
        """Return the revisions, by time and then by number."""
        revisions = trees_of(self.tracking, "revision_history")
        return sorted(
            revisions,
            key=lambda one: (moment(text_of(one, "date")) or (0, ""), number_key(text_of(one, "number"))),
        )

    @property
    def newest(self) -> Moment | None:
        """Return when the newest revision was."""
        return max(filter(None, (moment(text_of(one, "date")) for one in self.history)), default=None)

    @property
    def is_released(self) -> bool:
        """Return whether it is final or interim."""
        return text_of(self.tracking, "status") in {"final", "interim"}

    def listed(self, key: str) -> Iterator[tuple[str, Tree, Tree]]:
        """Give place, vulnerability and item of each item of a list of each vulnerability."""
        for place, vulnerability in self.vulnerabilities:
            for number, item in enumerate(trees_of(vulnerability, key)):
                yield f"{place}/{key}/{number}", vulnerability, item

    def metrics(self) -> Iterator[tuple[str, Tree, Tree, Tree]]:
        """Give place, vulnerability, metric and its content: `scores` of 2.0, which are their own content, and `metrics` of 2.1."""
        for place, vulnerability, score in self.listed("scores"):
            yield place, vulnerability, score, score
        for place, vulnerability, metric in self.listed("metrics"):
            yield f"{place}/content", vulnerability, metric, tree_of(metric, "content")


def number_key(number: str) -> tuple[object, ...]:
    """Return the number of a revision so that it sorts: integers, and versions by precedence; a pre-release comes first."""
    plain, _, prerelease = number.partition("+")[0].partition("-")
    parts = tuple(
        int(part) if part.isascii() and part.isdigit() and len(part) < 20 else -1 for part in plain.split(".")
    )
    identifiers = tuple(
        (0, int(one), "") if one.isascii() and one.isdigit() and len(one) < 20 else (1, 0, one)
        for one in prerelease.split(".")
        if one
    )
    return (parts, not prerelease, identifiers)
