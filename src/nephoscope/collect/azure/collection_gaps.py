"""Collection gaps: data that could not be read, where, and the missing permission."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from nephoscope.connect.read_only_client import RestResponse

#: So many gaps that are alike are told one by one.
_FEW = 10
_ACTION = re.compile(r"perform action '([A-Za-z0-9./*_-]{3,200})'")


@dataclass(frozen=True, slots=True, order=True)
class CollectionGap:
    """A lower-cased type that was not read in a lower-cased scope ('' = the tenant): why, and the missing permission ('' = none)."""

    type: str
    scope: str
    reason: str
    permission: str = ""

    def __str__(self) -> str:
        where = self.scope or "the tenant"
        return f"{self.type} in {where}: {self.reason}" + (
            f" - missing: {self.permission}" if self.permission else ""
        )


def format_gap_lines(gaps: Sequence[CollectionGap]) -> list[str]:
    """The gaps as lines to show; where many types lack in one scope for one reason, a line after the others counts them."""
    alike: defaultdict[tuple[str, str], list[CollectionGap]] = defaultdict(list)
    for gap in gaps:
        alike[(gap.scope, gap.reason)].append(gap)
    lines = [str(gap) for several in alike.values() if len(several) <= _FEW for gap in several]
    return lines + [_count_types(several) for several in alike.values() if len(several) > _FEW]


def _count_types(gaps: list[CollectionGap]) -> str:
    permission = gaps[0].permission if len({gap.permission for gap in gaps}) == 1 else ""
    return f"{len(gaps)} types, such as {replace(gaps[0], permission=permission)}; see gaps in coverage.json"


def parse_refusal(answer: RestResponse, action: str) -> tuple[str, str]:
    """(reason, missing permission) of an answer that grants nothing; the action that it names goes before the one asked for."""
    code, message = answer.error
    reason = f"{answer.status} {code}".strip()
    if answer.status not in (401, 403):
        return (f"{reason}: {message}" if message else reason), ""
    named = _ACTION.search(message)
    return reason, named.group(1) if named else action


class CollectionGaps:
    """All gaps of a collection, one for a type and scope; safe to use from many threads."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], CollectionGap] = {}
        self._lock = threading.Lock()

    @property
    def sorted_gaps(self) -> list[CollectionGap]:
        """The gaps, sorted."""
        with self._lock:
            return sorted(self._found.values())

    def add(self, type_: str, scope: str, reason: str, permission: str = "") -> None:
        """Note one; of several for a type and scope the first stays."""
        with self._lock:
            self._found.setdefault((type_, scope), CollectionGap(type_, scope, reason, permission))

    def forget(self, scopes: Collection[str]) -> None:
        """Drop what was noted of scopes that another sign-in has read."""
        with self._lock:
            self._found = {key: gap for key, gap in self._found.items() if gap.scope not in scopes}

    def is_missing(self, type_: str, scope: str) -> bool:
        """Return whether a type is missing in a scope."""
        with self._lock:
            return (type_, scope) in self._found

    def describe_gaps_by_type(self) -> dict[str, str]:
        """The manifest's `gaps`: for each type one sentence of where and why."""
        lines_by_type: dict[str, list[str]] = {}
        for gap in self.sorted_gaps:
            missing = f", missing permission {gap.permission}" if gap.permission else ""
            lines_by_type.setdefault(gap.type, []).append(
                f"{gap.scope or 'the tenant'}: {gap.reason}{missing}"
            )
        return {
            type_: "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
            for type_, lines in lines_by_type.items()
        }
