"""Templates of watchlists that come along: the aliases that detections ask for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load_templates() -> tuple[dict[str, Any], ...]:
    """Each with its alias, name, key, columns and description."""
    text = (files("nephoscope") / "content" / "watchlists.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text))


def find_template(alias: str) -> dict[str, Any] | None:
    """The template of an alias, in any case; None where there is none."""
    return next((one for one in load_templates() if one["alias"].lower() == alias.lower()), None)
