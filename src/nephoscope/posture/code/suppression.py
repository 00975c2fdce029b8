"""Comments that ignore rules: own ones (`nephoscope: ignore[rule] reason`) and those of zizmor, hadolint and Checkov."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.finding import Region
from nephoscope.posture.code.rule import CodeRule

_COMMENT = re.compile(
    r"#.*?\b(?P<tool>nephoscope|zizmor|hadolint|checkov)\s*(?::\s*(?:ignore|skip)\s*|\s+(?:global\s+)?ignore\s*)[\[=]\s*(?P<rules>[\w,\s:*-]+?)\s*"
    r"(?:\]|$|:|#)\s*:?\s*(?P<reason>.*)$",
    re.IGNORECASE,
)


class Suppressions:
    """The ignoring comments of a file, by line; a comment that stands alone also counts for the line below."""

    def __init__(self, source: SourceText) -> None:
        self._by_line: dict[int, list[tuple[str, frozenset[str], str]]] = {}
        for number, line in enumerate(source.text.splitlines(), 1):
            if "ignore" not in line and "skip" not in line:
                continue
            match = _COMMENT.search(line)
            if match is None:
                continue
            rules = frozenset(part.strip() for part in match["rules"].split(",") if part.strip())
            found = (match["tool"].lower(), rules, match["reason"].strip())
            self._by_line.setdefault(number, []).append(found)
            if line.lstrip().startswith("#"):
                self._by_line.setdefault(number + 1, []).append(found)

    def reason(self, rule: CodeRule, *regions: Region) -> str | None:
        """Return why a rule is ignored in the lines of regions ('ignored by a comment' without a reason); None where it is not."""
        names = _names(rule)
        for region in regions if self._by_line else ():
            for line in range(region.line, region.last_line + 1):
                for tool, rules, reason in self._by_line.get(line, []):
                    if rules & names.get(tool, frozenset()):
                        return reason or f"ignored by a comment in line {line}"
        return None


def _names(rule: CodeRule) -> Mapping[str, frozenset[str]]:
    """Return the names of a rule by tool; our own comments may use all of them."""
    found: dict[str, frozenset[str]] = {}
    for name in rule.equivalents:
        tool, _, foreign = name.partition(":")
        found[tool] = found.get(tool, frozenset()) | {foreign}
    own = frozenset({rule.id, *rule.equivalents})
    return {**found, "nephoscope": own}
