"""Facts of an image for pages: findings by kind, packages with their layers, and decisions about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nephoscope.protect.registry.registry_settings import read_settings

if TYPE_CHECKING:
    from nephoscope.model.package import Package
    from nephoscope.service.image_overview import ImageOverview
    from nephoscope.state.inventory.image_examinations import ImageFinding, StoredExamination
    from nephoscope.web.visits.request_context import Visit

#: Kinds of reasons -> the section of the page that they stand in.
SECTIONS = {
    "malware": "Malware", "suspicious": "Malware", "malware_unknown": "Malware", "secret": "Secrets",
    "configuration": "Configuration", "configuration_unknown": "Configuration", "license": "Licenses", "license_unknown": "Licenses",
    "vulnerability": "Vulnerabilities", "not_assessed": "Not assessed", "unread": "Not read", "age": "Age of the base image",
    "not_examined": "Not assessed",
    "signature": "Signatures and attestations", "attestation": "Signatures and attestations", "artifact": "Other content",
}  # fmt: skip
#: Sections -> the part of an examination that finds what stands in them.
PARTS = {"Malware": "malware", "Secrets": "secrets", "Configuration": "configuration", "Licenses": "licenses"}
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {"promote": "promoted it", "reject": "rejected it", "examine": "requested another scan"}


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer with how many packages it brought; the digest is '' for what is of no layer that is known."""

    digest: str
    packages: int
    ecosystems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageStatement:
    """A signature or an attestation of an image in a place, with who signed it; `builder` is of a provenance alone."""

    place: str
    kind: str
    type: str
    signers: tuple[str, ...]
    builder: str


@dataclass(frozen=True, slots=True)
class ImageHistoryEntry:
    """Entry in the history of an image: an action of a person or a decision of the policy."""

    moment: datetime
    author: str
    text: str
    reason: str


def group_reasons_by_section(image: ImageOverview) -> dict[str, list[Mapping[str, object]]]:
    """Return the reasons of the verdict, by the section that they stand in."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in image.registered.reasons if image.registered else ():
        found.setdefault(SECTIONS.get(str(one.get("kind")), "Other content"), []).append(one)
    return {name: found[name] for name in dict.fromkeys(SECTIONS.values()) if name in found}


def count_problems(
    image: ImageOverview, stored: Mapping[int, StoredExamination]
) -> Mapping[str, int | None] | None:
    """Return how many problems beside vulnerabilities were found, by section; None where it was not examined for them.

    `stored` are the examinations of scans by their ids. They count where the registry of the image has none.
    """
    summary = image.registered.summary if image.registered else None
    if summary is not None:
        return _count_sections(summary.get("problems", {}))
    scans = [stored[one.id] for one in image.subjects if one.id in stored]
    return _count_stored_findings(scans) if scans else None


def _count_sections(problems: Mapping[str, int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for kind, count in problems.items():
        counts[SECTIONS.get(kind, "Other content")] += int(count)
    return counts


def _count_stored_findings(scans: Sequence[StoredExamination]) -> dict[str, int | None]:
    """Return the most that a single platform has of each section; None for a part that no scan examined."""
    counted = [_count_sections(one.counts) for one in scans]
    examined = {part for one in scans for part in one.examined}
    return {
        name: max(one[name] for one in counted) if part in examined else None for name, part in PARTS.items()
    }


def group_findings_by_section(findings: Iterable[ImageFinding]) -> dict[str, list[ImageFinding]]:
    """Return the stored findings of an image by the section that they stand in."""
    found: dict[str, list[ImageFinding]] = {}
    for one in findings:
        found.setdefault(SECTIONS[one.kind], []).append(one)
    return {name: found[name] for name in dict.fromkeys(SECTIONS.values()) if name in found}


def count_unassessed_packages(image: ImageOverview) -> int | None:
    """Return how many packages were not assessed when the registry's image was examined; None where it was not."""
    summary = image.registered.summary if image.registered else None
    return None if summary is None else int(summary.get("notAssessed", 0))


def count_verdict_severities(image: ImageOverview) -> Mapping[str, int] | None:
    """Return how many vulnerabilities of each severity a registry's image had at its verdict; None where it was not examined."""
    summary = image.registered.summary if image.registered else None
    return None if summary is None else summary.get("vulnerabilities")


def group_by_layer(packages: Iterable[Package]) -> list[ImageLayer]:
    """Return the layers that packages are of, those with the most first."""
    by_layer: dict[str, list[Package]] = {}
    for one in packages:
        by_layer.setdefault(one.layer, []).append(one)
    found = [
        ImageLayer(digest, len(several), tuple(sorted({one.type for one in several})))
        for digest, several in by_layer.items()
    ]
    return sorted(found, key=lambda one: (-one.packages, one.digest))


def list_statements(visit: Visit, images: Iterable[ImageOverview]) -> list[ImageStatement] | None:
    """Return what keys and identities of registries state on an image in its places; None where no registry of it has any."""
    found: list[ImageStatement] = []
    is_asked = False
    for one in images:
        if one.registered is None:
            continue
        watched = visit.instance.state.watched_registries.get(one.registered.registry)
        is_asked = is_asked or bool(read_settings(watched.settings).signer_names)
        found += _list_statements(f"{one.server}/{one.repository}", one.registered.summary or {})
    return found if found or is_asked else None


def _list_statements(place: str, summary: Mapping[str, Any]) -> Iterator[ImageStatement]:
    if summary.get("signedBy"):
        yield ImageStatement(place, "Signature", "", tuple(summary["signedBy"]), "")
    for one in summary.get("attestations", ()):
        yield ImageStatement(
            place, "Attestation", str(one["predicateType"]), tuple(one["keys"]), str(one.get("builder", ""))
        )
    if summary.get("notVerified"):
        yield ImageStatement(place, "Keyless, unverified", str(summary["notVerified"]), (), "")


def list_decisions(visit: Visit, images: Sequence[ImageOverview]) -> list[ImageHistoryEntry]:
    """Return what was decided about an image in all of its places, the newest first."""
    found: list[ImageHistoryEntry] = []
    for one in images:
        image = one.registered
        if image is None:
            continue
        names = {
            f"image {image.name}",
            *(f"image {image.repository}:{tag}@{image.digest}" for tag in one.tags),
        }
        for entry in (
            each for name in names for each in visit.instance.state.audit.list_entries_about(name, _FIRST)
        ):
            act = str(entry.detail.get("decision") or entry.detail.get("act") or "")
            text = _WORDS.get(act, act or entry.operation)
            found.append(
                ImageHistoryEntry(entry.moment, entry.author, text, str(entry.detail.get("reason", "")))
            )
        if image.examined and image.verdict and not image.decided_by:
            found.append(ImageHistoryEntry(image.examined, "", f"the policy result is {image.verdict}", ""))
    return sorted(found, key=lambda one: one.moment, reverse=True)
