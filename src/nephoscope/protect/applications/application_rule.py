"""Application rules: what may be executed, by path, SHA-256, trusted publisher or a product of one, and how often it was seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from itertools import chain

import msgspec

from nephoscope.protect.applications.machine_groups import MachineGroup
from nephoscope.protect.applications.program_sighting import ProgramSighting

#: Days of data that a recommendation needs, as Defender for Cloud asks for.
ENOUGH_DAYS = 14
#: A program that fewer machines of the group have, on fewer days than this, is not recommended.
COMMON_SHARE, USUAL_DAYS = 0.5, 3
#: A program with more versions than this in the time is updated often: its hashes say little about the next one.
_MOST_HASHES = 3
#: Folders in which only administrators can put programs.
_PROTECTED = re.compile(
    r"(?:/usr|/s?bin|/lib|/lib32|/lib64|/opt)/(?!local/tmp/)"
    r"|(?i:[a-z]:\\(?:program files(?: \(x86\))?|windows(?!\\(?:temp|tasks|tracing|debug|system32\\(?:tasks|spool\\drivers\\color)))"
    r")\\)"
)


class ApplicationRuleKind(StrEnum):
    """Azure's words for how a rule names a program."""

    PATH = "File"
    HASH = "FileHash"
    PUBLISHER = "PublisherSignature"
    PRODUCT = "ProductSignature"


class ApplicationRule(msgspec.Struct, frozen=True):
    """A rule: `value` is a path (below a folder where it ends with `*`), a SHA-256 or a publisher; `path` is where it was seen.

    `product` is the product of the publisher that a rule of the kind PRODUCT allows.
    """

    kind: ApplicationRuleKind
    value: str
    path: str = ""
    product: str = ""


class ProposedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with what it is learned from; `reason` says why it is recommended, or why not."""

    rule: ApplicationRule
    publisher: str
    package: str
    machines: int
    share: float
    days: int
    is_recommended: bool
    reason: str

    @property
    def is_common(self) -> bool:
        """Return whether at least half of the machines execute it."""
        return self.share >= COMMON_SHARE


def propose_rules(group: MachineGroup) -> list[ProposedRule]:
    """Return a rule for each program of a group: by publisher, else by path where only administrators write, else by hash."""
    programs: dict[str, list[ProgramSighting]] = {}
    for one in group.sightings:
        programs.setdefault(one.key, []).append(one)
    sightings: dict[ApplicationRule, list[ProgramSighting]] = {}
    for several in programs.values():
        for rule, seen in _choose_rules(several):
            sightings.setdefault(rule, []).extend(seen)
    found = [_propose_rule(rule, seen, len(group.machines)) for rule, seen in sightings.items()]
    return sorted(
        found, key=lambda one: (not one.is_recommended, -one.share, -one.days, one.rule.path, one.rule.value)
    )


def _choose_rules(several: list[ProgramSighting]) -> Iterable[tuple[ApplicationRule, list[ProgramSighting]]]:
    """The rules for one path."""
    path = min(one.path for one in several)
    publishers, hashes = {one.publisher for one in several}, {one.hash for one in several}
    if len(publishers) == 1 and "" not in publishers:
        # one rule for all programs of a publisher, whatever their paths
        return [(ApplicationRule(ApplicationRuleKind.PUBLISHER, publishers.pop()), several)]
    if _PROTECTED.match(path) or "" in hashes or len(hashes) > _MOST_HASHES:
        return [(ApplicationRule(ApplicationRuleKind.PATH, path, path), several)]
    return [
        (
            ApplicationRule(ApplicationRuleKind.HASH, digest, path),
            [one for one in several if one.hash == digest],
        )
        for digest in sorted(hashes)
    ]


def _propose_rule(rule: ApplicationRule, seen: list[ProgramSighting], machines: int) -> ProposedRule:
    having = len({one.machine for one in seen})
    share, days = having / machines, len(set(chain.from_iterable(one.days for one in seen)))
    is_recommended, reason = _assess_rule(rule, having, share, days)
    return ProposedRule(
        rule=rule, publisher=_join_names(one.publisher for one in seen), package=_join_names(one.package for one in seen),
        machines=having, share=round(share, 4), days=days, is_recommended=is_recommended, reason=reason,
    )  # fmt: skip


def _assess_rule(rule: ApplicationRule, machines: int, share: float, days: int) -> tuple[bool, str]:
    if rule.kind is ApplicationRuleKind.PATH and not _PROTECTED.match(rule.path):
        return False, "users can replace a program of this path, and no stable hash was recorded"
    if share >= COMMON_SHARE and machines > 1:
        return True, "common in the group"
    if days >= USUAL_DAYS:
        return True, "executed regularly"
    return False, f"on fewer than half of the machines and {USUAL_DAYS} days"


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(sorted({one for one in names if one})[:5])


def has_enough_days(group: MachineGroup) -> bool:
    """Return whether what a group executed was recorded for long enough to recommend rules."""
    days = set(chain.from_iterable(one.days for one in group.sightings))
    return bool(days) and max(days) - min(days) + 1 >= ENOUGH_DAYS
