"""Comments that ignore rules: own ones (`nephoscope: ignore[rule] reason`) and those of other tools.

Read are the comments of zizmor, hadolint, Checkov, Trivy, tfsec, KICS and Template Analyzer; `ignore-line` of KICS counts for the
line below, `ignore-block` for the block that begins there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import Region

_COMMENT = re.compile(
    r"(?:#|//|/\*).*?\b(?P<tool>nephoscope|zizmor|hadolint|checkov|trivy|tfsec|template-analyzer)"
    r"\s*(?::\s*(?:ignore|skip)\s*|\s+(?:global\s+)?ignore\s*)"
    r"(?:\[\s*(?P<listed>[\w,\s:*-]+?)\s*\]|[\[=:]\s*(?P<rules>[\w,\s:*-]+?)\s*(?:\]|$|:|#|\*/))"
    r"\s*:?\s*(?P<reason>.*?)\s*(?:\*/)?$",
    re.IGNORECASE,
)
_KICS = re.compile(
    r"(?:#|//|/\*)\s*kics-scan\s+(?:ignore-(?:line|block)|disable\s*=\s*(?P<rules>[\w,-]+))\s*(?P<reason>.*?)\s*(?:\*/)?$",
    re.IGNORECASE,
)
_WORDS = re.compile("ignore|skip|disable")
#: Every comment names one of these, in any case.
_TOOLS = ("nephoscope", "zizmor", "hadolint", "checkov", "trivy", "tfsec", "template-analyzer", "kics-scan")
_EVERY = frozenset({"*"})
_OWN = "nephoscope"
#: A longer line holds no comment that a person wrote.
_LONGEST = 2000


class CodeSuppressions:
    """The ignoring comments of a file, by line; a comment that stands alone also counts for the line below."""

    def __init__(self, source: SourceText) -> None:
        self._by_line: dict[int, list[tuple[int, str, frozenset[str], str]]] = {}
        lines = source.text.splitlines() if _may_ignore(source.text) else []
        for number, line in enumerate(lines, 1):
            if len(line) > _LONGEST or not _WORDS.search(line):
                continue
            found = _read(line)
            if found is None:
                continue
            self._by_line.setdefault(number, []).append((number, *found))
            if line.lstrip().startswith(("#", "//", "/*")):
                self._by_line.setdefault(number + 1, []).append((number, *found))

    def reason(self, rule: CodeRule, *regions: Region) -> str | None:
        """Return why a rule is ignored in the lines of regions; None where it is not.

        An own comment without a reason ignores nothing; one of another tool that has none is said to have none.
        """
        for line, tool, reason in self._find_matching(rule, regions):
            if reason or tool != _OWN:
                return reason or f"ignored by a comment of {tool} in line {line}, without a reason"
        return None

    def without_reason(self, rule: CodeRule, *regions: Region) -> str:
        """Return what is wrong with an own comment that would ignore a rule had it a reason; '' where there is none."""
        for line, tool, reason in self._find_matching(rule, regions):
            if tool == _OWN and not reason:
                return f"the comment in line {line} does not count: a reason must follow ignore[...]"
        return ""

    def _find_matching(self, rule: CodeRule, regions: Iterable[Region]) -> Iterator[tuple[int, str, str]]:
        """Line, tool and reason of the comments that name a rule in the lines of regions."""
        names = _names(rule)
        for region in regions if self._by_line else ():
            for line in range(region.line, region.last_line + 1):
                for written, tool, rules, reason in self._by_line.get(line, []):
                    if rules is _EVERY or rules & names.get(tool, frozenset()):
                        yield written, tool, reason


def _may_ignore(text: str) -> bool:
    """Return whether a text may have a comment that ignores something; nearly all have none, and need no reading line by line."""
    folded = text.lower()
    return any(tool in folded for tool in _TOOLS) and _WORDS.search(text) is not None


def _read(line: str) -> tuple[str, frozenset[str], str] | None:
    match = _COMMENT.search(line)
    if match is not None:
        return match["tool"].lower(), _parts(match["listed"] or match["rules"]), match["reason"].strip()
    match = _KICS.search(line)
    if match is None:
        return None
    return "kics", _parts(match["rules"]) if match["rules"] else _EVERY, match["reason"].strip()


def _parts(rules: str) -> frozenset[str]:
    return frozenset(part.strip() for part in rules.split(",") if part.strip())


def _names(rule: CodeRule) -> Mapping[str, frozenset[str]]:
    """Return the names of a rule by tool; our own comments may use all of them."""
    found: dict[str, frozenset[str]] = {}
    for name in rule.equivalents:
        tool, _, foreign = name.partition(":")
        found[tool] = found.get(tool, frozenset()) | {foreign}
    own = frozenset({rule.id, *rule.equivalents})
    return {**found, _OWN: own}
