"""Comments that ignore rules: own ones (`nephoscope: ignore[rule] reason`) and those of other tools.

Read are the comments of zizmor, hadolint, Checkov, Trivy, tfsec, KICS and Template Analyzer; `ignore-line` of KICS counts for the
line below, `ignore-block` for the block that begins there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.comments import SourceComment, find_comments
from nephoscope.posture.code.finding import Region, UnreadFile

_COMMENT = re.compile(
    r"(?:#|//|/\*|--).*?\b(?P<tool>nephoscope|zizmor|hadolint|checkov|trivy|tfsec|template-analyzer)"
    r"\s*(?::\s*(?:ignore|skip)\s*|\s+(?:global\s+)?ignore\s*)"
    r"(?:\[\s*(?P<listed>[\w,\s:*-]+?)\s*\]|[\[=:]\s*(?P<rules>[\w*-]+(?:\s*,\s*[\w*-]+)*)\]?)"
    r"\s*:?\s*(?P<reason>.*?)\s*(?:\*/)?$",
    re.IGNORECASE,
)
_KICS = re.compile(
    r"(?:#|//|/\*|--)\s*kics-scan\s+(?:ignore-(?:line|block)|disable\s*=\s*(?P<rules>[\w,-]+))\s*(?P<reason>.*?)\s*(?:\*/)?$",
    re.IGNORECASE,
)
_END = re.compile(r"exp:\s*(?P<date>[^\s#:]*)")
_WORDS = re.compile("ignore|skip|disable")
#: Every comment names one of these, in any case.
_TOOLS = ("nephoscope", "zizmor", "hadolint", "checkov", "trivy", "tfsec", "template-analyzer", "kics-scan")
_EVERY = frozenset({"*"})
_OWN = "nephoscope"
#: A longer line holds no comment that a person wrote.
_LONGEST = 2000


class _Suppression(msgspec.Struct, frozen=True):
    """A comment that ignores rules: line, tool, names of the rules, reason, and what is wrong with it (none = it counts)."""

    line: int
    tool: str
    rules: frozenset[str]
    reason: str
    fault: str = ""
    is_broken: bool = False


class CodeSuppressions:
    """The ignoring comments of a file at a time, by line; a comment that stands alone also counts for the line below.

    A comment of any tool counts with a reason and before the end that it gives (`exp:2027-01-31`); without, the finding says why.
    """

    def __init__(self, source: SourceText, now: datetime) -> None:
        self._by_line: dict[int, list[_Suppression]] = {}
        self._name = source.name
        for comment in find_comments(source.name, source.text) if _may_ignore(source.text) else ():
            if len(comment.text) > _LONGEST or not _WORDS.search(comment.text):
                continue
            found = _read_suppression(comment, now)
            if found is None:
                continue
            self._by_line.setdefault(comment.line, []).append(found)
            if comment.alone:
                self._by_line.setdefault(comment.line + 1, []).append(found)

    def list_unread_files(self) -> list[UnreadFile]:
        """The comments that nobody can read as they are meant: their end is no date."""
        every = {one for several in self._by_line.values() for one in several if one.is_broken}
        return [
            UnreadFile(Region(self._name, one.line), one.fault)
            for one in sorted(every, key=lambda one: one.line)
        ]

    def reason(self, rule: CodeRule, *regions: Region) -> str | None:
        """Return why a rule is ignored in the lines of regions; None where it is not."""
        return next(
            (one.reason for one in self._find_matching_suppressions(rule, regions) if not one.fault), None
        )

    def describe_missing_reason(self, rule: CodeRule, *regions: Region) -> str:
        """Return what is wrong with a comment that would ignore a rule but for that; '' where there is none."""
        return next((one.fault for one in self._find_matching_suppressions(rule, regions) if one.fault), "")

    def _find_matching_suppressions(
        self, rule: CodeRule, regions: Iterable[Region]
    ) -> Iterator[_Suppression]:
        """The comments that name a rule in the lines of regions."""
        names = _list_names(rule)
        for region in regions if self._by_line else ():
            for line in range(region.line, region.last_line + 1):
                for one in self._by_line.get(line, []):
                    if one.rules is _EVERY or one.rules & names.get(one.tool, frozenset()):
                        yield one


def has_expiring_comment(text: str) -> bool:
    """Say whether a text has a comment that may count until a time only."""
    return ":exp:" in text and _may_ignore(text)


def _may_ignore(text: str) -> bool:
    """Return whether a text may have a comment that ignores something; nearly all have none, and need no reading line by line."""
    folded = text.lower()
    return any(tool in folded for tool in _TOOLS) and _WORDS.search(text) is not None


def _read_suppression(comment: SourceComment, now: datetime) -> _Suppression | None:
    match = _COMMENT.search(comment.text)
    if match is not None:
        tool, rules = match["tool"].lower(), _split_rule_parts(match["listed"] or match["rules"])
    else:
        match = _KICS.search(comment.text)
        if match is None:
            return None
        tool, rules = "kics", _split_rule_parts(match["rules"]) if match["rules"] else _EVERY
    reason = match["reason"].strip().strip("#:").strip()
    ends = _END.match(reason)
    reason = reason[ends.end() :].strip("#: ") if ends else reason
    until, is_date = _parse_suppression_end(ends["date"]) if ends else (None, True)
    said = f"the comment in line {comment.line} does not count: "
    if not is_date and ends:
        fault = f"{said}its end is not a date: {ends['date']!r}"
    elif until is not None and until <= now:
        fault = f"{said}it ended on {until - timedelta(days=1):%Y-%m-%d}"
    else:
        fault = (
            ""
            if reason
            else f"{said}a reason must follow " + ("ignore[...]" if tool == _OWN else f"the rule ({tool})")
        )
    return _Suppression(comment.line, tool, rules, reason, fault, not is_date)


def _parse_suppression_end(written: str) -> tuple[datetime | None, bool]:
    """The end of a day that is written, and whether it is one."""
    try:
        day = datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None, False
    return day + timedelta(days=1), True


def _split_rule_parts(rules: str) -> frozenset[str]:
    return frozenset(part.strip() for part in rules.split(",") if part.strip())


def _list_names(rule: CodeRule) -> Mapping[str, frozenset[str]]:
    """Return the names of a rule by tool; our own comments may use all of them."""
    found: dict[str, frozenset[str]] = {}
    for name in rule.equivalents:
        tool, _, foreign = name.partition(":")
        found[tool] = found.get(tool, frozenset()) | {foreign}
    own = frozenset({rule.id, *rule.equivalents})
    return {**found, _OWN: own}
