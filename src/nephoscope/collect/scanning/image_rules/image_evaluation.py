"""Judges an image, or a root, by all rules that fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from nephoscope.collect.scanning.image_rules.configuration_finding import ConfigurationFinding
from nephoscope.collect.scanning.image_rules.discovery import ImageCheck, load_image_checks
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage, ExaminedRoot

#: Of one rule so many places are told, and then how many more there are.
MAX_PLACES = 100


def assess_configuration(subject: ExaminedRoot) -> tuple[ConfigurationFinding, ...]:
    """Return what the rules find: the most severe first, those of a rule in their order."""
    found = [
        finding
        for check in load_image_checks().values()
        if check.rule.judges == "root" or isinstance(subject, ExaminedImage)
        for finding in _list_findings(check, subject)
    ]
    return tuple(sorted(found, key=lambda one: (-one.severity.rank, one.rule)))


def _list_findings(check: ImageCheck, subject: ExaminedRoot) -> Iterator[ConfigurationFinding]:
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
