"""Findings in words: a recommendation's title as the statement that holds for a resource that fails it."""

from __future__ import annotations

import re

from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope_policy.model.assessment import failure_title

_DEMAND = re.compile(r"(\[.+?\]:? )?([^:;]+?) should (not )?(be )?(\S.*)")
#: Turned round, these say something else, or nothing clear.
_UNCLEAR = re.compile(
    r"\bshould\b|\bonly [a-z]+|\b(?:at most|never|no longer|any|neither|unless|instead)\b| or (?:have|be|use)\b"
)
_JOINS = re.compile(r" (?:to|of|for|on|in|with|by|from|that|at) ")
#: Names that end in s and are one thing.
_SINGULAR = re.compile(r"(?:[A-Z]+S|[A-Z][a-z]*OS|ss|us|is|Kubernetes|DevOps)$")


def describe_failure(recommendation: Recommendation) -> str:
    """Return the finding of a resource that fails a recommendation: `Storage accounts do not require secure transfer`."""
    if recommendation.finding:
        return recommendation.finding.replace("{count} ", "")
    return negate_title(recommendation.name) or failure_title(recommendation.name)


def negate_title(title: str) -> str:
    """Return what holds where `X should Y` is not met; '' where turning it round would not be clear."""
    found = _DEMAND.fullmatch(title.removesuffix("."))
    if found is None or _UNCLEAR.search(found[5]) or not (found[4] or found[5][0].islower()):
        return ""
    prefix, subject, negated, passive, rest = found.groups()
    plural = _is_plural(subject)
    if passive:
        verb = ("are" if plural else "is") + ("" if negated else " not")
    elif negated:
        verb, rest = _conjugate(rest, plural=plural)
    else:
        verb = "do not" if plural else "does not"
    return f"{prefix or ''}{subject} {verb} {rest}"


def _is_plural(subject: str) -> bool:
    head = _JOINS.split(subject, maxsplit=1)[0].split()[-1]
    return " and " in subject or (head.endswith("s") and not _SINGULAR.search(head))


def _conjugate(words: str, *, plural: bool) -> tuple[str, str]:
    verb, _, rest = words.partition(" ")
    if plural:
        return verb, rest
    if verb == "have":
        return "has", rest
    return verb + ("es" if re.search(r"(?:s|x|ch|sh|o)$", verb) else "s"), rest
