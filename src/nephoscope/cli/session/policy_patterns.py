"""Patterns of `--fail-on-policy` and `--pass-policy`: which rules they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import chain

from nephoscope.cli.terminal.messages import exit_with_usage_error


def matches_patterns(rule: str, patterns: Iterable[str]) -> bool:
    """Say whether a rule is named by one of several patterns."""
    return any(fnmatchcase(rule.lower(), pattern.lower()) for pattern in patterns)


def check_patterns(
    option: str, patterns: Iterable[str], sources: Iterable[Callable[[], Iterable[str]]]
) -> None:
    """End with code 2 for a pattern that names no known rule; rules of other tools (`trivy:*`) may be any."""
    loaded = [*sources]
    for pattern in patterns:
        if ":" in pattern or any(matches_patterns(one, (pattern,)) for source in loaded for one in source()):
            continue
        known = {one.lower(): one for one in chain.from_iterable(source() for source in loaded)}
        near = [known[one] for one in get_close_matches(pattern.lower(), known, 3)]
        offered = (
            f"did you mean {' or '.join(near)}?" if near else "docs/reference lists rules and recommendations"
        )
        exit_with_usage_error(f"{option} {pattern}: no policy or rule has this id; {offered}")
