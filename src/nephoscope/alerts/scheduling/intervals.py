"""Intervals of time, as (start, end) with the end not included: joined, and what they leave of a longer one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

Interval = tuple[datetime, datetime]


def merge_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same times as intervals in order that do not touch."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif start < end:
            found.append((start, end))
    return found


def subtract_intervals(whole: Interval, covered: Sequence[Interval]) -> list[Interval]:
    """Return what merged intervals leave of one."""
    found, start = [], whole[0]
    for begin, end in covered:
        if begin > start:
            found.append((start, min(begin, whole[1])))
        start = max(start, end)
        if start >= whole[1]:
            break
    if start < whole[1]:
        found.append((start, whole[1]))
    return [(begin, end) for begin, end in found if begin < end]
