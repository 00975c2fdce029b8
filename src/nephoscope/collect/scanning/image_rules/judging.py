"""Judges an image, or a root, by all rules that fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from nephoscope.collect.scanning.image_rules.discovery import ImageCheck, image_checks
from nephoscope.collect.scanning.image_rules.subject import ExaminedImage, ExaminedRoot
from nephoscope_policy.model.state import Severity

#: Of one rule so many places are told, and then how many more there are.
MAX_PLACES = 100


class ConfigurationFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule that does not hold at a place, or, where the status is Unknown, of which that cannot be told."""

    rule: str
    title: str
    severity: Severity
    message: str
    status: Literal["Unhealthy", "Unknown"] = "Unhealthy"
    cis: str = ""
    path: str = ""
    layer: str = ""


def judge_configuration(subject: ExaminedRoot) -> tuple[ConfigurationFinding, ...]:
    """Return what the rules find: the most severe first, those of a rule in their order."""
    found = [
        finding
        for check in image_checks().values()
        if check.rule.judges == "root" or isinstance(subject, ExaminedImage)
        for finding in _findings(check, subject)
    ]
    return tuple(sorted(found, key=lambda one: (-one.severity.rank, one.rule)))


def _findings(check: ImageCheck, subject: ExaminedRoot) -> Iterator[ConfigurationFinding]:
    rule = check.rule
    matches = list(check.run(subject))
    for match in matches[:MAX_PLACES]:
        status: Literal["Unhealthy", "Unknown"] = "Unknown" if match.is_unknown else "Unhealthy"
        yield ConfigurationFinding(
            rule.id, rule.title, rule.severity, match.message, status, rule.cis, match.path, match.layer
        )
    if len(matches) > MAX_PLACES:
        message = f"and {len(matches) - MAX_PLACES} more places"
        yield ConfigurationFinding(rule.id, rule.title, rule.severity, message, cis=rule.cis)
