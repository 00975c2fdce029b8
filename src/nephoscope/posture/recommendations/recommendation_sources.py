"""Recommendation sources: where severity, remediation and controls of each recommendation come from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.posture.recommendations.recommendation import Recommendation, Remediation, SeveritySource
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.recommendations.severities import Severities
from nephoscope_policy.arm_object import ArmObject
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.catalog import PolicyCatalog

#: The severity that an unmarked recommendation of a score control gets: by what failing the control exposes.
_BY_POINTS = ((6, Severity.HIGH), (2, Severity.MEDIUM), (0, Severity.LOW))


class Recommendations:
    """Recommendations by the name of their definition, made when they are asked for."""

    def __init__(self, catalog: PolicyCatalog) -> None:
        self._catalog = catalog
        self._made: dict[str, Recommendation] = {}

    def find_recommendation(self, key: str) -> Recommendation:
        """The recommendation of a key in any case; one that no content explains is named by its key."""
        name = key.lower()
        if name not in self._made:
            properties = self._find_properties(name)
            self._made[name] = (
                _make_unexplained_recommendation(name)
                if properties is None
                else self._read_recommendation(name, properties)
            )
        return self._made[name]

    def has_critical(self) -> bool:
        """Return whether some loaded recommendation is Critical; Azure's own go up to High."""
        return any(
            self.find_recommendation(entry.name).severity is Severity.CRITICAL
            for entry in self._catalog.definitions()
            if b'"critical"' in bytes(entry.data).lower()
        )

    def list_names(self) -> list[str]:
        """Return the names of the recommendations and of the policies that are loaded."""
        return [entry.name for entry in (*self._catalog.definitions(), *self._catalog.initiatives())]

    def _find_properties(self, name: str) -> ArmObject | None:
        for kind in ("definition", "initiative"):
            try:
                entry = self._catalog.find("definition" if kind == "definition" else "initiative", name)
            except NotHeldError:
                continue
            return ArmObject(entry.document()).get_child("properties")
        return None

    def _read_recommendation(self, name: str, properties: ArmObject) -> Recommendation:
        metadata = properties.get_child("metadata")
        own = metadata.get_child("nephoscope")
        guide = own if own.raw else self._equivalent_metadata.get(name, own)
        reads = _find_assessment_key(properties)
        severity, source = _choose_severities(name, own, guide, reads)
        title = properties.get_text("displayName") or name
        control = Controls.builtin().find_control(name)
        return Recommendation(
            key=name,
            name=title,
            description=properties.get_text("description"),
            severity=severity,
            severity_source=source,
            category=metadata.get_text("category"),
            remediation=_build_remediation(guide.get_child("remediation")),
            tactics=guide.get_texts("tactics"),
            techniques=guide.get_texts("techniques"),
            controls=guide.get_texts("controls"),
            score_control=control.name if control else guide.get_text("scoreControl"),
            preview=_read_flag(metadata, "preview") or title.lower().startswith("[preview]"),
            deprecated=_read_flag(metadata, "deprecated") or title.lower().startswith("[deprecated]"),
            reads=reads,
            finding=guide.get_text("finding"),
        )

    @cached_property
    def _equivalent_metadata(self) -> dict[str, ArmObject]:
        """The own pack's metadata by the name of the definition that asks the same; of several the gravest."""
        found: dict[str, ArmObject] = {}
        for twin, own in self._list_equivalent_definitions():
            known = found.get(twin)
            if known is None or _rank_severity(own) > _rank_severity(known):
                found[twin] = own
        return found

    def _list_equivalent_definitions(self) -> Iterator[tuple[str, ArmObject]]:
        for entry in self._catalog.definitions():
            if b'"sameAs"' not in bytes(entry.data):
                continue
            try:
                own = (
                    ArmObject(entry.document())
                    .get_child("properties")
                    .get_child("metadata")
                    .get_child("nephoscope")
                )
                for same in own.get_children("sameAs"):
                    yield same.get_text("policy").rsplit("/", 1)[-1].lower(), own
            except PolicyError:
                continue


def _choose_severities(
    name: str, own: ArmObject, guide: ArmObject, reads: str
) -> tuple[Severity, SeveritySource]:
    if own.get_text("severity"):
        return Severity(own.get_choice("severity", tuple(Severity))), "own"
    published = Severities.builtin().find_severity(name, reads)
    if published is not None:
        return published.severity, "published"
    if guide.get_text("severity"):
        return Severity(guide.get_choice("severity", tuple(Severity))), "same-as"
    control = Controls.builtin().find_control(name)
    if control is not None:
        return next(severity for points, severity in _BY_POINTS if control.max_score >= points), "control"
    return Severity.LOW, "inferred"


def _make_unexplained_recommendation(key: str) -> Recommendation:
    """A recommendation that no content holds; an assessment key may still have a published severity."""
    published = Severities.builtin().find_severity(key)
    if published is None:
        return Recommendation(key, key)
    return Recommendation(key, key, severity=published.severity, severity_source="published")


def _find_assessment_key(properties: ArmObject) -> str:
    """The lower-cased assessment key that a delegated definition reads, '' where it reads none or its rule cannot be read."""
    try:
        details = properties.get_child("policyRule").get_child("then").get_child("details")
        if details.get_text("type").lower() != "microsoft.security/assessments":
            return ""
        return details.get_text("name").lower()
    except PolicyError:
        return ""


def _build_remediation(source: ArmObject) -> Remediation:
    return Remediation(source.get_texts("steps"), source.get_text("az"), source.get_text("bicep"))


def _rank_severity(own: ArmObject) -> int:
    word = own.get_value("severity")
    return Severity(word).rank if isinstance(word, str) and word in tuple(Severity) else -1


def _read_flag(metadata: ArmObject, name: str) -> bool:
    return metadata.get_value(name) is True
