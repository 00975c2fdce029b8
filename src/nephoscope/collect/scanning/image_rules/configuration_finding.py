"""Describe the finding of an image rule."""

from __future__ import annotations

from typing import Literal

import msgspec

from nephoscope_policy.model.state import Severity


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
