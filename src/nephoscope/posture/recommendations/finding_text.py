"""Findings in words: a recommendation's title as the statement that holds for a resource that fails it."""

from __future__ import annotations

import re

from nephoscope_policy.model.assessment import get_failure_title

_DEMAND = re.compile(r"(\[.+?\]:? )?([^:;]+?) should (not )?(be )?(\S.*)")
#: Turned round, these say something else, or nothing clear.
_UNCLEAR = re.compile(
    r"\bshould\b|\bonly [a-z]+|\b(?:at most|never|no longer|any|neither|unless|instead)\b| or (?:have|be|use)\b"
)
_JOINS = re.compile(r" (?:to|of|for|on|in|with|by|from|that|at) ")
#: Phrases whose opposite is a phrase too, each with what a resource that fails it does.
_OPPOSITES = (
    (re.compile(r"have (.+) disabled( .+)?"), r"have \1 enabled\2"),
    (re.compile(r"have (.+ findings) resolved"), r"have unresolved \1"),
    (re.compile(r"have at most (\w+ \w+)"), r"have more than \1"),
    (re.compile(r"(be accessible over|\w+) ([^,]+?) only"), r"\1 more than \2"),
)
#: Names that end in s and are one thing.
_SINGULAR = re.compile(r"(?:[A-Z]+S|[A-Z][a-z]*OS|ss|us|is|Kubernetes|DevOps|Insights)$")


def describe_failure(title: str, finding: str = "") -> str:
    """Return the finding of a resource that fails a recommendation: `Storage accounts do not require secure transfer`."""
    return finding.replace("{count} ", "") or negate_title(title) or get_failure_title(title)


def count_failures(title: str, finding: str = "") -> str:
    """Return the finding with `{count}` where the number of failing resources goes; '' where the title is not clear."""
    if finding:
        return finding
    negated = negate_title(title)
    return f"{negated}: {{count}}" if negated else ""


def negate_title(title: str) -> str:
    """Return what holds where `X should Y` is not met; '' where turning it round would not be clear."""
    title = title.removesuffix(".")
    if missing := re.fullmatch(r"An? (.+?) should exist (.+)", title):
        return f"No {missing[1]} exists {missing[2]}"
    found = _DEMAND.fullmatch(title)
    if found is None:
        return ""
    prefix, subject, negated, passive, rest = found.groups()
    demand = f"{passive or ''}{rest}"
    opposite = "" if negated else _reverse_demand(demand)
    if not opposite and (_UNCLEAR.search(rest) or not (passive or rest[0].islower())):
        return ""
    done = opposite or (demand if negated else "")
    plural = _is_plural(subject)
    return f"{prefix or ''}{subject} {_format_conjugate(done, plural=plural) if done else _negate_demand(demand, plural=plural)}"


def _reverse_demand(demand: str) -> str:
    """Return the opposite of a phrase, '' where it has none of its own."""
    for pattern, opposite in _OPPOSITES:
        if found := pattern.fullmatch(demand):
            return found.expand(opposite)
    return ""


def _negate_demand(demand: str, *, plural: bool) -> str:
    if demand.startswith("be "):
        return f"{'are' if plural else 'is'} not {demand.removeprefix('be ')}"
    return f"{'do' if plural else 'does'} not {demand}"


def _is_plural(subject: str) -> bool:
    head = _JOINS.split(subject, maxsplit=1)[0].split()[-1]
    return " and " in subject or (head.endswith("s") and not _SINGULAR.search(head))


def _format_conjugate(demand: str, *, plural: bool) -> str:
    verb, _, rest = demand.partition(" ")
    if verb == "be":
        return f"{'are' if plural else 'is'} {rest}"
    if plural:
        return demand
    if verb == "have":
        return f"has {rest}"
    return f"{verb}{'es' if re.search(r'(?:s|x|ch|sh|o)$', verb) else 's'} {rest}"
