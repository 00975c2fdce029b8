"""Rows of the lake that tell what became of images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.state.registries.registry_images import RegistryImage
    from nephoscope.state.registries.watched_registries import WatchedRegistry

VERDICTS_TABLE = "ContainerImageVerdicts_CL"


def build_verdict_row(
    registry: WatchedRegistry, image: RegistryImage, now: datetime, running: Sequence[str] = ()
) -> dict[str, object]:
    """Return the row of an image that stands still: promoted, rejected, held, or as examined again.

    `running` are the ids of what runs it.
    """
    summary = image.summary or {}
    vulnerabilities = summary.get("vulnerabilities", {})
    return {
        "TimeGenerated": now.isoformat(), "LoginServer": registry.address, "Registry": registry.name,
        "Repository": image.repository, "Tag": next(iter((image.tags or image.promoted_tags)[-1:]), ""),
        "Digest": image.digest, "Status": image.status.value, "Verdict": image.verdict,
        "PreviousVerdict": summary.get("previousVerdict", ""), "Origin": image.origin, "Target": image.target,
        "InQuarantine": bool(image.target), "Reasons": [dict(one) for one in image.reasons],
        "Kinds": sorted({str(one.get("kind", "")) for one in image.reasons if one.get("effect") != "allow"}),
        "Critical": vulnerabilities.get("Critical", 0), "High": vulnerabilities.get("High", 0),
        "Exploited": summary.get("exploited", 0), "NotAssessed": summary.get("notAssessed", 0),
        "IsRunning": bool(running), "RunningOn": list(running), "DecidedBy": image.decided_by,
        "_ResourceId": str(registry.settings.get("resourceId", "")).lower(), "Type": VERDICTS_TABLE,
    }  # fmt: skip
