"""Image examinations: what a scan of an image found beside packages, as it is stored and shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nephoscope.state.inventory.image_examinations import ImageFinding, StoredExamination
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.collect.scanning.examination import Examination
    from nephoscope.service.image_overview import ImageOverview
    from nephoscope.service.service_context import ServiceContext


def store_form(found: Examination) -> StoredExamination | None:
    """Return what is stored of an examination, its findings worst first; None where it looked for packages alone.

    Secrets are stored by their place, without the value.
    """
    examined = [one for one in found.examined if one != "packages"]
    if not examined:
        return None
    findings = sorted(
        _list_findings(found), key=lambda one: (-_rank_severity(one.severity), one.kind, one.path, one.line)
    )
    return StoredExamination.of(examined, findings)


def load_examinations(
    context: ServiceContext, images: Iterable[ImageOverview]
) -> dict[int, StoredExamination]:
    """Return the stored examinations of images by the ids of their scans, without findings."""
    return context.state.image_examinations.counts([each.id for one in images for each in one.subjects])


def load_findings(context: ServiceContext, images: Iterable[ImageOverview]) -> list[ImageFinding]:
    """Return the stored findings of images, each once; a scan of every platform may have the same."""
    ids = dict.fromkeys(each.id for one in images for each in one.subjects)
    held = (context.state.image_examinations.findings(one) for one in ids)
    return list(dict.fromkeys(finding for one in held if one is not None for finding in one.findings))


def _rank_severity(severity: str) -> int:
    return Severity(severity).rank if severity else -1


def _list_findings(found: Examination) -> Iterator[ImageFinding]:
    for virus in found.malware:
        place = f"{virus.path}!{virus.member}" if virus.member else virus.path
        yield ImageFinding(
            "suspicious" if virus.kind == "suspicious" else "malware",
            virus.title, virus.severity, virus.rule, place, 0, virus.layer, virus.removed_by,
        )  # fmt: skip
    for secret in found.secrets:
        yield ImageFinding(
            "secret", secret.title, secret.severity, secret.rule, secret.path, secret.first_line, secret.layer, secret.removed_by
        )  # fmt: skip
    for rule in found.configuration:
        kind = "configuration" if rule.status == "Unhealthy" else "configuration_unknown"
        yield ImageFinding(
            kind, f"{rule.title}: {rule.message}", rule.severity, rule.rule, rule.path, 0, rule.layer  # type: ignore[arg-type]
        )  # fmt: skip
    for package in found.licenses:
        names = ", ".join(package.licenses) or "no known license"
        yield ImageFinding(
            "license_unknown" if package.status == "Unknown" else "license",
            f"{package.name} {package.version}: {names}", package.severity, package.status, package.path, 0, package.layer,
        )  # fmt: skip
    for missing in found.unassessed:
        if missing.part != "packages":
            yield ImageFinding(
                "not_examined", f"Not examined for {missing.part}: {missing.reason}", path=missing.path
            )
